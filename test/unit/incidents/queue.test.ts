import { expect, test } from "vitest";
import { replaySync } from "../../../src/core/replay.ts";
import { needs } from "../../../src/do/needs.ts";
import { readJournal, storedActors } from "../../../src/do/store.ts";
import { whyBead, type Why } from "../../../src/core/why.ts";
import type { TestRig } from "../../support/node-rig.ts";
import {
  ADMIN,
  allGreen,
  arrives,
  CHECKS,
  containerOf,
  inReview,
  order,
  pushed,
  queueOf,
  report,
  run,
  TARGET,
  trainTown,
} from "./train-words.ts";
import { beadOf, calls, facts, HOUR, MINUTE, refused, reviewOf, submitted, town } from "./words.ts";

/** The merge queue, and what nobody's work is to blame for. */

const PROTECTED = {
  class: "place",
  code: "protected_branch",
  words: "remote: error: GH006: Protected branch update failed",
} as const;

const why = (rig: TestRig, beadId: string): Why => whyBead(rig.rig.world, beadOf(rig, beadId));

/** The journal comes to the same facts, effects and rows once more. */
const replays = (rig: TestRig): void =>
  expect(replaySync(readJournal(rig.rig.ports.sql, 0, 10_000), storedActors(rig.rig.ports.sql)).divergence).toBeNull();

test("F-302 a protected target parks the queue: one alert in an hour, no bead fails, nobody is charged, and a resume goes on", async () => {
  const rig = trainTown();
  const beads = await inReview(rig, 3);
  const since = rig.now;
  while (rig.now < since + HOUR) {
    if (queueOf(rig).value === "running") await arrives(rig, { stopped: PROTECTED });
    await rig.tickAt(rig.now + MINUTE);
  }
  expect(rig.notified.map(({ title }) => title)).toEqual(["nothing can be merged: the queue is parked"]);
  expect(beads.map(({ beadId }) => beadOf(rig, beadId).value)).toEqual(["in_review", "in_review", "in_review"]);
  expect(beads.map(({ reviewId }) => reviewOf(rig, reviewId).context.attempts)).toEqual([0, 0, 0]);
  // One at a time finds out, and ever more rarely.
  expect(rig.container.trains.slice(1).map(({ members }) => members.length)).toEqual([1, 1, 1, 1, 1]);
  expect(needs(rig.rig).needs.map(({ code, level }) => [code, level])).toEqual([["queue_parked", "now"]]);
  expect(why(rig, beads[1]?.beadId ?? "").sentence).toContain("GH006");
  if (queueOf(rig).value === "running") await arrives(rig, { stopped: PROTECTED });
  rig.run({ type: "resume_queue" });
  await rig.settled();
  expect(order(rig).members).toHaveLength(3);
  await allGreen(rig);
  expect(beads.map(({ beadId }) => beadOf(rig, beadId).value)).toEqual(["closed", "closed", "closed"]);
  expect(needs(rig.rig).needs).toEqual([]);
  replays(rig);
});

test("F-305 the verdict of a train that never comes is found at the next look, and who waits is told who is in front and until when", async () => {
  const rig = trainTown();
  const [first, second] = await inReview(rig, 2);
  const { trainId } = order(rig);
  const waiting = why(rig, second?.beadId ?? "");
  expect(waiting.values).toMatchObject({ train: 1, position: 1, in_front: [first?.reviewId] });
  expect(waiting.until).toBe(queueOf(rig).context.until);
  // The container is done, and its callback is lost.
  const told = report({ runs: [run(1, "green")], pushed: pushed(rig) });
  rig.container.running.set(trainId, {
    trainId,
    state: "finished",
    step: "",
    report: { ...told, trainId } as never,
  });
  await rig.tickAt(rig.now + 30_000);
  expect(beadOf(rig, first?.beadId ?? "").value).toBe("closed");
  expect(order(rig).members.map(({ entryId }) => entryId)).toEqual([second?.reviewId]);
  replays(rig);
});

test("F-305b a train that died with its container is asked for again at the next look, under its number", async () => {
  const rig = trainTown();
  rig.container.instance = "one";
  await submitted(rig);
  await rig.tickAt(rig.now + 1_000);
  const sent = calls(rig, "train").length;
  rig.container.running.clear();
  rig.container.instance = "two";
  await rig.tickAt(rig.now + 1_000);
  expect(calls(rig, "train").slice(sent)).toEqual(["rig1:1"]);
  expect(facts(rig, "train.departed")).toHaveLength(1);
});

test("QUEUE-once one red run sends nobody back: it is repeated, and a green repetition is merged and told in its receipt", async () => {
  const rig = trainTown();
  const { beadId, reviewId } = await submitted(rig);
  await arrives(rig, { runs: [run(1, "red")] });
  expect([beadOf(rig, beadId).value, order(rig).gates]).toEqual(["in_review", [0, 1]]);
  await arrives(rig, { runs: [run(0, "green"), run(1, "green")], pushed: pushed(rig) });
  expect(beadOf(rig, beadId).value).toBe("closed");
  // It was not red on what was known to be green, so nobody calls it flaky.
  expect(facts(rig, "review.checked")[0]?.members).toMatchObject([{ reviewId, flaky: false }]);
  const again = await submitted(rig, "flaky");
  const target = queueOf(rig).context.known.target;
  await arrives(rig, { target, runs: [run(1, "red")] });
  await arrives(rig, { target, runs: [run(1, "green")], pushed: pushed(rig) });
  expect(facts(rig, "review.checked")[1]?.members).toMatchObject([{ reviewId: again.reviewId, flaky: true }]);
  replays(rig);
});

test("QUEUE-red what is red twice on what is green goes back to the same bead with the check's words, and a second time to a person", async () => {
  const rig = trainTown();
  const { beadId, reviewId } = await submitted(rig);
  const red = async (): Promise<void> => {
    await arrives(rig, { runs: [run(1, "red")] });
    await arrives(rig, { runs: [run(0, "green"), run(1, "red")].slice(order(rig).gates.length === 2 ? 0 : 1) });
  };
  await red();
  expect([reviewOf(rig, reviewId).value, beadOf(rig, beadId).value]).toEqual(["failed", "in_progress"]);
  expect(beadOf(rig, beadId).context.rejection).toEqual({ check: "test", words: "1 test failed" });
  expect(rig.container.starts.at(-1)?.prompt).toContain("1 test failed");
  const agentId = beadOf(rig, beadId).context.assignee ?? "";
  rig.run({ type: "done", agentId, branch: "b", prUrl: null, summary: null });
  await rig.settled();
  await red();
  expect(beadOf(rig, beadId).value).toBe("failed");
  const codes = needs(rig.rig).needs.map(({ code, values }) => [code, values["failure"]]);
  expect(codes).toEqual([["failed", "red"]]);
  replays(rig);
});

test("QUEUE-target a red target holds the queue: one alert, nobody is sent back, and what mends it ends it", async () => {
  const rig = trainTown();
  const beads = await inReview(rig, 2);
  await arrives(rig, { runs: [run(1, "red")] });
  for (let i = 0; i < 4; i++) {
    await arrives(rig, { runs: order(rig).gates.map((gate) => run(gate, "red")) });
    expect(queueOf(rig).value).toBe("held");
    await rig.tickAt(rig.now + HOUR);
  }
  expect(rig.notified.map(({ title }) => title)).toEqual(["the target is red: the queue is held"]);
  expect(facts(rig, "review.rejected")).toEqual([]);
  expect([order(rig).members.length, order(rig).gates]).toEqual([1, [0, 1]]);
  expect(needs(rig.rig).needs.map(({ code }) => code)).toEqual(["target_red"]);
  // The head is what mends it.
  await arrives(rig, { runs: [run(0, "red"), run(1, "green")], pushed: pushed(rig) });
  expect(beadOf(rig, beads[0]?.beadId ?? "").value).toBe("closed");
  await allGreen(rig);
  expect(beads.map(({ beadId }) => beadOf(rig, beadId).value)).toEqual(["closed", "closed"]);
  replays(rig);
});

test("QUEUE-stale what an older train says moves nobody, and what it pushed has its receipt all the same", async () => {
  const rig = trainTown();
  const { reviewId } = await submitted(rig);
  const late = report({ runs: [run(1, "green")], pushed: pushed(rig) });
  rig.container.down = "connection refused";
  await rig.tickAt(rig.now + rig.rig.world.rig.context.settings.review_lease_ms);
  rig.container.down = null;
  await rig.tickAt(rig.now + MINUTE);
  expect(order(rig).trainId).toBe("rig1:2");
  const decided = rig.run({ type: "complete_train", trainId: "rig1:1", report: late }, containerOf("rig1:1"));
  expect(decided.stale).toBe(true);
  expect([queueOf(rig).value, reviewOf(rig, reviewId).value]).toEqual(["running", "boarded"]);
  expect(facts(rig, "review.checked")).toHaveLength(1);
  replays(rig);
});

test("QUEUE-earlier a push of which its own train could not tell has its receipt from the next train, once", async () => {
  const rig = trainTown();
  const { reviewId } = await submitted(rig);
  const lost = pushed(rig);
  rig.container.down = "connection refused";
  await rig.tickAt(rig.now + rig.rig.world.rig.context.settings.review_lease_ms);
  rig.container.down = null;
  await rig.tickAt(rig.now + MINUTE);
  const left = [{ entryId: reviewId, why: "contained" as const, message: "", commit: lost.to, tree: null, files: [] }];
  await arrives(rig, { left, earlier: [{ trainId: "rig1:1", pushed: lost }] });
  expect(reviewOf(rig, reviewId).value).toBe("merged");
  expect(facts(rig, "review.checked")).toMatchObject([{ train: 1, to: lost.to, members: [{ reviewId }] }]);
  await submitted(rig);
  const known = [
    { trainId: "rig1:2", pushed: { ...lost, to: TARGET } },
    { trainId: "rig1:3", pushed: { ...lost, to: TARGET } },
    { trainId: "rig2:1", pushed: { ...lost, to: TARGET } },
  ];
  await arrives(rig, { runs: [run(1, "green")], pushed: pushed(rig), earlier: known });
  expect(facts(rig, "review.checked").map(({ train }) => train)).toEqual([1, 3]);
  replays(rig);
});

test("QUEUE-reachable a container that does not answer for a train, and answers for itself, is there", async () => {
  const rig = trainTown();
  await submitted(rig);
  rig.container.onTrainState = () => {
    throw new Error("HTTP 500");
  };
  for (let n = 0; n < 10; n++) await rig.tickAt(rig.now + MINUTE);
  expect(rig.rig.world.rig.matches({ container: "reachable" })).toBe(true);
  rig.container.down = "connection refused";
  for (let n = 0; n < 10; n++) await rig.tickAt(rig.now + MINUTE);
  expect(rig.rig.world.rig.matches({ container: "unreachable" })).toBe(true);
});

test("QUEUE-receipt whatever gets onto the target has a receipt in the commit that closes its beads", async () => {
  const rig = trainTown();
  const beads = await inReview(rig, 3);
  await allGreen(rig);
  await allGreen(rig);
  const receipts = facts(rig, "review.checked");
  expect(receipts.flatMap(({ members }) => members.map(({ beadId }) => beadId))).toEqual(
    beads.map(({ beadId }) => beadId),
  );
  expect(receipts.map(({ checks }) => checks.map(({ name }) => name))).toEqual([["test"], ["test"]]);
  for (const { members, seq, to } of receipts)
    for (const { beadId, commit } of members) {
      const merged = facts(rig, "bead.merged").find((fact) => fact.beadId === beadId);
      expect(merged).toMatchObject({ at: receipts.find((one) => one.to === to)?.at, commitSha: commit });
      expect(merged?.seq).toBeGreaterThan(seq);
    }
  // Told again it is nothing new.
  rig.run({ type: "complete_train", trainId: "rig1:2", report: report() }, containerOf("rig1:2"));
  expect(facts(rig, "review.checked")).toHaveLength(2);
});

test("QUEUE-one one train at a time: who comes later waits for the next, in the order of age and priority", async () => {
  const rig = trainTown();
  const beads = await inReview(rig, 4);
  expect(rig.container.trains).toHaveLength(1);
  expect(beads.map(({ reviewId }) => reviewOf(rig, reviewId).value)).toEqual([
    "boarded",
    "pending",
    "pending",
    "pending",
  ]);
  rig.run({ type: "jump_review", reviewId: beads[3]?.reviewId ?? "" });
  rig.run({ type: "hold_review", reviewId: beads[1]?.reviewId ?? "" });
  await allGreen(rig);
  // With one slot who jumped goes alone, and the others behind.
  expect(order(rig).members.map(({ beadId }) => beadId)).toEqual([beads[3]?.beadId]);
  await allGreen(rig);
  expect(order(rig).members.map(({ beadId }) => beadId)).toEqual([beads[2]?.beadId]);
  expect(needs(rig.rig).needs.map(({ code }) => code)).toEqual(["review_held"]);
  replays(rig);
});

test("QUEUE-checks a rig with checks and a container that runs no trains merges nothing, and says once what it needs", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: CHECKS }, ADMIN);
  const { beadId } = await submitted(rig);
  await rig.advance(rig.now + HOUR);
  expect([rig.container.merges, rig.container.trains]).toEqual([[], []]);
  expect(rig.notified.map(({ title }) => title)).toEqual([
    "nothing is merged: this rig's checks need a container that can run them",
  ]);
  expect(why(rig, beadId).sentence).toContain("need a container that runs trains");
  expect(needs(rig.rig).needs.map(({ code }) => code)).toEqual(["no_trains"]);
  // A newer control server takes its place.
  rig.container.can = { inspect: true, ephemeral: false, trains: true };
  rig.container.instance = "newer";
  rig.tell({ type: "container.met", inspects: true, ephemeral: false, trains: true });
  await rig.settled();
  expect([queueOf(rig).value, order(rig).members.length]).toEqual(["running", 1]);
  expect(needs(rig.rig).needs).toEqual([]);
  replays(rig);
});

test("QUEUE-plain a rig without checks whose container runs no trains merges one by one, as before", async () => {
  const rig = town();
  await submitted(rig, "one", "a");
  expect(calls(rig, "merge")).toHaveLength(1);
  expect(rig.rig.world.queue).toBeUndefined();
});

test("QUEUE-approve an approval is for exactly one tree, and by name", async () => {
  const rig = trainTown();
  const { reviewId, beadId } = await submitted(rig);
  const tree = "b".repeat(40);
  const left = { entryId: reviewId, why: "protected", message: "", commit: null, files: [".ticktown/x"] } as const;
  await arrives(rig, { left: [{ ...left, tree }] });
  expect(reviewOf(rig, reviewId).value).toBe("unapproved");
  expect(needs(rig.rig).needs.map(({ code }) => code)).toEqual(["approval"]);
  expect(refused(rig, { type: "approve_review", reviewId, tree: TARGET }).status).toBe(409);
  expect(reviewOf(rig, reviewId).value).toBe("unapproved");
  rig.run({ type: "approve_review", reviewId, tree });
  await rig.settled();
  expect(facts(rig, "review.approved")).toMatchObject([{ tree, by: "operator" }]);
  expect(order(rig).members[0]).toMatchObject({ approvedTree: tree });
  await allGreen(rig);
  expect(beadOf(rig, beadId).value).toBe("closed");
});

test("QUEUE-lease a train that is never heard of again gives its reviews back, at nobody's cost", async () => {
  const rig = trainTown();
  const { reviewId } = await submitted(rig);
  rig.container.down = "connection refused";
  await rig.tickAt(rig.now + rig.rig.world.rig.context.settings.review_lease_ms);
  expect([queueOf(rig).value, reviewOf(rig, reviewId).value]).toEqual(["waiting", "pending"]);
  rig.container.down = null;
  await rig.tickAt(rig.now + MINUTE);
  expect(order(rig).trainId).toBe("rig1:2");
  await allGreen(rig);
  expect(reviewOf(rig, reviewId).value).toBe("merged");
  replays(rig);
});

test("QUEUE-idle a train of which nothing comes is not sent again at once", async () => {
  const rig = trainTown();
  await submitted(rig);
  const { runs } = report({ runs: [{ upTo: 1, verdict: "place", checks: [] }] });
  await arrives(rig, { runs });
  expect(rig.container.trains).toHaveLength(1);
  await rig.tickAt(rig.now + 30_000);
  expect(rig.container.trains).toHaveLength(2);
});

test("QUEUE-admin checks are programs: whoever may not run programs may not set them", () => {
  const rig = town();
  expect(refused(rig, { type: "set_settings", settings: CHECKS }).status).toBe(403);
  expect(rig.run({ type: "set_settings", settings: { gate_slots: 2 } }).facts).toHaveLength(1);
});

test("QUEUE-same failed is left by a retry alone: the same bead, with what waits for it, also after a restart", async () => {
  const rig = trainTown();
  const { beadId, reviewId } = await submitted(rig);
  rig.run({ type: "remove_review", reviewId });
  rig.tell({ type: "review.unboarded", reviewId, claim: 1, why: "it goes with a later train" });
  expect(beadOf(rig, beadId)).toMatchObject({ value: "failed", context: { cancelled: true } });
  expect(refused(rig, { type: "set_bead_status", beadId, status: "open" }).status).toBe(409);
  rig.run({ type: "pause" });
  rig.run({ type: "retry_bead", beadId });
  rig.reopen();
  expect(rig.rig.world.beads.get(beadId)).toMatchObject({
    value: "open",
    context: { reason: null, attempts: 0, branch: "b" },
  });
  expect(rig.rig.world.beads.get(beadId)?.context.cancelled).toBeUndefined();
  rig.run({ type: "resume" });
  await rig.settled();
  expect(beadOf(rig, beadId).value).toBe("in_progress");
  replays(rig);
});

test("QUEUE-revert a revert goes through the same gate, and what does it again waits behind it; what is closed stays closed", async () => {
  const rig = trainTown();
  const { beadId } = await submitted(rig);
  await allGreen(rig);
  const commitSha = beadOf(rig, beadId).context.commitSha;
  const { beadId: revertId = "" } = rig.run({
    type: "revert_bead",
    beadId,
    why: "it broke the build",
    redo: true,
    title: "work",
  });
  await rig.settled();
  expect(order(rig).members[0]).toMatchObject({ beadId: revertId, reverts: commitSha });
  const redo = [...rig.rig.world.beads.values()].find(({ context }) => context.blockedBy.includes(revertId));
  expect(redo?.value).toBe("open");
  await allGreen(rig);
  expect([beadOf(rig, beadId).value, beadOf(rig, revertId).value]).toEqual(["closed", "closed"]);
  expect(beadOf(rig, redo?.context.id ?? "").value).toBe("in_progress");
  replays(rig);
});
