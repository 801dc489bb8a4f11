/** The mutants of what happened to the cloud rewrite of Gas Town (KC): schedules, starts, reports and reviews. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const AGENT_BLOCKED = "src/machines/agent/blocked.ts";
const AGENT_CONTEXT = "src/machines/agent/context.ts";
const AGENT_GUARDS = "src/machines/agent/guards.ts";
const AGENT_TRANSITIONS = "src/machines/agent/transitions.ts";
const AGENT_WORKING = "src/machines/agent/working.ts";
const BEAD = "src/machines/bead.ts";
const REVIEW = "src/machines/review.ts";
const RIG = "src/machines/rig.ts";
const FOLD = "src/core/fold.ts";
const ROUTE = "src/core/route.ts";
const SCHEDULE = "src/core/schedule.ts";
const DECIDE = "src/core/decide/index.ts";
const DECIDE_BEADS = "src/core/decide/beads.ts";
const DECIDE_REVIEWS = "src/core/decide/reviews.ts";
const WORLD = "src/core/world.ts";
const WHY = "src/core/why.ts";
const OUTBOX = "src/do/outbox.ts";
const STORE = "src/do/store.ts";
const COMMIT = "src/do/commit.ts";
const PATROL = "src/do/patrol.ts";
const TICK = "src/do/tick.ts";

export const CLOUD_MUTANTS: readonly Mutant[] = [
  mutant(
    "KC-335",
    "a bead has a fixed number of attempts, then a person is told",
    "the limit is checked one attempt too late",
    edit(
      AGENT_GUARDS,
      "context.attempts >= event.settings.max_attempts",
      "context.attempts > event.settings.max_attempts",
    ),
  ),
  mutant(
    "KC-293",
    "the TICK that finds a dead process restarts it",
    "the first restart waits out a backoff",
    edit(
      AGENT_CONTEXT,
      "exponential(failures - 1, settings.backoff_base_ms",
      "exponential(failures, settings.backoff_base_ms",
    ),
  ),
  mutant(
    "KC-411",
    "an agent with a hook is not free",
    "every idle agent counts as free",
    edit(
      WORLD,
      'after.context.role === "polecat" && after.hasTag("free")',
      'after.context.role === "polecat" && after.matches("idle")',
    ),
  ),
  mutant(
    "KC-1358",
    "an unknown start may be running, so it is not repeated",
    "a timeout is taken for a refusal",
    edit(
      OUTBOX,
      "return [startUnknown(effect, answer)];",
      'return [{ type: "start.refused", agentId, dispatchId, status: 504, error: clip(answer.error) }];',
    ),
  ),
  mutant(
    "KC-2061",
    "a refused start is over, an unknown one is looked at",
    "a refusal is taken for a timeout",
    edit(
      OUTBOX,
      'type: "start.refused", agentId, dispatchId, status: answer.status, error: clip(answer.error), ...(OF_INPUT.has(answer.status) ? { input: true as const } : {}),',
      'type: "start.unknown", agentId, dispatchId, error: clip(answer.error),',
    ),
  ),
  mutant(
    "KC-1653",
    "many failures suspend the whole rig, which then only probes",
    "the breaker never opens",
    edit(
      RIG,
      "recentFailures(context, event).length >= context.settings.breaker_failures",
      "recentFailures(context, event).length < 0",
    ),
  ),
  mutant(
    "KC-1850",
    "a failure has a cause that is not empty and fits into a row",
    "the cause is stored as it came",
    edit(OUTBOX, '{ ...answer, error: clip(answer.error) || "no reason was given" }', "answer"),
  ),
  mutant(
    "KC-1932",
    "a breaker heals by itself",
    "no probe is granted after the cool-down",
    edit(
      "src/machines/rig/gate.ts",
      'return snapshot.context.probe === null ? "probe" : "breaker_open";',
      'return "breaker_open";',
    ),
  ),
  mutant(
    "KC-4557",
    "a commit is whole or has not happened",
    "the memory keeps what storage refused",
    edit(COMMIT, "    rollback(world);\n    throw error;", "    throw error;"),
  ),
  mutant(
    "KC-1567",
    "mail waits for its reader",
    "mail counts as delivered when it is sent",
    edit(
      STORE,
      "INSERT INTO mail VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
      "INSERT INTO mail VALUES (?, ?, ?, ?, ?, ?, ?, 0, NULL)",
    ),
  ),
  mutant(
    "KC-1487",
    "one dispatch submits one review",
    "a bead in review can be submitted again",
    edit(
      BEAD,
      '"bead.merged": { guard: "isItsReview", ...closes },',
      '"bead.merged": { guard: "isItsReview", ...closes },\n        "review.submitted": submits,',
    ),
    edit(
      DECIDE_REVIEWS,
      'bead.value === "in_review" ? null : { type: "review.submitted", beadId, agentId, branch, prUrl, summary }',
      '({ type: "review.submitted", beadId, agentId, branch, prUrl, summary })',
    ),
  ),
  mutant(
    "KC-1574",
    "what waits says what it waits for",
    "a paused rig gives no reason",
    edit(WHY, '      return why("paused",', '      return null ?? void why("paused",'),
  ),
  mutant(
    "KC-1361",
    "a row that cannot be read costs one actor, not the rig",
    "a malformed row stops the load",
    edit(STORE, "      malformed.push(", "      throw error;\n      malformed.push("),
  ),
  mutant(
    "KC-2374",
    "what is closed stays closed",
    "deleting an agent reopens its last bead",
    edit(BEAD, "    closed: {", '    closed: { on: { "agent.deleted": { target: "open", actions: ["unassign"] } },'),
    edit(
      ROUTE,
      'const hook = get(world, "agent", fact.agentId)?.context.hook ?? null;',
      'const hook = get(world, "agent", fact.agentId)?.context.hook ?? get(world, "agent", fact.agentId)?.context.dispatchBead ?? null;',
    ),
  ),
  mutant(
    "KC-2830",
    "a stall that a person knows of is no hurry",
    "an escalated stall counts as activity",
    edit(
      AGENT_WORKING,
      'escalated: { description: "A person was told. No longer',
      'escalated: { tags: ["active"], description: "A person was told. No longer',
    ),
  ),
  mutant(
    "KC-3880",
    "a rig without a repository does nothing and says so",
    "nobody asks for the configuration",
    edit("src/machines/rig/gate.ts", '  if (snapshot.context.config === null) return "no_config";\n', ""),
    edit(
      SCHEDULE,
      'gateOf(world.rig) !== "destroyed" && world.rig.context.config !== null',
      'gateOf(world.rig) !== "destroyed"',
    ),
  ),
  mutant(
    "KC-4216",
    "a sign of life is no progress",
    "heartbeats move the progress clock",
    edit(
      AGENT_WORKING,
      '"agent.heard": { guard: and(["isCurrentDispatch", "isFirstSignOfLife"]), actions: ["markHeard"] }',
      '"agent.heard": { guard: "isCurrentDispatch", actions: ["markHeard", "moveProgressClock"] }',
    ),
  ),
  mutant(
    "KC-293b",
    "one reminder per stall",
    "the reminder does not remember that it was sent",
    edit(
      AGENT_WORKING,
      'guard: and(["isWatched", "guppCheckIsDue"]), target: "checked", actions',
      'guard: and(["isWatched", "guppCheckIsDue"]), actions',
    ),
  ),
  mutant(
    "KC-1878",
    "escalations are for people and do not breed",
    "an escalation about an escalation is a new one",
    edit(
      DECIDE_BEADS,
      'about?.context.type === "escalation" && !about.hasTag("terminal")',
      'about?.context.type === "message" && !about.hasTag("terminal")',
    ),
  ),
  mutant(
    "KC-1364",
    "health is silent, and a lasting condition is told once",
    "a waiting prompt is escalated again and again",
    edit(
      AGENT_BLOCKED,
      'target: "escalated", actions: ["escalatePrompt"]',
      'actions: ["escalatePrompt", "startWaiting"]',
    ),
  ),
  mutant(
    "KC-657",
    "every order names its own rig",
    "merges name a fixed rig",
    edit(OUTBOX, "{ rigId: config.rigId, branch: effect.branch", '{ rigId: "rig1", branch: effect.branch'),
  ),
  mutant(
    "KC-900",
    "only a merge unblocks",
    "a submitted blocker unblocks",
    edit(FOLD, 'after === null || (ends && after.value === "closed")', "after === null || ends || submits"),
  ),
  mutant(
    "KC-2158",
    "a bead is closed when its merge is real",
    "a submitted bead is closed",
    edit(
      BEAD,
      'target: "in_review", actions: ["enterReview", "openReview"]',
      'target: "closed", actions: ["enterReview", "openReview"]',
    ),
  ),
  mutant(
    "KC-1342",
    "a review's attempts are counted through restarts, and end",
    "a new claim forgets the attempts",
    edit(REVIEW, "claim: context.claim + 1,\n", "claim: context.claim + 1,\n      attempts: 0,\n"),
  ),
  mutant(
    "KC-1107",
    "a conflict is reworked once, where the work is",
    "the rework gets a fresh branch",
    edit(SCHEDULE, "bead.context.branch ?? `ticktown/", "`ticktown/"),
  ),
  mutant(
    "KC-1441",
    "an eviction hands work back for free",
    "an eviction is charged like a crash",
    edit(AGENT_GUARDS, ' || outcomeOf(event) === "evicted"', ""),
  ),
  mutant(
    "KC-1182",
    "a destroyed rig stays destroyed",
    "late calls are decided as if it lived",
    edit(DECIDE, 'if (world.rig.matches({ life: "destroyed" }))', "if (world.seq < 0)"),
  ),
  mutant(
    "KC-3047",
    "a fact for nobody is recorded, once",
    "a fact for nobody fails its commit",
    edit(
      FOLD,
      "taken.missing ??= actorKey(target.kind, target.id);",
      "throw new Error(`no ${target.kind} ${target.id}`);",
    ),
  ),
  mutant(
    "KC-1986a",
    "who loses its bead is stopped",
    "a cancelled bead leaves its process running",
    edit(
      AGENT_TRANSITIONS,
      'target: "#agent.idle.empty",\n  actions: ["stopContainer", "tellAwaited", "forgetHook"],',
      'target: "#agent.idle.empty",\n  actions: ["tellAwaited", "forgetHook"],',
    ),
  ),
  mutant(
    "KC-1986b",
    "done and completed commute",
    "a completed without a done is charged before the done can arrive",
    edit(
      AGENT_TRANSITIONS,
      'target: "#agent.exited.completed", actions: ["rememberExit"]',
      'target: "#agent.exited.completed", actions: ["rememberExit", "chargeAttempt", "reportChargedFailure"]',
    ),
  ),
  mutant(
    "KC-404",
    "unknown to the container means gone",
    "a missing process is nothing new",
    edit(
      PATROL,
      "    if (current === undefined) {",
      "    if (current === undefined) continue;\n    if (current === undefined) {",
    ),
  ),
  mutant(
    "KC-throw",
    "the alarm is armed again whatever happens",
    "it is armed only after a TICK that went well",
    edit(TICK, "    rearm(rig, scheduledTime);\n", ""),
    edit(
      TICK,
      "    rig.ports.background(rig.outbox.settle(rig));\n",
      "    rig.ports.background(rig.outbox.settle(rig));\n    rearm(rig, scheduledTime);\n",
    ),
  ),
  mutant(
    "KC-conflict",
    "work that nobody can take is no hurry",
    "a ready bead counts as activity",
    edit(
      SCHEDULE,
      "const active = isActive(world);",
      "const active = world.index.active.size > 0 || world.index.ready.size > 0;",
    ),
  ),
];
