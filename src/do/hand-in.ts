import type { EffectOf } from "../events/effects.ts";
import { clip, type Fact } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { placeOf, placeOfOrder } from "../events/settings.ts";
import { currentDispatch, isHandingIn } from "../machines/agent.ts";
import { newest } from "../machines/agent/context.ts";
import type { SetAside } from "../wire/container.ts";
import type { HandInAnswer } from "../wire/schemas.ts";
import { reasonOf } from "./alarm.ts";
import { ask, inspects } from "./contact.ts";
import type { Listener, Rig } from "./rig.ts";

/**
 * The hand-in from the host's side: the container is asked to look, and what it saw becomes facts. Whether it can look at all
 * is found out at first contact (contact.ts); a container that once could is not taken for one that cannot because it says nothing.
 */

/** Whether an agent still waits for this answer. */
export function isAwaited(rig: Rig, effect: EffectOf<"work.inspect">): boolean {
  const agent = rig.world.agents.get(effect.agentId);
  return agent !== undefined && currentDispatch(agent.context) === effect.dispatchId && isHandingIn(agent);
}

const LOOKED_AT: HandInAnswer = { code: "waiting", sentence: "It is being looked at; nothing is known yet." };
const NOT_LOOKED_AT: HandInAnswer = { code: "unseen", sentence: "It was taken; nobody looked at it." };

/** What is told of a fact that answers a hand-in, or null. */
function answerIn(fact: Fact): HandInAnswer | null {
  switch (fact.type) {
    case "hand_in.accepted":
      return {
        code: "accepted",
        sentence: `Your work was taken: commit ${fact.commit.slice(0, 10)}, ${fact.files} changed ${fact.files === 1 ? "file" : "files"}.`,
      };
    case "hand_in.refused":
      return { code: fact.code, sentence: fact.sentence };
    case "hand_in.no_change":
      return { code: "no_change", sentence: "It is closed as no change." };
    case "hand_in.unseen":
      return NOT_LOOKED_AT;
    case "hand_in.unanswered":
      return { code: "unanswered", sentence: "The container does not answer; it is asked again by itself." };
    case "work.lost":
      return { code: "lost", sentence: fact.reason };
    default:
      return null;
  }
}

/**
 * What came of an agent's newest hand-in: as soon as it is known, or `waiting` after that long. What was known before the
 * object slept is not kept: then the agent's own state says it.
 */
export async function handInOf(rig: Rig, agentId: string, wait_ms: number): Promise<HandInAnswer> {
  const agent = rig.world.agents.get(agentId);
  if (agent === undefined) return NOT_LOOKED_AT;
  const dispatch = newest(agent.context);
  const known = rig.handIns.get(agentId);
  if (!isHandingIn(agent)) return known?.dispatchId === dispatch ? known.answer : NOT_LOOKED_AT;
  if (wait_ms === 0 || rig.waiters.size >= LIMITS.hand_in_waiters) return LOOKED_AT;
  return new Promise((resolve) => {
    const end = (answer: HandInAnswer): void => {
      clearTimeout(timer);
      rig.listeners.delete(look);
      rig.waiters.delete(look);
      resolve(answer);
    };
    const timer = setTimeout(() => end(LOOKED_AT), wait_ms);
    const look: Listener = (entries) => {
      for (const { fact } of entries) {
        const answer = "dispatchId" in fact && fact.dispatchId === dispatch ? answerIn(fact) : null;
        if (answer !== null) end(answer);
      }
      if (rig.world.agents.get(agentId) === undefined) end(NOT_LOOKED_AT);
    };
    rig.listeners.add(look);
    rig.waiters.add(look);
  });
}

/** What a start found in the way: kept beside the branches, or given back uncommitted, and told. */
export const setAsideBy = (
  { beadId }: EffectOf<"container.start">,
  found: readonly SetAside[],
): Extract<Fact, { type: "work.set_aside" }>[] =>
  found.map(({ agentId, ref, files, givenBack, sentence }) => ({
    type: "work.set_aside",
    agentId: clip(agentId, LIMITS.id_chars) || "unknown",
    // The container knows it by its branch where it was not told of a bead: then it is told of the one that found it.
    beadId,
    ref: ref === null ? null : clip(ref, 400),
    files: Math.max(0, files),
    givenBack,
    why: clip(sentence) || "no reason was given",
  }));

/** Asks the container to look, and remembers what came of it for whoever asks next. */
export async function inspected(rig: Rig, effect: EffectOf<"work.inspect">): Promise<Fact[]> {
  const facts = await look(rig, effect);
  const answer = facts.map(answerIn).find((one) => one !== null);
  if (answer !== undefined) rig.handIns.set(effect.agentId, { dispatchId: effect.dispatchId, answer });
  for (const agentId of rig.handIns.keys()) if (!rig.world.agents.has(agentId)) rig.handIns.delete(agentId);
  return facts;
}

/** Asks the container to look, and says what came of it. Never throws: silence is an answer, and nobody is charged for it. */
async function look(rig: Rig, effect: EffectOf<"work.inspect">): Promise<Fact[]> {
  const { agentId, dispatchId, beadId } = effect;
  const about = { agentId, dispatchId, beadId };
  const silent = (error: string): Fact[] => [
    { type: "hand_in.unanswered", ...about, error: clip(error) || "no reason was given" },
  ];
  const { config, settings } = rig.world.rig.context;
  if (config === null) return silent("the rig is not configured");
  try {
    if (!inspects(rig) && !(await ask(rig))) return [{ type: "hand_in.unseen", ...about }];
    const envVars = await rig.ports.agentEnvironment({
      agentId,
      rigId: config.rigId,
      townId: config.townId,
      userId: config.userId,
      dispatchId,
      role: rig.world.agents.get(agentId)?.context.role ?? "polecat",
    });
    const bead = rig.world.beads.get(beadId);
    const answer = await rig.ports.container(config.townId).inspect(
      {
        agentId,
        dispatchId,
        rigId: config.rigId,
        townId: config.townId,
        beadId,
        gitUrl: config.gitUrl,
        branch: bead?.context.branch ?? effect.branch,
        named: effect.branch,
        targetBranch: config.defaultBranch,
        resolution: effect.resolution,
        asIs: effect.asIs,
        maxDeletions: placeOf(settings).max_deletions,
        envVars,
        ...placeOfOrder(settings),
      },
      settings.start_timeout_ms,
    );
    if ("kind" in answer) return silent(answer.error);
    switch (answer.result) {
      case "accepted": {
        const { branch, commit: kept, base, ahead, files, deletions } = answer;
        const asIs = effect.asIs !== null;
        return [{ type: "hand_in.accepted", ...about, branch, commit: kept, base, ahead, files, deletions, asIs }];
      }
      case "refused": {
        const refusals = (rig.world.beads.get(beadId)?.context.refusals ?? 0) + 1;
        const { code, commit: own } = answer;
        return [{ type: "hand_in.refused", ...about, code, sentence: clip(answer.sentence), refusals, commit: own }];
      }
      case "no_change": {
        const note = rig.world.agents.get(agentId)?.context.handIn?.note ?? null;
        return [
          { type: "hand_in.no_change", ...about, note: note === null ? null : clip(note, LIMITS.mail_body_chars) },
        ];
      }
      case "lost":
        return [{ type: "work.lost", ...about, reason: clip(answer.sentence) }];
    }
  } catch (error) {
    return silent(reasonOf(error));
  }
}
