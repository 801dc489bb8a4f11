import type { EffectOf } from "../events/effects.ts";
import { clip, type Fact } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { messageRefused } from "./driver.ts";
import type { Answer } from "./ports.ts";

/** What an answer to something means that was only said: to a process, to the container, or to a person. */

export const KNOWS_NO_SUCH_THING: Answer = { kind: "refused", status: 404, error: "this container has no such list" };

/** It was refused; or its agent reads nothing, however often it is tried (429). */
const isKnownUnheard = (answer: Exclude<Answer, { kind: "accepted" }>): boolean =>
  answer.kind === "refused" || answer.status === 429;

type Said =
  | EffectOf<"container.stop">
  | EffectOf<"container.message">
  | EffectOf<"container.clear">
  | EffectOf<"notify">;

/** Of what was only said, nothing comes but that it could not be. */
export function saidFacts(effect: Said, answer: Answer, attempts: number): Fact[] | "retry" {
  if (effect.kind === "container.message" && answer.kind === "accepted" && answer.isHeld === true)
    return [messageRefused(effect, "it is kept until its turn is over")];
  // 404 of a stop: there is nothing to stop; of a clearing: it is another container by now, which has no such list either.
  const isNothing = effect.kind === "container.stop" || effect.kind === "container.clear";
  if (answer.kind === "accepted" || (isNothing && answer.kind === "refused" && answer.status === 404)) return [];
  if (answer.kind === "unknown" && attempts < LIMITS.effect_attempts) return "retry";
  const error = answer.kind === "refused" ? `HTTP ${answer.status}: ${answer.error}` : answer.error;
  return [
    {
      type: "effect.failed",
      key: effect.key,
      kind: effect.kind,
      agentId: "agentId" in effect ? effect.agentId : null,
      error: clip(error),
      attempts,
    },
    ...(effect.kind === "container.message" && isKnownUnheard(answer) ? [messageRefused(effect, answer.error)] : []),
  ];
}
