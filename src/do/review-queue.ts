import type * as z from "zod";
import { canTrain, inLine } from "../core/train/depart.ts";
import { LIMITS } from "../events/limits.ts";
import type { ReviewSnapshot } from "../machines/review.ts";
import type { ReviewQueue } from "../wire/queue.ts";
import { redactor } from "./needs.ts";
import type { Rig } from "./rig.ts";
import { iso, isoOrNull, type BeadContent } from "./shapes.ts";
import { readContent } from "./store.ts";
import { trainId } from "./train.ts";

type Answer = z.infer<typeof ReviewQueue>;

/** The merge queue for people: who is on the train, who waits and why, without the rig's secrets. */
export function reviewQueue(rig: Rig): Answer {
  const { world, ports } = rig;
  const redact = redactor(ports.sql);
  const line = inLine(world).map(({ context }) => context.id);
  const positions = new Map(line.map((id, i) => [id, i + 1]));
  const suspects = new Set(world.queue?.context.known.suspects ?? []);
  const shown = (review: ReviewSnapshot): Answer["reviews"][number] => {
    const { id, beadId, branch, jumpedAt, message, protected: waits } = review.context;
    return {
      id,
      bead_id: beadId,
      title: redact(readContent<BeadContent>(ports.sql, "bead", beadId)?.title ?? beadId),
      branch,
      state: String(review.value),
      position: positions.get(id) ?? null,
      jumped: jumpedAt !== undefined,
      suspected: suspects.has(id),
      message: message === null ? null : redact(message),
      files: [...(waits?.files ?? [])],
      tree: waits?.tree ?? null,
    };
  };
  const { trouble = null } = world.queue?.context ?? {};
  return {
    mode: canTrain(world) ? "trains" : "merges",
    state: String(world.queue?.value ?? "waiting"),
    train: running(rig),
    trouble: trouble && {
      class: trouble.class,
      code: trouble.code,
      words: redact(trouble.words),
      since: iso(trouble.since),
      tries: trouble.tries,
      retry_at: isoOrNull(trouble.retryAt),
    },
    reviews: [...world.reviews.values()]
      .filter((review) => !review.hasTag("terminal"))
      .sort(
        (a, b) =>
          (positions.get(a.context.id) ?? 0) - (positions.get(b.context.id) ?? 0) || a.context.seq - b.context.seq,
      )
      .slice(0, LIMITS.reviews_listed)
      .map(shown),
  };
}

function running({ world, trainStep }: Rig): Answer["train"] {
  if (world.queue?.value !== "running") return null;
  const { train, departedAt, until, members, again } = world.queue.context;
  return {
    id: trainId(world.rig.context.config?.rigId ?? "", train),
    departed_at: isoOrNull(departedAt),
    until: isoOrNull(until),
    step: trainStep?.train === train ? trainStep.step : null,
    reviews: [...members, ...(again === null ? [] : [again])].map(({ reviewId }) => reviewId),
  };
}
