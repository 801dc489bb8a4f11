/** The mutants of money: what is counted, and the caps. Their tests: money.test.ts, money-hostile.test.ts and fruitless.test.ts in test/unit/incidents, and budget.test.ts at the door. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const BUDGET = "src/machines/budget.ts";
const DOOR = "container/agents/door/budget.ts";
const SCHEDULE = "src/core/schedule.ts";
const SPEND = "src/machines/agent/spend.ts";

export const MONEY_MUTANTS: readonly Mutant[] = [
  mutant(
    "MONEY-once",
    "what is told twice is counted once",
    "every report is added to the sum",
    edit(SPEND, "inputTokens: now.inputTokens - (before?.inputTokens ?? 0)", "inputTokens: now.inputTokens"),
  ),
  mutant(
    "MONEY-bead",
    "a bead that has spent what it may is not dispatched",
    "an answer alone starts it again, and it spends on",
    edit(SCHEDULE, "!mayRun(bead, world.at) || isCapped(world, bead) ||", "!mayRun(bead, world.at) ||"),
  ),
  mutant(
    "MONEY-door",
    "on_cap stop ends who runs in mid-turn",
    "who is counted at the door is never stopped",
    edit(
      "src/machines/agent/guards.ts",
      'budgetOf(event.settings).on_cap === "stop" || context.atDoor !== true',
      "context.atDoor !== true",
    ),
  ),
  mutant(
    "MONEY-day",
    "at the day's cap nothing is started",
    "the cap is told and nothing else",
    edit(SCHEDULE, 'if (world.budget?.value === "capped") return 0;', ""),
  ),
  mutant(
    "MONEY-raised",
    "a cap that was raised opens at once",
    "it opens with the next day",
    edit(BUDGET, '"rig.settings_changed": [opens, keeps],', ""),
  ),
  mutant(
    "MONEY-told",
    "most of a cap is told once",
    "it is told with every report",
    edit(
      BUDGET,
      '"spend.counted": [caps, ebbs, { guard: "isNewDay", target: "counting", ...counts }, counts]',
      '"spend.counted": [caps, ebbs, tells, counts]',
    ),
  ),
  mutant(
    "MONEY-estimate",
    "the price that fits a model's name best counts",
    "the first one that fits does",
    edit("src/events/budget.ts", ".sort((a, b) => b.length - a.length)", ".sort((a, b) => a.length - b.length)"),
  ),
  mutant(
    "MONEY-unmetered",
    "under a cap, who tells nothing of what it uses is stopped",
    "it spends without end, and nobody counts",
    edit("src/machines/agent/guards.ts", "isOver(meterDeadline(context, event.settings), event.at)", "false"),
  ),
  mutant(
    "MONEY-fruitless",
    "who spends without anything to show is told of once in a stretch",
    "with every report",
    edit(SPEND, "return isTold === undefined && tokens >= most;", "return tokens >= most;"),
  ),
  mutant(
    "MONEY-shown",
    "a commit begins another stretch",
    "only ends of tools do, and who commits now and then is told of",
    edit(SPEND, " || (head !== undefined && head !== stretch.head)", ""),
  ),
  mutant(
    "MONEY-failed",
    "what failed has a price of its own, also when it is told late",
    "nobody knows what failures cost",
    edit("src/do/spend.ts", "DO UPDATE SET failed = 1", "DO UPDATE SET failed = 0"),
    edit("src/do/spend.ts", "VALUES (?, ?, 1, NULL) ON", "VALUES (?, ?, 0, NULL) ON"),
  ),
  mutant(
    "MONEY-said",
    "what an end that is reported has used counts, also of a dispatch that was replaced",
    "only heartbeats count",
    edit(
      "src/do/sightings.ts",
      "const isOlder = said.usage !== undefined && of !== null",
      "const isOlder = false && of !== null",
    ),
  ),
  mutant(
    "MONEY-unsaid",
    "who is gone without its last words is marked incomplete",
    "what was counted passes for all that was used",
    edit(SPEND, 'event.outcome === "gone" || ', ""),
  ),
  mutant(
    "MONEY-awaited",
    "whose work was taken is incomplete until its end is told",
    "what it had used when its work was taken passes for all of it",
    edit(
      SPEND,
      "const conversation = underWay(context, event);\n  return",
      "const conversation = null as Unsaid | null;\n  return",
    ),
  ),
  mutant(
    "MONEY-awaited",
    "an end that is told late completes what was marked",
    "it is incomplete for ever",
    edit("src/do/sightings.ts", "isIncomplete(rig.ports.sql, of)", "false"),
  ),
  mutant(
    "MONEY-unheard",
    "an end whose last words nobody has heard is incomplete",
    "a control server that was restarted tells of an end like any other",
    edit(SPEND, " || event.unheard === true", ""),
  ),
  mutant(
    "MONEY-bound",
    "it is shown by what a cap may be passed",
    "it says that a door counts whom it does not",
    edit("src/do/spend.ts", "[...world.index.slots].every(isAtDoor)", "[...world.index.slots].some(isAtDoor)"),
  ),
  mutant(
    "MONEY-nothing",
    "a day of which nothing may be spent is over before anybody has spent anything",
    "a cap of nothing lets as much be started as there is room for",
    edit("src/core/decide/rig.ts", "world.budget === undefined && reaches(NOTHING_SPENT, dayCaps(settings))", "false"),
  ),
  mutant(
    "MONEY-nothing",
    "a day that begins at its cap is waited for like any other",
    "the alarm rings for a midnight that is long over, without end",
    edit(BUDGET, '          { guard: "isNewDay", ...counts },\n', ""),
  ),
  mutant(
    "MONEY-none",
    "a bead that may spend nothing is not started",
    "it spends until its first report",
    edit(
      "src/machines/spend.ts",
      "reaches(money.spent ?? NOTHING_SPENT,",
      "money.spent !== undefined && reaches(money.spent,",
    ),
  ),
  mutant(
    "MONEY-clock",
    "a clock that is put back across midnight begins no day anew",
    "the door is told that all of the day is left",
    edit("src/do/spend.ts", "Math.max(dayOf(now), budget?.context.day ?? 0)", "dayOf(now)"),
  ),
  mutant(
    "MONEY-clock",
    "a clock that is put back keeps nothing from being counted",
    "nothing is counted until it has caught up",
    edit("src/do/sightings.ts", "(since_ms >= 0 && since_ms < granularity_ms)", "since_ms < granularity_ms"),
  ),
  mutant(
    "MONEY-repriced",
    "another price is one of what is used from then on",
    "all of a conversation is priced anew, and below what it has cost it is free",
    edit(
      SPEND,
      "costMicrodollars === null ? NOTHING_USED : before",
      "costMicrodollars === null ? NOTHING_USED : NOTHING_USED",
    ),
    edit(SPEND, "(costBefore ?? 0) + estimated", "estimated"),
  ),
  mutant(
    "MONEY-repriced",
    "what has no price costs nobody knows what, also in a conversation that had one",
    "it passes for free",
    edit(SPEND, "isPriced && now.costMicrodollars !== null", "now.costMicrodollars !== null"),
  ),
  mutant(
    "MONEY-soft",
    "most of a bead's cap is told once",
    "it is told with every report",
    edit("src/machines/bead/setup.ts", "!reaches(context.spent ?? NOTHING_SPENT, caps, percent) && ", ""),
  ),
  mutant(
    "MONEY-forgotten",
    "a conversation that its agent has forgotten is known to the ledger",
    "told again it is counted again, all of it",
    edit(
      "src/do/sightings.ts",
      "return hasForgotten ? countedOf(ports.sql, agentId, session) : undefined;",
      "return undefined;",
    ),
  ),
  mutant(
    "MONEY-claim",
    "only its container says that a door counts an agent",
    "whoever says so of itself is not stopped at a cap",
    edit("src/do/sightings.ts", 'teller === "container" && seen.usage', "seen.usage"),
  ),
  mutant(
    "MONEY-next",
    "what a door counted of one dispatch says nothing of the next",
    "who has left the door is not stopped at a cap",
    edit("src/machines/agent/setup.ts", '...("atDoor" in context ? { atDoor: undefined } : {}),', ""),
  ),
  mutant(
    "DOOR-cut",
    "an answer that is cut off costs at least what was asked and said",
    "who goes away before its cost is told has it for nothing, at any cap",
    edit("container/agents/door/cost.ts", "Math.max(known.output_tokens, said)", "known.output_tokens"),
  ),
  mutant(
    "DOOR-unsaid",
    "an answer whose cost nobody has asked for is counted",
    "it is free for whoever leaves the question out",
    edit(
      "container/agents/door/cost.ts",
      "tokens ?? askedFor(asked)",
      "tokens ?? { ...askedFor(asked), input_tokens: 0 }",
    ),
  ),
  mutant(
    "DOOR-unsaid",
    "who does not wait for a word of its answer has asked",
    "requests that are broken off at once cost nothing",
    edit("container/agents/door/forward.ts", "!isAnswered && route.generates && outgoing.writableFinished", "false"),
  ),
  mutant(
    "DOOR-repriced",
    "only what was used since the rig has counted is estimated by the prices of now",
    "with a lower price all that is not counted yet is free",
    edit(DOOR, "estimate(since(now, before),", "estimate(since(now, NOTHING_COUNTED),"),
    edit(DOOR, "before.microdollars + (estimate", "(estimate"),
  ),
  mutant(
    "MONEY-huge",
    "a sum of what is spent is still a number",
    "an agent that tells of more than can be counted breaks its rig's budget",
    edit("src/events/budget.ts", "Math.min(a + b, Number.MAX_SAFE_INTEGER)", "a + b"),
  ),
  mutant(
    "DOOR-bead",
    "at a bead's cap the next answer is refused",
    "it is paid for",
    edit(DOOR, "if (reaches(mine, order.bead))", "if (false as boolean)"),
  ),
  mutant(
    "DOOR-day",
    "what all of a rig's dispatches have used counts against its day",
    "each has the day for itself",
    edit(DOOR, "...Array.from(rig.entries, uncounted)", "uncounted(entry)"),
  ),
  mutant(
    "DOOR-older",
    "an order that was overtaken by a newer one is not taken",
    "the day has again what others have spent meanwhile",
    edit(DOOR, "if (isNewer(order, rig.newest)) rig.newest = order;", "rig.newest = order;"),
  ),
  mutant(
    "DOOR-unheard",
    "what was spent and may never be heard of is taken off what is left",
    "it is spent again",
    edit(
      DOOR,
      "if (!rig.entries.delete(entry)) return;",
      "rig.entries.delete(entry);\n        if (entry.beadId !== undefined) return;",
    ),
  ),
  mutant(
    "DOOR-money",
    "money that nobody names is estimated",
    "it costs nothing, so that no cap in money holds",
    edit(DOOR, "now.model, order.prices)", "now.model, {})"),
  ),
];
