import type { EffectOf } from "../../events/effects.ts";
import { clip } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import { watchOf } from "../../events/settings.ts";
import { rulesAtLeast } from "../../events/rules.ts";
import { expect, type MachineEvent } from "../event.ts";
import { busyFor, newest, type AgentContext } from "./context.ts";
import { minutes } from "./says.ts";

/**
 * The two clocks of an agent that runs. Progress is what it has to show: a tool that ended, new words, a checkpoint, a commit. Activity
 * is that it does anything at all. Who is idle is reminded, told of and restarted; who is busy without progress is told of and left alone.
 */

/** The clocks of a dispatch that has not begun. */
export const noClocks = (context: AgentContext): Partial<AgentContext> => ({
  ...("preparing" in context ? { preparing: undefined } : {}),
  ...("hasProgressed" in context ? { hasProgressed: undefined } : {}),
  ...("activeAt" in context ? { activeAt: undefined } : {}),
  ...("told" in context ? { told: undefined } : {}),
  ...("waiting" in context ? { waiting: undefined } : {}),
  ...("failedStart" in context ? { failedStart: undefined } : {}),
  ...("takesNoMessages" in context ? { takesNoMessages: undefined } : {}),
  ...("meteredAt" in context ? { meteredAt: undefined } : {}),
});

/** It has something to show. From rules 2 on that is kept apart from a clock that was only started. */
export const proved = (context: AgentContext, event: MachineEvent, at: number): Partial<AgentContext> => ({
  progressAt: context.progressAt === null ? null : Math.max(at, context.progressAt),
  ...(rulesAtLeast(event.ruleSet, 2) ? { hasProgressed: true as const } : {}),
  ...("told" in context ? { told: undefined } : {}),
  ...("waiting" in context ? { waiting: undefined } : {}),
  ...("limited" in context ? { limited: undefined } : {}),
});

/** Never later than the news of it, whatever the container's clock says. */
const notAfter = (event: MachineEvent, at: number): number => Math.min(at, event.at);

/** It makes progress again, as its container tells. */
export const isProgressNews = ({ progressAt, waiting }: AgentContext, event: MachineEvent): boolean => {
  const seen = expect(event, "agent.observed").progressAt;
  return (
    progressAt !== null &&
    seen !== null &&
    notAfter(event, seen) > progressAt &&
    (waiting === undefined || notAfter(event, seen) > waiting.since)
  );
};

/** It does anything, later than was known. */
export const isActivityNews = ({ progressAt, activeAt = 0 }: AgentContext, event: MachineEvent): boolean => {
  const seen = expect(event, "agent.observed").activeAt;
  return progressAt !== null && seen !== null && notAfter(event, seen) > Math.max(progressAt, activeAt);
};

/** What is seen now happened so long ago that it ends no silence: who was reminded of it meanwhile is not reminded again. */
export const isLateNews = (event: MachineEvent): boolean => {
  const { progressAt, activeAt } = expect(event, "agent.observed");
  return event.at - notAfter(event, Math.max(progressAt ?? 0, activeAt ?? 0)) >= event.settings.gupp_check_ms;
};

export const observedProgress = (context: AgentContext, event: MachineEvent): Partial<AgentContext> => {
  const seen = expect(event, "agent.observed");
  return {
    ...proved(context, event, notAfter(event, seen.progressAt ?? 0)),
    ...observedActivity(context, event),
  };
};

export const observedActivity = (context: AgentContext, event: MachineEvent): Partial<AgentContext> => {
  const seen = expect(event, "agent.observed").activeAt;
  if (seen === null) return {};
  return {
    activeAt: Math.max(notAfter(event, seen), context.activeAt ?? 0),
    ...(context.told === "silent" ? { told: undefined } : {}),
  };
};

/** Until when its clocks stand still for its model: what it says itself, within a day; or as long as the rig waits. */
export function waitFor(context: AgentContext, event: MachineEvent): Partial<AgentContext> {
  const { since, until } = expect(event, "agent.waiting");
  const from = notAfter(event, since);
  const last = until === null ? from + watchOf(event.settings).model_wait_ms : until;
  return { waiting: { since: from, until: Math.min(last, from + LIMITS.model_wait_max_ms), isOver: false } };
}

/** Its model has not answered by then. From now on its clocks go on. */
export const waitIsOver = ({ waiting }: AgentContext, event: MachineEvent): Partial<AgentContext> => ({
  waiting: waiting && { ...waiting, isOver: true },
  activeAt: event.at,
});

export const isBusyForLong = (context: AgentContext, event: MachineEvent): boolean =>
  context.told !== "busy" &&
  context.expectMs === undefined &&
  busyFor(context, event) >= watchOf(event.settings).busy_told_ms;

export const isBusyForTooLong = (context: AgentContext, event: MachineEvent): boolean =>
  context.expectMs !== undefined && busyFor(context, event) >= context.expectMs;

type Alert = Omit<EffectOf<"notify">, "kind">;

const alert = (context: AgentContext, { seq }: MachineEvent, what: string, title: string, text: string): Alert => ({
  key: `${newest(context)}:${what}:${seq}`,
  severity: "warning",
  title: clip(title, LIMITS.title_chars),
  text: clip(text),
  beadId: context.hook,
});

export const alertBusy = (context: AgentContext, event: MachineEvent): Alert =>
  alert(
    context,
    event,
    "busy",
    `${context.name} is busy without progress`,
    `For ${minutes(busyFor(context, event))} minutes it has ended no tool, said nothing new and saved nothing, but it does something. It is left alone: look at what it does, or unhook it.`,
  );

export const alertSilent = (context: AgentContext, event: MachineEvent): Alert =>
  alert(
    context,
    event,
    "silent",
    `${context.name} has said nothing since its start`,
    "Its process runs and has not printed a line. Perhaps it waits for input that never comes.",
  );

export const alertModel = (context: AgentContext, event: MachineEvent): Alert =>
  alert(
    context,
    event,
    "model",
    `the model of ${context.name} does not answer`,
    `It has waited for its model for ${minutes(event.at - (context.waiting?.since ?? event.at))} minutes. Its clocks go on from now.`,
  );

export const alertUnseen = (context: AgentContext, event: MachineEvent): Alert =>
  alert(
    context,
    event,
    "hand_in",
    `nobody looks at what ${context.name} handed in`,
    `The container does not answer: ${expect(event, "hand_in.unanswered").error}. It is asked again.`,
  );
