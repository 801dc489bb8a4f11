import { expect, test } from "vitest";
import { admit, type AgentCaller } from "../../../src/core/decide/index.ts";
import { whyOfBead } from "../../../src/do/why.ts";
import { heartbeat } from "../../../src/do/rig.ts";
import { health } from "../../../src/do/health.ts";
import { execute } from "../../../src/do/rig.ts";
import { ACCEPTED, bead, type TestRig } from "../../support/node-rig.ts";
import {
  agentOf,
  as,
  beadOf,
  calls,
  done,
  exits,
  facts,
  found,
  MINUTE,
  SECOND,
  slung,
  startsOf,
  stateOf,
  town,
} from "./words.ts";

/** A container that speaks the protocol as it was before Ticktown: it knows no dispatch ids, and names none. */
function oldTown(): TestRig {
  const rig = town();
  rig.container.names = false;
  return rig;
}

/** Its first bead is done, and its process has ended: what the container shows of it from now on is that. */
async function afterFirstBead(): Promise<{ rig: TestRig; agentId: string; first: string }> {
  const rig = oldTown();
  const { agentId, beadId } = await slung(rig, "first");
  const process = found(rig.container.processes.get(agentId), "process");
  heartbeat(rig.rig, agentId, null, as(rig, agentId));
  await rig.tickAt(rig.now + 10 * SECOND);
  await done(rig, agentId, "b");
  rig.container.processes.set(agentId, { ...process, status: "exited", exitReason: "stopped" });
  return { rig, agentId, first: beadId };
}

test("F-401 while a slow start is under way, the entry that the container has of the dispatch before is old news: nothing is charged, one start", async () => {
  const { rig, agentId } = await afterFirstBead();
  let answer: (value: typeof ACCEPTED) => void = () => {};
  rig.container.onStart = () => new Promise((resolve) => (answer = resolve));
  const { beadId = "" } = rig.run({ type: "sling", bead: bead("second") });
  expect(agentOf(rig, agentId).context.hook).toBe(beadId);
  const granted = rig.now;
  for (let s = 1; s <= 15; s++) {
    rig.now = granted + s * SECOND;
    // The outbox is not waited for: it waits for the start.
    const { tick } = await import("../../../src/do/tick.ts");
    await tick(rig.rig);
  }
  // Its process before has ended just now, as the container tells in its own time.
  execute(
    rig.rig,
    { type: "exited", agentId, dispatchId: null, outcome: "completed", reason: "stopped", resetAt: null },
    as(rig, agentId),
  );
  expect(stateOf(rig, agentId)).toContain("working.process.starting");
  answer(ACCEPTED);
  await rig.settled();
  expect(stateOf(rig, agentId)).toContain("working.process.running");
  expect([startsOf(rig, beadId), facts(rig, "dispatch.failed").length]).toEqual([1, 0]);
  expect(beadOf(rig, beadId).context.attempts).toBe(0);

  // Its own end counts, whether or not it was ever heard of: it began after this start was asked for.
  const mine = found(rig.container.processes.get(agentId), "process");
  rig.container.processes.set(agentId, { ...mine, status: "failed", exitReason: "exit 1" });
  rig.container.onStart = () => ACCEPTED;
  await rig.advance(rig.now + MINUTE);
  expect(facts(rig, "dispatch.failed")).toMatchObject([{ beadId, charged: true, reason: "failed: exit 1" }]);
});

test("F-401b what is old counts once the start can no longer come: the container has never begun it", async () => {
  const { rig, agentId } = await afterFirstBead();
  const before = found(rig.container.processes.get(agentId), "process");
  const { beadId = "" } = rig.run({ type: "sling", bead: bead("second") });
  await rig.settled();
  rig.container.processes.set(agentId, before);
  const lease = found(agentOf(rig, agentId).context.leaseUntil, "lease");
  await rig.tickAt(lease - 1);
  expect(facts(rig, "dispatch.failed")).toEqual([]);
  await rig.tickAt(lease);
  expect(facts(rig, "agent.exited")).toMatchObject([{ agentId, outcome: "completed", reason: "stopped" }]);
  expect(beadOf(rig, beadId).value).toBe("in_progress");
});

test("F-402 a process that keeps the token of its first start is heard: agents are fenced by agent and hook, and no token names a dispatch", async () => {
  const { rig, agentId, first } = await afterFirstBead();
  const kept = as(rig, agentId, 1);
  const { beadId = "" } = rig.run({ type: "sling", bead: bead("second") });
  await rig.settled();
  expect(agentOf(rig, agentId).context).toMatchObject({ hook: beadId, dispatchN: 2 });
  expect(rig.container.tokens.filter((of) => !of?.startsWith("rev-"))).toEqual([null, null]);

  heartbeat(rig.rig, agentId, `${agentId}:1`, kept);
  expect(agentOf(rig, agentId).context.heard).toBe(true);
  expect(rig.run({ type: "progressed", agentId, what: "a tool" }, kept).stale).toBeUndefined();
  const say = (branch: string) =>
    rig.run({ type: "done", agentId, branch, prUrl: null, summary: null }, kept).stale ?? false;
  // What it says of the bead before is not about this one.
  expect(say(`ticktown/${first}`)).toBe(true);
  expect(agentOf(rig, agentId).context.hook).toBe(beadId);
  expect(say(`ticktown/${beadId}`)).toBe(false);
  expect(beadOf(rig, beadId).value).toBe("in_review");
  expect(stateOf(rig, agentId)).toBe("idle.empty");
  // Hooked, and not dispatched: it speaks for no bead that it was never started on.
  rig.run({ type: "pause" });
  const third = rig.run({ type: "sling", bead: bead("third") });
  expect(say("anything")).toBe(true);
  expect(beadOf(rig, third.beadId ?? "").value).not.toBe("in_review");
});

test("F-402b its stop names no dispatch either: the next start waits until it is through", async () => {
  const rig = oldTown();
  const { agentId } = await slung(rig, "first");
  heartbeat(rig.rig, agentId, null, as(rig, agentId));
  let stopped: (value: typeof ACCEPTED) => void = () => {};
  rig.container.onStop = () => new Promise((resolve) => (stopped = resolve));
  rig.run({ type: "done", agentId, branch: "b", prUrl: null, summary: null }, as(rig, agentId));
  rig.run({ type: "sling", bead: bead("second") });
  expect(agentOf(rig, agentId).context.dispatchN).toBe(2);
  const settled = rig.settled();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(calls(rig, "start")).toEqual([`${agentId}:1`]);
  stopped(ACCEPTED);
  await settled;
  expect(
    rig.container.calls.map(({ kind, id }) => `${kind} ${id}`).filter((call) => /^(start|stop) /.test(call)),
  ).toEqual([`start ${agentId}:1`, `stop ${agentId}:1`, `start ${agentId}:2`]);
});

test("F-403 the done of an older dispatch is stale, and why says that its reports are ignored", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig);
  const old = as(rig, agentId);
  await exits(rig, agentId, "failed");
  await rig.advance(rig.now + 10 * SECOND);
  expect(whyOfBead(rig.rig, beadId)?.sentence).not.toContain("ignored");
  const late = rig.now;
  expect(rig.run({ type: "done", agentId, branch: "b", prUrl: null, summary: null }, old).stale).toBe(true);
  expect(rig.run({ type: "progressed", agentId, what: "more" }, old).stale).toBe(true);
  expect(whyOfBead(rig.rig, beadId)).toMatchObject({
    sentence: expect.stringContaining(
      `Reports of an older dispatch (${agentId}:1) are ignored, such as its done at ${new Date(late).toISOString()}.`,
    ) as string,
    values: { ignored_dispatch: `${agentId}:1`, ignored_report: "done" },
  });
  // Its next dispatch begins anew.
  await exits(rig, agentId, "failed");
  await rig.advance(rig.now + MINUTE);
  expect(whyOfBead(rig.rig, beadId)?.sentence).not.toContain("ignored");
});

test("MODE-token a token that is past its end counts while its agent runs, as it names no dispatch; and elsewhere only for the one that it names", async () => {
  const expired = (rig: TestRig, agentId: string, dispatchId: string | null): boolean =>
    admit(rig.rig.world, { ...(as(rig, agentId) as AgentCaller), dispatchId, isExpired: true }) === null;
  const old = oldTown();
  const { agentId } = await slung(old);
  expect([expired(old, agentId, null), expired(old, agentId, `${agentId}:7`)]).toEqual([true, true]);
  await done(old, agentId, "b");
  expect(expired(old, agentId, null)).toBe(false);

  const rig = town();
  const other = await slung(rig);
  const n = (of: number | null) => expired(rig, other.agentId, of === null ? null : `${other.agentId}:${of}`);
  expect([n(1), n(null), n(2)]).toEqual([true, false, false]);
});

test("MODE-found whether a container knows dispatch ids is found out at first contact, journalled once, shown, and found out anew when another one answers", async () => {
  const rig = oldTown();
  expect(health(rig.rig).fence).toBe("dispatch");
  const { agentId } = await slung(rig, "first");
  const met = () => facts(rig, "container.met").map(({ inspects, dispatchIds }) => [inspects, dispatchIds]);
  expect(met()).toEqual([[false, false]]);
  expect(health(rig.rig).fence).toBe("agent");
  await done(rig, agentId, "b");
  await slung(rig, "second");
  rig.reopen();
  await rig.tickAt(rig.now + 30 * SECOND);
  expect(met()).toHaveLength(1);

  // A newer one stands there now: it says who it is.
  rig.container.can = { inspect: true, ephemeral: false };
  rig.container.names = true;
  rig.container.instance = "one";
  await rig.tickAt(rig.now + 30 * SECOND);
  await rig.tickAt(rig.now + 30 * SECOND);
  expect(met().at(-1)).toEqual([true, true]);
  expect(health(rig.rig).fence).toBe("dispatch");

  // And an old one again, which says nothing of itself: what it answers to a start tells.
  rig.container.can = null;
  rig.container.names = false;
  rig.container.instance = null;
  rig.reopen();
  rig.container.tokens.length = 0;
  await slung(rig, "third");
  expect(met().at(-1)).toEqual([false, false]);
  expect(health(rig.rig).fence).toBe("agent");
  expect(rig.run({ type: "pause" }).ok).toBe(true);
});

test("MODE-kept a container that was met as one that knows them is not taken for one that does not by what it fails to say", async () => {
  const rig = town();
  rig.container.can = { inspect: true, ephemeral: false };
  rig.container.names = true;
  await slung(rig, "first");
  rig.container.can = null;
  rig.container.names = false;
  rig.container.onStart = () => ({ kind: "unknown", error: "timed out" });
  rig.reopen();
  await slung(rig, "second");
  expect(health(rig.rig).fence).toBe("dispatch");
  expect(facts(rig, "container.met").every(({ dispatchIds }) => dispatchIds !== false)).toBe(true);
});
