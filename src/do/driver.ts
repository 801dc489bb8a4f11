import type { EffectOf } from "../events/effects.ts";
import { clip, type Fact, type Role } from "../events/facts.ts";
import { runtimeFor } from "../events/programs.ts";
import type { Settings } from "../events/settings.ts";
import { cleanText } from "../wire/text.ts";
import type { Answer } from "./ports.ts";
import type { BeadContent } from "./shapes.ts";

/** What a start says to the driver of an agent's program, and what becomes of answers that it was given. */

/** Which program and which model: as the bead says, its agent's role, the rig; or whatever the container has. */
export function programOf(
  settings: Settings,
  role: Role,
  bead: { readonly runtime?: string; readonly model?: string },
  { metadata }: BeadContent,
  granted: Pick<EffectOf<"container.start">, "runtime" | "model"> = {},
): { model: string; runtime?: string } {
  const ofRole = settings.programs?.[role];
  const runtime = granted.runtime ?? runtimeFor(settings, role, bead);
  const named = typeof metadata["model"] === "string" ? metadata["model"] : undefined;
  const usual = granted.runtime === undefined ? (ofRole?.model ?? settings.model) : granted.model;
  const model = bead.model ?? named ?? usual ?? "default";
  return { model: cleanText(model), ...(runtime === undefined ? {} : { runtime }) };
}

export const NOBODY_WAITS: Answer = { kind: "refused", status: 404, error: "this container takes no answers" };

/** What nobody waited for goes the way of a message and a letter. */
export function answerFacts(effect: EffectOf<"container.answer">, answer: Answer): Fact[] {
  if (answer.kind === "accepted") return [];
  const { agentId, dispatchId, askId, text, by } = effect;
  return [{ type: "answer.missed", agentId, dispatchId, askId, answer: text, by, error: clip(answer.error) }];
}

/** A start that was taken; without a process yet where its clone is still being made. */
export const startAccepted = (
  { agentId, dispatchId }: EffectOf<"container.start">,
  { isPreparing }: Extract<Answer, { kind: "accepted" }>,
): Fact => ({
  type: "start.accepted",
  agentId,
  dispatchId,
  ...(isPreparing === true ? { preparing: true as const } : {}),
});

/** The container's own word for its own failure: what stands before it may answer with other numbers of 500, and knows less. */
const FAILED = 500;

/** A start of which nobody knows whether it was taken, or that the container itself says has failed. */
export const startUnknown = (
  { agentId, dispatchId }: EffectOf<"container.start">,
  { error, status }: Extract<Answer, { kind: "unknown" }>,
): Fact => ({ type: status === FAILED ? "start.failed" : "start.unknown", agentId, dispatchId, error: clip(error) });

/** Nothing of it has reached the agent, and nothing of it is counted as sent. */
export const messageRefused = ({ agentId, dispatchId }: EffectOf<"container.message">, error: string): Fact => ({
  type: "message.refused",
  agentId,
  dispatchId,
  error: clip(error),
});
