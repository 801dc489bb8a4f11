import type { JsonValue } from "../events/json.ts";
import { grouped } from "../events/budget.ts";
import { NEED_CODES, type Level, type NeedCode } from "../events/needs.ts";
import { askOf } from "../machines/agent/driver.ts";
import type { AgentSnapshot } from "../machines/agent.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import type { ReviewSnapshot } from "../machines/review.ts";
import { causeOf, failureOf } from "./causes.ts";
import { behind } from "./chain.ts";
import { agentNeed, refusalOf } from "./needs-agent.ts";
import { agentKey } from "./needs-keys.ts";
import { ofMoney, tellsOf } from "./needs-money.ts";
import { ofQueue } from "./needs-queue.ts";
import { ofRestored } from "./needs-restored.ts";
import { ofRig } from "./needs-rig.ts";
import { ofWaiting } from "./needs-waiting.ts";
import { get, type World } from "./world.ts";

/**
 * Who needs a person, and why. Ids, codes and values only: titles are joined by whoever shows them (sentences.ts has the
 * words). What has one cause is one need, however many actors tell of it: a failure is the failed bead, the escalation that
 * says so, the agents that rest because of it, and the beads that wait for it.
 */

export interface Need {
  /** The cause: the same for all that is one need, and stable while it lasts. */
  readonly key: string;
  readonly code: NeedCode;
  readonly level: Level;
  /** Whom it is about; ids, oldest first. */
  readonly agents: readonly string[];
  readonly beads: readonly string[];
  readonly reviews: readonly string[];
  /** Open escalations that tell of it: closing them settles a failure. */
  readonly escalations: readonly string[];
  /** Damaged actors, as `kind:id`. */
  readonly actors: readonly string[];
  /** Beads that cannot run before it is settled. */
  readonly waiting: readonly string[];
  /** When the oldest of it began, ms, or null. */
  readonly since: number | null;
  /** When Ticktown does something about it by itself, ms, or null. */
  readonly until: number | null;
  /** What the sentence is made of besides titles. */
  readonly values: Readonly<Record<string, string | number>>;
}

/** What no chart holds of an escalation and the host keeps beside it: whom it is about. */
export interface About {
  readonly createdBy: string | null;
  readonly kind: string | null;
  readonly agentId: string | null;
  readonly beadId: string | null;
}

const textOf = (value: JsonValue | undefined): string | null => (typeof value === "string" ? value : null);

/** From a bead's stored text. */
export const aboutOf = (
  content: { createdBy: string | null; metadata: Record<string, JsonValue> } | undefined,
): About => ({
  createdBy: content?.createdBy ?? null,
  kind: textOf(content?.metadata["kind"]),
  agentId: textOf(content?.metadata["agent_id"]),
  beadId: textOf(content?.metadata["bead_id"]),
});

export interface Known {
  /** Whom an escalation is about. */
  about(escalationId: string): About;
  /** Beads that have ended: as many of the newest as there are. Those that need nobody are left out here. */
  readonly ended: Iterable<BeadSnapshot>;
  /** ms. */
  readonly now: number;
  /** What the newest attempt at a bead said last; left out, or "": that is not known. */
  readonly lastWords?: (beadId: string) => string;
  /** Names of the secrets that are set; left out: none is known. */
  readonly secrets?: readonly string[];
}

export type Draft = { -readonly [K in keyof Need]: Need[K] extends readonly string[] ? Set<string> : Need[K] };

/** Needs under way, by cause. */
class Drafts {
  readonly byKey = new Map<string, Draft>();

  /** The need of this kind that the agent is part of. */
  with(code: NeedCode, agentId: string): Draft | undefined {
    return [...this.byKey.values()].find((need) => need.code === code && need.agents.has(agentId));
  }

  /** The need of this cause; made when it is the first that is heard of it. */
  of(key: string, code: NeedCode, level: Level, since: number | null = null): Draft {
    const known = this.byKey.get(key);
    if (known !== undefined) {
      if (since !== null) known.since = Math.min(known.since ?? since, since);
      return known;
    }
    const made: Draft = {
      key,
      code,
      level,
      agents: new Set(),
      beads: new Set(),
      reviews: new Set(),
      escalations: new Set(),
      actors: new Set(),
      waiting: new Set(),
      since,
      until: null,
      values: {},
    };
    this.byKey.set(key, made);
    return made;
  }
}

const LEVELS: Record<Level, number> = { now: 0, soon: 1, know: 2 };

/** Most urgent first. */
export function needsOf(world: World, known: Known): Need[] {
  const drafts = new Drafts();
  if (world.rig.matches({ life: "destroyed" })) drafts.of("destroyed", "destroyed", "know");
  else {
    ofRig(world, (...need) => drafts.of(...need));
    ofRestored(world, known, (...need) => drafts.of(...need));
    ofMoney(world, (...need) => drafts.of(...need));
    ofDamaged(world, drafts);
    for (const agent of world.agents.values()) ofAgent(world, agent, drafts, known);
    const ofStuck = ofEscalations(world, known, drafts);
    for (const bead of known.ended) ofEnded(world, bead, drafts);
    for (const review of world.reviews.values()) ofReview(world, review, drafts);
    ofQueue(world, (...need) => drafts.of(...need));
    ofChains(world, ofStuck, drafts);
    ofStuckAlone(world, drafts);
    ofWaiting(world, known.now, {
      of: (...need) => drafts.of(...need),
      ofKeyless: (agentId) => drafts.with("not_authorized", agentId),
    });
    restingWithTheirFailure(drafts);
  }
  return Array.from(drafts.byKey.values(), finished).sort(
    (a, b) => urgencyOf(a) - urgencyOf(b) || (a.since ?? 0) - (b.since ?? 0) || (a.key < b.key ? -1 : 1),
  );
}

const RANKS = new Map(NEED_CODES.map((code, i) => [code, i]));

/** A number, the smaller the more urgent; of two of the same number the older goes first. */
export const urgencyOf = ({ level, code }: Pick<Need, "level" | "code">): number =>
  LEVELS[level] * NEED_CODES.length + (RANKS.get(code) ?? 0);

const finished = (draft: Draft): Need => ({
  ...draft,
  agents: [...draft.agents],
  beads: [...draft.beads],
  reviews: [...draft.reviews],
  escalations: [...draft.escalations],
  actors: [...draft.actors],
  waiting: [...draft.waiting],
});

function ofDamaged(world: World, drafts: Drafts): void {
  for (const [actor, error] of world.broken) {
    const need = drafts.of(`actor_damaged:${causeOf(error)}`, "actor_damaged", "now");
    need.actors.add(actor);
    need.values = { error };
  }
}

function ofAgent(world: World, agent: AgentSnapshot, drafts: Drafts, { lastWords }: Known): void {
  const { id, hook, blockedAt, progressAt, exit, ends } = agent.context;
  if (world.broken.has(`agent:${id}`)) return;
  const found = agentNeed(world, agent);
  if (found === null) return;
  const { code, level, until } = found;
  // That of its bead says more: it is settled by raising that.
  const money = drafts.byKey.get(`bead_budget:${hook ?? ""}`);
  if (code === "over_budget" && money !== undefined) return void money.agents.add(id);
  // Whose key is not taken for one reason, or who ends in one way, is one need, however many they are.
  const cause = code === "early_ends" ? ends?.reason : code === "not_authorized" ? exit?.reason : undefined;
  const words = code === "early_ends" && hook !== null ? causeOf(lastWords?.(hook) ?? "") : "";
  const key = cause === undefined ? agentKey(code, id) : [code, causeOf(cause), words].filter(Boolean).join(":");
  const need = drafts.of(key, code, level, blockedAt ?? progressAt);
  need.agents.add(id);
  // Of many the first that something is done about.
  need.until = need.until === null || until === null ? (need.until ?? until) : Math.min(need.until, until);
  if (hook !== null) need.beads.add(hook);
  if (code === "over_budget" || code === "not_authorized") need.values = { reason: exit?.reason ?? "no reason given" };
  if (code === "early_ends")
    need.values = { reason: ends?.reason ?? "", times: Math.max(ends?.count ?? 0, Number(need.values["times"] ?? 0)) };
  if (code === "fruitless") need.values = { tokens: grouped(agent.context.stretch?.tokens ?? 0) };
  if (code === "hand_in_refused") need.values = refusalOf(world, agent.context);
  const ask = askOf(agent.context);
  if (code === "question")
    need.values = {
      parked: agent.matches({ blocked: { onHelp: "parked" } }) ? 1 : 0,
      ...(ask === undefined ? {} : { asked: ask.text.split("\n")[0] ?? "" }),
    };
}

/** Which state of its agent an escalation of the charts tells of. */
const TELLS_OF: Record<string, NeedCode> = {
  gupp: "stalled",
  permission: "permission",
  over_budget: "over_budget",
  not_authorized: "not_authorized",
  hand_in: "hand_in_refused",
};

/** @returns of the beads that others wait for in vain, the escalations that say so. */
function ofEscalations(world: World, { about }: Known, drafts: Drafts): Map<string, string[]> {
  const ofStuck = new Map<string, string[]>();
  const open = [...world.beads.values()]
    .filter(({ context, value }) => context.type === "escalation" && value !== "closed" && value !== "failed")
    .filter(({ context }) => !world.broken.has(`bead:${context.id}`))
    .sort((a, b) => b.context.seq - a.context.seq);
  for (const escalation of open) {
    const { id, createdAt } = escalation.context;
    const { kind, agentId, beadId, createdBy } = about(id);
    if (kind !== null && kind in TELLS_OF && agentId !== null) {
      const code = TELLS_OF[kind] ?? "stalled";
      const state =
        drafts.with(code, agentId) ??
        [...drafts.byKey.values()].find((need) => tellsOf(need, code) && need.agents.has(agentId));
      (state ?? drafts.of("settled_itself", "settled_itself", "know", createdAt)).escalations.add(id);
      continue;
    }
    if (kind === "stuck" && beadId !== null && get(world, "bead", beadId)?.value === "failed") {
      ofStuck.set(beadId, [...(ofStuck.get(beadId) ?? []), id]);
      continue;
    }
    if (kind !== null && FAILED.has(kind)) {
      const bead = beadId === null ? undefined : get(world, "bead", beadId);
      const need =
        bead?.value === "failed"
          ? failureNeed(bead, drafts)
          : drafts.of("settled_itself", "settled_itself", "know", createdAt);
      need.escalations.add(id);
      if (bead?.value === "failed" && agentId !== null && world.agents.has(agentId)) need.agents.add(agentId);
      continue;
    }
    // The newest one of an agent that waits for help is its question.
    const asking = [createdBy, agentId].map((id) => drafts.byKey.get(agentKey("question", id ?? ""))).find(Boolean);
    if (asking !== undefined && asking.escalations.size === 0) {
      asking.escalations.add(id);
      continue;
    }
    const isTaken = escalation.value === "in_progress";
    drafts.of(`escalation:${id}`, "escalation", isTaken ? "soon" : "now", createdAt).escalations.add(id);
  }
  return ofStuck;
}

/** What the charts' own escalations say of a bead that failed. */
const FAILED: ReadonlySet<string> = new Set(["attempts_exhausted", "review_failed", "merge_conflict", "red", "stuck"]);

function failureNeed(bead: BeadSnapshot, drafts: Drafts): Draft {
  const { id, reason, reviewId, closedAt } = bead.context;
  const { code, words } = failureOf({ reason });
  const need = drafts.of(`failed:${code}:${causeOf(words)}`, "failed", "now", closedAt);
  need.beads.add(id);
  if (reviewId !== null) need.reviews.add(reviewId);
  need.values = { failure: code, reason: words };
  return need;
}

/**
 * Every failure of the charts has an escalation, made in the same commit: while that is open, the failure is a need; once it
 * is closed somebody has settled it. What an agent gave up by itself, and what cannot be told, has none.
 */
function ofEnded(world: World, bead: BeadSnapshot, drafts: Drafts): void {
  const { context } = bead;
  if (bead.value !== "failed" || context.type !== "issue") return;
  const { code, words } = failureOf(context);
  if (code === "unknown") failureNeed(bead, drafts);
  // A person who sets a bead to failed knows of it.
  if (code !== "set_failed" || !world.agents.has(words)) return;
  const need = drafts.of(`given_up:${words}`, "given_up", "soon", context.closedAt);
  need.beads.add(context.id);
  need.agents.add(words);
}

/** Tries of a merge without a verdict before somebody is told. */
const MERGE_TRIES = 2;

function ofReview(world: World, review: ReviewSnapshot, drafts: Drafts): void {
  const { id, beadId, attempts, unasked, message, createdAt } = review.context;
  if (review.hasTag("terminal") || attempts + unasked < MERGE_TRIES || world.broken.has(`review:${id}`)) return;
  const need = drafts.of(`does_not_merge:${causeOf(message ?? "")}`, "does_not_merge", "soon", createdAt);
  need.reviews.add(id);
  need.beads.add(beadId);
  need.values = { message: message ?? "no verdict so far" };
}

/** Beads behind one that failed never become ready: they belong to its failure, or are a need of their own once that is settled. */
function ofChains(world: World, told: ReadonlyMap<string, readonly string[]>, drafts: Drafts): void {
  for (const [blockerId] of world.index.dependents) {
    const blocker = get(world, "bead", blockerId);
    if (blocker?.value !== "failed") continue;
    const failure = [...drafts.byKey.values()].find(
      ({ code, beads }) => (code === "failed" || code === "given_up") && beads.has(blockerId),
    );
    const need = failure ?? drafts.of(`blocked_by_failed:${blockerId}`, "blocked_by_failed", "now");
    need.beads.add(blockerId);
    for (const id of told.get(blockerId) ?? []) need.escalations.add(id);
    if (failure === undefined) need.since = blocker.context.closedAt;
    for (const dependent of behind(world, blockerId)) need.waiting.add(dependent);
  }
}

/** Whatever is stuck is a need, also where what it waits for cannot be told any more. */
function ofStuckAlone(world: World, drafts: Drafts): void {
  const told = new Set([...drafts.byKey.values()].flatMap(({ waiting }) => [...waiting]));
  for (const { value, context } of world.beads.values()) {
    if (value !== "stuck" || told.has(context.id)) continue;
    const [blockerId = ""] = context.stuckBy ?? [];
    const need = drafts.of(`blocked_by_failed:${blockerId}`, "blocked_by_failed", "now", context.updatedAt);
    need.beads.add(blockerId);
    need.waiting.add(context.id);
  }
}

/** An agent that rests because of failures that are shown is told with them: one cause, one need. */
function restingWithTheirFailure(drafts: Drafts): void {
  const all = [...drafts.byKey.values()];
  const failures = all.filter(({ code }) => code === "failed");
  for (const { key, agents, until } of all.filter(({ code }) => code === "agent_rests")) {
    const [agentId = ""] = agents;
    const failure = failures.find((need) => need.agents.has(agentId));
    if (failure === undefined) continue;
    failure.until = Math.max(failure.until ?? 0, until ?? 0);
    failure.values = { ...failure.values, resting: Number(failure.values["resting"] ?? 0) + 1 };
    drafts.byKey.delete(key);
  }
}
