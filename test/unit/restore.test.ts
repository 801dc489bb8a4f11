import { describe, expect, test } from "vitest";
import { restore, store, VERSIONS, type Migrations, type Stored } from "../../src/core/step.ts";
import { agentOf, slung, town } from "./incidents/words.ts";

/** A stored snapshot is read as it was written, brought to today's version, or refused by name. */

async function stored(): Promise<Stored> {
  const rig = town();
  const { agentId } = await slung(rig);
  return store("agent", agentOf(rig, agentId));
}

test("what was stored is what is restored, and moves on by itself", async () => {
  const row = await stored();
  const twice = [
    restore("agent", row),
    restore("agent", { ...row, context: { ...(row.context as object), attempts: 3 } }),
  ];
  expect(twice.map(({ value }) => value)).toEqual([row.value, row.value]);
  expect(twice.map(({ context }) => context.attempts)).toEqual([0, 3]);
  expect(twice[0]?.matches("working")).toBe(true);
});

describe("a row of another version", () => {
  const old: Migrations = {
    agent: {
      0: ({ value, context, v }) => ({
        v,
        value: value === "at work" ? { working: { process: "running", progress: "fresh" } } : value,
        context,
      }),
      [-1]: ({ value, context, v }) => ({ v, value: value === "busy" ? "at work" : value, context }),
    },
  };

  test("that is older passes through every migration between", async () => {
    const row = await stored();
    for (const [v, value] of [
      [-1, "busy"],
      [0, "at work"],
    ] as const)
      expect(restore("agent", { ...row, v, value }, old).matches({ working: { process: "running" } })).toBe(true);
  });

  test("without a migration is refused: the journal can be replayed", async () => {
    const row = await stored();
    expect(() => restore("agent", { ...row, v: -2 }, old)).toThrow(
      "a stored agent of version -2 has no migration: replay the journal",
    );
    expect(() => restore("agent", { ...row, v: 0 })).toThrow("a stored agent of version 0 has no migration");
    expect(() => restore("bead", { ...row, v: 0 }, old)).toThrow("a stored bead of version 0 has no migration");
  });

  test("that is newer is refused", async () => {
    const row = await stored();
    expect(() => restore("agent", { ...row, v: VERSIONS.agent + 1 })).toThrow(
      `a stored agent has version ${VERSIONS.agent + 1}, but this Ticktown knows only up to ${VERSIONS.agent}: use a newer one`,
    );
  });
});

test.each([
  null,
  undefined,
  7,
  "text",
  {},
  { v: "1", value: "open", context: {} },
  { v: 1, value: "open" },
  { v: 1, value: "open", context: null },
  { v: 1, value: "open", context: "text" },
])("%j is no stored snapshot", (row) => {
  expect(() => restore("bead", row as never)).toThrow("a stored bead is not { v, value, context }");
});

test.each(["nowhere", "", { working: "nowhere" }, 7, null])("%j is no state of an agent", async (value) => {
  const row = await stored();
  expect(() => restore("agent", { ...row, value })).toThrow();
});
