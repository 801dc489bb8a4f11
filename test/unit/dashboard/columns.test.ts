import { randomUUID } from "node:crypto";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { columnOf, valuesOf, type Column } from "../../../src/wire/columns.ts";
import type { JsonValue } from "../../../src/events/json.ts";

/** A board goes over the wire as columns, and is the same board again. */

const sent = (values: readonly JsonValue[]): Column => JSON.parse(JSON.stringify(columnOf(values)));
function isAgain(values: readonly JsonValue[]): void {
  expect(JSON.stringify(valuesOf(sent(values)))).toBe(JSON.stringify(values));
}

test("whatever a list holds, it is the same list again, byte by byte", () => {
  const few = fc.constantFrom<JsonValue>(null, "null", '"null"', "", 0, 1, true, [], {}, { a: 1 }, { a: null }, "0");
  const any = fc.jsonValue() as fc.Arbitrary<JsonValue>;
  const rows = fc.record({ id: fc.uuid(), n: fc.integer(), o: any, few }, { requiredKeys: ["id"] });
  for (const list of [few, any, fc.maxSafeInteger(), fc.uuid(), rows, fc.oneof(few, fc.uuid()), fc.oneof(rows, few)])
    fc.assert(fc.property(fc.array(list as fc.Arbitrary<JsonValue>, { maxLength: 300 }), isAgain), { numRuns: 60 });
});

test("what could be taken for something else is not: hostile keys, an id of capitals, numbers that are none of a row", () => {
  const id = "bead-0b9dd4c0-7a3e-4b7e-9d6f-2f5f6a1f0c11";
  isAgain([JSON.parse('{"__proto__":1}'), JSON.parse('{"__proto__":2}'), JSON.parse('{"__proto__":2}')]);
  isAgain([{ constructor: 1, 2: "b", 1: "a" }, { constructor: 2, 2: "c", 1: "d" }, { toString: 1 }, { toString: 2 }]);
  isAgain([id, id.toUpperCase(), id.replace("bead", "hook"), `${id}x`]);
  isAgain([1.5, 2, 2 ** 53, -1, 1e300]);
  isAgain([]);
});

test("what is the same in all is said once, an id takes 22 characters, a number its difference", () => {
  const rows = Array.from({ length: 1_000 }, (_none, n) => ({
    id: `bead-${randomUUID()}`,
    at: 1_800_000_000_000 + n * 7,
    hold: null,
    priority: ["low", "high"][n % 2] ?? "",
    hook: n % 50 === 0 ? `agent-${randomUUID()}` : null,
  }));
  isAgain(rows);
  const each = JSON.stringify(columnOf(rows)).length / rows.length;
  expect(each).toBeLessThan(22 + 2 + 1 + 2);
});
