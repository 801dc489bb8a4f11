import type { Level, NeedCode } from "../events/needs.ts";
import type { StopClass } from "../events/train.ts";
import type { Draft } from "./needs.ts";
import type { World } from "./world.ts";

const OF_TROUBLE: Record<StopClass, NeedCode> = {
  place: "queue_parked",
  target: "target_red",
  container: "no_trains",
  passing: "queue_waits",
};

/** The need of a cause; made when it is the first that is heard of it. */
export type Of = (key: string, code: NeedCode, level: Level, since?: number | null) => Draft;

/** What is in the way of every review, and the reviews that wait for a person's word. */
export function ofQueue(world: World, of: Of): void {
  const trouble = world.queue?.context.trouble ?? null;
  if (trouble !== null && (trouble.class !== "passing" || trouble.told) && !world.broken.has("queue:queue")) {
    const code = OF_TROUBLE[trouble.class];
    const need = of(code, code, trouble.class === "passing" ? "soon" : "now", trouble.since);
    need.until = trouble.retryAt;
    need.values = { code: trouble.code, words: trouble.words };
    for (const id of world.index.queued) {
      const beadId = world.reviews.get(id)?.context.beadId;
      if (beadId !== undefined) need.waiting.add(beadId);
    }
  }
  for (const { value, context } of world.reviews.values()) {
    if ((value !== "held" && value !== "unapproved") || world.broken.has(`review:${context.id}`)) continue;
    const need =
      value === "held"
        ? of("review_held", "review_held", "know", context.updatedAt)
        : of(`approval:${context.id}`, "approval", "now", context.updatedAt);
    need.reviews.add(context.id);
    need.beads.add(context.beadId);
    if (value === "unapproved")
      need.values = {
        files: (context.protected?.files ?? []).slice(0, 5).join(", "),
        tree: context.protected?.tree ?? "",
      };
  }
}
