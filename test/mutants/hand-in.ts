/** The mutants of the rig's half of a hand-in: what is believed of a done, and who pays for a refused one. */
import { edit, mutant, type Mutant } from "./mutant.ts";

export const HAND_IN_MUTANTS: readonly Mutant[] = [
  mutant(
    "gascity#3048b",
    "a done is looked at before anything is believed of it",
    "a done is believed",
    edit("src/core/decide/reports.ts", "agent.context.isLookedAt === true", "agent.context.isLookedAt !== true"),
  ),
  mutant(
    "gascity#3048c",
    "a refused hand-in is charged to nobody",
    "who was refused and ends is charged like anybody who ends without a done",
    edit(
      "src/machines/agent/guards.ts",
      "context.hook !== null && (context.handIn?.refused ?? null) !== null",
      "context.hook === null && (context.handIn?.refused ?? null) !== null",
    ),
  ),
  mutant(
    "gascity#3048d",
    "the third refusal is a person's to decide",
    "it is refused for ever",
    edit(
      "src/machines/agent/guards.ts",
      'expect(event, "hand_in.refused").refusals >= LIMITS.hand_in_refusals,',
      'expect(event, "hand_in.refused").refusals > LIMITS.hand_in_refusals,',
    ),
  ),
  mutant(
    "gascity#3048e",
    "a container that could look once is never taken for one that cannot",
    "silence is taken for an old container",
    edit("src/do/contact.ts", "!inspects(rig) && rig.contact?.inspects === false", "rig.contact?.inspects !== true"),
  ),
  mutant(
    "gascity#3048g",
    "what nobody could look at is shown as that",
    "an old container's work looks like any other",
    edit("src/core/decide/reports.ts", "hasClone ? { unseen: true as const } : {}", "hasClone ? {} : {}"),
  ),
  mutant(
    "gascity#3048f",
    "exactly the commit that was seen is merged",
    "whatever the branch is then is merged",
    edit("src/machines/agent/setup.ts", "branch, prUrl, summary, commit };", "branch, prUrl, summary };"),
  ),
];
