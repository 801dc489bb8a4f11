import { describe, expect, test } from "vitest";
import { claimId, claimNumber, dispatchId, dispatchNumber, type DispatchId } from "../../src/events/dispatch-id.ts";
import { assertNever } from "../../src/events/effects.ts";
import { clip, type FactOf } from "../../src/events/facts.ts";
import { LIMITS } from "../../src/events/limits.ts";
import { NEWEST_RULES } from "../../src/events/rules.ts";
import { factVersion, NewerError, readFact, type Upcasting } from "../../src/events/upcast.ts";

describe("a stored fact", () => {
  const rest = { attempts: 0, branch: null };
  const hooked = { agentId: "a", beadId: "b", ...rest };
  /** Version 1 named the bead `issue`; version 2 the agent `worker`. */
  const registry: Upcasting = {
    versions: { "agent.hooked": 3 },
    upcasters: {
      "agent.hooked": {
        1: ({ issue, ...old }) => ({ ...old, beadId: issue }),
        2: ({ worker, ...old }) => ({ ...old, agentId: worker }),
      },
    },
  };

  test("of today's version is read as it is", () => {
    expect(readFact("agent.hooked", 1, hooked)).toEqual({ type: "agent.hooked", ...hooked });
    expect(readFact("agent.hooked", 3, hooked, registry)).toEqual({ type: "agent.hooked", ...hooked });
  });

  test("of an older version passes through every step between", () => {
    expect(readFact("agent.hooked", 1, { worker: "a", issue: "b", ...rest }, registry)).toEqual({
      type: "agent.hooked",
      ...hooked,
    });
    expect(readFact("agent.hooked", 2, { worker: "a", beadId: "b", ...rest }, registry)).toEqual({
      type: "agent.hooked",
      ...hooked,
    });
  });

  test("whose version nobody can raise is refused, by name and version", () => {
    expect(() => readFact("agent.hooked", 0, hooked, registry)).toThrow(
      "fact agent.hooked has no upcaster from version 0",
    );
    expect(() => readFact("agent.hooked", 1, hooked, { versions: { "agent.hooked": 2 }, upcasters: {} })).toThrow(
      "fact agent.hooked has no upcaster from version 1",
    );
  });

  test("of a version that is newer than today's is refused: guessing would corrupt the fold", () => {
    expect(() => readFact("agent.hooked", 2, hooked)).toThrow(
      "fact agent.hooked has version 2, but this Ticktown knows only up to 1: use a newer one",
    );
    expect(() => readFact("agent.hooked", 4, hooked, registry)).toThrow(
      "has version 4, but this Ticktown knows only up to 3",
    );
  });

  test("that is malformed is refused, and where is said", () => {
    expect(() => readFact("agent.hooked", 1, { agentId: 7, beadId: "b" })).toThrow(
      /^fact agent\.hooked v1 is malformed at agentId: .*string/,
    );
    expect(() => readFact("rig.settings_changed", 1, { changes: { capacity: -1 } })).toThrow(
      /malformed at changes\.capacity: .*>=\s*0/,
    );
  });

  test("of a type, or of rules, that only a newer Ticktown knows is refused, and says to use a newer one", () => {
    expect(() => readFact("no.such.fact", 1, {})).toThrow("fact no.such.fact is not known to this Ticktown");
    const upgraded = { version: "9", rules: NEWEST_RULES };
    expect(readFact("rig.upgraded", 1, upgraded)).toMatchObject(upgraded);
    expect(() => readFact("rig.upgraded", 1, { ...upgraded, rules: NEWEST_RULES + 1 })).toThrow(NewerError);
  });

  test("that names no rules, because there were none yet, follows the first ones", () => {
    const config = { rigId: "r", townId: "t", userId: "u", name: "n", gitUrl: "g", defaultBranch: "main" };
    expect(readFact("rig.configured", 1, config)).toMatchObject({ ...config, rules: 1 });
  });

  test("has version 1 until its shape changes", () => {
    expect(factVersion("agent.hooked")).toBe(1);
  });
});

describe("a dispatch id", () => {
  test("is told by its agent and counts", () => {
    expect(dispatchId("a", 3)).toBe("a:3");
    expect(dispatchNumber("a", "a:3")).toBe(3);
    expect(dispatchNumber("a:b", "a:b:12")).toBe(12);
    expect(claimId("r", 2)).toBe("r:2");
  });

  test.each([
    "b:3",
    "a",
    "a:",
    "a:-1",
    "a:1.5",
    "a:3x",
    "a:x3",
    "a: 3",
    "a:1e3",
    `a:${"9".repeat(16)}`,
    "aa3",
    "a:b:3",
  ])("%s is none of agent a", (text) => {
    expect(dispatchNumber("a", text)).toBe(null);
  });

  test("has at most 15 digits: more would not be exact", () => {
    expect(dispatchNumber("a", `a:${"9".repeat(15)}`)).toBe(999_999_999_999_999);
  });
});

describe("a text that is too long for a fact", () => {
  test("is cut to the limit, its end marked; one at the limit is left alone", () => {
    expect(clip("12345", 5)).toBe("12345");
    expect(clip("123456", 5)).toBe("1234…");
    expect(clip("x".repeat(1_000)).length).toBe(LIMITS.reason_chars);
  });
});

test("a value that a closed union does not have is named", () => {
  expect(() => assertNever({ type: "new" } as never)).toThrow('unexpected value: {"type":"new"}');
});

test("an id of one kind does not pass for that of another: two that are swapped are an error of tsc", () => {
  const done: { agentId: FactOf<"agent.done">["agentId"]; dispatchId: DispatchId } = {
    agentId: "a",
    dispatchId: "a:1",
  };
  expect(dispatchNumber(done.agentId, done.dispatchId)).toBe(1);
  // @ts-expect-error: the dispatch's id is not an agent's, nor the other way round
  expect(dispatchNumber(done.dispatchId, done.agentId)).toBe(null);
  // @ts-expect-error: a claim is no dispatch
  expect(dispatchNumber("r", claimId("r", 2))).toBe(2);
  expect(claimNumber("r", claimId("r", 2))).toBe(2);
});
