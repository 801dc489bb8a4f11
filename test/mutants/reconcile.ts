/** What a container has and its rig does not know. Their tests are in test/unit/incidents/reconcile.test.ts and test/container/inventory.test.ts. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const CORE = "src/core/reconcile.ts";
const HOST = "src/do/reconcile.ts";
const PLACE = "container/place/inventory.ts";

export const RECONCILE_MUTANTS: readonly Mutant[] = [
  mutant(
    "RECONCILE-known",
    "a process is known by the dispatch that was granted last",
    "whatever runs as a known agent is known",
    edit(
      CORE,
      "return dispatchId === null || dispatchNumber(agentId, dispatchId) === agent.context.dispatchN;",
      "return true;",
    ),
  ),
  mutant(
    "RECONCILE-known",
    "who may have to mend what it has handed in is not stopped",
    "who has no place among those that run is stopped",
    edit(CORE, '&& !agent.matches({ exited: "handing_in" })', ""),
  ),
  mutant(
    "RECONCILE-known",
    "what cannot be read is not unknown",
    "the clone of a damaged agent is taken away",
    edit(
      CORE,
      'agents.has(agentId) || broken.has(actorKey("agent", agentId));',
      "agents.has(agentId) && broken.size >= 0;",
    ),
  ),
  mutant(
    "RECONCILE-young",
    "what is new is left alone for as long as a start or a stop takes",
    "it is ordered away as soon as it is seen",
    edit(CORE, "return since + LIMITS.stray_ms;", "return since;"),
  ),
  mutant(
    "RECONCILE-young",
    "what stays is ordered away again, ever more seldom",
    "it is with every look",
    edit(CORE, "return at + Math.min(", "return at + 0 * Math.min("),
  ),
  mutant(
    "RECONCILE-once",
    "what stays is told once",
    "each order is told",
    edit("src/machines/rig.ts", '{ guard: "hasStrays", actions: ["rememberStrays", "clearStrays"] },', ""),
  ),
  mutant(
    "RECONCILE-once",
    "an object that sleeps between its looks knows what it saw before",
    "it sees everything for the first time",
    edit(HOST, 'ports.sql.exec("INSERT OR REPLACE INTO meta VALUES (?, ?)", NAME, text);', ""),
  ),
  mutant(
    "RECONCILE-old",
    "a container that has no such list is asked once",
    "it is asked with every look",
    edit(HOST, "if (inventory === null) reconciling.without = instanceOf(rig);", ""),
  ),
  mutant(
    "RECONCILE-told",
    "whose folder nobody knows is told of before its disk is given back",
    "it is given back without a word",
    edit("src/do/tidy.ts", ", ...reconciling.clones", ""),
  ),
  mutant(
    "RECONCILE-told",
    "the folder of an agent that was deleted goes at once, and is no news",
    "it waits until it is one that nobody knows",
    edit("src/do/rig.ts", 'if (entries.some(({ fact }) => fact.type === "agent.deleted")) tidySoon(rig);', ""),
  ),
  mutant(
    "RECONCILE-held",
    "a rig that is stopped orders nothing away",
    "it does",
    edit(HOST, "isStopped(rig) || ", ""),
  ),
  mutant(
    "RECONCILE-lists",
    "what a container lists is bounded, in number and in bytes",
    "it is as long as it happens to be",
    edit(PLACE, "const fits = at < LISTED_MAX && bytes <= INVENTORY_MAX_BYTES;", "const fits = at >= 0;"),
  ),
  mutant(
    "RECONCILE-stops",
    "only exactly the dispatch that was named is stopped",
    "whatever runs of the agent is",
    edit("container/agents/agents.ts", " || run.dispatchId !== dispatchId) return false;", ") return false;"),
  ),
  mutant(
    "RECONCILE-keeps",
    "what lies in a clone goes to the store before the clone goes",
    "it goes with it",
    edit(PLACE, "if (isWork) await emptyClone(agentId, { git, folders, warn });", ""),
  ),
  mutant(
    "RECONCILE-keeps",
    "a part of the rig's own is moved by nobody",
    "whatever is named is",
    edit(PLACE, "if (odd.has(name)) moveAside(", "moveAside("),
  ),
];
