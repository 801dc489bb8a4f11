import type { NeedCode } from "../events/needs.ts";
import type { Need } from "./needs.ts";

/**
 * The words for every need, in one place. In braces: a title or name of what it is about (`agent`, `bead`, `question`), how
 * many there are (`count`), or one of its values.
 */
export interface Sentence {
  readonly title: string;
  /** The title when it is about more than one. */
  readonly many?: string;
  readonly text: string;
  /** The same about more than one. */
  readonly manyText?: string;
}

export const SENTENCES: Record<NeedCode, Sentence> = {
  no_config: {
    title: "This rig has no repository",
    text: "Create it through the API with a git URL: until then nothing can be dispatched.",
  },
  actor_damaged: {
    title: "The stored state of {actor} cannot be used",
    many: "The stored states of {count} actors cannot be used",
    text: "{error}. They are set aside; everything else goes on. A repair folds their state again from the journal.",
  },
  question: { title: "{agent} asks: {question}", text: "Your answer lets it go on with “{bead}”." },
  hand_in_refused: {
    title: "{agent} cannot hand in “{bead}”",
    text: "Refused {refusals} times, the last time: {sentence}. Send it back, close it as no change, or take its commit as it is.",
  },
  hand_in_unanswered: {
    title: "Nobody looks at what {agent} handed in",
    text: "It says that “{bead}” is done, and the container does not answer. It is asked again; nobody is charged.",
  },
  permission: {
    title: "{agent} waits at a permission prompt",
    text: "It goes on with “{bead}” as soon as the prompt is answered.",
  },
  over_budget: {
    title: "{agent} has used up its budget",
    text: "It ended on “{bead}”: {reason}. Raise the budget and answer it, and it goes on from its checkpoint; or cancel the bead.",
  },
  bead_budget: {
    title: "“{bead}” has spent what it may",
    text: "{spent}. Raise its budget, and it goes on from its checkpoint; or cancel it.",
  },
  day_budget: {
    title: "The day's budget is spent",
    text: "{spent}. Nothing is started until the next day of UTC, or until it is raised among the settings.",
  },
  not_authorized: {
    title: "The key of {agent} was not taken",
    many: "The keys of {count} agents were not taken",
    text: "{reason}. Nothing is charged. Set the right key among the rig's secrets, and they go on; or answer them.",
  },
  container_unreachable: {
    title: "The container cannot be reached",
    text: "{error}. The rig asks again with every look.",
  },
  breaker_open: {
    title: "Dispatch is suspended",
    text: "{failures} dispatches failed within {window_min} minutes. When the cool-down is over, one probe is tried.",
  },
  outage: {
    title: "Agents fail for a reason that is not their work's",
    text: "{reason}. Nobody is charged. One at a time is tried, and all go on when one makes progress.",
  },
  queue_parked: {
    title: "Nothing can be merged: the queue is parked",
    text: "{code}: {words}. Nobody is charged. Mend it and resume the queue, or wait: the first in line is tried now and then.",
  },
  target_red: {
    title: "The target is red: the queue is held",
    text: "{code}: {words}. Nobody is charged. The first in line may mend it, and is tried now and then.",
  },
  no_trains: {
    title: "Nothing is merged: the checks need a container that can run them",
    text: "{words}. Start a newer control server, or take checks, protect and strategy out of the settings.",
  },
  approval: {
    title: "“{bead}” changes protected files",
    text: "{files}. It waits until a person approves exactly this tree.",
  },
  queue_waits: {
    title: "Nothing is merged for a while already",
    text: "{code}: {words}. Nobody is charged; it is tried again by itself.",
  },
  review_held: {
    title: "“{bead}” is held back in the merge queue",
    many: "{count} beads are held back in the merge queue",
    text: "A person did so. Release it when it may go on.",
  },
  strays: {
    title: "The container has what nobody knows",
    text: "{words}. It was told to stop and to remove it ({things} in all), and is told again while it is there; commits and uncommitted work are kept in the store.",
  },
  probe: {
    title: "One probe decides whether dispatch goes on",
    text: "The breaker is half open: if the next dispatch shows life, dispatch goes on; if it fails, the cool-down begins again.",
  },
  failed: {
    title: "“{bead}” failed",
    many: "{count} beads failed for one reason",
    text: "{failure}: {reason}.",
  },
  escalation: { title: "{question}", text: "An open escalation. Close it when it is settled." },
  given_up: {
    title: "“{bead}” was given up",
    many: "{count} beads were given up",
    text: "{agent} set it to failed. Sling the work again, or leave it.",
  },
  blocked_by_failed: {
    title: "Beads wait for “{bead}”, which failed",
    text: "They never become ready by themselves. Retry it, and they go on; take it out of what they wait for; or cancel them.",
  },
  early_ends: {
    title: "{agent} ends on “{bead}” in the same way again",
    many: "{count} agents end in the same way again",
    text: "{times} times in a row, and nothing is on record that it came to in between: {reason}. It is tried until its attempts are used up: mend its command or its bead, or cancel the bead.",
  },
  stalled: {
    title: "{agent} makes no progress",
    many: "{count} agents make no progress",
    manyText:
      "They are alive, were asked what they are doing, and did not move. Each is restarted from its checkpoint at its deadline.",
    text: "It works on “{bead}”, is alive, was asked what it is doing, and did not move. It is restarted from its checkpoint at the deadline.",
  },
  model_silent: {
    title: "The model of {agent} does not answer",
    many: "The models of {count} agents do not answer",
    manyText:
      "They have waited since they asked. Look at the provider and the key; if nothing moves, each is restarted, uncharged.",
    text: "It works on “{bead}” and has waited since it asked. Look at the provider and the key; if nothing moves, it is restarted, uncharged.",
  },
  no_output: {
    title: "{agent} has printed nothing since its start",
    many: "{count} agents have printed nothing since their start",
    manyText: "Their processes run. Perhaps they wait for input that never comes: look at their command.",
    text: "Its process runs on “{bead}”. Perhaps it waits for input that never comes: look at its command.",
  },
  fruitless: {
    title: "{agent} spends and has nothing to show",
    text: "{tokens} tokens went into “{bead}” since its last commit, checkpoint or tool that ended as none had before. It may be going in circles: look at what it does, write to it, or unhook it.",
  },
  busy: {
    title: "{agent} is busy without progress",
    many: "{count} agents are busy without progress",
    manyText:
      "They do something, but have ended no tool, said nothing new and saved nothing for long. They are left alone; unhook those for which that is wrong.",
    text: "It works on “{bead}” and does something, but has ended no tool, said nothing new and saved nothing for long. It is left alone; unhook it if that is wrong.",
  },
  does_not_merge: {
    title: "“{bead}” does not merge",
    many: "{count} branches do not merge for one reason",
    text: "{message}. It is tried again a bounded number of times.",
  },
  wrong_role: {
    title: "Beads are on hooks of agents that are never dispatched",
    text: "Only polecats are dispatched on beads: unhook {agent}.",
  },
  agent_rests: {
    title: "{agent} rests",
    text: "It gave up several beads in a row and is suspected itself. Unblock it to end that now.",
  },
  restored: {
    title: "The rig was brought back from a file",
    text: "By {by}. No dispatch of before counts, and nothing is started or merged until it is resumed. Secrets to set first: {secrets}.",
  },
  paused: { title: "The rig is paused", text: "What runs goes on; nothing new is dispatched until it is resumed." },
  draining: {
    title: "The rig is draining",
    text: "Work is handed back and nothing is dispatched until it is resumed.",
  },
  at_capacity: {
    title: "All slots are taken",
    text: "{capacity} agents may run at a time. A slot that becomes free goes to what waits longest; a higher capacity is a setting.",
  },
  settled_itself: {
    title: "An escalation has settled itself",
    many: "{count} escalations have settled themselves",
    text: "What they told of is over. Close them.",
  },
  destroyed: { title: "This rig was deleted", text: "Nothing is dispatched any more; its journal ends here." },
};

/** How each kind of failure is called. */
const FAILURE_WORDS: Record<string, string> = {
  attempts_exhausted: "Every attempt failed, the last one",
  review_failed: "Its branch was not merged",
  conflict: "It conflicts again after its rework",
  red: "It is red again after its rework",
  unknown: "The reason on record",
};

/** Titles and names of what a need is about. */
export interface Names {
  agent(id: string): string;
  bead(id: string): string;
}

/** What the count is of. */
const counted = (need: Need): readonly string[] =>
  [need.actors, need.beads, need.escalations].find((ids) => ids.length > 0) ?? [];

/** A need in words. What has no title yet is called by its id; an empty reason is said to be one. */
export function say(need: Need, names: Names): { readonly title: string; readonly text: string } {
  const { title, many, text, manyText = text } = SENTENCES[need.code];
  const { length: count } = counted(need);
  const agent = need.agents[0];
  const bead = need.beads[0];
  const question = need.escalations[0];
  const parts: Record<string, string | number> = {
    ...need.values,
    secrets: need.values["secrets"] === "" ? "none" : (need.values["secrets"] ?? "none"),
    failure: FAILURE_WORDS[String(need.values["failure"])] ?? "It failed",
    count,
    actor: need.actors[0] ?? "an actor",
    agent: agent === undefined ? "An agent" : names.agent(agent),
    bead: bead === undefined ? "its work" : names.bead(bead),
    question:
      need.values["asked"] !== undefined
        ? need.values["asked"]
        : question === undefined
          ? "something that is not on record"
          : names.bead(question),
  };
  return {
    title: fill(many !== undefined && count > 1 ? many : title, parts),
    text: `${fill(count > 1 ? manyText : text, parts)}${rests(need)}${waits(need)}`,
  };
}

const rests = ({ values }: Need): string => {
  const resting = Number(values["resting"] ?? 0);
  if (resting === 0) return "";
  return resting === 1 ? " Its agent rests meanwhile." : ` ${resting} agents rest meanwhile.`;
};

const waits = ({ waiting }: Need): string => {
  if (waiting.length === 0) return "";
  return waiting.length === 1
    ? " One bead waits for it."
    : ` ${waiting.length.toLocaleString("en")} beads wait for it.`;
};

/** A value may end like a sentence itself: no second full stop. */
const fill = (template: string, parts: Record<string, string | number>): string =>
  template.replace(/\{(\w+)\}(\.?)/g, (_, name: string, stop: string) => {
    const value = String(parts[name] ?? "").trim() || "nothing was said";
    return /[.!?…]$/.test(value) ? value : value + stop;
  });
