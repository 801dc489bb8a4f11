/** Of tokens, addresses and reports that outlive what they were made for. Their tests are in test/container/callbacks.test.ts. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const APIS = "container/reports/apis.ts";
const CALLBACKS = "container/reports/callbacks.ts";

export const RENEWAL_MUTANTS: readonly Mutant[] = [
  mutant(
    "RENEW-newer",
    "of two callbacks of one id the newer one is delivered",
    "the one that waits is",
    edit(CALLBACKS, "older.callback = callback;", ""),
  ),
  mutant(
    "RENEW-newer",
    "what came of the older callback says nothing of the newer",
    "both are forgotten with it",
    edit(CALLBACKS, "if (entry.callback !== callback && waiting.get(id) === entry) continue;", ""),
  ),
  mutant(
    "RENEW-moved",
    "what was saved for an API that has moved goes where the settings say that it is",
    "it is told where nobody is any more",
    edit(APIS, "configured !== null ? [url, at(configured)] : [url];", "[url];"),
  ),
  mutant(
    "RENEW-moved",
    "what waits for a rig goes where its newest order says that its API is",
    "it goes where it was",
    edit(APIS, "const places = now !== null ? [at(now), url] :", "const places ="),
  ),
  mutant(
    "RENEW-moved",
    "agents that run speak to their API where it is now",
    "their heartbeats go where it was",
    edit("container/agents/agents.ts", "run.apiUrl = apis.of(rigId);", "run.apiUrl ??= apis.of(rigId);"),
  ),
  mutant(
    "RENEW-moved",
    "a report is refused for good only where every place has refused it",
    "one is enough",
    edit(CALLBACKS, "answers.every(({ done }) => done)", "answers.some(({ done }) => done)"),
  ),
  mutant(
    "RENEW-moved",
    "a report whose address was named goes nowhere else",
    "it follows the rig's API",
    edit(CALLBACKS, "callback.fixed === true ? [callback.url] : apis", "apis"),
  ),
];
