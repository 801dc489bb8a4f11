import { edit, mutant, type Mutant } from "./mutant.ts";

/** Of ends that are not passed on, of time, and of blame. */

const CHAIN = "src/core/chain.ts";
const SAYS_RIG = "src/machines/rig.ts";

export const ENDS_MUTANTS: readonly Mutant[] = [
  mutant(
    "zloop#24",
    "what waits for what has failed says so",
    "a bead that fails tells nobody who waits for it",
    edit(CHAIN, "if (after === null || was === isDead(after)", "if (after === null || was || was === isDead(after)"),
  ),
  mutant(
    "zloop#24",
    "a chain is told of once",
    "nobody is told of a chain whose head was cancelled",
    edit(
      CHAIN,
      'if (after.value === "failed" && dependents.length > 0)',
      "if (after.context.escalation !== undefined)",
    ),
  ),
  mutant(
    "mcp_agent_mail#254",
    "a letter is delivered when its reader has something to show",
    "reading a letter delivers it",
    edit("src/core/decide/mail.ts", "dispatchId === null\n      ?", "dispatchId !== null\n      ?"),
  ),
  mutant(
    "mcp_agent_mail#254",
    "a person's look delivers nothing",
    "whoever reads a letter has read it for its agent",
    edit("src/core/decide/mail.ts", ' || around.caller.kind !== "agent"', ""),
  ),
  mutant(
    "xagent#779",
    "a container without room charges nobody",
    "a start that finds no room is unknown until its lease is over",
    edit("src/do/outbox.ts", "answer.status === 429 || answer.status === 503", "false"),
  ),
  mutant(
    "START-instance",
    "a start that was lost with its control server costs no lease and nobody an attempt",
    "the next control server's ignorance is like that of the one that was asked",
    edit("src/do/patrol.ts", "isAnother(rig, instance) ? begun : NOBODY", "NOBODY"),
  ),
  mutant(
    "START-instance",
    "a start that is still to be asked for was not lost",
    "whoever was not heard from was lost",
    edit("src/do/patrol.ts", ".toArray().length === 0;", ".toArray().length >= 0;"),
  ),
  mutant(
    "RUNTIME-missing",
    "what is not installed is no fault of the work",
    "a bead is charged for a coding agent that is not installed",
    edit("src/wire/container.ts", '"runtime_missing",', ""),
  ),
  mutant(
    "RUNTIME-unknown",
    "a coding agent that there is not is refused where it is asked for",
    "any name passes for a coding agent's",
    edit("src/events/runtimes.ts", "RUNTIME_NAMES.includes(name) ||", "RUNTIME_NAMES.length > 0 ||"),
  ),
  mutant(
    "OUTAGE-own",
    "three that fail each in its own way are no outage",
    "whatever fails at once is one failure",
    edit("src/machines/rig/outage.ts", "(one.end ?? end) === end", "end !== null"),
  ),
  mutant(
    "OUTAGE-own",
    "the probe of an outage goes round",
    "the probe of an outage goes to the first in the queue again and again",
    edit("src/core/schedule.ts", "a.turn - b.turn || ", ""),
  ),
  mutant(
    "OUTAGE-own",
    "what failed in outage after outage that others ended is charged",
    "outages forgive for ever",
    edit("src/machines/rig/outage.ts", "one.outages >= LIMITS.outages_forgiven", "one.outages < 0"),
  ),
  mutant(
    "OUTAGE-own",
    "whoever ends an outage was not the reason for it",
    "whoever ends an outage is suspected of it",
    edit("src/machines/rig/outage.ts", "if (isOfWhoEndsIt(agentId)) continue;", ""),
  ),
  mutant(
    "OUTAGE-own",
    "whoever hands something in is no suspect",
    "a suspect stays one",
    edit("src/machines/rig/outage.ts", "suspects.filter(({ agentId }) => agentId !== event.agentId)", "suspects"),
  ),
  mutant(
    "F-306",
    "what fails several agents at once is charged to nobody",
    "failures at once are failures of each",
    edit("src/machines/rig/outage.ts", ">= LIMITS.outage_agents", ">= LIMITS.outage_agents * 1_000"),
  ),
  mutant(
    "F-306",
    "while something fails everybody nobody is charged",
    "a probe that fails is charged",
    edit("src/machines/agent/setup.ts", "if (event.isOutage) return uncharged(context, event);", ""),
  ),
  mutant(
    "F-306",
    "who was charged before it was seen is given it back",
    "the first charges of an outage stay",
    edit(
      "src/machines/rig.ts",
      'actions: ["forgive", "beginOutage", "alertOutage"]',
      'actions: ["beginOutage", "alertOutage"]',
    ),
  ),
  mutant(
    "looper#364",
    "time that nobody could use counts against nobody",
    "an alarm that rings hours late is an alarm like any other",
    edit(
      "src/do/clock.ts",
      "late_ms > LIMITS.clock_tolerance_ms ?",
      "late_ms > LIMITS.clock_tolerance_ms * 1_000_000 ?",
    ),
  ),
  mutant(
    "F-501",
    "a clock that was ahead is put back, and what waits with it",
    "the journal's time is believed over the clock",
    edit(
      "src/do/clock.ts",
      "if (world.at - now > LIMITS.clock_tolerance_ms) {",
      "if (world.at - now > Number.MAX_VALUE) {",
    ),
  ),
  mutant(
    "RepoLens#109",
    "each rate limit in a row is waited out longer",
    "a reset that has passed is a reset",
    edit("src/machines/agent/limits.ts", "Math.min(Math.max(wanted, soonest), latest)", "Math.min(wanted, latest)"),
  ),
  mutant(
    "RepoLens#109",
    "rate limits in a row are told once",
    "nobody is told of rate limits in a row",
    edit("src/machines/agent/limits.ts", "context.limited !== LIMITS.rate_limits_told", "context.limited !== -1"),
  ),
  mutant(
    "hive-mind#1236",
    "a reset is believed within bounds",
    "a reset is believed however far ahead it is",
    edit("src/machines/agent/limits.ts", "Math.min(Math.max(wanted, soonest), latest)", "Math.max(wanted, soonest)"),
  ),
  mutant(
    "hive-mind#1236",
    "a time without a zone is none",
    "a time without a zone is one of wherever it is read",
    edit(
      "src/do/patrol.ts",
      "until === undefined ? null : timeOf(until)",
      "until === undefined ? null : Date.parse(until)",
    ),
  ),
  mutant(
    "vibe-kanban#2984",
    "a new target is a new place",
    "who waits for a place is not told that the target has changed",
    edit(SAYS_RIG, 'actions: ["editConfig", "tellPlaceChanged"]', 'actions: ["editConfig"]'),
  ),
  mutant(
    "vibe-kanban#2984",
    "a target that is gone is the rig's, and no bead's",
    "a missing target branch is charged to whoever is started",
    edit("src/wire/container.ts", '  "default_branch_missing",\n', ""),
  ),
  mutant(
    "STOP-rig",
    "everything of a rig ends within seconds, also who hears nothing",
    "what is asked to end is waited for",
    edit("container/halt.ts", "if (elapsed_ms >= HALT_GRACE_MS)", "if (false)"),
  ),
  mutant(
    "STOP-rig",
    "what is kept stopped starts nothing",
    "only who was there to hear of the stop keeps to it",
    edit("container/halt.ts", " || isKeptStopped(workDir)", ""),
  ),
  mutant(
    "STOP-begin",
    "while everything is stopped nothing begins that was on its way",
    "a start that is being written is sent",
    edit("src/do/start.ts", "if (isStopped(rig))", "if (false)"),
  ),
  mutant(
    "STOP-begin",
    "and nothing that is tried again",
    "a train that was not taken is asked for again",
    edit("src/do/outbox.ts", "if (isStopped(rig) && ", "if (false && "),
  ),
  mutant(
    "MOVE-objects",
    "an object that is started anew is no fault",
    "its callers are told that Ticktown failed",
    edit("src/api/app.ts", "(ofRig ?? movedAway(error))", "ofRig"),
  ),
  mutant(
    "MOVE-objects",
    "who asks again with the same key goes on with what was begun",
    "each try makes another one",
    edit("src/api/routes/users.ts", "if (key === null)", "if (true)"),
  ),
];
