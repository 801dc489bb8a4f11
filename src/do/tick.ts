import { clip, type Fact } from "../events/facts.ts";
import { decide, takes, type Command } from "../machines/decide.ts";
import type { Entry } from "../machines/fold.ts";
import { isDestroyed, rearm, reasonOf } from "./alarm.ts";
import { commit } from "./commit.ts";
import { observe } from "./patrol.ts";
import type { Rig } from "./rig.ts";

/** What one TICK changed. */
export interface TickReport {
  readonly entries: readonly Entry[];
  readonly error: string | null;
}

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
  let container: "reachable" | "unreachable" | "unasked" = "unasked";
  let seen: Command[] = [];
  let error: string | null = null;
  try {
    const observation = await observe(rig);
    container = observation.container;
    seen = observation.commands;
    if (observation.error !== null) error = observation.error;
  } catch (thrown) {
    error = reasonOf(thrown);
    rig.ports.log("error", "the patrol failed; the TICK goes on without it", { error });
  }
  if (isDestroyed(rig)) return { entries: [], error };
  try {
    return { entries: commit(rig, [...newsOf(rig, container, error, seen), { type: "TICK", container }]).entries, error };
  } catch (thrown) {
    error = reasonOf(thrown);
    rig.ports.log("error", "the TICK could not be committed with what was seen; trying it alone", { error });
  }
  try {
    return { entries: commit(rig, [{ type: "TICK", container }]).entries, error };
  } catch (thrown) {
    rig.ports.log("error", "the TICK could not be committed; the alarm stays armed", { error: reasonOf(thrown) });
    return { entries: [], error: reasonOf(thrown) };
  }
}

/** What was seen, as facts, judged by the state of now: it may have changed while the container was asked. */
function newsOf(rig: Rig, container: "reachable" | "unreachable" | "unasked", error: string | null, seen: readonly Command[]): Fact[] {
  const { world, ports } = rig;
  const at = ports.now();
  const facts: Fact[] = [];
  const edge: Fact | null = container === "unreachable" ? { type: "container.unreachable", error: clip(error ?? "no answer") } : container === "reachable" ? { type: "container.reachable" } : null;
  if (edge !== null && takes(world, world.rig, edge, at)) facts.push(edge);
  for (const command of seen) {
    const decision = decide(world, command, { at, caller: { id: "patrol", dispatchId: null }, newId: ports.newId, undeliveredMail: () => 0, openBeads: () => 0, stateBefore: () => undefined });
    if (decision.ok && decision.stale !== true) facts.push(...decision.facts);
  }
  return facts;
}

/** The alarm: one TICK, then armed again whatever happened. Must never throw: the platform gives up after six tries. */
export async function onAlarm(rig: Rig, scheduledTime: number | null): Promise<TickReport> {
  let report: TickReport = { entries: [], error: null };
  try {
    report = await tick(rig);
    rig.ports.background(rig.outbox.settle(rig));
  } catch (error) {
    rig.ports.log("error", "the alarm failed", { error: reasonOf(error) });
  } finally {
    rearm(rig, scheduledTime);
  }
  return report;
}
