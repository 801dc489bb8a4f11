import { clip, type Fact } from "../events/facts.ts";
import { decide, takes } from "../core/decide/index.ts";
import type { Folded } from "../core/fold.ts";
import type { TickReport } from "../wire/schemas.ts";
import { isDestroyed, rearm, reasonOf } from "./alarm.ts";
import { keepEndsSeen } from "./attempts.ts";
import { commit } from "./commit.ts";
import { type Observation, UNASKED, observe } from "./patrol.ts";
import { look, newsOfStrays } from "./reconcile.ts";
import { meet, wantsToKnow } from "./contact.ts";
import { isTidyDue, tidy } from "./tidy.ts";
import { newsOfTrain, wantsToMeet } from "./train.ts";
import { leaseMore } from "./lease.ts";
import { missed } from "./missed.ts";
import { countAlarm } from "./metrics.ts";
import type { Rig } from "./rig.ts";
import { newsOfClocks } from "./sightings.ts";

/**
 * One TICK: look at the container (bounded I/O), then fold what was seen and the TICK itself in one commit. Never throws; one
 * tick at a time: a second caller gets the first one's report.
 */
export function tick(rig: Rig): Promise<TickReport> {
  rig.ticking ??= runTick(rig).finally(() => {
    rig.ticking = null;
  });
  return rig.ticking;
}

async function runTick(rig: Rig): Promise<TickReport> {
  if (isDestroyed(rig) || rig.world.seq === 0) return { entries: [], error: null };
  let observation: Observation = UNASKED;
  let error: string | null = null;
  try {
    observation = await observe(rig);
    error = observation.error;
  } catch (thrown) {
    error = reasonOf(thrown);
    rig.ports.log("error", "the patrol failed; the TICK goes on without it", { error });
  }
  const { container } = observation;
  if (isDestroyed(rig)) return { entries: [], error };
  if (wantsToMeet(rig) || wantsToKnow(rig)) await meet(rig);
  await leaseMore(rig);
  const inventory = container === "unreachable" ? null : await look(rig);
  try {
    const news = [...newsOf(rig, observation), ...newsOfStrays(rig, inventory)];
    return { entries: committed(rig, [...news, { type: "TICK", container }]), error };
  } catch (thrown) {
    error = reasonOf(thrown);
    rig.ports.log("error", "the TICK could not be committed with what was seen; trying it alone", { error });
  }
  try {
    return { entries: committed(rig, [{ type: "TICK", container }]), error };
  } catch (thrown) {
    rig.ports.log("error", "the TICK could not be committed; the alarm stays armed", { error: reasonOf(thrown) });
    return { entries: [], error: reasonOf(thrown) };
  }
}

function committed(rig: Rig, facts: readonly Fact[]): Folded["entries"] {
  const { entries } = commit(rig, facts);
  keepEndsSeen(rig, entries);
  return entries;
}

/** What was seen, as facts, judged by the state of now: it may have changed while the container was asked. */
function newsOf(rig: Rig, { container, error, instance, commands, train }: Observation): Fact[] {
  const { world, ports } = rig;
  const at = ports.now();
  const facts: Fact[] = [];
  const edge: Fact | null =
    container === "unreachable"
      ? { type: "container.unreachable", error: clip(error ?? "no answer") }
      : container === "reachable"
        ? { type: "container.reachable" }
        : null;
  if (edge !== null && takes(world, world.rig, edge, at)) facts.push(edge);
  if (instance !== null) {
    const known: Fact = { type: "container.instance_changed", instance };
    if (takes(world, world.rig, known, at)) {
      facts.push(known);
      // What it can do is asked of each one.
      rig.contact = null;
      rig.isNewContainer = true;
    }
  }
  for (const command of commands) {
    const decision = decide(world, command, {
      at,
      caller: { kind: "system", id: "patrol", dispatchId: null },
      newId: ports.newId,
      undeliveredMail: () => 0,
      openBeads: () => 0,
      openBeadsBy: () => ({ escalations: 0, others: 0 }),
      stateBefore: () => undefined,
    });
    if (decision.ok && decision.stale !== true) facts.push(...decision.facts);
  }
  facts.push(...newsOfTrain(rig, train), ...newsOfClocks(rig));
  return facts;
}

/** The alarm: one TICK, then armed again whatever happened. Must never throw: the platform gives up after six tries. */
export async function onAlarm(rig: Rig, scheduledTime: number | null): Promise<TickReport> {
  let report: TickReport = { entries: [], error: null };
  missed(rig, scheduledTime);
  countAlarm(rig.meter, scheduledTime === null ? 0 : rig.ports.now() - scheduledTime);
  try {
    report = await tick(rig);
    rig.ports.background(rig.outbox.settle(rig));
    for (const remind of rig.reminders) remind();
    if (isTidyDue(rig)) rig.ports.background(tidy(rig));
  } catch (error) {
    rig.ports.log("error", "the alarm failed", { error: reasonOf(error) });
  } finally {
    rearm(rig, scheduledTime);
  }
  return report;
}
