/** The mutants of the command line. Their tests are in test/unit/cli/words.test.ts. */
import { edit, mutant, type Mutant } from "./mutant.ts";

export const CLI_MUTANTS: readonly Mutant[] = [
  mutant(
    "CLI-ambiguous",
    "what may be several is none, and nothing is done",
    "the first of several beads is cancelled",
    edit("cli/pick.ts", "if (others.length === 0) return one;", "if (others.length >= 0) return one;"),
  ),
  mutant(
    "CLI-terminal",
    "what others wrote is printed without control characters",
    "an agent's output renames the terminal, hides what it did, or types into it",
    edit("cli/text.ts", '.replaceAll(ORDERS, "\\ufffd")', ""),
  ),
  mutant(
    "CLI-confirm",
    "what cannot be taken back is asked for, and where nobody can be asked it wants --yes",
    "a script that meant something else deletes a rig",
    edit("cli/run.ts", "if (ask === null) throw", "if (ask === null) return;\n  if (ask === null) throw"),
  ),
  mutant(
    "CLI-allow",
    "allow is for once, where the agent offers that",
    "one `allow` lets it do the same for ever",
    edit("cli/needs.ts", "/^(allow|accept|approve|yes)\\b(?!.*always)/i, ", ""),
  ),
];
