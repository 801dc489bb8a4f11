import * as z from "zod";
import { DOOR } from "../events/limits.ts";
import { NEED_CODES } from "../events/needs.ts";
import { Spend } from "./spend.ts";

/** What each rig last said of itself, over all rigs of a town or of a user. It is read from what rigs have pushed, and wakes none of them. */

const Time = z.iso.datetime({ offset: true });
const amount = z.int().min(0);

/** What can be done about a need without looking further. */
export const NEED_ACTIONS = ["answer", "allow", "deny", "retry"] as const;
export type NeedAction = (typeof NEED_ACTIONS)[number];

/** A need in short: enough to see it and to act on it; all of it is in the rig's own `needs`, under the same key. */
export const DigestNeed = z.object({
  key: z.string(),
  code: z.enum(NEED_CODES),
  level: z.enum(["now", "soon", "know"]),
  title: z.string(),
  /** What is asked, the command of a permission, or what happened. */
  text: z.string(),
  since: Time.nullable(),
  until: Time.nullable(),
  /** How many agents, beads or others it is about. */
  count: z.int(),
  /** The first of them. */
  agent: z.object({ id: z.string(), name: z.string() }).nullable(),
  bead: z.object({ id: z.string(), title: z.string() }).nullable(),
  /** What may be chosen instead of words; by `id`, or where that is null, by saying the label. */
  options: z.array(z.object({ id: z.string().nullable(), label: z.string() })),
  /** Which question it is, where its agent named it: an answer that names it is none to the next one. */
  ask_id: z.string().nullable(),
  can: z.array(z.enum(NEED_ACTIONS)),
});

export const NeedCounts = z.object({ now: amount, soon: amount, know: amount });

/** What a rig says of itself, but for its needs. */
export const RigState = z.object({
  /** When it said so. One that works says it when something changes; one that does not, every few minutes. */
  at: Time,
  /** As in the rig's health. */
  life: z.string(),
  gate: z.string(),
  container: z.string(),
  /** Dispatches that hold a place, and how many places there are. */
  slots: z.object({ used: amount, capacity: amount }),
  /** Agents by state, beads that are not over by status, and branches that wait or are being merged. */
  agents: z.record(z.string(), amount),
  beads: z.record(z.string(), amount),
  reviews: z.record(z.string(), amount),
  /** Beads that could run and have no agent. */
  ready: amount,
  /** Since this day of UTC began. */
  today: z.object({ merged: amount, failed: amount }),
  spend: Spend.shape.today,
  /** The agent that has shown no progress for longest, of those of whom somebody was told. */
  oldest_stuck: z
    .object({
      since: Time,
      agent: z.object({ id: z.string(), name: z.string() }).nullable(),
      bead: z.object({ id: z.string(), title: z.string() }).nullable(),
    })
    .nullable(),
  /** Needs of each level: all of them. */
  needs: NeedCounts,
});
export type RigState = z.infer<typeof RigState>;

/** What a rig pushes. */
export const RigDigest = z.object({ state: RigState, needs: z.array(DigestNeed) });
export type RigDigest = z.infer<typeof RigDigest>;

export const Overview = z.object({
  /** Grows with each change of what is told here: give it back as `after`, to be answered when there is a newer one. */
  version: z.int(),
  totals: z.object({
    rigs: amount,
    needs: NeedCounts,
    slots: z.object({ used: amount, capacity: amount }),
    ready: amount,
    today: z.object({ merged: amount, failed: amount }),
    spend: z.object({ tokens: amount, microdollars: amount }),
    /** Of all rigs, since when an agent shows no progress. */
    oldest_stuck: Time.nullable(),
  }),
  rigs: z.array(
    z.object({
      id: z.string(),
      town_id: z.string(),
      name: z.string(),
      /** Null: it has said nothing yet. */
      state: RigState.nullable(),
    }),
  ),
  /** Of all rigs, most urgent first; cut, and the counts are of all. */
  needs: z.array(DigestNeed.extend({ rig_id: z.string(), rig_name: z.string(), town_id: z.string() })),
});
export type Overview = z.infer<typeof Overview>;

/** `after` with the version that is known: the answer waits for a newer one, at most `wait_s` seconds, and is the same one where none comes. */
export const OverviewQuery = z.object({
  after: z
    .string()
    .regex(/^\d{1,15}$/, "must be a non-negative integer")
    .optional(),
  wait_s: z
    .string()
    .regex(/^\d{1,2}$/, "must be a number of seconds")
    .optional(),
});

/** How long somebody is kept waiting who would wait so long, ms. */
export const waitOf = (wait_s: string | undefined): number =>
  Math.min(Number(wait_s ?? DOOR.overview_wait_s), DOOR.overview_wait_s) * 1_000;
