/** The mutants of an agent's two clocks, its attempts and what its driver tells. Their tests: clocks.test.ts and driver.test.ts in test/unit. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const CLOCKS = "src/machines/agent/clocks.ts";
const CONTEXT = "src/machines/agent/context.ts";
const DRIVER = "src/machines/agent/driver.ts";
const GUARDS = "src/machines/agent/guards.ts";

export const CLOCK_MUTANTS: readonly Mutant[] = [
  mutant(
    "F-404",
    "what a container's status shows of an agent's activity counts",
    "only routes that it calls do",
    edit(
      CLOCKS,
      "return progressAt !== null && seen !== null && notAfter(event, seen) > Math.max(progressAt, activeAt);",
      "return progressAt === null && seen !== null && notAfter(event, seen) > Math.max(0, activeAt);",
    ),
  ),
  mutant(
    "F-406",
    "who is busy is not idle",
    "an agent with an open tool that calls no route is reminded and stopped",
    edit(CONTEXT, "Math.max(context.progressAt, context.activeAt ?? 0)", "context.progressAt"),
  ),
  mutant(
    "F-805",
    "what prepares is not said to run, and to run is no progress",
    "why says that it runs and makes progress while its clone hangs",
    edit("src/core/why.ts", "if (preparing !== undefined)", "if (preparing === null)"),
  ),
  mutant(
    "CLOCK-busy",
    "busy without progress is told once",
    "a person is told of it with every TICK",
    edit("src/machines/agent/setup.ts", 'assign({ told: "busy" as const })', "assign({ told: undefined })"),
  ),
  mutant(
    "CLOCK-expect",
    "only a bead's own expect_ms stops an agent that is busy",
    "it runs for as long as it likes",
    edit(CLOCKS, "context.expectMs !== undefined && busyFor(context, event) >= context.expectMs", "false"),
  ),
  mutant(
    "CLOCK-model",
    "a wait for the model has a deadline",
    "a model that never answers is waited for as long as it says nothing",
    edit(CLOCKS, "until === null ? from + watchOf(event.settings).model_wait_ms : until", "until ?? Infinity"),
  ),
  mutant(
    "CLOCK-day",
    "a model is waited for a day at most, whatever it says",
    "one with a wrong clock is waited for until it is right",
    edit(CLOCKS, "Math.min(last, from + LIMITS.model_wait_max_ms)", "last"),
  ),
  mutant(
    "CLOCK-silent",
    "no output since the start is told after minutes",
    "an agent that hangs on its input is found when the two hours are over",
    edit(GUARDS, "context.told === undefined && context.hasProgressed === undefined", "false"),
  ),
  mutant(
    "DRIVER-asks",
    "what was asked stays asked until it is answered",
    "a checkpoint ends the wait, and a reminder is taken for the answer",
    edit(GUARDS, "hasAsk: ({ context }) => (context.asks?.length ?? 0) > 0", "hasAsk: () => false"),
  ),
  mutant(
    "DRIVER-attempts",
    "a note alone resets the attempts twice, and no more",
    "a crash loop that saves a fresh note each time never ends",
    edit(GUARDS, "(context.resets?.notes ?? 0) < LIMITS.note_resets", "(context.resets?.notes ?? 0) >= 0"),
  ),
  mutant(
    "DRIVER-usage",
    "what a conversation used only grows",
    "a late report takes back what was counted",
    edit(DRIVER, "AMOUNTS.some((amount) => (used[amount] ?? 0) > (known[amount] ?? 0))", "true"),
    edit(DRIVER, "Math.max(inputTokens, known?.inputTokens ?? 0)", "inputTokens"),
  ),
  mutant(
    "DRIVER-words",
    "words that are none of its answers answer no permission",
    "whatever is typed lets it go on, and its driver takes it for No",
    edit("src/core/decide/agents.ts", 'ask?.kind === "permission" && chosen === undefined', "ask === undefined"),
  ),
  mutant(
    "DRIVER-stale",
    "what a process asked that has ended since is asked no more",
    "nobody can let go who asked before its key was not taken",
    edit("src/core/decide/agents.ts", "isAsking ? askOf(agent.context) : undefined", "askOf(agent.context)"),
  ),
  mutant(
    "DRIVER-twice",
    "the same ask asks once",
    "who asks again makes a second question",
    edit(DRIVER, 'asked?.includes(expect(event, "agent.asked").askId) !== true', "asked?.length !== -1"),
  ),
];
