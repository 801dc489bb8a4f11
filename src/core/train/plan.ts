/**
 * Which reviews go on the next train, and where it is gated. Pure: ids and numbers only. A run of the gate tells at most one bit, so
 * each is placed where it tells most: with one slot a group whose chance to be green is about a half, and of a red one the part that
 * holds the first bad review with about that chance; with more slots several prefixes side by side.
 */

import { NOTHING_KNOWN, type Knowledge } from "../../events/train.ts";

export { NOTHING_KNOWN, type Knowledge };

export interface Candidate {
  readonly id: string;
  /** A person put it in front of the others. */
  readonly jumped: boolean;
}

export interface Plan {
  /** Stacked in this order. */
  readonly members: readonly string[];
  /** So many of the members, ascending; 0: the target alone. */
  readonly gates: readonly number[];
  /** Gated once more, alone on the target, beside the others. */
  readonly again: string | null;
}

/** Before anything is known, one review in thirteen is taken to be bad. */
const FIRST_BAD = 0.6;
const FIRST_SEEN = 8;

/** How likely the next review is to be bad, from what became of those before. */
export const chanceOfBad = ({ good, bad }: Pick<Knowledge, "good" | "bad">): number =>
  (bad + FIRST_BAD) / (good + bad + FIRST_SEEN);

const within = (n: number, most: number): number => Math.min(most, Math.max(1, n));

/** As many as are all good with a chance of about a half: then one run tells one bit. */
export const groupSize = (chance: number, most: number): number =>
  within(Math.round(Math.log(0.5) / Math.log(1 - chance)), most);

/** How many of `size`, of which one at least is bad, hold the first bad one with a chance of about a half. At least 1, at most all but one. */
export function firstPart(size: number, chance: number): number {
  const good = 1 - chance;
  const any = 1 - good ** size;
  let best = 1;
  let least = Number.POSITIVE_INFINITY;
  for (let part = 1; part < size; part++) {
    const off = Math.abs((1 - good ** part) / any - 0.5);
    if (off >= least) continue;
    least = off;
    best = part;
  }
  return best;
}

/** `count` prefixes of `size`, as even as can be, the whole among them. */
const prefixes = (size: number, count: number): number[] => [
  ...new Set(
    Array.from({ length: Math.min(count, size) }, (_, i) => Math.round(((i + 1) * size) / Math.min(count, size))),
  ),
];

/**
 * The next train, or null when there is nothing to take along.
 * @param waiting in the order of the queue: those that a person put in front, then by aged priority.
 */
export function plan(
  waiting: readonly Candidate[],
  known: Knowledge,
  { train_max, gate_slots }: { readonly train_max: number; readonly gate_slots: number },
): Plan | null {
  if (waiting.length === 0) return null;
  const ids = new Set(waiting.map(({ id }) => id));
  const suspects = known.suspects.filter((id) => ids.has(id));
  const isSuspect = new Set(suspects);
  const first = waiting.filter(({ id, jumped }) => jumped && !isSuspect.has(id)).map(({ id }) => id);
  const others = waiting.filter(({ id, jumped }) => !jumped && !isSuspect.has(id)).map(({ id }) => id);
  const chance = chanceOfBad(known);
  // Whether the target itself is green is looked at once something was red on it, and not before: most trains are green.
  const isUnsure = known.suspects.length > 0 && known.green === null;
  if (gate_slots === 1) return alone(first, suspects, others, { chance, train_max, target: isUnsure ? [0] : [] });
  const [only = null] = suspects;
  const again = suspects.length === 1 && first.length + others.length > 0 ? only : null;
  const all = again === null ? [...first, ...suspects, ...others] : [...first, ...others];
  const members = all.slice(0, train_max);
  const slots = Math.max(1, gate_slots - (again === null ? 0 : 1) - (isUnsure ? 1 : 0));
  // Behind the one that is bad everything is red: who is suspected is told apart first.
  const narrow = first.length === 0 && again === null ? Math.min(suspects.length, members.length) : 0;
  const inside = narrow > 1 ? prefixes(narrow, slots) : [];
  const outside = slots - inside.length;
  const rest = outside > 0 ? prefixes(members.length - (narrow > 1 ? narrow : 0), outside) : [];
  const behind = rest.map((gate) => gate + (narrow > 1 ? narrow : 0));
  return { members, gates: [...(isUnsure ? [0] : []), ...inside, ...behind], again };
}

/** One gate at a time: what is behind it could not be pushed, so nothing is. */
function alone(
  first: readonly string[],
  suspects: readonly string[],
  others: readonly string[],
  { chance, train_max, target }: { chance: number; train_max: number; target: readonly number[] },
): Plan {
  const group = first.length > 0 ? first : suspects.length > 0 ? suspects : others;
  const size =
    group !== suspects
      ? Math.min(groupSize(chance, train_max), group.length)
      : suspects.length === 1
        ? 1
        : Math.min(firstPart(suspects.length, chance), train_max);
  return { members: group.slice(0, size), gates: [...target, size], again: null };
}

/** A train that only finds out whether it goes again: of the head alone, beside the target where that was red. */
export const probe = (waiting: readonly Candidate[], isRed: boolean): Plan | null => {
  const [head] = waiting;
  return head === undefined ? null : { members: [head.id], gates: isRed ? [0, 1] : [1], again: null };
};
