import { expect, test } from "vitest";
import { bodyOf, subjectOf } from "../../../dashboard/src/lib/diff-rows.ts";
import { commentsIn, receiptIn, turnsOf } from "../../../dashboard/src/lib/story.ts";
import { treeOf } from "../../../dashboard/src/lib/tree.ts";
import { createWorld, type World } from "../../../src/core/world.ts";
import type { Recorded } from "../../../src/events/facts.ts";

let seq = 0;
const fact = (type: string, of: object): Recorded =>
  ({ seq: ++seq, cause: null, at: seq, type, ...of }) as unknown as Recorded;

test("a bead's facts read as a conversation: who said what, in its order, and the same status once", () => {
  const turns = turnsOf(
    [
      fact("bead.created", { beadId: "b", body: "the prompt", createdBy: null }),
      fact("dispatch.granted", { agentId: "a", dispatchId: "a:1", rework: false }),
      fact("agent.status_said", { agentId: "a", line: "reads" }),
      fact("agent.status_said", { agentId: "a", line: "reads" }),
      fact("agent.asked", { agentId: "a", text: "May I?", command: "rm -rf build" }),
      fact("agent.answered", { agentId: "a", by: "operator", answer: "Yes" }),
      fact("mail.sent", {
        from: "operator",
        to: "a",
        subject: subjectOf({ path: "x.ts", line: 3 }),
        body: bodyOf({ path: "x.ts", line: 3, text: "No" }, "b", "q"),
      }),
      fact("dispatch.failed", { agentId: "a", dispatchId: "a:1", reason: "exit 1" }),
      fact("agent.heard", { agentId: "a" }),
    ],
    (id) => `agent ${id}`,
  );
  expect(
    turns.map((turn) =>
      turn.kind === "said" ? [turn.who, turn.what, turn.text, turn.command] : [turn.what, turn.text, turn.attempt],
    ),
  ).toEqual([
    ["Operator", "slung it", "the prompt", undefined],
    ["agent a starts", "", "a:1"],
    ["agent a", "says", "reads", undefined],
    ["agent a", "wants to run", "May I?", "rm -rf build"],
    ["Operator", "answered", "Yes", undefined],
    ["Operator", "commented on x.ts:3", "No", undefined],
    ["Attempt failed", "exit 1", "a:1"],
  ]);
});

test("comments are found by file and line, of this bead's work alone; the receipt is the newest", () => {
  const letter = (beadId: string, text: string) =>
    fact("mail.sent", {
      from: "operator",
      to: "a",
      subject: subjectOf({ path: "x.ts", line: 3 }),
      body: bodyOf({ path: "x.ts", line: 3, text }, beadId, "q"),
    });
  const found = commentsIn([letter("b", "first"), letter("c", "elsewhere"), letter("b", "second")], "b");
  expect([...found.keys()]).toEqual(["x.ts:3"]);
  expect(found.get("x.ts:3")?.map(({ text }) => text)).toEqual(["first", "second"]);
  expect(receiptIn([])).toBeNull();
  expect(receiptIn([fact("review.checked", { train: 1 }), fact("review.checked", { train: 2 })])).toMatchObject({
    train: 2,
  });
});

test("the tree has what is before, itself, and what is behind, nothing twice, and ends in a circle", () => {
  const world = createWorld();
  const beads = world.beads as Map<string, unknown>;
  const bead = (id: string, blockedBy: string[]) => {
    beads.set(id, { context: { id, blockedBy } });
    for (const blocker of blockedBy)
      (world.index.dependents as Map<string, Set<string>>).set(
        blocker,
        new Set([...(world.index.dependents.get(blocker) ?? []), id]),
      );
  };
  bead("first", []);
  bead("second", ["first"]);
  bead("this", ["second"]);
  bead("next", ["this"]);
  bead("last", ["next", "this"]);
  const tree = treeOf(world as World, "this", ["second", "long merged"]);
  expect(tree.map(({ beadId, depth, isThis }) => [beadId, depth, isThis])).toEqual([
    ["first", 0, false],
    ["second", 1, false],
    ["long merged", 0, false],
    ["this", 2, true],
    ["next", 3, false],
    ["last", 4, false],
  ]);
  bead("this", ["last"]);
  expect(treeOf(world as World, "this", ["last"]).filter(({ beadId }) => beadId === "last")).toHaveLength(1);
});
