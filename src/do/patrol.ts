import type { Command } from "../core/decide/index.ts";
import type { Observed } from "./ports.ts";
import { timeOf } from "../wire/agent-reports.ts";
import { isOfPlace } from "../wire/container.ts";
import { reasonOf } from "./alarm.ts";
import { hasNamedDispatch } from "./contact.ts";
import type { Rig } from "./rig.ts";
import { see, wouldBeActedOn } from "./sightings.ts";
import { lookAtTrain, type TrainSeen } from "./train.ts";
import type { Ending } from "../events/ending.ts";
import type { Outcome } from "../events/facts.ts";
import { dispatchNumber } from "../events/dispatch-id.ts";
import type { Settings } from "../events/settings.ts";
import type { AgentSnapshot } from "../machines/agent.ts";

export interface Observation {
  readonly container: "reachable" | "unreachable" | "unasked";
  readonly commands: Command[];
  readonly error: string | null;
  /** Which run of the control server answered, if it said so. */
  readonly instance: string | null;
  /** What was seen of the train that runs. */
  readonly train: TrainSeen;
}

const NO_TRAIN: TrainSeen = { kind: "none" };
export const UNASKED: Observation = {
  container: "unasked",
  commands: [],
  error: null,
  instance: null,
  train: NO_TRAIN,
};

/**
 * Asks the container, in one batched call, about every agent that has not been heard from lately. Agents that send
 * heartbeats spare the rig the question; a start, a stop and an agent unknown since a restart of the object do not.
 */
export async function observe(rig: Rig): Promise<Observation> {
  const { world, ports } = rig;
  const { config, settings } = world.rig.context;
  if (config === null) return UNASKED;
  const now = ports.now();
  const asked: AgentSnapshot[] = [];
  for (const id of world.index.slots) {
    const agent = world.agents.get(id);
    if (agent && isUnheard(rig, agent, now, settings.heartbeat_lost_ms)) asked.push(agent);
  }
  const begun = new Set(asked.filter((agent) => hasBegun(rig, agent)));
  const container = ports.container(config.townId);
  // Whether there is a container at all is not for one route to say.
  const seen = await lookAtTrain(rig).catch(() => null);
  const train = seen ?? NO_TRAIN;
  try {
    if (asked.length > 0) {
      const { agents, instance } = await container.statuses(
        asked.map((agent) => agent.context.id),
        settings.effect_timeout_ms,
      );
      if (agents.length > 0)
        await hasNamedDispatch(
          rig,
          agents.some(({ dispatchId }) => dispatchId !== null),
        );
      const lost = isAnother(rig, instance) ? begun : NOBODY;
      return { container: "reachable", commands: conclude(rig, asked, agents, lost), error: null, instance, train };
    }
    // A merge has no process of its own to ask about: whether it is still under way is whether the server is the same.
    if (seen === null || world.index.merging.size > 0 || world.rig.matches({ container: "unreachable" })) {
      const { instance } = await container.health(settings.effect_timeout_ms);
      return { container: "reachable", commands: [], error: null, instance, train };
    }
    return UNASKED;
  } catch (error) {
    const words = reasonOf(error) || "the container does not answer";
    return { container: "unreachable", commands: [], error: words, instance: null, train: NO_TRAIN };
  }
}

const NOBODY: ReadonlySet<AgentSnapshot> = new Set();

/** Another control server answers than the one that the rig knew. */
const isAnother = ({ world }: Rig, instance: string | null): boolean =>
  instance !== null && world.rig.context.instance !== undefined && world.rig.context.instance !== instance;

/** Its start was asked for and is settled, and nothing was heard of it since: whoever was asked is the only one who knows. */
function hasBegun({ ports }: Rig, { context: { id, dispatchN, heard } }: AgentSnapshot): boolean {
  if (heard) return false;
  const key = `${id}:${dispatchN}:container.start`;
  return ports.sql.exec("SELECT 1 FROM outbox WHERE key = ? LIMIT 1", key).toArray().length === 0;
}

function isUnheard(rig: Rig, agent: AgentSnapshot, now: number, lost_ms: number): boolean {
  if (isUnderWay(agent) || wouldBeActedOn(rig, agent)) return true;
  const sighting = rig.sightings.get(agent.context.id);
  return sighting === undefined || sighting.n !== agent.context.dispatchN || now - sighting.at >= lost_ms;
}

/** Being started or stopped. Asked of every agent at every alarm, so the state is looked at and not matched. */
function isUnderWay({ value }: AgentSnapshot): boolean {
  if (typeof value !== "object") return false;
  if ("working" in value) return value.working.process === "starting" || value.working.process === "draining";
  return "restarting" in value && value.restarting === "starting";
}

const isRunning = ({ value }: AgentSnapshot): boolean =>
  typeof value === "object" &&
  "working" in value &&
  (value.working.process === "running" || value.working.process === "handing_in");

/**
 * What a container that names no dispatch still shows of the one before, until a slow start is through (F-401): a process that began before
 * this dispatch was granted. It says nothing of this one, as long as the start may still come and nothing has been heard of it.
 */
export function isOldNews(
  { context: { heard, leaseUntil } }: AgentSnapshot,
  { dispatchId, startedAt }: Pick<Observed, "dispatchId" | "startedAt">,
  { start_lease_ms }: Settings,
  now: number,
): boolean {
  if (dispatchId !== null || startedAt === undefined || heard || leaseUntil === null) return false;
  return now < leaseUntil && startedAt < leaseUntil - start_lease_ms;
}

/**
 * What the answer says of each agent that was asked about. An agent that the container does not know is gone; one of the lost ended with the
 * control server that its start was asked of, which is no fault of the work and needs no lease to be waited for.
 */
function conclude(
  rig: Rig,
  asked: readonly AgentSnapshot[],
  seen: readonly Observed[],
  lost: ReadonlySet<AgentSnapshot>,
): Command[] {
  const byId = new Map(seen.map((status) => [status.agentId, status]));
  const commands: Command[] = [];
  for (const agent of asked) {
    const { context } = agent;
    const status = byId.get(context.id);
    const current =
      status && (status.dispatchId === null || dispatchNumber(context.id, status.dispatchId) === context.dispatchN)
        ? status
        : undefined;
    const dispatchId = `${context.id}:${context.dispatchN}`;
    if (current !== undefined && isOldNews(agent, current, rig.world.rig.context.settings, rig.ports.now())) continue;
    if (current === undefined) {
      commands.push({
        type: "exited",
        agentId: context.id,
        dispatchId,
        ...(lost.has(agent)
          ? { outcome: "evicted", reason: "the control server that its start was asked of is gone" }
          : { outcome: "gone", reason: "the container does not know it" }),
        resetAt: null,
      });
    } else if (current.status === "exited" || current.status === "failed") {
      const { outcome, resetAt } = outcomeOf(
        current.status === "exited" ? "completed" : "failed",
        current.exitReason,
        null,
      );
      commands.push({
        type: "exited",
        agentId: context.id,
        dispatchId,
        outcome,
        reason: current.exitReason ?? `observed ${current.status}`,
        resetAt,
        limited: current.limited,
      });
    } else if (current.status === "running") {
      see(rig, agent, current, "container");
      // That one who runs is still there is no news.
      if (!context.heard || !isRunning(agent)) commands.push({ type: "heard", agentId: context.id, dispatchId });
    }
  }
  return commands;
}

/** What an end that its driver knows means here; the others are judged by how the process ended. */
const OUTCOME_OF: Partial<Record<Ending, Outcome>> = {
  rate_limited: "rate_limited",
  over_budget: "over_budget",
  not_authorized: "not_authorized",
  context_full: "failed",
  crashed: "failed",
  ended_without_done: "completed",
};

/** What kind of end a reported reason is: a rate limit and an eviction are nobody's fault (design rule 5). */
export function outcomeOf(
  status: "completed" | "failed",
  reason: string | null,
  resetAt: number | null,
  ending?: Ending,
): { outcome: Outcome; resetAt: number | null } {
  const known = ending === undefined ? undefined : OUTCOME_OF[ending];
  if (known !== undefined) return { outcome: known, resetAt: known === "rate_limited" ? resetAt : null };
  const text = (reason ?? "").toLowerCase();
  if (/^rate[_ -]?limit/.test(text)) {
    const until = /until (\S+)/.exec(reason ?? "")?.[1];
    return { outcome: "rate_limited", resetAt: resetAt ?? (until === undefined ? null : timeOf(until)) };
  }
  if (isOfPlace(reason ?? "")) return { outcome: "place", resetAt };
  if (/^(over[_ -]?budget|budget[_ -]?(exceeded|exhausted))/.test(text))
    return { outcome: "over_budget", resetAt: null };
  if (/^(container[_ -]?)?(evict|drain)/.test(text)) return { outcome: "evicted", resetAt: null };
  return { outcome: status, resetAt: null };
}
