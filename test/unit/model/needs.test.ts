import { describe, expect, test } from "vitest";
import { failureOf } from "../../../src/core/causes.ts";
import { aboutOf, needsOf, type Need } from "../../../src/core/needs.ts";
import type { NeedCode } from "../../../src/events/needs.ts";
import { say } from "../../../src/core/sentences.ts";
import type { AnySnapshot } from "../../../src/core/step.ts";
import { createWorld, get, type World } from "../../../src/core/world.ts";
import type { Recorded } from "../../../src/events/facts.ts";
import type { JsonValue } from "../../../src/events/json.ts";
import { exploreAll } from "../../support/explored.ts";
import { take } from "../../support/model/world.ts";

/**
 * Every state of every chart either is a need or is silent on purpose. A new state fails here until somebody has said which.
 * The states are those that the generated paths reach; that these are all of them is tested in paths.test.ts.
 */

type Rule =
  | { readonly need: NeedCode | readonly NeedCode[] }
  | { readonly silent: string; /** Once it lasts. */ readonly later?: NeedCode | readonly NeedCode[] };

const ITS_PROCESS = "its process runs, starts or stops; each has a deadline";
const BY_ITSELF = "it is tried again by itself, when its pause is over";
const RIG_REASON = "what holds it back is a need of the rig";

const STATES: Record<string, Rule> = {
  "agent idle.empty": { silent: "it is free" },
  "agent idle.hooked": { silent: RIG_REASON },
  "agent working.process.starting": { silent: ITS_PROCESS },
  "agent working.process.running": { silent: ITS_PROCESS },
  "agent working.process.draining": { silent: ITS_PROCESS },
  "agent working.progress.fresh": { silent: "it makes progress, or does something", later: ["no_output", "busy"] },
  "agent working.progress.checked": {
    silent: "it was asked first; a person is told at the next threshold",
    later: ["no_output", "busy"],
  },
  "agent working.progress.escalated": { need: "stalled" },
  "agent working.process.handing_in": { silent: "it is looked at, and asked for again when nobody answers" },
  "agent blocked.onHelp.waiting": { need: ["question", "hand_in_refused"] },
  "agent blocked.onHelp.parked": { need: ["question", "hand_in_refused"] },
  "agent blocked.onPermission.waiting": { need: "permission" },
  "agent blocked.onPermission.escalated": { need: "permission" },
  "agent blocked.overBudget": { need: "over_budget" },
  "agent blocked.quarantined": { need: "agent_rests" },
  "agent exited.crashed": { silent: "the next TICK decides" },
  "agent exited.completed": { silent: "the next TICK decides; its done may be on its way" },
  "agent exited.rateLimited": { silent: BY_ITSELF },
  "agent exited.placeNotFit": { silent: BY_ITSELF },
  "agent exited.full": { silent: BY_ITSELF },
  "agent exited.evicted": { silent: BY_ITSELF },
  "agent exited.handing_in": {
    silent: "it is looked at; when nobody answers, somebody is told",
    later: "hand_in_unanswered",
  },
  "agent exited.refused": { silent: "the next TICK decides" },
  "agent restarting.backingOff": { silent: BY_ITSELF },
  "agent restarting.due": { silent: RIG_REASON },
  "agent restarting.starting": { silent: ITS_PROCESS },
  "bead stuck": { need: ["failed", "given_up", "blocked_by_failed"] },
  "bead open": {
    silent: "it is ready, or waits for time or beads; what stands behind a failed bead is told with that",
  },
  "bead in_progress": { silent: "its agent speaks for it" },
  "bead in_review": { silent: "its review speaks for it" },
  "agent blocked.notAuthorized": { need: "not_authorized" },
  "agent working.progress.waiting": { silent: "its model takes its time; there is a deadline" },
  "agent working.progress.overdue": { need: "model_silent" },
  "bead closed": { silent: "it is done" },
  "bead failed": { silent: "its escalation, made in the same commit, speaks for it until somebody settles it" },
  "review pending": { silent: "in the queue; a need from the second try without a verdict on" },
  "review running": { silent: "being merged, with a lease; a need from the second try without a verdict on" },
  "review boarded": { silent: "on a train, whose lease is the queue's" },
  "review held": { need: "review_held" },
  "review unapproved": { need: "approval" },
  "review handed_over": { silent: "somebody else merges it; it is looked for now and then" },
  "queue waiting": { silent: "a train leaves with the next review; what lasts is told" },
  "queue running": { silent: "a train is under way, with a lease" },
  "queue parked": { need: ["queue_parked", "no_trains"] },
  "queue held": { need: "target_red" },
  "review merged": { silent: "it is done" },
  "review failed": { silent: "its bead failed with it, is told to rework, or was cancelled" },
  "rig cadence.idle": { silent: "how often it looks is nobody's trouble" },
  "rig cadence.active": { silent: "how often it looks is nobody's trouble" },
  "rig gate.open": { silent: "dispatches are granted" },
  "rig gate.suspended": { need: "breaker_open" },
  "rig gate.outage": { need: "outage" },
  "rig gate.halfOpen": { need: "probe" },
  "rig container.reachable": { silent: "it answers" },
  "rig container.unreachable": { need: "container_unreachable" },
  "rig life.alive.open": { silent: "it works" },
  "rig life.alive.paused": { need: ["paused", "restored"] },
  "rig life.draining": { need: "draining" },
  "rig life.destroyed": { need: "destroyed" },
};

/** Where a rule is left out: there is a better need, or none is wanted, although one of the regions has one. */
function isException(world: World, kind: string, id: string, state: string): boolean {
  if (world.broken.has(`${kind}:${id}`)) return true;
  if (world.rig.matches({ life: "destroyed" })) return state !== "rig life.destroyed";
  const agent = kind === "agent" ? world.agents.get(id) : undefined;
  // Asked to stop: the next attempt follows by itself.
  const isToldOf = state === "agent working.progress.escalated" || state === "agent working.progress.overdue";
  return isToldOf && agent?.matches({ working: { process: "draining" } }) === true;
}

const leaves = (value: unknown, path = ""): string[] =>
  typeof value === "string"
    ? [path === "" ? value : `${path}.${value}`]
    : Object.entries(value as Record<string, unknown>).flatMap(([key, below]) =>
        leaves(below, path === "" ? key : `${path}.${key}`),
      );

interface Seen {
  readonly model: string;
  readonly kind: string;
  readonly id: string;
  readonly world: World;
  readonly snapshot: AnySnapshot | undefined;
  readonly needs: readonly Need[];
  readonly facts: readonly Recorded[];
}

/** Every state on every generated path, with the needs of its rig. */
function* everyState(): Generator<Seen> {
  const seen = new Set<string>();
  for (const { model, paths } of exploreAll())
    for (const { moves, kind, id } of paths) {
      let world = createWorld();
      const texts = new Map<string, { createdBy: string | null; metadata: Record<string, JsonValue> }>();
      let way = model.name;
      for (const move of moves) {
        const taken = take(world, move);
        ({ world } = taken);
        const facts = taken.entries.map(({ fact }) => fact);
        for (const fact of facts)
          if (fact.type === "bead.created")
            texts.set(fact.beadId, { createdBy: fact.createdBy, metadata: fact.metadata as Record<string, JsonValue> });
        way += JSON.stringify(move);
        if (seen.has(way)) continue;
        seen.add(way);
        const needs = needsOf(world, {
          about: (escalation) => aboutOf(texts.get(escalation)),
          ended: [...world.beads.values()],
          now: world.at,
        });
        yield { model: model.name, kind, id, world, snapshot: get(world, kind, id), needs, facts };
      }
    }
}

const statesIn = (world: World) =>
  [
    { kind: "rig", id: "rig", snapshot: world.rig as AnySnapshot },
    ...Array.from(world.agents, ([id, snapshot]) => ({ kind: "agent", id, snapshot })),
    ...Array.from(world.beads, ([id, snapshot]) => ({ kind: "bead", id, snapshot })),
    ...Array.from(world.reviews, ([id, snapshot]) => ({ kind: "review", id, snapshot })),
    ...(world.queue === undefined ? [] : [{ kind: "queue", id: "queue", snapshot: world.queue as AnySnapshot }]),
  ].flatMap(({ kind, id, snapshot }) => leaves(snapshot.value).map((leaf) => ({ kind, id, state: `${kind} ${leaf}` })));

const concerns = (need: Need, kind: string, id: string): boolean =>
  kind === "rig" ||
  kind === "queue" ||
  (kind === "agent" ? need.agents : kind === "bead" ? [...need.beads, ...need.waiting] : need.reviews).includes(id);

describe("every state of every chart", () => {
  const all = [...everyState()];

  test("is a need, or is silent on purpose with a reason", () => {
    const met = new Set<string>();
    const wrong = new Set<string>();
    for (const { model, world, needs } of all) {
      for (const { kind, id, state } of statesIn(world)) {
        met.add(state);
        const rule = STATES[state];
        if (rule === undefined) wrong.add(`${model}: ${state} is in no table: say whether it needs somebody`);
        else if ("need" in rule && !isException(world, kind, id, state)) {
          const isTold = needs.some((need) => [rule.need].flat().includes(need.code) && concerns(need, kind, id));
          // A rest that comes with failures on show is told with them.
          const withFailure = rule.need === "agent_rests" && needs.some((need) => Number(need.values["resting"]) > 0);
          if (!isTold && !withFailure)
            wrong.add(`${model}: ${state} must be the need ${[rule.need].flat().join(" or ")}`);
        }
      }
    }
    expect([...wrong]).toEqual([]);
    expect([...met].sort()).toEqual(Object.keys(STATES).sort());
  });

  test("that is silent makes no need of its agent", () => {
    const wrong = new Set<string>();
    for (const { kind, id, snapshot, needs, world } of all) {
      if (kind !== "agent" || snapshot === undefined || world.broken.size > 0) continue;
      const rules = leaves(snapshot.value).map((leaf) => STATES[`agent ${leaf}`]);
      if (rules.some((rule) => rule !== undefined && "need" in rule)) continue;
      const later = rules.flatMap((rule) => (rule !== undefined && "later" in rule ? [rule.later].flat() : []));
      for (const need of needs)
        if (
          need.code !== "failed" &&
          need.code !== "given_up" &&
          !later.includes(need.code) &&
          need.agents.includes(id)
        )
          wrong.add(`${JSON.stringify(snapshot.value)}: ${need.code}`);
    }
    expect([...wrong]).toEqual([]);
  });

  test("in which the charts fail a bead has an escalation, made in the same commit, that is a need with it", () => {
    let failures = 0;
    for (const { facts, world, needs, model } of all) {
      const derived = facts.filter((fact) => fact.cause !== null);
      for (const fact of derived) {
        if (fact.type !== "bead.failed") continue;
        failures++;
        const escalation = facts.find(
          (other) => other.type === "bead.created" && other.metadata["bead_id"] === fact.beadId,
        );
        expect(escalation, `${model}: ${fact.reason}`).toBeDefined();
        expect(failureOf(fact).code).not.toBe("unknown");
        if (world.beads.get(fact.beadId)?.value === "failed")
          expect(needs.filter(({ code, beads }) => code === "failed" && beads.includes(fact.beadId))).toHaveLength(1);
      }
    }
    expect(failures).toBeGreaterThan(0);
  });

  test("in which a bead has failed has a reason that is known", () => {
    const unknown = new Set<string>();
    for (const { world } of all)
      for (const bead of world.beads.values())
        if (bead.value === "failed" && failureOf(bead.context).code === "unknown")
          unknown.add(String(bead.context.reason));
    expect([...unknown]).toEqual([]);
  });

  test("is said in sentences without a gap, and each need has a key of its own", () => {
    for (const { needs } of all) {
      expect(new Set(needs.map(({ key }) => key)).size).toBe(needs.length);
      for (const need of needs) {
        const { title, text } = say(need, { agent: (id) => `agent ${id}`, bead: (id) => `bead ${id}` });
        expect(`${title} ${text}`).not.toMatch(/[{}]|undefined|null|nothing was said\b.*nothing was said/);
        expect(text).toMatch(/[.!?…]$/);
      }
    }
  });
});
