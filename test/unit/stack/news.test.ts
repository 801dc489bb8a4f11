import { expect, test } from "vitest";
import { createCauses, type Names, sentenceOf } from "../../../scripts/stack/news.ts";
import type { Recorded } from "../../../src/events/facts.ts";

const names: Names = {
  bead: async (id) => `title of ${id}`,
  agent: async (id) => `name of ${id}`,
  beadOf: async (id) => (id === "a1" ? "b1" : null),
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

const exited = (outcome: string, more: object = {}): object => ({
  type: "agent.exited",
  agentId: "a1",
  dispatchId: "a1:2",
  outcome,
  reason: "401",
  resetAt: null,
  at: 1_000_000,
  ...more,
});

test("what keeps work waiting without a charge is a line as well: a refused key, a limit, a budget, a place, a refused hand-in", async () => {
  expect(await told(exited("not_authorized"))).toBe(
    'name of a1 on "title of b1" has no key that is taken, and waits for one (401); its last words: Error: no key',
  );
  expect(await told(exited("rate_limited", { resetAt: 3_600_000, agentId: "a2", dispatchId: "a2:1" }))).toBe(
    "name of a2 waits for its model's limit to end, until 1970-01-01T01:00:00.000Z (401)",
  );
  expect(await told(exited("over_budget"))).toContain("its budget is used up");
  expect(await told(exited("place"))).toContain("its place is not fit");
  for (const outcome of ["failed", "completed", "evicted", "gone", "full"])
    expect(await told(exited(outcome))).toBeNull();
  const refused = {
    type: "hand_in.refused",
    agentId: "a1",
    beadId: "b1",
    code: "dirty",
    sentence: "a.txt is\nnot committed.",
  };
  expect(await told(refused)).toBe(
    'the work of name of a1 on "title of b1" was not taken (dirty): a.txt is not committed.',
  );
});

test("one cause is one line, however many agents find it; another one, or the same after the secrets changed, is told", () => {
  const isNew = createCauses();
  const tells = (fact: object): boolean => isNew(fact as Recorded);
  expect([tells(exited("not_authorized")), tells(exited("not_authorized", { agentId: "a2" }))]).toEqual([true, false]);
  expect(tells(exited("not_authorized", { reason: "another key" }))).toBe(true);
  expect([tells({ type: "secrets.changed" }), tells(exited("not_authorized"))]).toEqual([true, true]);
  const limit = (resetAt: number | null, more = {}): boolean => tells(exited("rate_limited", { resetAt, ...more }));
  expect([limit(5_000_000), limit(5_059_999), limit(5_060_000), limit(null), limit(null)]).toEqual([
    true,
    false,
    true,
    true,
    false,
  ]);
  expect(limit(5_060_000, { runtime: "codex" })).toBe(true);
  const refused = { type: "hand_in.refused", agentId: "a1", beadId: "b1", code: "dirty", sentence: "a.txt" };
  expect([tells(refused), tells(refused), tells({ ...refused, sentence: "b.txt" })]).toEqual([true, false, true]);
  expect([tells(exited("failed")), tells(exited("failed"))]).toEqual([true, true]);
});
