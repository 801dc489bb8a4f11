import { edit, mutant, type Mutant } from "./mutant.ts";

/** Of ends that are not passed on. */

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
];
