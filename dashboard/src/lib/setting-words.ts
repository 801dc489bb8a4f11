import { allSettings } from "../../../src/events/settings.ts";
import { duration } from "./time.ts";

/** What each setting does, in a few words; docs/operating.md says more, and when to change it. */

export type AllSettings = ReturnType<typeof allSettings>;
/** What the town says is set at the town. */
export type SettingName = Exclude<keyof AllSettings, "town_on_cap">;

export const PARTS = {
  capacity: "How much at a time",
  budget: "Money",
  gate: "Checks and merging",
  programs: "Who works",
  patience: "Patience with agents",
  place: "Clones",
  clockwork: "Clockwork",
} as const;
export type Part = keyof typeof PARTS;

interface Words {
  readonly part: Part;
  readonly does: string;
  /** What it may be, where that is a closed list. */
  readonly of?: readonly string[];
}
const words = (part: Part, does: string, of?: readonly string[]): Words => ({ part, does, ...(of && { of }) });

export const SETTING_WORDS: Record<SettingName, Words> = {
  capacity: words("capacity", "Agents with a process at the same time"),
  max_attempts: words("capacity", "Crashes charged to one piece of work before it fails"),
  gate_slots: words("capacity", "Gates that run at a time, beside the agents"),
  train_max: words("capacity", "Branches that are stacked and checked together"),
  day_microdollars: words("budget", "What the rig may spend in a day of UTC; then nothing is started until the next"),
  day_tokens: words("budget", "The same in tokens"),
  bead_microdollars: words("budget", "What one piece of work may spend over all its attempts; then a person raises it"),
  bead_tokens: words("budget", "The same in tokens"),
  fruitless_tokens: words("budget", "Tokens without anything to show, after which a person is told"),
  budget_told_percent: words("budget", "At this share of a cap a person is told once"),
  on_cap: words("budget", "Who runs at a cap ends with the answer it has asked for, or in the middle of it", [
    "finish_answer",
    "stop",
  ]),
  answers_in_flight: words("budget", "Under a cap, answers that one agent may have under way at once"),
  unmetered_ms: words("budget", "Under a cap, who tells nothing of what it uses is stopped after this"),
  prices: words("budget", "Millionths of a dollar for a million tokens, by the beginning of a model's name"),
  checks: words("gate", "What is run on exactly the tree that would be pushed; null: what the target's own file says"),
  protect: words("gate", "Paths whose changes wait for a person who approves exactly that tree"),
  strategy: words("gate", "How work gets onto the target", ["merge", "squash", "rebase", "hand_over"]),
  committer: words("gate", "Name and e-mail of the commits on the target"),
  max_deletions: words("gate", "More deleted files than this in one hand-in are refused"),
  review_lease_ms: words("gate", "How long a merge may stay without a verdict"),
  review_max_attempts: words("gate", "Merges tried for one branch before somebody is asked"),
  runtime: words("programs", "Which agent program runs; null: the container's own"),
  model: words("programs", "Which model it is asked to use; null: the program's own"),
  runtimes: words(
    "programs",
    "Several programs in their order: the next while the account of the one before is limited",
  ),
  hold_accounts: words(
    "programs",
    "A limit of a provider is of an account: nothing is started with it until its reset",
  ),
  programs: words("programs", "The same three for agents of one role"),
  box: words("programs", "Whether agents run only where a box keeps them from the rest of the machine", [
    "any",
    "required",
  ]),
  box_read: words("programs", "Folders that a boxed agent may read beside its own"),
  box_network: words("programs", "What of the network an agent reaches", ["any", "gateway"]),
  gupp_check_ms: words("patience", "No progress for this long: it is reminded"),
  gupp_escalate_ms: words("patience", "Then: somebody is told"),
  gupp_restart_ms: words("patience", "Then: it is stopped and started again from its checkpoint"),
  busy_told_ms: words("patience", "Busy for this long without progress: somebody is told once"),
  model_wait_ms: words("patience", "How long its clocks stand still for a model that does not answer"),
  first_output_ms: words("patience", "Nothing printed for this long since its start: somebody is told once"),
  backoff_base_ms: words("patience", "Wait before the third attempt; it doubles with each further one"),
  backoff_max_ms: words("patience", "The longest such wait"),
  breaker_failures: words("patience", "So many failed starts within the window suspend the rig"),
  breaker_window_ms: words("patience", "The window"),
  breaker_cooldown_ms: words("patience", "Wait before one is tried again"),
  clone: words("place", "How much of the history the rig's store has: full, blobless or shallow:N"),
  submodules: words("place", "Whether submodules are checked out in each clone", ["none", "init"]),
  lfs: words("place", "Whether large files are fetched and pushed with git-lfs", ["auto", "off"]),
  setup: words("place", "What is run in a clone before its agent"),
  leftovers_remote: words("place", "Whether work that was not handed in is kept at the remote, sealed"),
  keep_days: words("place", "Days that the clone of ended work is kept"),
  clone_timeout_ms: words("place", "Time for the first copy of the remote"),
  fetch_timeout_ms: words("place", "Time for any later fetch"),
  push_timeout_ms: words("place", "Time for a push"),
  merge_timeout_ms: words("place", "Time for a merge"),
  cadence_active_ms: words("clockwork", "Longest time between two looks while there is work"),
  cadence_idle_ms: words("clockwork", "The same while there is none"),
  arm_delay_ms: words("clockwork", "How soon a look follows what happened"),
  start_lease_ms: words("clockwork", "How long a start may stay unheard of"),
  start_timeout_ms: words("clockwork", "How long one start may take to be answered"),
  effect_timeout_ms: words("clockwork", "How long any other request to the container may take"),
  heartbeat_lost_ms: words("clockwork", "After this silence the container is asked"),
};

const UNITS: Record<string, number> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** A setting as one reads and types it: `30 min`, `120.00`, `true`, or JSON. */
export function shown(name: string, value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return value;
  if (name.endsWith("_ms") && typeof value === "number") return shortest(value);
  if (name.endsWith("_microdollars") && typeof value === "number") return (value / 1e6).toFixed(2);
  if (typeof value === "number") return value.toLocaleString("en", { maximumFractionDigits: 20 });
  return JSON.stringify(value);
}

/** Without loss: 90000 is `90 s`, not `1 min`. */
function shortest(ms: number): string {
  const unit = ["d", "h", "min", "s"].find((one) => ms > 0 && ms % (UNITS[one] ?? 1) === 0) ?? "ms";
  return `${ms / (UNITS[unit] ?? 1)} ${unit}`;
}

/** What was typed, as the API takes it. @throws Error in words where it is nothing of that kind. */
export function typed(name: string, text: string, fallback: unknown): unknown {
  const said = text.trim();
  if (name.endsWith("_ms")) {
    const [, number = "", unit = "ms"] = /^([\d_.]+)\s*(ms|s|min|h|d)?$/.exec(said) ?? [];
    if (number === "") throw new Error(`“${said}” is no time: write it like 90 s, 30 min or 2 h.`);
    return Math.round(Number(number.replaceAll("_", "")) * (UNITS[unit] ?? 1));
  }
  if (said === "") return null;
  if (name.endsWith("_microdollars")) {
    const dollars = Number(said.replace(/^\$/, "").replaceAll(",", ""));
    if (!Number.isFinite(dollars)) throw new Error(`“${said}” is no amount: write it like 120.00.`);
    return Math.round(dollars * 1e6);
  }
  if (typeof fallback === "string" || name === "runtime" || name === "model") return said;
  try {
    return JSON.parse(/^-?\d{1,3}(,\d{3})+(\.\d+)?$/.test(said) ? said.replaceAll(",", "") : said);
  } catch {
    throw new Error(`“${said}” is not what ${name} takes: a number, or JSON.`);
  }
}

/** What it is when nobody has set it, for people. */
export const usual = (name: string, value: unknown): string => {
  if (value === null || value === undefined) return "none";
  return name.endsWith("_ms") ? duration(value as number) : shown(name, value);
};
