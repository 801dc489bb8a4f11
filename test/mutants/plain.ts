/** The mutants of agents that are plain commands. Their tests are in test/container/plain.test.ts and test/unit/incidents/attempts-kept.test.ts. */
import { edit, mutant, type Mutant } from "./mutant.ts";

export const PLAIN_MUTANTS: readonly Mutant[] = [
  mutant(
    "PLAIN-done",
    "a command that ends with 0 and has said nothing is handed in",
    "its work is charged as a crash, and done again",
    edit(
      "container/agents/launch.ts",
      'config.handsIn === "at_exit" && exit.code === 0',
      'config.handsIn === "itself" && exit.code === 0',
    ),
  ),
  mutant(
    "PLAIN-hears",
    "a command that does not ask for messages has an empty stdin, and is told nothing",
    "it waits for ever for the end of its stdin",
    edit("container/agents/launch.ts", 'hasInput: config.agentInput === "messages",', "hasInput: true,"),
  ),
  mutant(
    "PLAIN-said",
    "who has said done itself, or was stopped, is not spoken for",
    "done is said a second time, and is refused a second time",
    edit("container/agents/hand-in-for.ts", "!run.saidDone && askedToEnd(run) === null;", "run.gone !== null;"),
  ),
  mutant(
    "PLAIN-tail",
    "what is told of an end is the end, within what the rig takes",
    "it is the beginning, or more than the rig takes",
    edit("container/agents/tail.ts", "if (chars > ATTEMPT_TAIL_MAX_CHARS) break;", ""),
  ),
  mutant(
    "PLAIN-attempts",
    "an end is kept only of a dispatch that the bead has had",
    "what a report says of itself is believed",
    edit("src/do/attempts.ts", "bead === null || !wasGranted(rig, bead, named)", "bead === null"),
  ),
  mutant(
    "PLAIN-refused",
    "a start that was refused is kept among a bead's attempts, with the container's word for why",
    "nothing is kept of it",
    edit(
      "src/do/outbox.ts",
      'answer.kind !== "accepted" && isNoStart(facts)',
      'answer.kind === "accepted" && isNoStart(facts)',
    ),
  ),
  mutant(
    "PLAIN-seen",
    "an end that nobody reports is kept with what is known, and what is not known is said",
    "nothing is kept of it",
    edit("src/do/tick.ts", "  keepEndsSeen(rig, entries);\n", ""),
  ),
  mutant(
    "PLAIN-old",
    "what a container says that names no dispatches is kept as its agent's newest",
    "nothing is kept of it",
    edit("src/do/attempts.ts", "dispatchId ?? (isOld ? newestOf(rig, agentId) : null)", "dispatchId"),
  ),
  mutant(
    "vibe-kanban#809",
    "what ends in the same way twice, before it has had anything to show, is told at once, once for all",
    "it is told when all its attempts are used up",
    edit("src/machines/agent/ends.ts", "ends?.reason === reason ? ends.count + 1 : 1", "1"),
  ),
  mutant(
    "vibe-kanban#809",
    "and in its own words",
    "its last words are kept, and told nobody",
    edit("src/do/needs.ts", "if (words !== null) return words;", ""),
  ),
  mutant(
    "HOLD-key",
    "a program whose key was not taken is begun with by nobody else",
    "each bead finds the same by itself",
    edit("src/core/held.ts", "if (isTheSame ||", "if (world.at < 0 &&"),
  ),
  mutant(
    "HOLD-key",
    "what asks for another program goes on",
    "all work stands still",
    edit("src/core/held.ts", "named(programOfDispatch(world, id)) === asked", "asked !== null"),
  ),
  mutant(
    "HOLD-own",
    "who asks for nothing asks for what the container has",
    "what the container has by itself is begun with, though its key was not taken",
    edit("src/core/held.ts", " ?? container?.runtime ?? undefined", ""),
  ),
  mutant(
    "HOLD-key",
    "whom a person has answered tries again",
    "it waits for the others",
    edit("src/core/held.ts", 'agent === null || agent.matches("idle")', "agent !== undefined"),
  ),
  mutant(
    "DRIVER-sent",
    "what could not be delivered is not counted as sent",
    "whatever was said is called sent",
    edit("src/machines/agent/says.ts", "takesNoMessages === true", "takesNoMessages === undefined && false"),
  ),
];
