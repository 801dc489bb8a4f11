/** What a coding agent is told by Ticktown itself. Pure. */
import type { StartAgentRequest } from "../../../src/wire/container.ts";
import { CHECKPOINT_TOLD_MAX_CHARS } from "../../limits.ts";

/** @param hasTools whether it can call Ticktown's tools, or is handed in when it stops */
export const nudgeOf = (hasTools: boolean): string =>
  hasTools
    ? "You have stopped without calling the tool gt_done. If your work is finished and committed, call it now. If you need a person's answer, call gt_ask. If not, go on."
    : "You have stopped, and nothing could be handed in. If your work is finished, commit it and stop. If not, go on.";

export interface Told {
  readonly request: Pick<StartAgentRequest, "systemPrompt" | "checkpoint">;
  /** With what was set aside. */
  readonly prompt: string;
  /** It remembers what was before. */
  readonly resumed: boolean;
  /** The system prompt is told in another way. */
  readonly knowsSystemPrompt: boolean;
  readonly hasTools: boolean;
}

export function firstPromptOf({ request, prompt, resumed, knowsSystemPrompt, hasTools }: Told): string {
  if (resumed)
    return [
      "You were interrupted, and this is the conversation that you were in. Look at what is there (git status, git log), and go on from where you were.",
      `Your task, as it stands now:\n${prompt}`,
    ].join("\n\n");
  const parts = [
    ...(knowsSystemPrompt || request.systemPrompt === "" ? [] : [request.systemPrompt]),
    prompt,
    ...noteOf(request.checkpoint),
    hasTools
      ? "When your work is finished and committed, call the tool gt_done with a summary, and stop."
      : "When your work is finished, commit it and stop: it is handed in then.",
  ];
  return parts.join("\n\n");
}

/** What was saved last, for a conversation that does not remember it. */
function noteOf(checkpoint: unknown): string[] {
  if (checkpoint === undefined || checkpoint === null) return [];
  const text = typeof checkpoint === "string" ? checkpoint : JSON.stringify(checkpoint);
  return [`You have worked on this before, and saved this note:\n${text.slice(0, CHECKPOINT_TOLD_MAX_CHARS)}`];
}
