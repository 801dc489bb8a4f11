import type { AgentSnapshot } from "../machines/agent.ts";
import { iso } from "./iso.ts";
import { askOf } from "../machines/agent/driver.ts";
import { isStoppedForMoney } from "../machines/agent/ends.ts";
import { isUndecided } from "../machines/agent/context.ts";
import { guppWasSent } from "../machines/agent/says.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import { cooldownEnd, gateOf, isHeldBack, rigDeadline } from "../machines/rig.ts";
import { dayOf, NOTHING_SPENT, reaches, spentText } from "../events/budget.ts";
import { budgetDeadline, capsOn, dayCaps } from "../machines/budget.ts";
import { beadCaps } from "../machines/spend.ts";
import { keylessFor } from "./held.ts";
import { allowance, freeSlots, isCapped, isDeferred, mayRun } from "./schedule.ts";
import { tellsMore, whyReview } from "./why-review.ts";
import { get, type World } from "./world.ts";
import { insteadOf, whyLimited } from "./why-account.ts";
import { sentenceOf, why, type Why } from "./why-what.ts";

export { REASONS, type Reason, type Why } from "./why-what.ts";

/** Why the rig grants nothing now, or null when it would. */
function whyTheRigWaits(world: World): Why | null {
  const { context } = world.rig;
  const { budget } = world;
  if (
    budget?.value === "capped" &&
    gateOf(world.rig) === "open" &&
    !reaches(budget.context.today, dayCaps(context.settings))
  )
    return why(
      "over_budget",
      `What the rig has leased of its town's day is spent (${spentText(budget.context.today, capsOn(context.settings, budget.context, dayOf(world.at)))}): it goes on when the town leases it more, with the next day of UTC at the latest, or when the town's budget is raised.`,
      { scope: "town", tokens: budget.context.today.tokens, microdollars: budget.context.today.microdollars },
      budgetDeadline(budget, context.settings),
    );
  if (budget?.value === "capped" && gateOf(world.rig) === "open")
    return why(
      "over_budget",
      `The day's budget is spent (${spentText(budget.context.today, dayCaps(context.settings))}): nothing is started until the next day of UTC, or until it is raised.`,
      { scope: "day", tokens: budget.context.today.tokens, microdollars: budget.context.today.microdollars },
      budgetDeadline(budget, context.settings),
    );
  switch (gateOf(world.rig)) {
    case "destroyed":
      return why("ended", "The rig was deleted.");
    case "no_config":
      return why("no_config", "Nobody has told this rig its repository: create the rig through the API.");
    case "draining":
      return why("draining", "The rig is draining: work is handed back and nothing is dispatched until it is resumed.");
    case "paused":
      if (isHeldBack(world.rig)) return whyHeldBack(world);
      return why("paused", "The rig is paused: what runs goes on, nothing new is dispatched until it is resumed.");
    case "breaker_open":
      return why(
        "breaker_open",
        context.probe === null
          ? "Too many dispatches failed: dispatch is suspended until the cool-down is over, then one probe is tried."
          : "A probe is running; its fate decides whether dispatch goes on.",
        { failures: context.failures.length, probe: context.probe },
        cooldownEnd(context),
      );
    case "outage":
      return why(
        "breaker_open",
        `${context.outage?.agents ?? 0} agents ended alike, with nothing between (${context.outage?.reason ?? ""}), for something that is none of their work's. Nobody is charged; ${context.probe === null ? "a probe is tried when its time comes" : "a probe is running"}, and all go on when one makes progress.`,
        { since: context.outage?.since ?? null, tries: context.outage?.tries ?? 0, probe: context.probe },
        rigDeadline(world.rig),
      );
    case "open":
    case "probe":
      if (context.full !== undefined)
        return why(
          "at_capacity",
          `The container has no room (${context.full.words}): nobody is charged, and the next in line is tried soon.`,
          { in_use: world.index.slots.size },
          context.full.until,
        );
      return allowance(world) > 0
        ? null
        : why("at_capacity", `All ${context.settings.capacity} slots are taken.`, {
            capacity: context.settings.capacity,
            in_use: world.index.slots.size,
            free: freeSlots(world),
          });
  }
}

const whyHeldBack = ({ rig: { context } }: World): Why =>
  why(
    "paused",
    `The rig was brought back from a file by ${context.imported?.by ?? ""}: nothing is started or merged until it is resumed.`,
    { imported_at: context.imported?.at ?? null, imported_by: context.imported?.by ?? null },
  );

/** Its program's key was not taken when somebody else was started with it. */
function whyHeld(world: World, bead: BeadSnapshot, agent: AgentSnapshot | null): Why | null {
  const keyless = keylessFor(world, bead, agent)?.context;
  if (keyless === undefined) return null;
  return why(
    "waiting_for_person",
    `It would be run by a program whose key was not taken when ${keyless.name} was started (${keyless.exit?.reason ?? ""}): set the right one among the rig's secrets, or answer ${keyless.name}.`,
    { since: keyless.blockedAt, agent: keyless.id },
  );
}

/** Why this bead is where it is. */
export function whyBead(world: World, bead: BeadSnapshot): Why {
  const { context } = bead;
  const broken = world.broken.get(`bead:${context.id}`);
  if (broken !== undefined)
    return why(
      "quarantined_until",
      `Its stored state cannot be read: ${broken}. A repair folds its state again from the journal.`,
    );
  if (bead.hasTag("terminal"))
    return why("ended", `It is ${String(bead.value)}${context.reason === null ? "" : `: ${context.reason}`}.`, {
      commit_sha: context.commitSha,
    });
  if (context.type !== "issue")
    return why(
      "wrong_role",
      `It is ${context.type === "escalation" ? "an" : "a"} ${context.type}: it is for people and mail, never dispatched as work.`,
      { type: context.type },
    );
  if (bead.value === "in_review") return whyReview(world, bead);
  if (context.byHand !== undefined && context.assignee === null)
    return why("waiting_for_person", `It is in the hands of ${context.byHand}: set it to open, and it is dispatched.`, {
      in_progress_by: context.byHand,
    });
  if (context.hold !== undefined)
    return why("waiting_for_person", "It was made to wait: put it on an agent's hook, and it is dispatched.", {
      hold: "until it is on a hook",
    });
  if (context.stuckBy !== undefined) return whyStuck(world, bead);
  if (context.blockedBy.length > 0)
    return why(
      "blocked_by",
      `It waits for ${context.blockedBy.length === 1 ? "a bead" : `${context.blockedBy.length} beads`} to be merged: ${context.blockedBy.slice(0, 5).join(", ")}.`,
      { blocked_by: [...context.blockedBy] },
    );
  if (isDeferred(bead, world.at))
    return why("deferred_until", "It is deferred.", { defer_until: context.deferUntil }, context.deferUntil);
  const agent = context.assignee === null ? undefined : world.agents.get(context.assignee);
  if (isCapped(world, bead) && agent?.hasTag("slot") !== true) return whyCapped(world, bead);
  if (agent !== undefined) return whyAgent(world, agent);
  return (
    whyHeld(world, bead, null) ??
    whyLimited(world, bead) ??
    whyTheRigWaits(world) ??
    why("running", "It is ready and is dispatched with the next commit.")
  );
}

/** Which of those that it waits for, over however many between, has failed. */
function whyStuck(world: World, { context: { id, stuckBy = [], blockedBy } }: BeadSnapshot): Why {
  const roots = new Set<string>();
  const seen = new Set<string>([id]);
  const open = [...stuckBy];
  for (const blockerId of open) {
    if (seen.has(blockerId)) continue;
    seen.add(blockerId);
    const blocker = get(world, "bead", blockerId);
    if (blocker?.value === "failed") roots.add(blockerId);
    else open.push(...(blocker?.context.stuckBy ?? []));
  }
  const named = [...roots].slice(0, 5).join(", ");
  return why(
    "blocked_by",
    `It is stuck: ${named} ${roots.size === 1 ? "has" : "have"} failed, and it waits for that. Retry it, take it out of what waits for it, or cancel this one.`,
    { blocked_by: [...blockedBy], stuck_by: [...stuckBy], failed: [...roots] },
  );
}
/** It has spent what it may, and no process is on it. */
const whyCapped = ({ rig }: World, { context }: BeadSnapshot): Why =>
  why(
    "over_budget",
    `It has spent what it may (${spentText(context.spent ?? NOTHING_SPENT, beadCaps(context, rig.context.settings))}): raise its budget, or cancel it.`,
    { scope: "bead", ...(context.spent ?? NOTHING_SPENT) },
  );

/** What an agent with a process does, in words. */
function doing(world: World, agent: AgentSnapshot): string {
  if (agent.matches({ working: { process: "draining" } })) return "Its process was asked to stop.";
  if (agent.matches({ working: { process: "handing_in" } }))
    return "It says that it is done: the container is looking at what it hands in.";
  const { failedStart } = agent.context;
  if (!agent.matches({ working: { process: "running" } }))
    return failedStart === undefined
      ? "Its process was asked to start and has not been heard from yet."
      : `The container has failed to start it (${failedStart}). Whether it runs all the same is looked at.`;
  const { preparing, heard, waiting, told, hasProgressed, activeAt } = agent.context;
  if (preparing !== undefined) return `Preparing: cloning since ${iso(preparing)}.`;
  if (waiting?.isOver === false)
    return `It has asked its model and waits for the answer since ${iso(waiting.since)}; until ${iso(waiting.until)} nobody disturbs it.`;
  if (waiting !== undefined)
    return `Its model has not answered since ${iso(waiting.since)}: a person was told; if nothing moves, it is restarted, uncharged.`;
  if (agent.matches({ working: { progress: "checked" } }))
    return agent.context.takesNoMessages === true
      ? `Its process runs, but has shown no progress for a while. ${guppWasSent(agent.context)}`
      : "Its process runs, but has shown no progress for a while: it was sent a GUPP_CHECK.";
  if (agent.matches({ working: { progress: "escalated" } }))
    return "Its process runs, but shows no progress: a person was told, and it will be restarted.";
  if (told === "silent") return "Its process runs, and has printed nothing since its start: a person was told.";
  if (!tellsMore(world)) return "Its process runs and makes progress.";
  if (!heard) return "Its start was accepted; nothing has been heard of it yet.";
  if (hasProgressed !== true)
    return `Its process runs; it is not known to have made any progress yet${seenBusy(agent)}.`;
  const { progressAt } = agent.context;
  const shown_ms = world.at - (progressAt ?? world.at);
  if (activeAt !== undefined && shown_ms >= world.rig.context.settings.gupp_check_ms)
    return `Its process runs; its last known progress was at ${iso(progressAt ?? 0)}${seenBusy(agent)}.`;
  return "Its process runs and makes progress.";
}

/** Busy is something else than progress, and is said as what it is. */
const seenBusy = ({ context: { activeAt } }: AgentSnapshot): string =>
  activeAt === undefined ? "" : `, and it was busy at ${iso(activeAt)}`;

/** Why the attempt before came to nothing is why it waits. */
const waitsAgain = (world: World, { exit }: AgentSnapshot["context"]): string =>
  `It waits before its next attempt.${exit === null || !tellsMore(world) ? "" : ` The one before ended (${exit.outcome.replace("_", " ")}): ${sentenceOf(exit.reason)}`}`;

const notFit = (reason: string): string =>
  `It could not start, because its place is not fit (${reason}). That is not charged; it is tried again.`;

/** What it handed in was refused for the last time: a person decides. */
function whyRefused(world: World, { context }: AgentSnapshot): Why {
  const { refusal, refusals = 0 } = world.beads.get(context.hook ?? "")?.context ?? {};
  return why(
    "waiting_for_person",
    `Its work was refused ${refusals} times, the last time: ${refusal?.sentence ?? "nothing was said"} Send it back, close it as no change, or take it as it is.`,
    { since: context.blockedAt, refusals, code: refusal?.code ?? null },
  );
}

/** What it asks in its own words, where its driver has told them. */
function asked({ context }: AgentSnapshot, otherwise: string): string {
  const ask = askOf(context);
  if (ask === undefined) return otherwise;
  return ask.command === null ? `It asks: ${ask.text}` : `It asks whether it may run \`${ask.command}\``;
}

/** For whom it waits, or null: it waits for nobody. */
function whyBlocked(world: World, agent: AgentSnapshot): Why | null {
  const { context } = agent;
  if (agent.matches({ blocked: "quarantined" }))
    return why(
      "quarantined_until",
      "It gave up several beads in a row and rests; unblock it to end that now.",
      {},
      context.quarantinedUntil,
    );
  if (agent.matches({ blocked: "overBudget" }))
    return why(
      "over_budget",
      `${isStoppedForMoney(context) ? "It was stopped for its budget" : "Its process said that its budget is used up"} (${context.exit?.reason ?? ""}): raise the budget and answer it with unblock, or cancel the bead.`,
      { since: context.blockedAt },
    );
  if (agent.matches({ blocked: "notAuthorized" }))
    return why(
      "waiting_for_person",
      `Its key was not taken (${context.exit?.reason ?? ""}). Nothing is charged: set the right one among the rig's secrets, or answer it with unblock.`,
      { since: context.blockedAt, ...(context.exit?.runtime === undefined ? {} : { runtime: context.exit.runtime }) },
    );
  if (agent.matches({ blocked: "onHelp" }) && isUndecided(context)) return whyRefused(world, agent);
  if (agent.matches({ blocked: "onHelp" }))
    return why("waiting_for_person", `${asked(agent, "It asked for help")}: answer it with unblock.`, {
      since: context.blockedAt,
    });
  if (agent.matches({ blocked: "onPermission" }))
    return why("waiting_for_person", `${asked(agent, "It waits at a permission prompt")}: answer it.`, {
      since: context.blockedAt,
    });
  return null;
}

/** A person's hold, in that person's words. */
const whyKept = ({ by, reason, at }: NonNullable<AgentSnapshot["context"]["held"]>): Why =>
  why(
    "waiting_for_person",
    `It is held by ${by}${reason === "" ? "" : `: ${reason}`}. Nothing new is started with it until it is released.`,
    { held_by: by, held_since: at },
  );

/** Why this agent does what it does, or does not. */
export function whyAgent(world: World, agent: AgentSnapshot): Why {
  const { context } = agent;
  const broken = world.broken.get(`agent:${context.id}`);
  if (broken !== undefined)
    return why(
      "quarantined_until",
      `Its stored state cannot be read: ${broken}. A repair folds its state again from the journal.`,
    );
  const blocked = whyBlocked(world, agent);
  if (blocked !== null) return blocked;
  if (agent.matches("working") || agent.matches({ restarting: "starting" }))
    return why(
      "running",
      `${doing(world, agent)}${insteadOf(world, agent)}`,
      {
        dispatch: context.dispatchN,
        progress_at: context.hasProgressed === true || !tellsMore(world) ? context.progressAt : null,
        ...(context.activeAt === undefined ? {} : { active_at: context.activeAt }),
      },
      context.leaseUntil ?? context.stopUntil ?? context.handIn?.askAt ?? null,
    );
  if (agent.matches({ exited: "handing_in" }))
    return why(
      "waiting_for_inspection",
      context.handIn?.isUnanswered === true
        ? "It says that it is done, and the container does not answer: it is asked again, and nobody is charged."
        : "It said that it is done, and its process has ended: the container is looking at what it handed in.",
      { branch: context.handIn?.branch ?? null, dispatch: context.dispatchN },
      context.handIn?.askAt ?? null,
    );
  if (agent.matches("exited"))
    return why(
      "backing_off_until",
      context.exit?.outcome === "place"
        ? notFit(context.exit.reason)
        : `Its process ended (${context.exit?.outcome ?? "unknown"}: ${context.exit?.reason ?? ""}); the next TICK decides.`,
      {},
      context.backoffUntil ?? world.at,
    );
  if (context.held !== undefined) return whyKept(context.held);
  if (agent.matches({ restarting: "backingOff" }))
    return why(
      "backing_off_until",
      context.exit?.outcome === "place" ? notFit(context.exit.reason) : waitsAgain(world, context),
      { attempts: context.attempts },
      context.backoffUntil,
    );
  if (context.hook === null) return why("no_work", "It has no bead.");
  if (context.role !== "polecat")
    return why("wrong_role", `It is a ${context.role}: only polecats are dispatched on beads.`, { role: context.role });
  const bead = get(world, "bead", context.hook);
  const lost = world.broken.get(`bead:${context.hook}`) ?? (bead === undefined ? "it is gone" : undefined);
  if (lost !== undefined || bead === undefined)
    return why(
      "quarantined_until",
      `Its bead ${context.hook} cannot be read: ${lost ?? ""}. Repair the bead, or unhook the agent.`,
    );
  if (!mayRun(bead, world.at)) return whyBead(world, bead);
  return (
    whyHeld(world, bead, agent) ??
    whyLimited(world, bead) ??
    whyTheRigWaits(world) ??
    why("running", "It is due and is dispatched with the next commit.")
  );
}
