import { dispatchId } from "../../../src/events/dispatch-id.ts";
import type { Fact, Role } from "../../../src/events/facts.ts";
import { Outcome } from "../../../src/events/fields.ts";
import { HandInDecision } from "../../../src/events/hand-in.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { DEFAULT_SETTINGS, watchOf } from "../../../src/events/settings.ts";
import type { AgentContext, AgentSnapshot } from "../../../src/machines/agent.ts";
import type { World } from "../../../src/core/world.ts";
import type { Model } from "./explore.ts";
import { aroundDeadlines, plus, side } from "./times.ts";
import { move, type Move } from "./world.ts";

/** One agent in a rig without a repository: the rig grants nothing by itself, so every fact is the model's. */

export const ID = "a";
export const BEAD = "b";
const START_MS = 1_800_000_000_000;
const registered: Fact = { type: "agent.registered", agentId: ID, role: "polecat", name: "agent a", identity: "rig/a" };

export function agentModel(role: Role): Model {
  return {
    name: role === "polecat" ? "agent" : `agent (${role})`,
    kind: "agent",
    id: ID,
    // Two attempts are enough to see the first, the last and what comes after.
    seeds: [
      move(START_MS, { type: "rig.settings_changed", changes: { max_attempts: 2 } }),
      move(START_MS, { ...registered, role } as Fact),
    ],
    // A mayor differs only in that nobody watches its progress: time and what leads to a process are enough.
    moves: (world) => movesOf(world, agentIn(world)).filter(({ type }) => role === "polecat" || TO_A_PROCESS.has(type)),
    key: (world) => (world.agents.has(ID) ? keyOf(world, agentIn(world)) : "gone"),
  };
}

/** What a driver tells is looked at by itself: a process, how it ends, and all that can be told of it while it runs. */
export const driverModel: Model = {
  ...agentModel("polecat"),
  name: "agent (driver)",
  moves: (world) =>
    movesOf(world, agentIn(world), "driver").filter(
      ({ type }) =>
        TO_A_PROCESS.has(type) ||
        IN_A_DRIVER.has(type) ||
        // Whoever has asked something may still save.
        (type === "agent.checkpointed" && (agentIn(world).context.asks?.length ?? 0) > 0),
    ),
  key: (world) =>
    world.agents.has(ID) ? JSON.stringify([keyOf(world, agentIn(world)), driverKeyOf(world, agentIn(world))]) : "gone",
};

const IN_A_DRIVER: ReadonlySet<string> = new Set<Fact["type"]>([
  "agent.heard",
  "start.accepted",
  "agent.answered",
  "agent.asked",
  "agent.session",
  "agent.usage",
  "answer.missed",
  "secrets.changed",
  "agent.observed",
  "agent.silent",
  "agent.waiting",
  "rig.draining",
  "work.handed_in",
  "message.refused",
]);

export const TO_A_PROCESS: ReadonlySet<string> = new Set<Fact["type"]>([
  "TICK",
  "agent.hooked",
  "dispatch.granted",
  "start.accepted",
  "agent.progressed",
  "agent.exited",
]);

export function agentIn(world: World): AgentSnapshot {
  const agent = world.agents.get(ID);
  if (agent === undefined) throw new Error(`the model has no agent ${ID}`);
  return agent;
}

interface Deadlines {
  readonly lease: number | null;
  readonly stop: number | null;
  readonly backoff: number | null;
  readonly quarantine: number | null;
  readonly prompt: number | null;
  readonly check: number | null;
  readonly escalate: number | null;
  readonly restart: number | null;
  readonly ask: number | null;
  readonly model: number | null;
  readonly busy: number | null;
  readonly expected: number | null;
}

function deadlinesOf(world: World, context: AgentContext): Deadlines {
  const { settings } = world.rig.context;
  const { progressAt, activeAt, waiting, expectMs } = context;
  const seenAt = progressAt === null ? null : Math.max(progressAt, activeAt ?? 0);
  return {
    lease: context.leaseUntil,
    stop: context.stopUntil,
    backoff: context.backoffUntil,
    quarantine: context.quarantinedUntil,
    prompt: plus(context.blockedAt, settings.gupp_check_ms),
    check: plus(seenAt, settings.gupp_check_ms),
    escalate: plus(seenAt, settings.gupp_escalate_ms),
    restart: plus(seenAt, settings.gupp_restart_ms),
    ask: context.handIn?.askAt ?? null,
    model: waiting?.until ?? null,
    busy: activeAt === undefined ? null : plus(progressAt, watchOf(settings).busy_told_ms),
    expected: activeAt === undefined || expectMs === undefined ? null : plus(progressAt, expectMs),
  };
}

/** It matters where it ends or waits for a person; of the ways to get there from a running process one is enough. */
const seesRefusal = (agent: AgentSnapshot): boolean =>
  agent.matches({ blocked: "onHelp" }) ||
  agent.matches({ exited: "completed" }) ||
  (agent.matches({ working: { process: "running", progress: "fresh" } }) &&
    agent.context.attempts === 0 &&
    agent.context.checkpoint === null);

/** What becomes of its clocks hangs on nothing that was before its first dispatch: there is where they are looked at. */
export const hasNoPast = ({ attempts, exhausted, checkpoint }: AgentContext): boolean =>
  attempts === 0 && exhausted === 0 && checkpoint === null;

/** The clocks of a dispatch, as far as a guard tells them apart. */
function clocksOf({ waiting, told, hasProgressed, preparing, activeAt, expectMs }: AgentContext) {
  if (waiting !== undefined) return ["waiting", waiting.isOver];
  if (told !== undefined) return ["told", told];
  if (preparing !== undefined) return ["preparing"];
  return activeAt === undefined ? ["plain", hasProgressed, expectMs] : ["active", expectMs];
}

const isHandingIn = (agent: AgentSnapshot): boolean =>
  agent.matches({ working: { process: "handing_in" } }) || agent.matches({ exited: "handing_in" });

const isStarting = (agent: AgentSnapshot): boolean =>
  agent.matches({ working: { process: "starting" } }) || agent.matches({ restarting: "starting" });

const isWaiting = (agent: AgentSnapshot): boolean =>
  agent.matches({ exited: "placeNotFit" }) || agent.matches({ restarting: "backingOff" });

export function keyOf(world: World, agent: AgentSnapshot): string {
  const { context } = agent;
  const { lease, stop, backoff, quarantine, prompt, check, escalate, restart, ask } = deadlinesOf(world, context);
  // A deadline that is left over from before is seen by no guard of this state.
  const seen = [
    ...(context.heard ? [] : [lease]),
    ...(agent.matches("working") ? [stop, check, escalate, restart] : []),
    ...(agent.matches("exited") || agent.matches("restarting") ? [backoff] : []),
    ...(agent.matches({ blocked: "quarantined" }) ? [quarantine] : []),
    ...(agent.matches({ blocked: "onPermission" }) ? [prompt] : []),
    ...(isHandingIn(agent) ? [ask] : []),
  ].map((deadline) => side(world.at, deadline));
  return JSON.stringify([
    agent.value,
    context.role === "mayor",
    context.hook,
    context.heard,
    context.attempts,
    context.exhausted > 0,
    context.stopReason,
    context.checkpoint !== null,
    agent.matches({ exited: "handing_in" }) && context.handIn?.isUnanswered === true,
    isWaiting(agent) && context.exit?.outcome === "place",
    seesRefusal(agent) && [context.handIn?.refused?.isLast],
    isStarting(agent) && context.failedStart !== undefined,
    seen,
  ]);
}

/** What a driver's facts add to what guards can see. */
function driverKeyOf(world: World, agent: AgentSnapshot): unknown {
  const { asks, asked, usage, takesNoMessages } = agent.context;
  if (agent.matches("blocked")) return [asks?.length ?? 0];
  if (!agent.matches("working") || !hasNoPast(agent.context)) return [usage !== undefined];
  if (asked !== undefined || usage !== undefined) return [asked, usage !== undefined];
  if (takesNoMessages !== undefined) return ["takes no messages"];
  const { model, busy, expected } = deadlinesOf(world, agent.context);
  return [clocksOf(agent.context), ...[model, busy, expected].map((deadline) => side(world.at, deadline))];
}

/** What only a driver tells, and a bead that gives its agent a time. */
function driverMoves({ context }: AgentSnapshot, at: number, granted: Fact, dispatches: readonly string[]): Move[] {
  if (!hasNoPast(context)) return [];
  return [
    move(at, { ...granted, expectMs: EXPECT_MS } as Fact),
    ...dispatches.flatMap((dispatch) => clockMoves(dispatch, at, DEFAULT_SETTINGS.gupp_check_ms)),
    ...dispatches.flatMap((dispatch) => toldMoves(dispatch).map((fact) => move(at, fact))),
    move(at, { type: "secrets.changed" }),
  ];
}

export function movesOf(world: World, agent: AgentSnapshot, by: "anybody" | "driver" = "anybody"): Move[] {
  const { context } = agent;
  const { at } = world;
  const deadlines = deadlinesOf(world, context);
  const tick = (when: number, container: "unasked" | "unreachable" = "unasked") =>
    move(when, { type: "TICK", container });
  const exited = (dispatch: string, outcome: Outcome, when = at, resetAt: number | null = null) =>
    move(when, { type: "agent.exited", agentId: ID, dispatchId: dispatch, outcome, reason: outcome, resetAt });
  const current = dispatchId(ID, context.dispatchN);
  const other = dispatchId(ID, context.dispatchN === 0 ? 7 : context.dispatchN - 1);
  const next = dispatchId(ID, context.dispatchN + 1);
  const granted = (dispatch: string, beadId: string): Fact => ({
    type: "dispatch.granted",
    agentId: ID,
    dispatchId: dispatch,
    beadId,
    branch: "ticktown/b",
    rework: false,
    probe: false,
  });

  return [
    tick(at),
    ...aroundDeadlines(at, Object.values(deadlines)).map((when) => tick(when)),
    ...(deadlines.lease === null
      ? []
      : [tick(Math.max(at, deadlines.lease), "unreachable"), exited(current, "gone", Math.max(at, deadlines.lease))]),
    ...[0, 1].map((attempts) => move(at, { type: "agent.hooked", agentId: ID, beadId: BEAD, attempts, branch: null })),
    ...[BEAD, "another"].map((beadId) => move(at, { type: "agent.unhooked", agentId: ID, beadId, reason: "unhooked" })),
    move(at, granted(next, BEAD)),
    move(at, granted(next, "another")),
    move(at, granted(current, BEAD)),
    ...Outcome.options.map((outcome) => exited(current, outcome)),
    exited(current, "rate_limited", at, at + 3_600_000),
    exited(other, "failed"),
    ...[current, other].flatMap((dispatch) => reportsOf(dispatch).map((fact) => move(at, fact))),
    ...(by === "driver" ? driverMoves(agent, at, granted(next, BEAD), [current, other]) : []),
    move(at, { type: "start.unknown", agentId: ID, dispatchId: current, error: "no answer" }),
    ...["same", "new"].map((what) =>
      move(
        at,
        saved(current, what === "same" ? (context.checkpoint?.digest ?? "1") : `${context.checkpoint?.digest ?? ""}1`),
      ),
    ),
    move(at, { type: "agent.answered", agentId: ID, answer: "yes", by: "operator" }),
    ...(agent.matches("idle")
      ? [
          move(at, { type: "agent.held", agentId: ID, by: "operator", reason: "not now" }),
          move(at, { type: "agent.released", agentId: ID, by: "operator" }),
        ]
      : []),
    move(at, saved(other, "older")),
    move(at, done(current, "another")),
    ...handInMoves(agent, current, other).map((fact) => move(at, fact)),
    move(at, registered),
    move(at, { type: "rig.draining", by: "operator" }),
    move(at, { type: "rig.imported", by: "operator", secrets: [] }),
    move(at, { type: "place.changed" }),
    ...[BEAD, "another"].map((beadId) => move(at, { type: "charge.forgiven", agentId: ID, beadId })),
    move(at, { type: "clock.jumped", by: 1 }),
    move(at, { type: "rig.destroyed", by: "operator" }),
    move(at, { type: "agent.deleted", agentId: ID }),
  ];
}

const EXPECT_MS = 2_700_000;

/** What its container tells of its clocks, a moment later, and of what it was seen to do long ago. */
function clockMoves(dispatch: string, at: number, late_ms: number): Move[] {
  const of = { agentId: ID, dispatchId: dispatch };
  const now = at + 1;
  const facts: Fact[] = [
    { type: "agent.observed", ...of, activeAt: now, progressAt: null },
    { type: "agent.observed", ...of, activeAt: now, progressAt: now },
    { type: "agent.observed", ...of, activeAt: null, progressAt: null },
    { type: "agent.silent", ...of },
    { type: "agent.waiting", ...of, for: "model", since: now, until: now + 600_000 },
    { type: "agent.waiting", ...of, for: null, since: now, until: null },
  ];
  return [
    ...facts.map((fact) => move(now, fact)),
    ...[null, now].map((progressAt) =>
      move(now + late_ms, { type: "agent.observed", ...of, activeAt: now, progressAt } as Fact),
    ),
  ];
}

/** What its driver tells besides. */
function toldMoves(dispatch: string): Fact[] {
  const of = { agentId: ID, dispatchId: dispatch } as const;
  const ask = { type: "agent.asked", ...of, text: "may I?", command: null, options: [] } as const;
  return [
    { ...ask, askId: "1", kind: "question" } as unknown as Fact,
    { ...ask, askId: "2", kind: "permission" } as unknown as Fact,
    { type: "agent.session", ...of, driver: "d", session: "s" },
    { type: "message.refused", ...of, error: "it reads none" },
    {
      type: "agent.usage",
      ...of,
      session: "s",
      inputTokens: 1,
      cachedTokens: 0,
      outputTokens: 1,
      model: null,
      costMicrodollars: null,
    },
    { type: "answer.missed", ...of, askId: "1", answer: "yes", by: "operator", error: "nobody waits" },
  ];
}

const done = (dispatch: string, beadId: string): Fact => ({
  type: "agent.done",
  agentId: ID,
  dispatchId: dispatch,
  beadId,
  branch: "ticktown/b",
  prUrl: null,
  summary: null,
});

/** A hand-in, and all that can be said of one. */
function handInsOf(dispatch: string, beadId: string): Fact[] {
  const about = { agentId: ID, dispatchId: dispatch, beadId };
  const commit = "c".repeat(40);
  const seen = { branch: "ticktown/b", commit, base: null, ahead: 1, files: 1, deletions: 0, asIs: false };
  return [
    { ...done(dispatch, beadId), type: "work.handed_in", resolution: "work", note: null } as Fact,
    { type: "hand_in.accepted", ...about, ...seen },
    ...[1, LIMITS.hand_in_refusals].map((refusals): Fact => ({
      type: "hand_in.refused",
      ...about,
      code: "dirty",
      sentence: "look at it",
      refusals,
      commit,
    })),
    { type: "hand_in.no_change", ...about, note: null },
    { type: "hand_in.unseen", ...about },
    { type: "hand_in.unanswered", ...about, error: "no answer" },
    { type: "work.lost", ...about, reason: "the clone is gone" },
  ];
}

/** Whoever hands nothing in takes no answer to it: one of each is enough there. */
function handInMoves(agent: AgentSnapshot, current: string, other: string): Fact[] {
  const wrong = isHandingIn(agent) ? [...handInsOf(current, "another"), ...handInsOf(other, BEAD)] : [];
  const handedIn = [handInsOf(current, "another"), handInsOf(other, BEAD)].flatMap(([first]) => first ?? []);
  const settled = agent.matches({ blocked: "onHelp" }) ? settlementsOf("another") : [];
  return [...handInsOf(current, BEAD), ...(wrong.length > 0 ? wrong : handedIn), ...settlementsOf(BEAD), ...settled];
}

const settlementsOf = (beadId: string): Fact[] =>
  HandInDecision.options.map((decision) => ({
    type: "hand_in.settled",
    agentId: ID,
    beadId,
    decision,
    note: null,
    commit: decision === "as_is" ? "c".repeat(40) : null,
    by: "operator",
  }));

const saved = (dispatch: string, digest: string): Fact => ({
  type: "agent.checkpointed",
  agentId: ID,
  dispatchId: dispatch,
  beadId: BEAD,
  digest,
  data: { digest },
});

/** What a dispatch can say of itself, besides its end and its checkpoints. */
function reportsOf(dispatch: string): Fact[] {
  const of = { agentId: ID, dispatchId: dispatch };
  return [
    { type: "start.accepted", ...of },
    { type: "start.accepted", ...of, preparing: true },
    { type: "start.failed", ...of, error: "HTTP 500: no" },
    { type: "start.refused", ...of, status: 422, error: "no such branch" },
    { type: "start.refused", ...of, status: 400, error: "no such text", input: true },
    { type: "agent.heard", ...of },
    { type: "agent.progressed", ...of, what: "a tool call" },
    { type: "agent.status_said", ...of, line: "reading" },
    { type: "agent.asked_help", ...of, escalationId: "e" },
    { type: "permission.asked", ...of, prompt: "may I?" },
    { type: "permission.answered", ...of },
    done(dispatch, BEAD),
  ];
}
