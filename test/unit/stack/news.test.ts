import { expect, test } from "vitest";
import { type Names, sentenceOf } from "../../../scripts/stack/news.ts";
import type { Recorded } from "../../../src/events/facts.ts";

const names: Names = {
  bead: async (id) => `title of ${id}`,
  agent: async (id) => `name of ${id}`,
  lastWords: async (_, dispatchId) => (dispatchId === "a1:2" ? "Error:\tno  key" : ""),
};
const told = (fact: object): Promise<string | null> => sentenceOf(fact as Recorded, names);

test("what people at a terminal wait for is a line each, with names and an agent's own last words; the rest is not told", async () => {
  const of = { agentId: "a1", beadId: "b1" };
  expect(await told({ type: "dispatch.granted", ...of, rework: false })).toBe('name of a1 works on "title of b1"');
  expect(await told({ type: "dispatch.granted", ...of, rework: true })).toBe(
    'name of a1 works on "title of b1", once more',
  );
  expect(await told({ type: "agent.asked_help", agentId: "a1", escalationId: "e1" })).toBe(
    "name of a1 asks: title of e1",
  );
  const asked = { type: "agent.asked", agentId: "a1", kind: "question", text: "Which\ncolour?", options: [] };
  expect(await told({ ...asked, command: null })).toBe("name of a1 asks: Which colour?");
  expect(await told({ ...asked, kind: "permission", command: "rm -rf build" })).toBe(
    "name of a1 asks whether it may run: rm -rf build",
  );
  expect(await told({ type: "dispatch.failed", ...of, dispatchId: "a1:2", reason: "exit 1" })).toBe(
    'name of a1 ended on "title of b1" (exit 1); its last words: Error: no key',
  );
  expect(await told({ type: "dispatch.failed", ...of, dispatchId: "a1:1", reason: "exit 1" })).toBe(
    'name of a1 ended on "title of b1" (exit 1)',
  );
  expect(await told({ type: "bead.rejected", ...of, check: "test", words: "1 failed\n2 passed" })).toBe(
    '"title of b1" is red in test and goes back: 1 failed 2 passed',
  );
  expect(await told({ type: "bead.conflicted", ...of, message: "CONFLICT in a.txt" })).toContain(
    "conflicts and goes back",
  );
  expect(await told({ type: "bead.merged", ...of, commitSha: "0123456789abcdef" })).toBe(
    'merged: "title of b1" as 0123456789',
  );
  expect(await told({ type: "bead.merged", ...of, commitSha: null })).toBe('merged: "title of b1"');
  expect(await told({ type: "bead.failed", ...of, reason: "x".repeat(500) })).toBe(
    `FAILED: "title of b1": ${"x".repeat(200)}`,
  );
  expect(await told({ type: "agent.heard", ...of })).toBeNull();
});
