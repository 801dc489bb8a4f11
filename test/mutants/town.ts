/** The mutants of a town's money. Their tests: town-money.test.ts in test/unit/incidents. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const TOWN = "src/do/town-money.ts";
const BUDGET = "src/machines/budget.ts";

export const TOWN_MUTANTS: readonly Mutant[] = [
  mutant(
    "TOWN-sum",
    "all rigs together lease no more than the cap",
    "each leases as if it were alone",
    edit(TOWN, "cap - heldOf([...others, own], kind)", "cap - heldOf([own], kind)"),
  ),
  mutant(
    "TOWN-sum",
    "what a rig has spent beyond what it has leased is the town's",
    "what was under way is paid for twice",
    edit(TOWN, "Math.max(row[kind], row[`spent_${kind}`])", "row[kind]"),
  ),
  mutant(
    "TOWN-late",
    "a question that was overtaken takes nothing back",
    "what another answer gave is leased once more",
    edit(TOWN, "const givesBack = anew && isNewest;", "const givesBack = anew;"),
  ),
  mutant(
    "TOWN-closed",
    "without a lease nothing is started",
    "a rig that nobody has answered spends without end",
    edit(BUDGET, "?? NOTHING) : null", "?? { tokens: null, microdollars: null }) : null"),
  ),
  mutant(
    "TOWN-day",
    "a lease is of its day",
    "yesterday's is spent once more",
    edit(BUDGET, "leases?.find((one) => one.day === day)", "leases?.find((one) => one.day > 0)"),
    edit(BUDGET, "leases.filter(({ day }) => day >= dayOf(event.at))", "leases.filter(({ day }) => day > 0)"),
  ),
  mutant(
    "TOWN-new",
    "another word of the town takes back what was leased before it",
    "a cap that was lowered is passed by what was leased",
    edit(
      BUDGET,
      "event.changes.town_on_cap !== undefined) return [];",
      "event.changes.town_on_cap === null) return [];",
    ),
  ),
  mutant(
    "TOWN-told",
    "people are told by one rig, once",
    "each rig tells them, with each lease",
    edit(TOWN, "return teller === rigId ? met : null;", "return met;"),
    edit(BUDGET, "context.townTold?.includes(newsOf(leased)) !== true", "context.townTold !== null"),
  ),
  mutant(
    "TOWN-stop",
    "on_cap stop of a town ends who runs in mid-turn",
    "it goes on with what it has asked for",
    edit(
      "src/machines/agent/guards.ts",
      'event.type === "budget.capped" && event.settings.town_on_cap === "stop"',
      'event.type === "budget.capped" && event.settings.town_on_cap === null',
    ),
  ),
  mutant(
    "TOWN-meter",
    "in a capped town, who tells nothing of what it uses is stopped",
    "only a cap of its own rig counts",
    edit("src/events/settings.ts", "if (isOfCappedTown(settings)) return true;", ""),
  ),
];
