import { dispatchNumber } from "../../events/dispatch-id.ts";
import { estimate, type Used } from "../../events/budget.ts";
import type { FactOf } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import { budgetOf, isAnythingCapped, type Settings } from "../../events/settings.ts";
import { expect, type MachineEvent } from "../event.ts";
import type { AgentContext } from "./context.ts";

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

const known = ({ counted = [] }: AgentContext, event: MachineEvent): Counted | undefined =>
  counted.find(({ session }) => session === expect(event, "agent.usage").session);

function most(context: AgentContext, event: MachineEvent): Counted {
  const told = expect(event, "agent.usage");
  const before = known(context, event);
  const cost = told.costMicrodollars ?? estimate(told, told.model, budgetOf(event.settings).prices);
  const costBefore = before?.costMicrodollars ?? null;
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
    costMicrodollars: now.costMicrodollars === null ? null : now.costMicrodollars - (before?.costMicrodollars ?? 0),
    estimated: costMicrodollars === null && now.costMicrodollars !== null,
  };
}

/** Something is capped, and nobody waits yet to be told what it uses. */
export const needsMeter = ({ meteredAt }: AgentContext, event: MachineEvent): boolean =>
  meteredAt === undefined && isAnythingCapped(event.settings);

/** When who tells nothing of what it uses is stopped, ms; who waits for its model uses nothing. Null: nothing is capped. */
export function meterDeadline({ meteredAt, progressAt, waiting }: AgentContext, settings: Settings): number | null {
  if (!isAnythingCapped(settings)) return null;
  if (meteredAt === undefined) return progressAt;
  return waiting === undefined ? meteredAt + budgetOf(settings).unmetered_ms : null;
}
