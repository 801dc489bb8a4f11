import { expect, test } from "vitest";
import { checksOf } from "../../../scripts/stack/named-checks.ts";
import { Checks } from "../../../src/events/gate.ts";

test("a check that is given by its command is named after it, and no two have one name", () => {
  const commands = ["npm test", "./run 'all' | tee log", "npm  test", "$(:)", "!", `x${"y".repeat(100)}`];
  const checks = checksOf(commands, []);
  expect(checks.map(({ name }) => name)).toEqual([
    "npm test",
    "run all tee log",
    "npm test 2",
    "check",
    "check 2",
    `x${"y".repeat(59)}`,
  ]);
  expect(checks.map(({ command }) => command)).toEqual(commands);
  expect(Checks.safeParse(checks).success).toBe(true);
});

test("a check that is set already keeps its name, its time and what it must print", () => {
  const before = { name: "unit", command: "npm test", timeout_ms: 5_000, expect: "passed" };
  expect(checksOf(["npm test", "npm run lint"], [before])).toEqual([
    before,
    { name: "npm run lint", command: "npm run lint" },
  ]);
});
