import type { EffectOf } from "../events/effects.ts";
import { clip, type Fact } from "../events/facts.ts";
import { gateSettingsOf, placeOfOrder } from "../events/settings.ts";
import type { Boarded } from "../events/train.ts";
import { decide, takes } from "../core/decide/index.ts";
import { canTrain, needsTrain } from "../core/train/depart.ts";
import { get } from "../core/world.ts";
import type { TrainMember, TrainReport } from "../wire/train.ts";
import { cleanText } from "../wire/text.ts";
import { meet } from "./contact.ts";
import type { Answer } from "./ports.ts";
import type { Rig } from "./rig.ts";
import type { BeadContent } from "./shapes.ts";
import { readContent } from "./store.ts";

/** A train from the host's side: its order with titles and secrets, and what is seen of it while it runs. */

export const trainId = (rigId: string, train: number): string => `${rigId}:${train}`;

/** Whether the queue still waits for this one. */
export function isUnderWay({ world: { queue } }: Rig, train: number): boolean {
  return queue?.value === "running" && queue.context.train === train;
}

function member(rig: Rig, { reviewId }: Boarded): TrainMember | null {
  const review = get(rig.world, "review", reviewId);
  if (review === undefined) return null;
  const { beadId, agentId, branch, commit, approvedTree = null, reverts, lookAt } = review.context;
  const title = readContent<BeadContent>(rig.ports.sql, "bead", beadId)?.title ?? beadId;
  return {
    entryId: reviewId,
    beadId,
    agentId,
    branch,
    ...(commit === undefined ? {} : { commit }),
    title: cleanText(title).slice(0, 1_000),
    approvedTree,
    ...(reverts === undefined ? {} : { reverts }),
    ...(lookAt === undefined ? {} : { handedOver: true }),
  };
}

export async function runTrain(rig: Rig, effect: EffectOf<"git.train">): Promise<Answer> {
  const { config, settings } = rig.world.rig.context;
  if (config === null) return { kind: "refused", status: 409, error: "the rig is not configured" };
  const members = effect.members.map((of) => member(rig, of));
  const again = effect.again === null ? null : member(rig, effect.again);
  if (members.includes(null) || (effect.again !== null && again === null))
    return { kind: "refused", status: 404, error: "a review on it is gone" };
  const id = trainId(config.rigId, effect.train);
  const envVars = await rig.ports.agentEnvironment({
    agentId: "refinery",
    rigId: config.rigId,
    townId: config.townId,
    userId: config.userId,
    dispatchId: id,
    role: "refinery",
    trainId: id,
  });
  const port = rig.ports.container(config.townId);
  const answer = await port.train(
    {
      trainId: id,
      rigId: config.rigId,
      gitUrl: config.gitUrl,
      targetBranch: config.defaultBranch,
      members: members.filter((one) => one !== null),
      gates: effect.gates,
      again,
      gate: gateSettingsOf(settings),
      ...placeOfOrder(settings),
      envVars,
      ownVars: Object.keys(envVars),
    },
    settings.effect_timeout_ms,
  );
  // An older control server took the place of one that could: what it says of itself now is what counts.
  if (answer.kind === "refused" && answer.status === 404) await meet(rig, "again");
  return answer;
}

/** What was seen of the train that runs. */
export type TrainSeen =
  | { readonly kind: "none" }
  | { readonly kind: "lost" | "running"; readonly train: number }
  | { readonly kind: "finished"; readonly train: number; readonly report: TrainReport };

/**
 * Looks whether the train that runs is alive; a report that got lost on its way is found here.
 * @throws when the container does not answer.
 */
export async function lookAtTrain(rig: Rig): Promise<TrainSeen> {
  const { queue } = rig.world;
  const { config, settings } = rig.world.rig.context;
  if (queue?.value !== "running" || config === null) return { kind: "none" };
  const { train } = queue.context;
  const state = await rig.ports
    .container(config.townId)
    .trainState(trainId(config.rigId, train), settings.effect_timeout_ms);
  if (state === null) return { kind: "lost", train };
  rig.trainStep = { train, step: state.step, at: rig.ports.now() };
  return state.report === null ? { kind: "running", train } : { kind: "finished", train, report: state.report };
}

/** What was seen, as facts, judged by the state of now. */
export function newsOfTrain(rig: Rig, seen: TrainSeen): Fact[] {
  const { world, ports } = rig;
  const { queue } = world;
  if (seen.kind === "none" || queue === undefined || !isUnderWay(rig, seen.train)) return [];
  const { train } = seen;
  if (seen.kind === "finished") {
    const rigId = world.rig.context.config?.rigId ?? "";
    const decision = decide(
      world,
      { type: "complete_train", trainId: trainId(rigId, train), report: seen.report },
      {
        at: ports.now(),
        caller: { kind: "system", id: "patrol", dispatchId: null },
        newId: ports.newId,
        undeliveredMail: () => 0,
        openBeads: () => 0,
        openBeadsBy: () => ({ escalations: 0, others: 0 }),
        stateBefore: () => undefined,
      },
    );
    return decision.ok ? decision.facts : [];
  }
  const lease_ms = world.rig.context.settings.review_lease_ms;
  // That one who runs goes on is no news before half of the lease is over.
  if (seen.kind === "running" && (queue.context.until ?? 0) - ports.now() > lease_ms / 2) return [];
  const fact: Fact = { type: seen.kind === "running" ? "train.seen" : "train.lost", train };
  return takes(world, queue, fact, ports.now()) ? [fact] : [];
}

/** A rig whose reviews wait for a container that can check them asks what its own can. */
export const wantsToMeet = ({ world, contact }: Rig): boolean =>
  contact === null && world.index.queued.size > 0 && needsTrain(world) && !canTrain(world);

export const trainFacts = (effect: EffectOf<"git.train">, answer: Exclude<Answer, { kind: "accepted" }>): Fact[] => {
  const { train } = effect;
  const error = clip(answer.error);
  return answer.kind === "refused"
    ? [{ type: "train.refused", train, status: answer.status, error }]
    : [{ type: "train.unknown", train, error }];
};
