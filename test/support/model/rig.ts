import { LIMITS } from "../../../src/events/limits.ts";
import { NEWEST_RULES } from "../../../src/events/rules.ts";
import type { Fact } from "../../../src/events/facts.ts";
import type { RigContext } from "../../../src/machines/rig.ts";
import type { World } from "../../../src/core/world.ts";
import type { Model } from "./explore.ts";
import { aroundDeadlines, plus, side } from "./times.ts";
import { move, type Move } from "./world.ts";

/** The rig itself, without agents: what agents say reaches it all the same. */

const START_MS = 1_800_000_000_000;

export const rigModel: Model = {
  name: "rig",
  kind: "rig",
  id: "rig",
  seeds: [move(START_MS, { type: "rig.settings_changed", changes: { breaker_failures: 2 } })],
  moves: movesOf,
  key: keyOf,
};

const cooldownEnd = ({ openedAt, settings }: RigContext): number | null => plus(openedAt, settings.breaker_cooldown_ms);
/** When the oldest failure no longer counts. */
const windowEnd = ({ failures, settings }: RigContext): number | null =>
  plus(failures[0] ?? null, settings.breaker_window_ms);

export function keyOf({ at, rig }: World): string {
  const { context } = rig;
  return JSON.stringify([
    rig.value,
    context.config !== null,
    context.failures.length,
    side(at, windowEnd(context)),
    side(at, cooldownEnd(context)),
    context.probe,
    context.container ?? null,
    context.imported?.isHeld ?? null,
    // What was stopped at once is told apart where nothing else is the matter; the charts look at nothing beside it.
    context.failures.length === 0 && context.probe === null && context.stopped === true,
  ]);
}

const PROBE = "p:2";

function movesOf({ at, rig }: World): Move[] {
  const { context } = rig;
  const facts: Fact[] = [
    {
      type: "rig.configured",
      rigId: "rig1",
      townId: "town1",
      userId: "user1",
      name: "rig",
      gitUrl: "file:///repo",
      defaultBranch: "main",
      rules: NEWEST_RULES,
    },
    { type: "rig.edited", by: "operator", changes: { defaultBranch: "trunk" } },
    ...[1, -1].map((by): Fact => ({ type: "clock.jumped", by })),
    ...[1, NEWEST_RULES].map((rules): Fact => ({ type: "rig.upgraded", rules, version: "0.1.0" })),
    { type: "rig.settings_changed", changes: { capacity: 3 } },
    { type: "rig.settings_changed", changes: { keep_days: 3 } },
    { type: "rig.paused", by: "operator" },
    { type: "rig.resumed", by: "operator" },
    { type: "rig.draining", by: "operator" },
    { type: "rig.draining", by: "operator", atOnce: true },
    { type: "rig.destroyed", by: "operator" },
    { type: "rig.imported", by: "operator", secrets: [] },
    { type: "rig.activity_changed", active: true },
    { type: "rig.activity_changed", active: false },
    { type: "container.unreachable", error: "no route" },
    { type: "container.reachable" },
    ...[true, false].flatMap((inspects) =>
      [true, false].map((ephemeral): Fact => ({ type: "container.met", inspects, ephemeral })),
    ),
    ...[true, false].map((trains): Fact => ({ type: "container.met", inspects: true, ephemeral: false, trains })),
    { type: "container.met", inspects: false, ephemeral: false, dispatchIds: false },
    straysFound,
    { type: "strays.gone" },
    ...[true, false].map(granted),
    ...[PROBE, "p:1"].flatMap(reportsOf),
    ...["p", "q"].flatMap((agentId): Fact[] => [
      { type: "agent.unhooked", agentId, beadId: "b", reason: "unhooked" },
      { type: "agent.deleted", agentId },
      ...(["agent", "bead"] as const).map((kind): Fact => ({
        type: "actor.quarantined",
        kind,
        id: agentId,
        error: "garbage",
      })),
    ]),
  ];
  return [
    ...[at, ...aroundDeadlines(at, [cooldownEnd(context)])].map((when) =>
      move(when, { type: "TICK", container: "unasked" }),
    ),
    ...aroundDeadlines(at, [windowEnd(context)]).map((when) => move(when, failed(PROBE))),
    ...facts.map((fact) => move(at, fact)),
    // By itself the rig corrects a wrong one at the end of the commit, so the second must come within it.
    move(at, ...["one", "one"].map((instance): Fact => ({ type: "container.instance_changed", instance }))),
    ...reportsOf(PROBE).flatMap((fact) =>
      fact.type === "agent.heard" || fact.type === "agent.done" ? [move(at, notFit, fact)] : [],
    ),
    // It says nothing of anything else, so it makes no states of its own.
    move(at, straysFound, straysFound),
    move(at, straysFound, { type: "strays.gone" }),
    move(at, ...[true, true].map((active): Fact => ({ type: "rig.activity_changed", active }))),
  ];
}

const straysFound: Fact = {
  type: "strays.found",
  processes: [{ agentId: "gone", dispatchId: "gone:1", since: 0 }],
  clones: [{ agentId: "gone", branch: null, beadId: null, since: 0 }],
  folders: [{ name: "odd", since: 0 }],
  total: 3,
};

const ofAnother = (agentId: string, charged: boolean): Fact =>
  ({ ...failed(`${agentId}:1`), agentId, beadId: `bead of ${agentId}`, charged }) as Fact;

const failed = (dispatch: string): Fact => ({
  type: "dispatch.failed",
  agentId: "p",
  dispatchId: dispatch,
  beadId: "b",
  charged: true,
  attempts: 1,
  reason: "crashed",
});

const granted = (probe: boolean): Fact => ({
  type: "dispatch.granted",
  agentId: "p",
  dispatchId: PROBE,
  beadId: "b",
  branch: "ticktown/b",
  rework: false,
  probe,
});

const notFit: Fact = {
  type: "agent.exited",
  agentId: "p",
  dispatchId: "p:1",
  outcome: "place",
  reason: "setup_failed: exit 1",
  resetAt: null,
};

function reportsOf(dispatch: string): Fact[] {
  const of = { agentId: "p", dispatchId: dispatch };
  return [
    failed(dispatch),
    { ...failed(dispatch), sameInput: true } as Fact,
    { type: "agent.heard", ...of },
    { type: "agent.progressed", ...of, what: "a tool call" },
    { type: "agent.checkpointed", ...of, beadId: "b", digest: "x", data: 1 },
    { type: "agent.asked_help", ...of, escalationId: "e" },
    { type: "permission.asked", ...of, prompt: "may I?" },
    { type: "agent.done", ...of, beadId: "b", branch: "ticktown/b", prUrl: null, summary: null },
    {
      type: "work.handed_in",
      ...of,
      beadId: "b",
      branch: "ticktown/b",
      prUrl: null,
      summary: null,
      resolution: "work",
      note: null,
    },
    ...(["failed", "evicted", "rate_limited", "over_budget", "place"] as const).map((outcome): Fact => ({
      type: "agent.exited",
      ...of,
      outcome,
      reason: outcome,
      resetAt: null,
    })),
  ];
}

/** What fails several agents at once. */
export const outageModel: Model = {
  name: "rig (outage)",
  kind: "rig",
  id: "rig",
  seeds: [move(START_MS, { type: "rig.upgraded", rules: NEWEST_RULES, version: "0.1.0" })],
  moves: ({ at, rig: { context } }) => [
    ...[at, ...aroundDeadlines(at, outageTimes(context))].map((when) =>
      move(when, { type: "TICK", container: "unasked" }),
    ),
    ...["q", "r"].flatMap((agentId) => [true, false].map((charged) => move(at, ofAnother(agentId, charged)))),
    // What others have to show says something of failures that are older than it.
    ...[at + LIMITS.outage_window_ms - 1, at + LIMITS.outage_window_ms].flatMap((when) =>
      context.charges?.some((charge) => charge.at === at) === true
        ? reportsOf("p:1").map((fact) => move(when, fact))
        : [],
    ),
    ...[PROBE, "p:1"].flatMap(reportsOf).map((fact) => move(at, fact)),
    ...[true, false].map((probe) => move(at, granted(probe))),
    move(at, { ...notFit, outcome: "full" } as Fact),
    move(at, { type: "rig.draining", by: "operator" }),
    move(at, { type: "rig.resumed", by: "operator" }),
    move(at, { type: "rig.imported", by: "operator", secrets: [] }),
    ...["p", "q"].flatMap((agentId) => [
      move(at, { type: "agent.unhooked", agentId, beadId: "b", reason: "unhooked" }),
      move(at, { type: "agent.deleted", agentId }),
      move(at, { type: "actor.quarantined", kind: "agent", id: agentId, error: "garbage" }),
    ]),
  ],
  key: ({ at, rig }) =>
    JSON.stringify([
      rig.value,
      new Set(rig.context.charges?.map(({ agentId }) => agentId)).size,
      rig.context.charges?.some((charge) => charge.at <= at - LIMITS.outage_window_ms) ?? false,
      rig.context.suspects?.some(({ agentId }) => agentId === "p") ?? false,
      rig.context.probe,
      outageTimes(rig.context).map((time) => side(at, time)),
    ]),
};

const outageTimes = ({ outage, settings, full }: RigContext) => [
  full?.until ?? null,
  outage?.nextAt ?? null,
  plus(outage?.probeAt ?? null, settings.gupp_check_ms),
];
