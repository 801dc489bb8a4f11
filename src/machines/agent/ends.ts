import { clip } from "../../events/facts.ts";
import { rulesAtLeast } from "../../events/rules.ts";
import { expect, type MachineEvent } from "../event.ts";
import type { AgentContext } from "./context.ts";
import { hasNewCommit } from "./guards.ts";

/** How dispatches end, and what takes their charges away again. */

/** Whom the rig itself stopped for money ended over its budget, whatever its process said. */
const STOPPED_FOR_MONEY: Readonly<Record<string, string>> = {
  capped: "its bead has spent what it may",
  unmetered: "it told nothing of what it uses, and its rig has a cap",
};

/** It was the rig that ended it for money, and not its own program that said so. */
export const isStoppedForMoney = ({ exit }: AgentContext): boolean =>
  Object.values(STOPPED_FOR_MONEY).includes(exit?.reason ?? "");

/** How its newest dispatch ended. */
function exitOf(
  { failedStart, heard, stopReason }: AgentContext,
  event: MachineEvent,
): NonNullable<AgentContext["exit"]> {
  const { at } = event;
  if (event.type === "rig.imported") return { outcome: "evicted", reason: "the rig was brought back from a file", at };
  const money = STOPPED_FOR_MONEY[stopReason ?? ""];
  if (money !== undefined) return { outcome: "over_budget", reason: money, at };
  if (event.type === "agent.exited" && event.outcome === "gone" && failedStart !== undefined && !heard)
    return { outcome: "refused", reason: failedStart, at };
  if (event.type === "agent.exited") {
    const { outcome, reason, ending, runtime } = event;
    return {
      outcome,
      reason,
      at,
      ...(ending === undefined ? {} : { ending }),
      ...(runtime === undefined ? {} : { runtime }),
    };
  }
  if (event.type === "work.lost") return { outcome: "evicted", reason: event.reason, at };
  if (event.type !== "start.refused") return { outcome: "lease_over", reason: "not heard from within its lease", at };
  const reason = clip(`HTTP ${event.status}: ${event.error}`);
  return { outcome: "refused", reason, at, ...(event.input === true ? { input: true } : {}) };
}

/** Ends of which the next one may well be the same, since nothing but the work and its program had a part in them. */
const OF_THE_PROGRAM: ReadonlySet<NonNullable<AgentContext["exit"]>["outcome"]> = new Set([
  "failed",
  "completed",
  "refused",
]);

/** How often it has ended like this in a row, before it had anything to show. */
function endsAfter(
  { ends, hasProgressed, hook, handIn, dispatchN }: AgentContext,
  { outcome, reason }: NonNullable<AgentContext["exit"]>,
  event: MachineEvent,
): Pick<AgentContext, "ends"> {
  if (!rulesAtLeast(event.ruleSet, 2) || hook === null || !OF_THE_PROGRAM.has(outcome)) return {};
  // Who has handed something in has something to show; and an end that is told twice is one.
  if (handIn !== undefined || ends?.dispatchN === dispatchN) return {};
  if (hasProgressed === true) return ends === undefined ? {} : { ends: undefined };
  return { ends: { reason, count: ends?.reason === reason ? ends.count + 1 : 1, dispatchN } };
}

/** Equal ends in a row, before there was anything to show, after which the next one will hardly be another. */
const ALIKE = 2;

/** It has ended in the same way again, and its newest dispatch has had nothing to show so far (vibe-kanban#809). */
export const isEndingAlike = ({ ends, hook, hasProgressed }: AgentContext): boolean =>
  ends !== undefined && ends.count >= ALIKE && hook !== null && hasProgressed !== true;

/** What is remembered of an end. */
export function ended(context: AgentContext, event: MachineEvent): Partial<AgentContext> {
  const exit = exitOf(context, event);
  // A conversation that is too long is no help to the next dispatch.
  const isFull = exit.ending === "context_full" && "session" in context;
  return {
    exit,
    ...endsAfter(context, exit, event),
    ...(isFull ? { session: undefined } : {}),
    leaseUntil: null,
    progressAt: null,
    stopUntil: null,
    stopReason: null,
  };
}

/** What a reset is owed to: a new commit, or a checkpoint alone. By rules 1 nobody asked. */
export const resetBy = (context: AgentContext, event: MachineEvent): { head?: string; note?: true } => {
  if (!rulesAtLeast(event.ruleSet, 2)) return {};
  const { head } = expect(event, "agent.checkpointed");
  return head !== undefined && hasNewCommit(context, event) ? { head } : { note: true };
};

export const resetsAfter = (context: AgentContext, event: MachineEvent): NonNullable<AgentContext["resets"]> => {
  const { notes = 0, head: last = null } = context.resets ?? {};
  const { head, note } = resetBy(context, event);
  return { notes: notes + (note === true ? 1 : 0), head: head ?? last };
};

/** Whether an answer is for something that was asked with an id, so that its driver takes it. */
export const isAskAnswered = (event: MachineEvent): boolean => expect(event, "agent.answered").askId !== undefined;
