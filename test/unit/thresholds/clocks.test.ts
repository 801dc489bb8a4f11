import { expect, test } from "vitest";
import { Sling } from "../../../src/wire/schemas.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { heartbeat } from "../../../src/do/rig.ts";
import type { Seen } from "../../../src/do/ports.ts";
import { whyAgent } from "../../../src/core/why.ts";
import { needsOf, aboutOf } from "../../../src/core/needs.ts";
import type { TestRig } from "../../support/node-rig.ts";
import {
  agentOf,
  as,
  calls,
  escalations,
  facts,
  guppMails,
  HOUR,
  MINUTE,
  SECOND,
  slung,
  stateOf,
  town,
} from "../incidents/words.ts";

/** The two clocks of an agent, from both sides of each threshold: who is busy is told of and left alone, who is idle is restarted. */

const RUNS = "working.process.running + working.progress.fresh";

/** A heartbeat of the agent's newest dispatch. */
function beat(rig: TestRig, agentId: string, seen: Seen = {}): void {
  const dispatchId = `${agentId}:${agentOf(rig, agentId).context.dispatchN}`;
  expect(heartbeat(rig.rig, agentId, dispatchId, as(rig, agentId), seen)).toBe(null);
}

/** Heartbeats every half minute, and a TICK with each. @param says what each says */
async function beats(rig: TestRig, agentId: string, until: number, says: (at: number) => Seen): Promise<void> {
  while (rig.now < until) {
    rig.now = Math.min(until, rig.now + 30 * SECOND);
    if (agentOf(rig, agentId).hasTag("slot")) beat(rig, agentId, says(rig.now));
    await rig.tickAt(rig.now);
  }
}

const printing = (at: number): Seen => ({ lastActivityAt: at, messageCount: 0, hasOpenTool: false });

const needs = (rig: TestRig) =>
  needsOf(rig.rig.world, { about: () => aboutOf(undefined), ended: [], now: rig.now }).map(({ code }) => code);

const why = (rig: TestRig, agentId: string): string => whyAgent(rig.rig.world, agentOf(rig, agentId)).sentence;

test("F-406 an agent that prints, has an open tool and calls no route is not reminded, told of as stalled, charged or stopped", async () => {
  for (const says of [printing, (): Seen => ({ lastActivityAt: 1, hasOpenTool: true })]) {
    const rig = town();
    const { agentId } = await slung(rig);
    await beats(rig, agentId, rig.now + 5 * HOUR, says);
    expect([guppMails(rig), escalations(rig), calls(rig, "stop"), calls(rig, "message")]).toEqual([[], [], [], []]);
    expect([stateOf(rig, agentId), agentOf(rig, agentId).context.attempts]).toEqual([RUNS, 0]);
    // Half an hour of it is one fact, not sixty.
    expect(facts(rig, "agent.observed").length).toBeLessThanOrEqual(12);
  }
});

test("F-404 what the container's status shows of its activity counts: lastActivityAt or messageCount that move", async () => {
  for (const moves of ["lastActivityAt", "messageCount"] as const) {
    const rig = town();
    const { agentId } = await slung(rig);
    const process = rig.container.processes.get(agentId);
    const since = rig.now;
    let count = 0;
    for (let at = since; at < since + 4 * HOUR; at += MINUTE) {
      count += 1;
      rig.container.processes.set(agentId, {
        ...process,
        agentId,
        dispatchId: null,
        status: "running",
        exitReason: null,
        lastActivityAt: moves === "lastActivityAt" ? at : since,
        messageCount: moves === "messageCount" ? count : 0,
      });
      await rig.tickAt(at + MINUTE);
    }
    expect([moves, guppMails(rig), escalations(rig), calls(rig, "stop")]).toEqual([moves, [], [], []]);
    expect([stateOf(rig, agentId), agentOf(rig, agentId).context.attempts]).toEqual([RUNS, 0]);
  }
});

test("an agent whose output stops is reminded 30 min after its last word, and not 1 ms earlier; restarted 2 h after it", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  await beats(rig, agentId, rig.now + 40 * MINUTE, printing);
  const last = rig.now;
  const quiet = (): Seen => printing(last);
  await beats(rig, agentId, last + 30 * MINUTE - 1, quiet);
  expect(guppMails(rig)).toEqual([]);
  await beats(rig, agentId, last + 30 * MINUTE, quiet);
  expect(guppMails(rig).length).toBe(1);
  await beats(rig, agentId, last + 2 * HOUR - 1, quiet);
  expect([escalations(rig).length, calls(rig, "stop")]).toEqual([1, []]);
  await beats(rig, agentId, last + 2 * HOUR, quiet);
  expect(calls(rig, "stop")).toEqual([`${agentId}:1`]);
});

test("activity after the reminder ends the episode, and the next silence has a reminder of its own", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const since = rig.now;
  await beats(rig, agentId, since + 31 * MINUTE, () => printing(since));
  expect(guppMails(rig).length).toBe(1);
  const again = rig.now + 30 * SECOND;
  await beats(rig, agentId, again, printing);
  expect(stateOf(rig, agentId)).toBe(RUNS);
  await beats(rig, agentId, again + 31 * MINUTE, () => printing(again));
  expect(guppMails(rig).length).toBe(2);
});

test("what an agent did before its reminder and is seen only after it ends no episode: nobody is reminded of one silence twice", async () => {
  for (const [late, mails] of [
    [30 * MINUTE - 1, 2],
    [30 * MINUTE, 1],
  ] as const) {
    const rig = town();
    const { agentId } = await slung(rig);
    beat(rig, agentId, printing(rig.now));
    const last = rig.now;
    await beats(rig, agentId, last + 45 * MINUTE, () => ({}));
    expect(guppMails(rig)).toHaveLength(1);
    beat(rig, agentId, printing(rig.now - late));
    await rig.tickAt(rig.now);
    await beats(rig, agentId, last + 74 * MINUTE, () => ({}));
    expect(guppMails(rig)).toHaveLength(mails);
  }
});

test("CLOCK-busy busy without progress is told of once, at an hour and not 1 ms earlier, and ends with the next progress", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const since = rig.now;
  await beats(rig, agentId, since + HOUR - 1, printing);
  expect([rig.notified, needs(rig)]).toEqual([[], []]);
  await beats(rig, agentId, since + HOUR, printing);
  await beats(rig, agentId, since + 4 * HOUR, printing);
  expect(rig.notified.map(({ title }) => title)).toEqual(["polecat-1 is busy without progress"]);
  expect(needs(rig)).toEqual(["busy"]);
  expect(why(rig, agentId)).toMatch(/not known to have made any progress yet, and it was busy at/);
  await beats(rig, agentId, rig.now + MINUTE, (at) => ({ ...printing(at), progressAt: at }));
  expect([needs(rig), stateOf(rig, agentId)]).toEqual([[], RUNS]);
});

test("CLOCK-expect a bead's own expect_ms is what stops an agent that is busy without progress, and not 1 ms earlier", async () => {
  const rig = town();
  const { agentId } = await slung(rig, "work", { expectMs: 90 * MINUTE });
  const since = rig.now;
  await beats(rig, agentId, since + 90 * MINUTE - 1, printing);
  expect([calls(rig, "stop"), rig.notified]).toEqual([[], []]);
  await beats(rig, agentId, since + 90 * MINUTE, printing);
  expect(calls(rig, "stop")).toEqual([`${agentId}:1`]);
  await rig.advance(rig.now + 2 * MINUTE);
  expect(agentOf(rig, agentId).context.attempts).toBe(1);
});

test("progress that the container tells of moves the clock as a call of the agent does", async () => {
  const rig = town();
  const { agentId } = await slung(rig, "work", { expectMs: 40 * MINUTE });
  await beats(rig, agentId, rig.now + 5 * HOUR, (at) => ({ ...printing(at), progressAt: at - 10 * SECOND }));
  expect([calls(rig, "stop"), guppMails(rig), rig.notified]).toEqual([[], [], []]);
  expect(why(rig, agentId)).toBe("Its process runs and makes progress.");
});

test("CLOCK-model a wait for the model has a deadline: told at it, not 1 ms earlier; then the clocks go on, and the restart is uncharged", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const since = rig.now;
  const waits = (): Seen => ({ ...printing(since), waiting: { since, until: null } });
  await beats(rig, agentId, since + 30 * MINUTE - 1, waits);
  expect(stateOf(rig, agentId)).toBe("working.process.running + working.progress.waiting");
  expect([guppMails(rig), rig.notified, needs(rig)]).toEqual([[], [], []]);
  expect(why(rig, agentId)).toMatch(/^It has asked its model and waits for the answer since/);
  await beats(rig, agentId, since + 30 * MINUTE, waits);
  expect(rig.notified.map(({ title }) => title)).toEqual(["the model of polecat-1 does not answer"]);
  expect(needs(rig)).toEqual(["model_silent"]);
  const told = rig.now;
  await beats(rig, agentId, told + 2 * HOUR - 1, waits);
  expect([calls(rig, "stop"), guppMails(rig)]).toEqual([[], []]);
  await beats(rig, agentId, told + 2 * HOUR, waits);
  expect(calls(rig, "stop")).toEqual([`${agentId}:1`]);
  await rig.advance(rig.now + 2 * MINUTE);
  expect([agentOf(rig, agentId).context.attempts, agentOf(rig, agentId).context.dispatchN]).toEqual([0, 2]);
});

test("CLOCK-day a model that says when it answers is waited for until then, at most a day; shorter waits are no news", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  beat(rig, agentId, { waiting: { since: rig.now - LIMITS.waiting_told_after_ms + 1, until: null } });
  expect(facts(rig, "agent.waiting")).toEqual([]);
  beat(rig, agentId, { waiting: { since: rig.now, until: rig.now + 3 * HOUR } });
  expect(agentOf(rig, agentId).context.waiting?.until).toBe(rig.now + 3 * HOUR);
  beat(rig, agentId, { waiting: { since: rig.now, until: rig.now + 300 * HOUR } });
  expect(agentOf(rig, agentId).context.waiting?.until).toBe(rig.now + LIMITS.model_wait_max_ms);
  beat(rig, agentId, { waiting: null });
  expect([stateOf(rig, agentId), agentOf(rig, agentId).context.waiting]).toEqual([RUNS, undefined]);
});

test("CLOCK-silent no output since the start is told after 5 min, and not 1 ms earlier; the first word ends it", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const since = rig.now;
  const silent = (): Seen => ({ lastActivityAt: since, messageCount: 0, hasOpenTool: false });
  beat(rig, agentId, silent());
  await beats(rig, agentId, since + 5 * MINUTE - 1, silent);
  expect([rig.notified, needs(rig)]).toEqual([[], []]);
  await beats(rig, agentId, since + 6 * MINUTE, silent);
  expect(rig.notified.map(({ title }) => title)).toEqual(["polecat-1 has said nothing since its start"]);
  expect(needs(rig)).toEqual(["no_output"]);
  await beats(rig, agentId, rig.now + MINUTE, printing);
  expect(needs(rig)).toEqual([]);
});

test("heartbeats that say nothing of output make nobody silent and nobody busy", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  await beats(rig, agentId, rig.now + 20 * MINUTE, () => ({}));
  expect([rig.notified, needs(rig), facts(rig, "agent.observed")]).toEqual([[], [], []]);
});

test("a bead says which program and which model in so many letters, and how long it may be busy", () => {
  const takes = (more: object): boolean => Sling.safeParse({ title: "work", ...more }).success;
  expect(takes({ runtime: `acp:${"r".repeat(LIMITS.runtime_chars - 4)}`, model: "m".repeat(LIMITS.model_chars) })).toBe(
    true,
  );
  expect(takes({ runtime: `acp:${"r".repeat(LIMITS.runtime_chars - 3)}` })).toBe(false);
  expect(takes({ model: "m".repeat(LIMITS.model_chars + 1) })).toBe(false);
  expect([takes({ expect_ms: 1_000 }), takes({ expect_ms: 999 })]).toEqual([true, false]);
});

test("F-805 while its clone is being made an agent is preparing, and never said to make progress", async () => {
  const rig = town();
  rig.container.onStart = () => ({ kind: "accepted", isPreparing: true });
  const { agentId } = await slung(rig);
  const process = rig.container.processes.get(agentId);
  expect(process).toBeDefined();
  if (process !== undefined) rig.container.processes.set(agentId, { ...process, status: "starting" });
  const since = rig.now;
  await rig.tickAt(since + 10 * MINUTE);
  expect(why(rig, agentId)).toBe(`Preparing: cloning since ${new Date(since).toISOString().replace(".000", "")}.`);
  beat(rig, agentId);
  expect(why(rig, agentId)).toBe("Its process runs; it is not known to have made any progress yet.");
  // What the clone took is not the agent's own time.
  expect(agentOf(rig, agentId).context.progressAt).toBe(rig.now);
});
