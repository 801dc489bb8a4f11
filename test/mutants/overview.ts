/** The mutants of what is told and done about many rigs. Their tests are in test/unit/incidents. */
import { edit, mutant, type Mutant } from "./mutant.ts";

export const OVERVIEW_MUTANTS: readonly Mutant[] = [
  mutant(
    "OVERVIEW-again",
    "what did not reach the overview is told again",
    "an overview says for ever that nobody is needed in a rig that asked while it was away",
    edit(
      "src/do/digest.ts",
      "if (await tell(digest)) told =",
      "told = { text, at: now };\n      if (await tell(digest)) told =",
    ),
  ),
  mutant(
    "OVERVIEW-pause",
    "the larger a rig is, the longer it waits until it tells again",
    "a large rig does little else than to tell how it stands",
    edit(
      "src/do/digest.ts",
      "rig.ports.background(pause(wait).then(run));",
      "rig.ports.background(pause(wait * 0).then(run));",
    ),
  ),
  mutant(
    "OVERVIEW-pause",
    "a clock that was put back makes nobody wait longer",
    "for as long as the clock was put back nobody hears of the rig",
    edit(
      "src/do/digest.ts",
      "Math.min(Math.max(0, nextAt - rig.ports.now()), pauseOf(rig))",
      "Math.max(0, nextAt - rig.ports.now())",
    ),
  ),
  mutant(
    "ACTS-as_told",
    "an answer is given to the question that was seen",
    "an answer that comes late is taken for one to the next question",
    edit("src/do/acts.ts", "if (since !== (item.since === null ? null : Date.parse(item.since)))", "if (since === -1)"),
  ),
  mutant(
    "NOTIFY-once",
    "a need is told once",
    "with each thing that happens in a rig its open needs are told again",
    edit("src/do/notices.ts", "!isNews(row, need)", '!isNews(row, need) && row.state === "gone"'),
  ),
  mutant(
    "NOTIFY-quiet",
    "quiet hours are those of the zone that was said",
    "somebody in another zone is told in the middle of the night",
    edit("src/events/quiet.ts", "timeZone: zone, hour", 'timeZone: "UTC", hour'),
  ),
  mutant(
    "NOTIFY-local",
    "an address within the machine or its network is refused",
    "whoever sets the address has Ticktown ask the cloud's metadata",
    edit("src/do/notify.ts", "if (LOCAL.test(hostname))", 'if (hostname === "localhost")'),
  ),
];
