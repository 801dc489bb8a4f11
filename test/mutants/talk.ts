/** The mutants of speaking with coding agents. Their tests are in test/container/drivers/rules.test.ts. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const ACP = "container/agents/drivers/acp.ts";
const BOOKS = "container/agents/drivers/books.ts";
const CONVERSATION = "container/agents/drivers/conversation.ts";

export const TALK_MUTANTS: readonly Mutant[] = [
  mutant(
    "TALK-words",
    "words that are no option answer no permission",
    "whatever is said is a No",
    edit("container/agents/drivers/claude.ts", "if (chosen === null) return false;", ""),
  ),
  mutant(
    "TALK-replay",
    "what an old conversation tells again is no progress",
    "an agent that only repeats itself is taken for one that works",
    edit(ACP, "if (!acp.replaying) say(", "say("),
  ),
  mutant(
    "TALK-line",
    "a line beyond the limit is skipped as a whole",
    "its end is taken for a message of its own",
    edit("container/agents/drivers/lines.ts", "length > max_bytes ? null :", "length < 0 ? null :"),
  ),
  mutant(
    "TALK-nudge",
    "an agent that never says done ends without it",
    "it is told to go on for ever, and paid for",
    edit(CONVERSATION, "state.nudges += 1;", ""),
  ),
  mutant(
    "TALK-once",
    "who waits for a person's answer is not told to go on",
    "it goes on without the answer",
    edit(CONVERSATION, ' || after.kind === "waits"', ""),
  ),
  mutant(
    "TALK-silence",
    "silence while a tool runs is no waiting for a model",
    "a long build is told as a model that does not answer",
    edit(CONVERSATION, "state.tools.size === 0 &&", ""),
  ),
  mutant(
    "TALK-secrets",
    "no token of the rig or of git is in a coding agent's environment",
    "its model's shells have them",
    edit("container/agents/runtimes/environment.ts", "new Set<string>(NOT_ITS_OWN)", "new Set<string>([])"),
  ),
  mutant(
    "TALK-early",
    "what is said to a turn that has no id yet is said in it",
    "a message waits until the turn that it was for is over",
    edit("container/agents/drivers/codex.ts", "codex.early.push(text);\n    return true;", "return false;"),
  ),
  mutant(
    "TALK-ask",
    "the same ask asks once",
    "a person is asked as often as an agent repeats itself",
    edit(BOOKS, "if (isNew) emit(", "emit("),
  ),
  mutant(
    "TALK-broken",
    "a turn that is broken off by itself is no done, and nothing that somebody waits after",
    "its agent hangs, with nobody to say a word",
    edit(ACP, 'BROKEN_OFF.has(reason) ? "failed" : "finished"', 'BROKEN_OFF.has(reason) ? "cancelled" : "finished"'),
  ),
  mutant(
    "TALK-held",
    "a message that is kept until a turn is over is not called sent",
    "it is counted as sent, also where it never is",
    edit("container/agents/agents.ts", 'return how === "said";', "return true;"),
  ),
  mutant(
    "TALK-waits",
    "a message is no answer to another question",
    "whoever is told something waits for its answer no more, and is told to go on without it",
    edit("container/agents/agents.ts", 'if (comesAs === "message") run', "run"),
  ),
  mutant(
    "PASS-redacted",
    "what is passed to agents by name is in nothing that they say",
    "only names that sound like a secret are",
    edit("container/agents/workspace.ts", "[...config.agentPass, ...keyNames(runtime)]", "keyNames(runtime)"),
  ),
  mutant(
    "PASS-told",
    "a secret that is said in two pieces is told as one",
    "each half of it is told, and recognised by nobody",
    edit(CONVERSATION, "state.words.tellSoFar();", "state.words.flush();"),
  ),
];
