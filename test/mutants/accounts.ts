/** The mutants of accounts: what a limit holds, and how it ends. Their tests: accounts.test.ts in test/unit/incidents and test/container/door. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const ACCOUNTS = "src/machines/accounts.ts";
const CHOICE = "src/core/accounts.ts";
const DOOR = "container/agents/door/accounts.ts";

export const ACCOUNT_MUTANTS: readonly Mutant[] = [
  mutant(
    "ACCOUNT-held",
    "nothing is started with a limited account until its reset",
    "each agent finds out for itself",
    edit("src/core/schedule.ts", "if (hasProgram(world, { bead, agent: null }))", "if (bead !== undefined)"),
    edit("src/core/schedule.ts", "if (program.held !== null) continue;", ""),
    edit(CHOICE, "return { held: first as Account };", "return { held: null, choice: choices[0] };"),
  ),
  mutant(
    "ACCOUNT-probe",
    "after the reset one start finds out, and the others follow it",
    "all of them are started at once",
    edit(CHOICE, "probe === null && !taken.has(id)", "(probe === null || probe !== null)"),
  ),
  mutant(
    "ACCOUNT-probe",
    "a limit that is met again is waited out longer",
    "a reset that has just passed is tried without end",
    edit(ACCOUNTS, "Math.max(until, soonest)", "until"),
  ),
  mutant(
    "ACCOUNT-next",
    "who has met a limit of an account is run by the next program at once",
    "it waits for the reset, though another account is free",
    edit(
      "src/machines/agent/limits.ts",
      "if (event.account !== undefined) return { limited, backoffUntil: null };",
      "",
    ),
  ),
  mutant(
    "ACCOUNT-pinned",
    "a bead that names its program is run by no other",
    "it is run by whichever has an account",
    edit("src/events/programs.ts", "bead.runtime !== undefined || first === undefined", "first === undefined"),
  ),
  mutant(
    "ACCOUNT-heard",
    "what a running agent's container tells of a limit holds the others",
    "it counts once its process has ended",
    edit("src/do/sightings.ts", "  ...newsOfLimit(rig, agent),\n", ""),
  ),
  mutant(
    "ACCOUNT-bound",
    "no limit is believed for longer than any is known to last",
    "one word of an agent holds a program for years",
    edit(ACCOUNTS, "at + LIMITS.rate_limit_max_ms", "Number.MAX_SAFE_INTEGER"),
  ),
  mutant(
    "ACCOUNT-off",
    "it can be switched off",
    "what is switched off holds all the same",
    edit("src/events/programs.ts", "=> hold_accounts;", "=> hold_accounts || !hold_accounts;"),
  ),
  mutant(
    "ACCOUNT-secrets",
    "other secrets are other accounts",
    "what was held waits for the limit of a key that nobody uses any more",
    edit(ACCOUNTS, "return held.length === 0 ? held : NOBODY;", "return held;"),
  ),
  mutant(
    "ACCOUNT-door",
    "the door sends nothing with a limited account until its reset",
    "each dispatch asks the provider again",
    edit(DOOR, "if (now_ms < known.until)", "if (now_ms < 0)"),
  ),
  mutant(
    "ACCOUNT-one",
    "after the reset the door lets one request find out",
    "all that have waited are sent at once",
    edit(DOOR, "known.probing = true;", "known.probing = false;"),
  ),
];
