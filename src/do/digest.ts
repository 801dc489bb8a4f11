import type * as z from "zod";
import { choicesOf, whatCanBeDone } from "../core/needs-actions.ts";
import type { Need } from "../core/needs.ts";
import { waitsForSlot } from "../core/schedule.ts";
import type { Entry } from "../core/fold.ts";
import { dayOf, startOfDay } from "../events/budget.ts";
import { clip } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import type { NeedCode } from "../events/needs.ts";
import type { DigestNeed, NeedCounts, RigDigest, RigState } from "../wire/overview.ts";
import type { WireNeed } from "../wire/needs.ts";
import { isDestroyed, reasonOf } from "./alarm.ts";
import { needsFirst } from "./needs.ts";
import type { Rig } from "./rig.ts";
import { iso } from "./shapes.ts";
import { today as spendToday } from "./spend.ts";
import { firstSeqAfter } from "./store.ts";

/** What a rig tells its user of itself, unasked, so that an overview of many rigs wakes none of them. */

/** What came of beads on one day of UTC: read from the journal once in a life of the object, and counted from there. */
interface Day {
  readonly day: number;
  merged: number;
  failed: number;
}

const COUNTED = { "bead.merged": "merged", "bead.failed": "failed" } as const;
const isCounted = (type: string): type is keyof typeof COUNTED => type in COUNTED;

function readDay({ ports }: Rig, day: number): Day {
  const rows = ports.sql
    .exec<{ type: string; n: number }>(
      "SELECT type, COUNT(*) AS n FROM journal WHERE seq >= ? AND type IN ('bead.merged', 'bead.failed') GROUP BY type",
      firstSeqAfter(ports.sql, startOfDay(day) - 1),
    )
    .toArray();
  const of = (type: keyof typeof COUNTED): number => rows.find((row) => row.type === type)?.n ?? 0;
  return { day, merged: of("bead.merged"), failed: of("bead.failed") };
}

const top = (value: unknown): string => (typeof value === "string" ? value : (Object.keys(value as object)[0] ?? ""));

function countStates(snapshots: Iterable<{ value: unknown }>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { value } of snapshots) counts[top(value)] = (counts[top(value)] ?? 0) + 1;
  return counts;
}

/** Those of whom somebody is told because nothing moves. */
const STUCK: ReadonlySet<NeedCode> = new Set(["stalled", "model_silent", "no_output"]);

const short = (text: string): string => clip(text, LIMITS.digest_text_chars);

function digestNeed(need: z.infer<typeof WireNeed>): z.infer<typeof DigestNeed> {
  const { key, code, level, since, until, count, ask, prompt, escalations } = need;
  const asked = ask?.command ?? ask?.text ?? prompt?.command ?? prompt?.text;
  const question = code === "question" ? escalations[0]?.body : undefined;
  const [agent, bead] = [need.agents[0], need.beads[0]];
  return {
    key,
    code,
    level,
    title: short(need.title),
    text: short(asked ?? (question === undefined || question === "" ? need.text : question)),
    since,
    until,
    count,
    agent: agent === undefined ? null : { id: agent.id, name: short(agent.name) },
    bead: bead === undefined ? null : { id: bead.id, title: short(bead.title) },
    options: choicesOf(need)
      .slice(0, OPTIONS_TOLD)
      .map(({ id, label }) => ({ id, label: short(label) })),
    ask_id: ask?.id ?? null,
    can: whatCanBeDone(need),
  };
}

const OPTIONS_TOLD = 8;

function levels(all: readonly Need[]): z.infer<typeof NeedCounts> {
  const counts = { now: 0, soon: 0, know: 0 };
  for (const { level } of all) counts[level]++;
  return counts;
}

function stateOf(rig: Rig, all: readonly Need[], listed: RigDigest["needs"], day: Day): RigState {
  const { world, ports } = rig;
  const now = ports.now();
  const { value, context } = world.rig;
  const oldest = all
    .filter(({ code, since }) => STUCK.has(code) && since !== null)
    .toSorted((a, b) => (a.since ?? 0) - (b.since ?? 0))[0];
  const told = listed.find(({ key }) => key === oldest?.key);
  const life = value.life;
  return {
    at: iso(now),
    life: typeof life === "string" ? life : `alive.${Object.values(life)[0]}`,
    gate: String(value.gate),
    container: String(value.container),
    slots: { used: world.index.slots.size, capacity: context.settings.capacity },
    agents: countStates(world.agents.values()),
    beads: countStates(world.beads.values()),
    reviews: countStates(world.reviews.values()),
    ready: [...world.beads.values()].filter((bead) => waitsForSlot(bead, now)).length,
    today: { merged: day.merged, failed: day.failed },
    spend: spendToday(rig, now),
    oldest_stuck:
      oldest === undefined
        ? null
        : { since: iso(oldest.since ?? now), agent: told?.agent ?? null, bead: told?.bead ?? null },
    needs: levels(all),
  };
}

/** As small as it must be: the least urgent needs are left out. */
function digestOf(rig: Rig, day: Day): RigDigest {
  const { all, listed } = needsFirst(rig, LIMITS.digest_needs);
  const needs = listed.map(digestNeed);
  const state = stateOf(rig, all, needs, day);
  while (needs.length > 0 && JSON.stringify(needs).length > LIMITS.digest_bytes) needs.pop();
  return { state, needs };
}

/** A digest reads every living actor: the larger the rig, the longer until the next one, so that it is a small part of what a rig does. */
const pauseOf = ({ world }: Rig): number =>
  Math.floor(((world.beads.size + world.agents.size + world.reviews.size) * LIMITS.digest_actors_ms) / 1_000);

const TRIES = 3;

/** Where it goes. @returns whether it was taken: nobody keeps that of a rig that is not on the list yet, or any more */
export type Tell = (digest: RigDigest) => Promise<boolean>;

export interface Herald {
  /** Something may have changed. */
  hear(entries: readonly Entry[]): void;
  /** The alarm rang: what was not taken, or is old, is told again. */
  remind(): void;
}

/**
 * @param tell may fail: what was not taken is told with the next change, or when the alarm rings next
 * @param pause one that no clock of a test moves
 */
export function createHerald(rig: Rig, tell: Tell, pause: (ms: number) => Promise<void>): Herald {
  let day: Day | null = null;
  let told: { readonly text: string; readonly at: number } | null = null;
  let [isBusy, isDirty] = [false, false];
  let nextAt = 0;

  const dayOfNow = (): Day => {
    const now = dayOf(rig.ports.now());
    if (day?.day !== now) day = readDay(rig, now);
    return day;
  };
  const tellOnce = async (): Promise<void> => {
    if (isDestroyed(rig) || rig.world.rig.context.config === null) return;
    const digest = digestOf(rig, dayOfNow());
    const now = rig.ports.now();
    const text = JSON.stringify({ ...digest, state: { ...digest.state, at: "" } });
    if (told?.text === text && now - told.at < LIMITS.digest_again_ms) return;
    for (let tries = 1; ; tries++) {
      if (await tell(digest)) told = { text, at: now };
      else if (tries < TRIES && !isDirty) {
        // It has just been made, and is put on the list last.
        await pause(LIMITS.digest_every_ms);
        continue;
      }
      return;
    }
  };
  /** One at a time, and what comes meanwhile together, a little later. */
  const run = async (): Promise<void> => {
    try {
      while (isDirty) {
        isDirty = false;
        const { now } = rig.ports;
        nextAt = now() + pauseOf(rig);
        await tellOnce();
        if (isDirty) await pause(Math.max(LIMITS.digest_every_ms, nextAt - now()));
      }
    } catch (error) {
      rig.ports.log("warn", "the rig's user was not told how it stands; it is told again", { error: reasonOf(error) });
    } finally {
      isBusy = false;
    }
  };
  const start = (): void => {
    isDirty = true;
    if (isBusy) return;
    isBusy = true;
    // A clock that was put back makes nobody wait longer.
    const wait = Math.min(Math.max(0, nextAt - rig.ports.now()), pauseOf(rig));
    rig.ports.background(pause(wait).then(run));
  };
  return {
    hear(entries) {
      for (const { fact } of entries)
        if (isCounted(fact.type) && day?.day === dayOf(fact.at)) day[COUNTED[fact.type]]++;
      start();
    },
    remind: start,
  };
}
