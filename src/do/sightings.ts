import type { Fact, FactOf } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { rulesAtLeast, rulesOf } from "../events/rules.ts";
import { isAnythingCapped, watchOf } from "../events/settings.ts";
import { dispatchId, dispatchNumber } from "../events/dispatch-id.ts";
import { agentDeadline, type AgentSnapshot } from "../machines/agent.ts";
import type { Session, Usage } from "../wire/agent-reports.ts";
import { isLimitKnown, isProbe, limitOf } from "../core/accounts.ts";
import { forbidden, type Caller } from "../core/decide/index.ts";
import { commit } from "./commit.ts";
import type { Seen } from "./ports.ts";
import type { Rig } from "./rig.ts";
import { beadOfDispatch, countedOf, isIncomplete } from "./spend.ts";

/**
 * What was last heard of each agent's newest dispatch, in memory only: it comes with every heartbeat and every look of the patrol, and
 * becomes a fact only where it decides something. A restarted object asks again instead of assuming.
 */
export interface Sighting {
  /** Which dispatch. */
  readonly n: number;
  /** Last sign of life, ms of the rig's clock, as are the others. */
  readonly at: number;
  /** Last activity; null: nothing is known of any. */
  readonly activeAt: number | null;
  /** Last progress that its container told of. */
  readonly progressAt: number | null;
  /** It has said nothing since it was first heard of, which was at its start. */
  readonly isSilent: boolean;
  /** As the container said them last, to see whether they move. */
  readonly mark: Mark | null;
  readonly waiting: Seen["waiting"];
  readonly session: Session | undefined;
  readonly usage: Usage | undefined;
  /** Whether its container's door counts what it uses; undefined: the rig has not looked. What is reported of an agent may be its own word. */
  readonly isAtDoor: boolean | undefined;
  /** How many tools that it had not run like this before have ended. */
  readonly shown: number | undefined;
  /** The newest commit of its own. */
  readonly head: string | undefined;
  /** Of its account, as long as nothing has answered it since. */
  readonly limited: Seen["limited"];
}
export type Sightings = Map<string, Sighting>;

interface Mark {
  readonly at: number;
  readonly lastActivityAt: number | undefined;
  readonly messageCount: number | undefined;
}

const sightingOf = (rig: Rig, { context: { id, dispatchN } }: AgentSnapshot): Sighting | undefined => {
  const known = rig.sightings.get(id);
  return known?.n === dispatchN ? known : undefined;
};

/** Who tells: the container, which the rig has asked, or whoever has the agent's token, which may be the agent. */
type Teller = "container" | "agent";

/** Remembers a sign of life of an agent's newest dispatch, with all that came with it. */
export function see(rig: Rig, agent: AgentSnapshot, seen: Seen, teller: Teller): void {
  const now = rig.ports.now();
  const before = sightingOf(rig, agent);
  const activeAt = activityOf(before, seen, now);
  const progressAt = seen.progressAt === undefined ? null : Math.min(seen.progressAt, now);
  const says = seen.lastActivityAt !== undefined || seen.messageCount !== undefined;
  rig.sightings.set(agent.context.id, {
    n: agent.context.dispatchN,
    at: now,
    activeAt: later(before?.activeAt ?? null, later(activeAt, progressAt)),
    progressAt: later(before?.progressAt ?? null, progressAt),
    isSilent: says ? isSilent(agent, before, seen, now) : (before?.isSilent ?? false),
    mark: says
      ? { at: now, lastActivityAt: seen.lastActivityAt, messageCount: seen.messageCount }
      : (before?.mark ?? null),
    waiting: seen.waiting === undefined ? before?.waiting : seen.waiting,
    session: seen.session ?? before?.session,
    usage: seen.usage ?? before?.usage,
    isAtDoor: teller === "container" && seen.usage !== undefined ? seen.usage.at_door === true : before?.isAtDoor,
    shown: seen.shown ?? before?.shown,
    head: seen.head ?? before?.head,
    limited: seen.limited,
  });
}

const later = (a: number | null, b: number | null): number | null => {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
};

/** A first look that is later than this after the first sign of life may have missed the first words. */
const FIRST_LOOK_MS = 15_000;

/** Nothing of it has ever moved, as far as anybody can know: no tool, no word. */
function isSilent({ context }: AgentSnapshot, before: Sighting | undefined, seen: Seen, now: number): boolean {
  const { hasOpenTool, progressAt, lastActivityAt, messageCount, startedAt } = seen;
  if (hasOpenTool === true || progressAt !== undefined || lastActivityAt === undefined) return false;
  if (startedAt !== undefined && lastActivityAt <= startedAt) return true;
  const mark = before?.mark ?? null;
  if (before === undefined || mark === null)
    return context.progressAt === null || now - context.progressAt <= FIRST_LOOK_MS;
  return before.isSilent && lastActivityAt === mark.lastActivityAt && messageCount === mark.messageCount;
}

/**
 * When it was last active, by the rig's clock. An open tool is activity now. What has moved since the look before moved in between:
 * when exactly says the container's clock, as far as it can be right.
 */
function activityOf(before: Sighting | undefined, seen: Seen, now: number): number | null {
  if (seen.hasOpenTool === true) return now;
  const { lastActivityAt, messageCount } = seen;
  const mark = before?.mark ?? null;
  if (mark === null) return lastActivityAt === undefined ? null : Math.min(lastActivityAt, now);
  const hasMoved = lastActivityAt !== undefined && lastActivityAt !== mark.lastActivityAt;
  const hasTalked = messageCount !== undefined && messageCount !== mark.messageCount;
  if (!hasMoved && !hasTalked) return null;
  return lastActivityAt === undefined || lastActivityAt < mark.at ? now : Math.min(lastActivityAt, now);
}

const isRunning = (agent: AgentSnapshot): boolean => agent.matches({ working: { process: "running" } });

/** Whether its clocks, as far as they are facts, would have it reminded, told of, or stopped by now. */
export const wouldBeActedOn = (rig: Rig, agent: AgentSnapshot): boolean => {
  if (!isRunning(agent)) return false;
  const deadline = agentDeadline(agent, rig.world.rig.context.settings);
  return deadline !== null && deadline <= rig.ports.now();
};

/** What is known of an agent and must become a fact before a TICK decides. */
export function newsOfClocks(rig: Rig): Fact[] {
  const { world } = rig;
  if (!rulesAtLeast(rulesOf(world.rig.context), 2)) return [];
  return [...world.index.slots].flatMap((id) => {
    const agent = world.agents.get(id);
    return agent !== undefined && isRunning(agent) ? newsOf(rig, agent) : [];
  });
}

function newsOf(rig: Rig, agent: AgentSnapshot): Fact[] {
  const seen = sightingOf(rig, agent);
  if (seen === undefined) return [];
  const facts = [...newsOfDriver(rig, agent), ...newsOfSilence(rig, agent, seen)];
  const { context } = agent;
  const { activeAt, progressAt } = seen;
  const known = Math.max(context.progressAt ?? 0, context.activeAt ?? 0);
  const hasProgressed = progressAt !== null && progressAt > (context.progressAt ?? 0);
  const hasBeenActive = activeAt !== null && activeAt > known;
  if (!hasProgressed && !hasBeenActive) return facts;
  const isFresh = agent.matches({ working: { progress: "fresh" } });
  // Told of, or waiting: what ends that is told at once. Otherwise only what a threshold would go wrong without.
  const ends = hasProgressed
    ? !isFresh || context.told !== undefined
    : agent.matches({ working: { progress: "checked" } }) ||
      agent.matches({ working: { progress: "escalated" } }) ||
      context.told === "silent";
  if (!ends && !wouldBeActedOn(rig, agent)) return facts;
  return [...facts, { type: "agent.observed", ...dispatchOf(agent), activeAt, progressAt }];
}

const dispatchOf = ({ context: { id, dispatchN } }: AgentSnapshot) => ({
  agentId: id,
  dispatchId: dispatchId(id, dispatchN),
});

/** The newest commit of its own that was seen of the agent's newest dispatch. */
export function headOf(rig: Rig, agentId: string): string | undefined {
  const agent = rig.world.agents.get(agentId);
  return agent === undefined ? undefined : sightingOf(rig, agent)?.head;
}

/** What its driver tells that is news and is worth a fact now. Asked at each heartbeat and at each TICK. */
export const newsOfDriver = (rig: Rig, agent: AgentSnapshot): Fact[] => [
  ...newsOfSession(rig, agent),
  ...newsOfUsage(rig, agent, isUseAwaited(rig, agent) ? 0 : LIMITS.usage_granularity_ms),
  ...newsOfLimit(rig, agent),
  ...newsOfWaiting(rig, agent),
];

/** Something is decided by what it uses: a cap, or whether its account is free. */
const isUseAwaited = ({ world }: Rig, agent: AgentSnapshot): boolean =>
  isAnythingCapped(world.rig.context.settings) || isProbe(world, dispatchOf(agent).dispatchId);

/** Its account is limited, and the rig does not know it. */
function newsOfLimit(rig: Rig, agent: AgentSnapshot): Fact[] {
  const limited = sightingOf(rig, agent)?.limited;
  if (limited === undefined) return [];
  const limit = limitOf(rig.world, agent.context.id, limited, rig.ports.now());
  return limit === null || isLimitKnown(rig.world, limit) ? [] : [limit];
}

/** What a dispatch has used that was replaced, or whose work is in: it counts in the ledger, and nowhere else. */
export function newsOfOlder(rig: Rig, agentId: string, dispatchId: string, used: Usage): Fact[] {
  const { counted = [] } = rig.world.agents.get(agentId)?.context ?? {};
  const forgotten = forgottenOf(rig, agentId, used.session);
  const known = counted.find(({ session }) => session === used.session) ?? forgotten;
  const isKnown =
    known !== undefined &&
    known.inputTokens >= used.input_tokens &&
    known.outputTokens >= used.output_tokens &&
    (known.costMicrodollars ?? 0) >= (used.cost_microdollars ?? 0);
  if (isKnown) return [];
  return [
    {
      ...usageFact({ agentId, dispatchId }, used),
      ...(forgotten === undefined ? {} : { counted: forgotten }),
      workedOn: beadOfDispatch(rig.ports.sql, dispatchId),
    },
  ];
}

/** What the ledger has counted of a conversation that its agent has forgotten, having had many since. */
function forgottenOf({ world, ports }: Rig, agentId: string, session: string): FactOf<"agent.usage">["counted"] {
  const { counted = [] } = world.agents.get(agentId)?.context ?? {};
  const hasForgotten = counted.length >= LIMITS.sessions_remembered && counted.every((one) => one.session !== session);
  return hasForgotten ? countedOf(ports.sql, agentId, session) : undefined;
}

function newsOfSession(rig: Rig, agent: AgentSnapshot): Fact[] {
  const { session: known, hook } = agent.context;
  const session = sightingOf(rig, agent)?.session;
  const isKnown = known?.driver === session?.driver && known?.id === session?.id && known?.beadId === hook;
  if (session === undefined || hook === null || isKnown) return [];
  return [{ type: "agent.session", ...dispatchOf(agent), driver: session.driver, session: session.id }];
}

/** @param granularity_ms no more often than this; 0 at the end of a dispatch */
export function newsOfUsage(rig: Rig, agent: AgentSnapshot, granularity_ms: number): Fact[] {
  const { usage: used, shown, head, isAtDoor } = sightingOf(rig, agent) ?? {};
  const { usage, dispatchBead, atDoor } = agent.context;
  const since_ms = rig.ports.now() - (usage?.at ?? 0);
  // A clock that was put back keeps nothing from being counted.
  if (used === undefined || (since_ms >= 0 && since_ms < granularity_ms)) return [];
  const known =
    usage?.beadId === dispatchBead ? usage.sessions.find(({ session }) => session === used.session) : undefined;
  const isKnown =
    known !== undefined &&
    known.inputTokens >= used.input_tokens &&
    known.outputTokens >= used.output_tokens &&
    (known.costMicrodollars ?? 0) >= (used.cost_microdollars ?? 0);
  if (isKnown) return [];
  const whatItShows = { ...(shown === undefined ? {} : { shown }), ...(head === undefined ? {} : { head }) };
  const counted = forgottenOf(rig, agent.context.id, used.session);
  return [
    {
      ...usageFact(dispatchOf(agent), used),
      ...whatItShows,
      ...(counted === undefined ? {} : { counted }),
      // As long as the rig has not looked, it is what it was when somebody did.
      ...((isAtDoor ?? atDoor === true) ? { atDoor: true } : {}),
    },
  ];
}

const usageFact = (of: { agentId: string; dispatchId: string }, used: Usage): FactOf<"agent.usage"> =>
  ({
    type: "agent.usage",
    ...of,
    session: used.session,
    inputTokens: used.input_tokens,
    cachedTokens: used.cached_tokens,
    outputTokens: used.output_tokens,
    model: used.model,
    costMicrodollars: used.cost_microdollars,
    ...(used.runtime === undefined ? {} : { runtime: used.runtime }),
  }) as FactOf<"agent.usage">;

/** What was used and is in no fact yet, when an end is reported by somebody who may. @param said what comes with the end */
export function tellLastUsage(
  rig: Rig,
  agentId: string,
  caller: Caller,
  said: { readonly dispatchId: string | null; readonly usage?: Usage | undefined; readonly isUnheard?: boolean },
): void {
  const agent = rig.world.agents.get(agentId);
  if (agent === undefined || forbidden(rig.world, { type: "heard", agentId, dispatchId: null }, caller) !== null)
    return;
  const of = said.dispatchId ?? caller.dispatchId;
  const n = of === null ? null : dispatchNumber(agent.context.id, of);
  if (said.usage !== undefined && n === agent.context.dispatchN) see(rig, agent, { usage: said.usage }, "agent");
  const isOlder = said.usage !== undefined && of !== null && n !== null && n < agent.context.dispatchN;
  const news = isOlder ? newsOfOlder(rig, agentId, of, said.usage) : newsOfUsage(rig, agent, 0);
  const isLast = of !== null && said.isUnheard !== true && isIncomplete(rig.ports.sql, of);
  const told: Fact[] = isLast ? [...news, { type: "spend.completed", agentId, dispatchId: of }] : news;
  if (told.length > 0) commit(rig, told);
}

/** A wait for the model that lasts, or that has ended. */
function newsOfWaiting(rig: Rig, agent: AgentSnapshot): Fact[] {
  const seen = sightingOf(rig, agent);
  if (seen?.waiting === undefined || !isRunning(agent)) return [];
  const { waiting: known, id } = agent.context;
  const { waiting } = seen;
  const of = { agentId: id, dispatchId: dispatchOf(agent).dispatchId };
  const now = rig.ports.now();
  if (waiting === null)
    return known === undefined ? [] : [{ type: "agent.waiting", ...of, for: null, since: now, until: null }];
  const lasts_ms = Math.max(now - waiting.since, (waiting.until ?? now) - now);
  if (lasts_ms < LIMITS.waiting_told_after_ms) return [];
  const isKnown =
    known !== undefined &&
    (known.isOver || waiting.until === null || Math.abs(known.until - waiting.until) < LIMITS.waiting_told_after_ms);
  return isKnown ? [] : [{ type: "agent.waiting", ...of, for: "model", ...waiting }];
}

function newsOfSilence(rig: Rig, agent: AgentSnapshot, seen: Sighting): Fact[] {
  const { told, hasProgressed, progressAt } = agent.context;
  const { settings } = rig.world.rig.context;
  if (!seen.isSilent || told !== undefined || hasProgressed === true || progressAt === null) return [];
  return rig.ports.now() - progressAt < watchOf(settings).first_output_ms
    ? []
    : [{ type: "agent.silent", ...dispatchOf(agent) }];
}
