/** The mutants of an agent that a person holds. Their tests are in test/unit/incidents/held-agent.test.ts. */
import { edit, mutant, type Mutant } from "./mutant.ts";

export const HOLD_MUTANTS: readonly Mutant[] = [
  mutant(
    "HOLD-due",
    "nothing new is started with whoever a person holds, by nobody",
    "a hold is forgotten where work is on a hook",
    edit("src/core/schedule.ts", "if (agent.context.held !== undefined) continue;", ""),
    edit("src/machines/agent/guards.ts", "if (context.held !== undefined) return false;", ""),
  ),
  mutant(
    "HOLD-free",
    "whoever is free and held is given no work",
    "a free agent that is held is the first that is asked",
    edit("src/core/schedule.ts", ".filter((agent) => agent?.context.held === undefined)", ""),
  ),
  mutant(
    "HOLD-once",
    "whoever is held stays held by whom and for what it was",
    "each click is a hold of its own",
    edit("src/core/decide/agents.ts", "agent.context.held === undefined ? [fact] : []", "[fact]"),
  ),
];
