import { expect, test } from "vitest";
import { AGENT_WAKERS, transitionViolations, glance, leafOf, violations } from "../../../src/core/invariants.ts";
import { aboutOf, needsOf, type Need } from "../../../src/core/needs.ts";
import { whyAgent, whyBead, type Reason, type Why } from "../../../src/core/why.ts";
import { createWorld, type World } from "../../../src/core/world.ts";
import type { JsonValue } from "../../../src/events/json.ts";
import { agentDeadline, type AgentSnapshot } from "../../../src/machines/agent.ts";
import { beadDeadline, type BeadSnapshot } from "../../../src/machines/bead.ts";
import { reviewDeadline } from "../../../src/machines/review.ts";
import { pathsOf, walkTown } from "../../support/model/town.ts";
import { take } from "../../support/model/world.ts";
import { drive } from "./drive.ts";

/** Moves from an empty rig: every pair of states is met within these. */
const DEPTH = 8;

test("whatever is commanded and reported in a rig with one bead at a time, every invariant holds after every commit", () => {
  const { edges, ways, states, startedAt } = walkTown(DEPTH);
  console.log(`town: ${states} distinct states within ${DEPTH} moves, ${edges.length} steps`);
  for (const { from, event, after } of edges) {
    const found = [
      ...violations(after.world),
      ...transitionViolations(glance(after.before), after.entries, after.world),
    ];
    const story = [...(ways.get(from) ?? []), event].map(({ type, at }) => `${type} @${at - startedAt}`);
    if (found.length > 0) expect({ found, story }).toEqual({ found: [], story });
  }
});

test("a rig that decides for itself moves alike in the pure core and on SQLite, and replays to the same rows", () => {
  const paths = pathsOf(walkTown(6));
  expect(paths.length).toBeGreaterThan(100);
  for (const path of paths) expect(drive(path)).toBe(null);
});

/** What moves an agent with its bead on: a time at which it is looked at, somebody who is known to, or a person who is told. */
type Way = "deadline" | "waker" | "need";

/** Each pair of states that the walk meets, and what moves it on wherever it meets it. */
const PAIRS: Readonly<Record<string, readonly Way[]>> = {
  "blocked.onHelp.parked with in_progress": ["waker", "need"],
  "blocked.onHelp.waiting with in_progress": ["waker", "need"],
  "blocked.onPermission.escalated with in_progress": ["waker", "need"],
  "blocked.onPermission.waiting with in_progress": ["deadline", "need"],
  "blocked.overBudget with in_progress": ["waker", "need"],
  "exited.completed with in_progress": ["deadline"],
  "exited.crashed with in_progress": ["deadline"],
  "exited.evicted with in_progress": ["deadline"],
  "exited.handing_in with in_progress": ["deadline"],
  "exited.placeNotFit with in_progress": ["deadline"],
  "exited.rateLimited with in_progress": ["deadline"],
  "exited.refused with in_progress": ["deadline"],
  "idle.empty with none": ["waker"],
  "none with in_review": ["waker"],
  "none with open": ["waker"],
  "restarting.backingOff with in_progress": ["deadline"],
  "restarting.due with in_progress": ["waker"],
  "restarting.starting with in_progress": ["deadline"],
  "working.draining with in_progress": ["deadline"],
  "working.handing_in with in_progress": ["deadline"],
  "working.running with in_progress": ["deadline"],
  "working.starting with in_progress": ["deadline"],
};

/** Who brings about what a reason waits for, where no time does. Reasons that are not here always have a time, or a need. */
const WAKERS: Partial<Record<Reason, string>> = {
  running: "its process, or the commit that is under way",
  at_capacity: "whoever leaves a slot",
  no_work: "whoever brings work",
  paused: "whoever resumes the rig",
  blocked_by: "the merge of what it waits for",
  waiting_for_merge: "its review",
  draining: "whoever resumes the rig",
  wrong_role: "whoever reads it: it is for people and mail",
};

/** Who moves a bead that nobody has. */
const WITHOUT_AGENT: Readonly<Record<string, string>> = {
  open: "the rig, with a slot",
  in_review: "its review, with a verdict",
};

interface Met {
  readonly pair: string;
  readonly ways: Set<Way>;
  readonly why: Why;
}

function* pairsIn(world: World, needs: readonly Need[]): Generator<Met> {
  const { settings } = world.rig.context;
  const met = (agent: AgentSnapshot | undefined, bead: BeadSnapshot | undefined): Met => {
    const review = world.reviews.get(bead?.context.reviewId ?? "");
    const times = [
      agent === undefined ? null : agentDeadline(agent, settings),
      bead === undefined ? null : beadDeadline(bead, world.at),
      review === undefined ? null : reviewDeadline(review, settings),
    ];
    const about = [agent?.context.id, bead?.context.id, review?.context.id];
    const isTold = needs.some(({ agents, beads, reviews }) =>
      [...agents, ...beads, ...reviews].some((id) => about.includes(id)),
    );
    const waker = agent === undefined ? WITHOUT_AGENT[String(bead?.value)] : AGENT_WAKERS[leafOf(agent.value)];
    const ways = new Set<Way>();
    if (times.some((at) => at !== null)) ways.add("deadline");
    if (waker !== undefined && waker !== "deadline") ways.add("waker");
    if (isTold) ways.add("need");
    const name = (state: unknown): string => (state === undefined ? "none" : leafOf(state));
    const why = bead === undefined ? whyAgent(world, agent as AgentSnapshot) : whyBead(world, bead);
    return { pair: `${name(agent?.value)} with ${name(bead?.value)}`, ways, why };
  };
  for (const agent of world.agents.values()) yield met(agent, world.beads.get(agent.context.hook ?? ""));
  for (const bead of world.beads.values())
    if (bead.context.type === "issue" && !bead.hasTag("terminal") && !world.index.hooks.has(bead.context.id))
      yield met(undefined, bead);
}

test("each pair of states of an agent and its bead has a deadline, a named waker or a need, and why says by what it goes on", () => {
  const all = new Map<string, Set<Way>>();
  const wrong = new Set<string>();
  for (const { moves } of pathsOf(walkTown(DEPTH))) {
    let world = createWorld();
    const texts = new Map<string, { createdBy: string | null; metadata: Record<string, JsonValue> }>();
    for (const move of moves) {
      const taken = take(world, move);
      ({ world } = taken);
      for (const { fact } of taken.entries)
        if (fact.type === "bead.created")
          texts.set(fact.beadId, { createdBy: fact.createdBy, metadata: fact.metadata as Record<string, JsonValue> });
      const ended = [...world.beads.values()];
      const needs = needsOf(world, { about: (escalation) => aboutOf(texts.get(escalation)), ended, now: world.at });
      for (const { pair, ways, why } of pairsIn(world, needs)) {
        all.set(pair, new Set([...(all.get(pair) ?? ways)].filter((way) => ways.has(way))));
        if (ways.size === 0) wrong.add(`${pair}: nothing moves it`);
        if (why.until === null && !ways.has("need") && WAKERS[why.reason] === undefined)
          wrong.add(`${pair}: ${why.reason} (${why.sentence}) names neither a time nor anybody`);
      }
    }
  }
  expect([...wrong]).toEqual([]);
  expect(Object.fromEntries(Array.from(all, ([pair, ways]) => [pair, [...ways]]).sort())).toEqual(PAIRS);
});
