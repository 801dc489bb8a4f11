import { dispatchNumber } from "../../events/dispatch-id.ts";
import { estimate, usedText, type Used } from "../../events/budget.ts";
import type { EffectOf } from "../../events/effects.ts";
import { clip, type FactOf } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import { rulesAtLeast } from "../../events/rules.ts";
import { budgetOf, isAnythingCapped, type Settings } from "../../events/settings.ts";
import { expect, type MachineEvent } from "../event.ts";
import { newest, type AgentContext } from "./context.ts";

/**
 * What an agent's conversations have used, as it is counted: reports are cumulative per conversation, so that one which is late, doubled or
 * out of order adds nothing, and one that is lost is made up for by the next.
 */

/** The most that was ever told of a conversation. */
export interface Counted extends Used {
  readonly session: string;
  /** As reported, or by the rig's prices. Null: nobody knows. */
  readonly costMicrodollars: number | null;
}

/** Which dispatch reports: the newest one, or one before it. */
const isOfIts = (context: AgentContext, event: MachineEvent): boolean => {
  const n = dispatchNumber(context.id, expect(event, "agent.usage").dispatchId);
  return n !== null && n <= context.dispatchN;
};

const isNewest = (context: AgentContext, event: MachineEvent): boolean =>
  dispatchNumber(context.id, expect(event, "agent.usage").dispatchId) === context.dispatchN;

/** What was counted of the conversation that is told of: as the agent remembers it, or, of one that it has forgotten, as the ledger says. */
function known({ counted = [] }: AgentContext, event: MachineEvent): Counted | undefined {
  const { session, counted: before } = expect(event, "agent.usage");
  return counted.find((one) => one.session === session) ?? (before === undefined ? undefined : { session, ...before });
}

/**
 * What it has cost since it was counted last, by the prices of now and of the model that is told now: what was counted by others stays as it
 * was. Null: there is no such price. What had no price until now is estimated with it.
 */
function estimatedSince(context: AgentContext, event: MachineEvent): number | null {
  const told = expect(event, "agent.usage");
  const before = known(context, event);
  const from = before === undefined || before.costMicrodollars === null ? NOTHING_USED : before;
  const since = (now: number, then: number): number => Math.max(0, now - then);
  const used: Used = {
    inputTokens: since(told.inputTokens, from.inputTokens),
    cachedTokens: since(told.cachedTokens, from.cachedTokens),
    outputTokens: since(told.outputTokens, from.outputTokens),
  };
  return estimate(used, told.model, budgetOf(event.settings).prices);
}
const NOTHING_USED: Used = { inputTokens: 0, cachedTokens: 0, outputTokens: 0 };

function most(context: AgentContext, event: MachineEvent): Counted {
  const told = expect(event, "agent.usage");
  const before = known(context, event);
  const costBefore = before?.costMicrodollars ?? null;
  const estimated = estimatedSince(context, event);
  const cost = told.costMicrodollars ?? (estimated === null ? null : (costBefore ?? 0) + estimated);
  return {
    session: told.session,
    inputTokens: Math.max(told.inputTokens, before?.inputTokens ?? 0),
    cachedTokens: Math.max(told.cachedTokens, before?.cachedTokens ?? 0),
    outputTokens: Math.max(told.outputTokens, before?.outputTokens ?? 0),
    costMicrodollars: cost === null || costBefore === null ? (cost ?? costBefore) : Math.max(cost, costBefore),
  };
}

/** What it tells is more than was ever counted of its conversation. */
export function addsSpend(context: AgentContext, event: MachineEvent): boolean {
  if (!isOfIts(context, event)) return false;
  const before = known(context, event);
  const now = most(context, event);
  return (
    now.inputTokens > (before?.inputTokens ?? 0) ||
    now.outputTokens > (before?.outputTokens ?? 0) ||
    (now.costMicrodollars ?? 0) > (before?.costMicrodollars ?? 0)
  );
}

/** The newest conversations, across its beads. */
export function withCounted(context: AgentContext, event: MachineEvent): Partial<AgentContext> {
  const now = most(context, event);
  const others = (context.counted ?? []).filter(({ session }) => session !== now.session);
  const { atDoor } = expect(event, "agent.usage");
  return {
    ...(isNewest(context, event) && context.meteredAt !== undefined ? { meteredAt: event.at } : {}),
    counted: [...others, now].slice(-LIMITS.sessions_remembered),
    ...(isNewest(context, event) && (atDoor === true || "atDoor" in context)
      ? { atDoor: atDoor === true || undefined }
      : {}),
  };
}

/** What was used since the conversation was counted last. */
export function spentSince(context: AgentContext, event: MachineEvent): Omit<FactOf<"spend.counted">, "type"> {
  const { agentId, dispatchId, session, model, runtime, workedOn, costMicrodollars } = expect(event, "agent.usage");
  const before = known(context, event);
  const now = most(context, event);
  const isPriced = costMicrodollars !== null || estimatedSince(context, event) !== null;
  return {
    agentId,
    dispatchId,
    beadId: isNewest(context, event) ? context.dispatchBead : (workedOn ?? null),
    session,
    runtime: runtime ?? null,
    model,
    inputTokens: now.inputTokens - (before?.inputTokens ?? 0),
    cachedTokens: now.cachedTokens - (before?.cachedTokens ?? 0),
    outputTokens: now.outputTokens - (before?.outputTokens ?? 0),
    costMicrodollars:
      isPriced && now.costMicrodollars !== null ? now.costMicrodollars - (before?.costMicrodollars ?? 0) : null,
    estimated: costMicrodollars === null && isPriced,
  };
}

/** Nobody was there to say its last words, or nobody will hear them: its process is gone, or did not end when it was asked to, or its agent is. */
const isUnsaid = (event: MachineEvent): boolean =>
  event.type === "TICK" ||
  event.type === "rig.imported" ||
  event.type === "agent.deleted" ||
  (event.type === "agent.exited" && (event.outcome === "gone" || event.unheard === true));

type Unsaid = Omit<FactOf<"spend.incomplete">, "type">;

/** The conversation of its newest dispatch, whose process has not ended as far as anybody knows. From rules 2 on. */
function underWay(context: AgentContext, event: MachineEvent): Unsaid | null {
  const { heard, session, usage, dispatchBead: beadId, exit, program } = context;
  const told = usage?.beadId === beadId ? usage.sessions.at(-1)?.session : undefined;
  const id = session?.beadId === beadId ? session.id : told;
  if (id === undefined || !heard || exit !== null || !rulesAtLeast(event.ruleSet, 2)) return null;
  const of = { agentId: context.id, dispatchId: newest(context), beadId };
  return { ...of, session: id, runtime: program ?? session?.driver ?? null };
}

/** Its conversation, where it has ended without its last words. */
export function unsaid(context: AgentContext, event: MachineEvent): Unsaid[] {
  const conversation = isUnsaid(event) ? underWay(context, event) : null;
  return conversation === null ? [] : [conversation];
}

/** The conversation that it is through with, and whose process has not ended: what was counted is not all of it before its end is told. */
export function awaited(context: AgentContext, event: MachineEvent): Unsaid[] {
  const conversation = underWay(context, event);
  return conversation === null ? [] : [conversation];
}

/** A stretch of work without a commit, a checkpoint or a tool that ended as none had before. */
export interface Stretch {
  /** Used in it, in and out. */
  readonly tokens: number;
  /** How many new ends of tools its newest dispatch had told of, and its newest own commit, when it began. */
  readonly shown: number;
  readonly head?: string | undefined;
  /** A person was told of it. */
  readonly isTold?: true | undefined;
}

/** The stretch with what is told now: one that shows something begins another. */
function stretchAfter(context: AgentContext, event: MachineEvent): Stretch {
  const { shown = 0, head } = expect(event, "agent.usage");
  const { stretch = { tokens: 0, shown: 0 } } = context;
  if (shown > stretch.shown || (head !== undefined && head !== stretch.head))
    return { tokens: 0, shown, ...(head === undefined ? {} : { head }) };
  const { inputTokens, outputTokens } = spentSince(context, event);
  return { ...stretch, tokens: stretch.tokens + inputTokens + outputTokens };
}

/** From rules 2 on it is remembered for how long its bead has nothing to show for what is spent. */
export const withStretch = (context: AgentContext, event: MachineEvent): Partial<AgentContext> =>
  context.hook === null || !rulesAtLeast(event.ruleSet, 2) ? {} : { stretch: stretchAfter(context, event) };

/** It has used so much without anything to show that a person is to know, who was not told yet. */
export function isFruitless(context: AgentContext, event: MachineEvent): boolean {
  const most = budgetOf(event.settings).fruitless_tokens;
  if (most === null || context.hook === null || !rulesAtLeast(event.ruleSet, 2)) return false;
  const { tokens, isTold } = stretchAfter(context, event);
  return isTold === undefined && tokens >= most;
}

/** A checkpoint is something to show; the same one again is no fact. */
export const shownBy = ({ stretch }: AgentContext): Partial<AgentContext> =>
  stretch === undefined ? {} : { stretch: { ...stretch, tokens: 0, isTold: undefined } };

/** Its next dispatch counts its tools from the beginning. */
export const stretchOfNext = ({ stretch }: AgentContext): Partial<AgentContext> =>
  stretch === undefined ? {} : { stretch: { ...stretch, shown: 0 } };

export const alertFruitless = (context: AgentContext, event: MachineEvent): Omit<EffectOf<"notify">, "kind"> => ({
  key: `${newest(context)}:fruitless:${event.seq}`,
  severity: "warning",
  title: clip(`${context.name} spends and has nothing to show`, LIMITS.title_chars),
  text: clip(
    `${usedText({ tokens: stretchAfter(context, event).tokens, microdollars: 0 })} since its last commit, checkpoint or tool that ended as none had before. It may be going in circles. It goes on: look at what it does, write to it, or unhook it.`,
  ),
  beadId: context.hook,
});

/** Something is capped, and nobody waits yet to be told what it uses. */
export const needsMeter = ({ meteredAt }: AgentContext, event: MachineEvent): boolean =>
  meteredAt === undefined && isAnythingCapped(event.settings);

/** When who tells nothing of what it uses is stopped, ms; who waits for its model uses nothing. Null: nothing is capped. */
export function meterDeadline({ meteredAt, progressAt, waiting }: AgentContext, settings: Settings): number | null {
  if (!isAnythingCapped(settings)) return null;
  if (meteredAt === undefined) return progressAt;
  return waiting === undefined ? meteredAt + budgetOf(settings).unmetered_ms : null;
}
