import { urgencyOf } from "../core/needs.ts";
import { DOOR } from "../events/limits.ts";
import type { Overview, RigDigest, RigState } from "../wire/overview.ts";
import type { Sql } from "./ports.ts";

/** What a user's rigs have told of themselves, in the user's own object. */

export const DIGEST_TABLES = `
  CREATE TABLE digests (
    rig_id TEXT PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL, needs TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** As they are kept: what is sorted by, beside the need itself. */
type KeptNeed = readonly [urgency: number, since: number, need: Overview["needs"][number]];

type RigRow = { id: string; town_id: string; name: string };

/** Grows with each change of what an overview tells. */
export const versionOf = (sql: Sql): number =>
  Number(
    sql.exec<{ value: string }>("SELECT value FROM meta WHERE name = 'overview_version'").toArray()[0]?.value ?? 0,
  );

/** Whatever an overview tells has changed. */
export function stepVersion(sql: Sql): number {
  const version = versionOf(sql) + 1;
  sql.exec("INSERT OR REPLACE INTO meta VALUES ('overview_version', ?)", String(version));
  return version;
}

/** @returns false for a rig that is not on the list: it is not kept */
export function keepDigest(sql: Sql, rigId: string, { state, needs }: RigDigest): boolean {
  const rig = sql.exec<{ id: string }>("SELECT id FROM rigs WHERE id = ?", rigId).toArray()[0];
  if (rig === undefined) return false;
  const kept = needs.map((need) => [urgencyOf(need), need.since === null ? 0 : Date.parse(need.since), need] as const);
  sql.exec(
    "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)",
    rigId,
    stepVersion(sql),
    JSON.stringify(state),
    JSON.stringify(kept),
  );
  return true;
}

export function dropDigest(sql: Sql, rigId: string): void {
  sql.exec("DELETE FROM digests WHERE rig_id = ?", rigId);
}

/** @param townId null: those of all towns */
export function readOverview(sql: Sql, townId: string | null, now: number): Overview {
  const rigs = sql
    .exec<RigRow & { state: string | null }>(
      `SELECT id, town_id, name, state FROM rigs LEFT JOIN digests ON rig_id = id
       WHERE ?1 IS NULL OR town_id = ?1 ORDER BY created_at, id`,
      townId,
    )
    .toArray()
    .map(({ id, town_id, name, state }) => ({
      id,
      town_id,
      name,
      state: state === null ? null : (JSON.parse(state) as RigState),
    }));
  const needs = sql
    .exec<RigRow & { kept: string }>(
      `SELECT rigs.id, town_id, name, value AS kept FROM rigs JOIN digests ON rig_id = rigs.id, json_each(digests.needs)
       WHERE ?1 IS NULL OR town_id = ?1
       ORDER BY json_extract(value, '$[0]'), json_extract(value, '$[1]'), rigs.id, json_each.key LIMIT ?2`,
      townId,
      DOOR.overview_needs,
    )
    .toArray()
    .map(({ id, town_id, name, kept }) => ({
      ...(JSON.parse(kept) as KeptNeed)[2],
      rig_id: id,
      rig_name: name,
      town_id,
    }));
  const states = rigs.flatMap(({ state }) => state ?? []);
  return { version: versionOf(sql), totals: totalsOf(rigs.length, states, now), rigs, needs };
}

function totalsOf(rigs: number, states: readonly RigState[], now: number): Overview["totals"] {
  // What was said yesterday says nothing of today.
  const ofToday = states.filter(({ spend }) => Date.parse(spend.ends_at) > now);
  const sum = (of: (state: RigState) => number, over = states): number =>
    over.reduce((all, state) => all + of(state), 0);
  return {
    rigs,
    needs: {
      now: sum(({ needs }) => needs.now),
      soon: sum(({ needs }) => needs.soon),
      know: sum(({ needs }) => needs.know),
    },
    slots: { used: sum(({ slots }) => slots.used), capacity: sum(({ slots }) => slots.capacity) },
    ready: sum(({ ready }) => ready),
    today: {
      merged: sum(({ today }) => today.merged, ofToday),
      failed: sum(({ today }) => today.failed, ofToday),
    },
    spend: {
      tokens: sum(({ spend }) => spend.tokens, ofToday),
      microdollars: sum(({ spend }) => spend.microdollars, ofToday),
    },
    oldest_stuck: states.flatMap(({ oldest_stuck }) => oldest_stuck?.since ?? []).toSorted()[0] ?? null,
  };
}
