/** The mutants of containers that know no dispatch ids. Their tests are in test/unit/incidents/old-container.test.ts. */
import { edit, mutant, type Mutant } from "./mutant.ts";

const AUTHORITY = "src/core/decide/authority.ts";
const CONTACT = "src/do/contact.ts";
const REPORTS = "src/core/decide/reports.ts";

export const OLD_CONTAINER_MUTANTS: readonly Mutant[] = [
  mutant(
    "F-401",
    "what a container still shows of the dispatch before says nothing of a start that is under way",
    "a status that names no dispatch is taken for one of the newest",
    edit("src/do/patrol.ts", "return now < leaseUntil && startedAt < leaseUntil - start_lease_ms;", "return false;"),
  ),
  mutant(
    "F-401",
    "nor does an end that is told before anything was heard of the start",
    "a report that names no dispatch is taken for one of the newest",
    edit(
      REPORTS,
      "!heard && leaseUntil !== null && at < leaseUntil",
      "heard && leaseUntil !== null && at < leaseUntil",
    ),
  ),
  mutant(
    "F-401b",
    "but only as long as the start may still come",
    "an old entry is old for ever",
    edit("src/do/patrol.ts", "return now < leaseUntil && startedAt <", "return startedAt <"),
  ),
  mutant(
    "F-402",
    "a container that knows no dispatch ids has its agents fenced by agent and hook",
    "the dispatch in the token of a first start is believed",
    edit(AUTHORITY, 'fenceOf(world.rig) !== "agent"', 'fenceOf(world.rig) === "agent"'),
  ),
  mutant(
    "F-402",
    "and their tokens name none",
    "each names the dispatch that it was made for",
    edit("src/do/start.ts", 'fenceOf(world.rig) === "agent" ? null : effect.dispatchId', "effect.dispatchId"),
  ),
  mutant(
    "F-402",
    "what is said of the bead before is not about this one",
    "any done of the agent is about its hook",
    edit(REPORTS, "GRANTED.test(branch) && branch !== granted", "GRANTED.test(branch) && branch === ''"),
  ),
  mutant(
    "F-402b",
    "a stop that names no dispatch is through before the next start",
    "both are on their way at once",
    edit(
      "src/do/outbox.ts",
      'fenceOf(world.rig) !== "agent" || !key.endsWith',
      "fenceOf(world.rig) !== null || !key.endsWith",
    ),
  ),
  mutant(
    "F-403",
    "why says what of an older dispatch is not listened to",
    "it is recorded, and nobody is told",
    edit("src/do/why.ts", "if (ignored === undefined) return found;", "if (ignored !== undefined) return found;"),
  ),
  mutant(
    "MODE-found",
    "what a container is, is found out anew when another one answers",
    "once old is always old",
    edit(
      CONTACT,
      "const isNewcomer = can !== null && known?.dispatchIds === false;",
      "const isNewcomer = can === undefined;",
    ),
  ),
  mutant(
    "MODE-found",
    "what an answer to a start names decides where a container says nothing of itself",
    "it is what it was taken for when it was first met",
    edit(CONTACT, "if (rig.contact?.isOld !== true || isAsKnown()) return;", "if (rig.contact !== null) return;"),
  ),
  mutant(
    "MODE-kept",
    "what it fails to say takes nothing back from a container that was met as a newer one",
    "a 404 makes it an old one",
    edit(CONTACT, "can !== null || known !== undefined ? null :", "can !== null ? null :"),
  ),
  mutant(
    "MODE-token",
    "a token that its process has kept counts while its agent runs",
    "it ends after a day, and with it the agent's work",
    edit(AUTHORITY, "const who = fenced(world, speaker);", "const who = speaker;"),
  ),
  mutant(
    "F-304",
    "a start that the container says has failed, and whose agent it does not know, is known not to run",
    "its whole time is waited for",
    edit("src/machines/agent/guards.ts", "context.failedStart === undefined &&", ""),
  ),
];
