import type { ReviewSnapshot } from "../../../src/machines/review.ts";
import type { IconName } from "../ui/icons.tsx";
import type { Tone } from "../ui/parts.tsx";

/** Where a branch is on its way to the target, and when it may be there. */

export interface Step {
  readonly word: string;
  readonly icon: IconName;
  readonly tone: Tone;
}
const STEPS: Record<string, Step> = {
  running: { word: "Merging", icon: "merge", tone: "good" },
  boarded: { word: "Checks", icon: "work", tone: "busy" },
  pending: { word: "In line", icon: "clock", tone: "plain" },
  held: { word: "Held", icon: "pause", tone: "plain" },
  unapproved: { word: "Needs approval", icon: "merge", tone: "violet" },
  handed_over: { word: "Handed over", icon: "right", tone: "plain" },
};
export const stepOf = ({ value }: ReviewSnapshot): Step =>
  STEPS[String(value)] ?? { word: String(value).replaceAll("_", " "), icon: "clock", tone: "plain" };

/** When something of the train is there, as far as the last trains tell, ms; null: nobody knows. */
export function etaOf(
  review: Pick<ReviewSnapshot, "value">,
  departedAt: number | null,
  train_ms: number | null,
  now: number,
): number | null {
  if (train_ms === null) return null;
  if (review.value === "boarded") return (departedAt ?? now) + train_ms;
  if (review.value !== "pending") return null;
  return (departedAt === null ? now : departedAt + train_ms) + train_ms;
}
