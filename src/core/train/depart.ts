import type { Fact } from "../../events/facts.ts";
import { rulesAtLeast, rulesOf } from "../../events/rules.ts";
import { gateSettingsOf } from "../../events/settings.ts";
import type { Boarded } from "../../events/train.ts";
import type { QueueSnapshot } from "../../machines/queue.ts";
import type { ReviewSnapshot } from "../../machines/review.ts";
import { rank } from "../rank.ts";
import { get, type World } from "../world.ts";
import { plan, probe, type Plan } from "./plan.ts";

/** When a train leaves, and with whom: the rig's decision, from its snapshots alone. */

/** Whether reviews go by train here: the container runs them, and says so. */
export const canTrain = ({ rig: { context } }: World): boolean =>
  context.container?.trains === true && rulesAtLeast(rulesOf(context), 2);

/** Whether this rig may merge nothing without a train: what it asks for, only a train does. */
export function needsTrain({ rig: { context } }: World): boolean {
  const { checks, protect, strategy } = context.settings;
  return (checks ?? []).length > 0 || (protect ?? []).length > 0 || (strategy ?? "merge") !== "merge";
}

const age = (world: World, review: ReviewSnapshot): number => {
  const bead = get(world, "bead", review.context.beadId);
  return bead === undefined ? review.context.createdAt : rank(world, bead);
};

/** Reviews that wait, as they go: those that a person put in front, the first of them first, then by aged priority. */
export function inLine(world: World): ReviewSnapshot[] {
  return Array.from(world.index.queued, (id) => world.reviews.get(id))
    .filter((review) => review !== undefined)
    .filter(({ value, context }) => value === "pending" && !world.broken.has(`review:${context.id}`))
    .map((review) => ({ review, age: age(world, review) }))
    .sort(
      (a, b) =>
        (a.review.context.jumpedAt ?? Number.POSITIVE_INFINITY) -
          (b.review.context.jumpedAt ?? Number.POSITIVE_INFINITY) ||
        a.age - b.age ||
        a.review.context.seq - b.review.context.seq,
    )
    .map(({ review }) => review);
}

const NO_TRAINS =
  "this rig's settings (checks, protect or strategy) need a container that runs trains, and its own does not say that it can";

/** What the rig says of its queue where reviews go by train, or would have to. */
export function departures(world: World): Fact[] {
  const { queue } = world;
  const isSetAside = world.broken.has("queue:queue");
  const isBlocked = queue?.context.trouble?.class === "container";
  const isNeeded = needsTrain(world);
  if (isBlocked && !isSetAside && (canTrain(world) || !isNeeded)) return [{ type: "queue.resumed", by: "ticktown" }];
  if (world.index.queued.size === 0 || isSetAside) return [];
  if (queue === undefined) return [{ type: "queue.opened" }];
  if (!canTrain(world))
    return isBlocked || queue.value === "running" ? [] : [{ type: "queue.blocked", words: NO_TRAINS }];
  for (const id of world.index.merging) if (!world.broken.has(`review:${id}`)) return [];
  return queue.value === "running" ? [] : departure(world, queue);
}

function departure(world: World, queue: QueueSnapshot): Fact[] {
  const { trouble, known, train } = queue.context;
  if ((trouble?.retryAt ?? 0) > world.at) return [];
  const line = inLine(world).filter(({ context }) => (context.backoffUntil ?? 0) <= world.at);
  const waiting = line.map(({ context }) => ({ id: context.id, jumped: context.jumpedAt !== undefined }));
  const next =
    trouble?.class === "place" || trouble?.class === "target"
      ? probe(waiting, trouble.class === "target")
      : plan(waiting, known, gateSettingsOf(world.rig.context.settings));
  return next === null ? [] : leaving(world, next, train + 1);
}

function leaving(world: World, { members, gates, again }: Plan, train: number): Fact[] {
  const board = (reviewId: string): Boarded => ({
    reviewId,
    claim: (world.reviews.get(reviewId)?.context.claim ?? 0) + 1,
  });
  const on = members.map(board);
  const repeated = again === null ? null : board(again);
  return [
    { type: "train.departed", train, members: on, gates: [...gates], again: repeated },
    ...[...on, ...(repeated === null ? [] : [repeated])].map((boarded): Fact => ({
      type: "review.boarded",
      ...boarded,
      train,
    })),
  ];
}
