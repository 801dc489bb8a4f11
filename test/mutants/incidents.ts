/**
 * One hand-written bug per incident: the shortest edit that brings the incident back. `npm run mutants` applies each to a
 * copy of the sources and expects the incident's test, and only that one, to notice. An edit whose `find` is not in its
 * file exactly once no longer applies, and says so.
 */

import { AGENT_DOOR_MUTANTS } from "./agent-door.ts";
import { BOUND_MUTANTS } from "./bounds.ts";
import { BOX_MUTANTS } from "./box.ts";
import { CLONE_MUTANTS } from "./clones.ts";
import { CLI_MUTANTS } from "./cli.ts";
import { CLOCK_MUTANTS } from "./clocks.ts";
import { CLOUD_MUTANTS } from "./cloud.ts";
import { DOOR_MUTANTS } from "./door.ts";
import { ENDS_MUTANTS } from "./ends.ts";
import { RECONCILE_MUTANTS } from "./reconcile.ts";
import { RENEWAL_MUTANTS } from "./renewal.ts";
import { RESTORE_MUTANTS } from "./restore.ts";
import { GATE_MUTANTS } from "./gate.ts";
import { GIT_MUTANTS } from "./git.ts";
import { HAND_IN_MUTANTS } from "./hand-in.ts";
import { ACCOUNT_MUTANTS } from "./accounts.ts";
import { TOWN_MUTANTS } from "./town.ts";
import { MONEY_MUTANTS } from "./money.ts";
import { HOLD_MUTANTS } from "./holds.ts";
import { OWN_MUTANTS } from "./own.ts";
import { OVERVIEW_MUTANTS } from "./overview.ts";
import { PLAIN_MUTANTS } from "./plain.ts";
import { OLD_CONTAINER_MUTANTS } from "./old-container.ts";
import { TALK_MUTANTS } from "./talk.ts";
import { QUEUE_MUTANTS } from "./queue.ts";
import { edit, mutant, type Mutant } from "./mutant.ts";
import { TRACE_MUTANTS } from "./traces.ts";
import { TRAIN_MUTANTS } from "./train.ts";
import { VERIFY_MUTANTS } from "./verify.ts";

const AGENT = "src/machines/agent.ts";
const AGENT_BLOCKED = "src/machines/agent/blocked.ts";
const AGENT_GUARDS = "src/machines/agent/guards.ts";
const AGENT_TRANSITIONS = "src/machines/agent/transitions.ts";
const REVIEW = "src/machines/review.ts";
const RIG = "src/machines/rig.ts";
const FOLD = "src/core/fold.ts";
const SCHEDULE = "src/core/schedule.ts";
const DECIDE_TOOLS = "src/core/decide/tools.ts";
const WORLD = "src/core/world.ts";
const NEEDS = "src/core/needs.ts";

export const MUTANTS: readonly Mutant[] = [
  ...AGENT_DOOR_MUTANTS,
  ...BOX_MUTANTS,
  ...BOUND_MUTANTS,
  ...CLONE_MUTANTS,
  ...CLOCK_MUTANTS,
  ...CLOUD_MUTANTS,
  ...OLD_CONTAINER_MUTANTS,
  ...MONEY_MUTANTS,
  ...ACCOUNT_MUTANTS,
  ...TOWN_MUTANTS,
  ...TRACE_MUTANTS,
  ...HOLD_MUTANTS,
  ...OWN_MUTANTS,
  mutant(
    "GT-1971",
    "work in progress is not new work",
    "a bead in progress is ready",
    edit(
      WORLD,
      'bead.value === "open" && bead.context.type === "issue"',
      '(bead.value === "open" || bead.value === "in_progress") && bead.context.type === "issue"',
    ),
    edit(WORLD, "isReady(after) && after.context.assignee === null", "isReady(after)"),
  ),
  mutant(
    "GT-2036",
    "an accepted start has until its deadline to be seen",
    "an accepted start that is not seen is dead",
    edit(
      AGENT_GUARDS,
      "&& !context.heard && context.failedStart === undefined && context.leaseUntil !== null",
      "&& context.heard && context.failedStart === undefined && context.leaseUntil !== null",
    ),
  ),
  mutant(
    "GT-3800",
    "only issues are work",
    "any open bead is ready",
    edit(WORLD, 'bead.value === "open" && bead.context.type === "issue"', 'bead.value === "open"'),
  ),
  mutant(
    "GT-3484",
    "who has no process takes no place",
    "idle agents count against the capacity",
    edit(SCHEDULE, "settings.capacity - world.index.slots.size", "settings.capacity - world.agents.size"),
  ),
  mutant(
    "GT-4081",
    "waiting for a place costs nothing",
    "the capacity does not look at what is taken",
    edit(SCHEDULE, "settings.capacity - world.index.slots.size", "settings.capacity"),
  ),
  mutant(
    "GT-909",
    "an older dispatch has no say",
    "any number of the agent's will do",
    edit(
      DECIDE_TOOLS,
      "const overtaken = n === null || n !== agent.context.dispatchN;",
      "const overtaken = n === null;",
    ),
  ),
  mutant(
    "GT-4698",
    "a bead that ends lets its agent go",
    "a closed bead stays on the hook",
    edit(
      FOLD,
      'if (agentId !== undefined) facts.push({ type: "agent.unhooked"',
      'if (agentId !== undefined && after?.value !== "closed") facts.push({ type: "agent.unhooked"',
    ),
  ),
  mutant(
    "GT-2795",
    "an outage is told when it begins",
    "an outage is told at every TICK",
    edit(
      RIG,
      'on: { "container.reachable": {',
      'on: { "container.unreachable": { actions: ["alertContainer"] }, "container.reachable": {',
    ),
  ),
  mutant(
    "GT-4462",
    "half open means one",
    "a half-open breaker lets everything through",
    edit(
      "src/machines/rig/gate.ts",
      'return snapshot.context.probe === null ? "probe" : "breaker_open";',
      'return "open";',
    ),
  ),
  mutant(
    "GT-1378",
    "who waits for a person is not restarted",
    "an old prompt is treated as a stall",
    edit(
      AGENT_BLOCKED,
      'target: "escalated", actions: ["escalatePrompt"]',
      'target: "#agent.working.process.draining", actions: ["stopContainer", "waitForStop", "becauseStalled"]',
    ),
  ),
  mutant(
    "GT-2539",
    "a hopeless merge does not hold up the queue",
    "a missing branch is tried again like any failure",
    edit(
      REVIEW,
      'isPermanent: ({ event }) => expect(event, "review.completed").permanent,',
      "isPermanent: () => false,",
    ),
  ),
  mutant(
    "GT-691",
    "a claim ends",
    "a claim never ends",
    edit(
      REVIEW,
      "claimIsOver: ({ context, event }) => isOver(context.claimUntil, event.at)",
      "claimIsOver: () => false",
    ),
    edit(REVIEW, "return earliest([claimUntil, resendAt]);", "return resendAt;"),
  ),
  mutant(
    "GC-1400",
    "a rate limit is waited out to its end",
    "the reset time is ignored",
    edit(
      "src/machines/agent/limits.ts",
      'event.type === "agent.exited" ? event.resetAt : null',
      'event.type === "agent.exited" ? null : null',
    ),
  ),
  mutant(
    "GC-1336",
    "a start holds its slot until its lease ends",
    "the lease never ends",
    edit(
      AGENT_GUARDS,
      "leaseIsOver: ({ context, event }) => isOver(context.leaseUntil, event.at),",
      "leaseIsOver: () => false,",
    ),
  ),
  mutant(
    "GC-5442",
    "every failed start counts",
    "a refused start is not counted",
    edit(
      AGENT_TRANSITIONS,
      'guard: "isCurrentDispatch", target: "#agent.exited.refused", actions: ["rememberExit", "chargeAttempt", "reportChargedFailure"]',
      'guard: "isCurrentDispatch", target: "#agent.exited.refused", actions: ["rememberExit"]',
    ),
  ),
  mutant(
    "F-307",
    "a merge that died with its control server is asked for again at once",
    "a new instance is noted, and its merges wait for two minutes",
    edit(REVIEW, '"container.instance_changed": { actions: ["resendLater", "merge"] },', ""),
  ),
  mutant(
    "F-603",
    "what was spawned is found, written down or not",
    "a control server ends only what an earlier one had recorded",
    edit(
      "container/processes/pidfiles.ts",
      "if (!(await sweepMarked(`${mark}:`, Date.now() + KILL_WAIT_MS)))",
      "if (mark === null)",
    ),
  ),
  mutant(
    "F-603b",
    "the stack's sweep finds it too",
    "it reads the records alone",
    edit("scripts/stack/control.ts", "killAllOf(workDir);", ""),
  ),
  mutant(
    "hermes-agent#88562",
    "what an agent started ends with it, in whichever session",
    "only its process group is ended",
    edit("container/agents/supervisor.ts", "await sweepMarked(options.mark, Date.now() + KILL_WAIT_MS);", ""),
  ),
  mutant(
    "hermes-agent#88562b",
    "a stop asks all of them and gives all of them its grace",
    "only the process group is asked",
    edit("container/agents/supervisor.ts", "signalEach(outside, signal);", ""),
  ),
  mutant(
    "GC-5727",
    "no work, no effects",
    "an idle agent is stopped at every TICK",
    edit(
      AGENT,
      'on: { "agent.hooked": { target: "hooked", actions: ["rememberHook"] } },',
      'on: { "agent.hooked": { target: "hooked", actions: ["rememberHook"] }, TICK: { actions: ["stopContainer"] } },',
    ),
  ),
  mutant(
    "F-601",
    "who waits for a person is a need, whatever else was settled",
    "an agent over its budget is told of by its escalation alone",
    edit(
      "src/core/needs-agent.ts",
      'if (agent.matches({ blocked: "overBudget" })) return { code: "over_budget", level: "now", until: null };',
      "",
    ),
  ),
  mutant(
    "F-802",
    "failures of one cause are one need",
    "each failed bead is a need of its own",
    edit(NEEDS, "`failed:${code}:${causeOf(words)}`", "`failed:${code}:${id}`"),
  ),
  ...DOOR_MUTANTS,
  ...ENDS_MUTANTS,
  ...RECONCILE_MUTANTS,
  ...RENEWAL_MUTANTS,
  ...RESTORE_MUTANTS,
  ...GIT_MUTANTS,
  ...HAND_IN_MUTANTS,
  ...QUEUE_MUTANTS,
  ...GATE_MUTANTS,
  ...PLAIN_MUTANTS,
  ...CLI_MUTANTS,
  ...OVERVIEW_MUTANTS,
  ...TALK_MUTANTS,
  ...TRAIN_MUTANTS,
  ...VERIFY_MUTANTS,
];
