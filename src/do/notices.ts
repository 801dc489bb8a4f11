import type { DigestNeed } from "../wire/overview.ts";
import type * as z from "zod";
import { quietUntil, type Quiet } from "../events/quiet.ts";
import { exponential } from "../events/backoff.ts";
import { DOOR, LIMITS } from "../events/limits.ts";
import type { Level, NeedCode } from "../events/needs.ts";
import type { Sql } from "./ports.ts";

/** Which needs somebody is told of, and which he was told of: at most once each. */

export const NOTICE_TABLES = `
  CREATE TABLE notices (
    rig_id TEXT NOT NULL, key TEXT NOT NULL, what TEXT NOT NULL, state TEXT NOT NULL, was_quiet INTEGER NOT NULL,
    at INTEGER NOT NULL, tries INTEGER NOT NULL, next_at INTEGER NOT NULL, need TEXT NOT NULL, PRIMARY KEY (rig_id, key)
  ) STRICT, WITHOUT ROWID;
`;

type Need = z.infer<typeof DigestNeed>;

export interface Rules {
  readonly least: Level;
  readonly kinds: Readonly<Partial<Record<NeedCode, "always" | "never">>>;
  readonly quiet: Quiet | null;
}

export interface Notice {
  readonly rig_id: string;
  readonly key: string;
  readonly need: Need;
  readonly tries: number;
}

const LEVELS: Record<Level, number> = { now: 0, soon: 1, know: 2 };

export const isTold = ({ least, kinds }: Rules, { code, level }: Pick<Need, "code" | "level">): boolean =>
  kinds[code] === undefined ? LEVELS[level] <= LEVELS[least] : kinds[code] === "always";

/** Which of those under one key it is. */
const whatOf = ({ since, ask_id }: Need): string => JSON.stringify([since, ask_id]);
/** Under their key one question comes after the other; of the others what is added to it is no news. */
const ONE_BY_ONE: ReadonlySet<NeedCode> = new Set(["question", "permission"]);

type Row = { key: string; what: string; state: "due" | "told" | "gone"; at: number };

/**
 * What a rig has said that it needs somebody for.
 * @param isAll false: there are more needs, which it left out
 */
export function noteNeeds(
  sql: Sql,
  rules: Rules,
  { rigId, needs, isAll, now }: { rigId: string; needs: readonly Need[]; isAll: boolean; now: number },
): void {
  const known = new Map(
    sql
      .exec<Row>("SELECT key, what, state, at FROM notices WHERE rig_id = ?", rigId)
      .toArray()
      .map((row) => [row.key, row]),
  );
  const until = quietUntil(rules.quiet, now);
  for (const need of needs) {
    const row = known.get(need.key);
    known.delete(need.key);
    if (!isTold(rules, need)) continue;
    if (row !== undefined && !isNews(row, need)) {
      if (row.state === "gone")
        sql.exec("UPDATE notices SET state = 'told', at = ? WHERE rig_id = ? AND key = ?", now, rigId, need.key);
      continue;
    }
    sql.exec(
      "INSERT OR REPLACE INTO notices VALUES (?, ?, ?, 'due', ?, ?, 0, ?, ?)",
      rigId,
      need.key,
      whatOf(need),
      until === null ? 0 : 1,
      now,
      until ?? now,
      JSON.stringify(need),
    );
  }
  if (!isAll) return;
  for (const { key, state } of known.values()) {
    if (state === "due") sql.exec("DELETE FROM notices WHERE rig_id = ? AND key = ?", rigId, key);
    if (state === "told")
      sql.exec("UPDATE notices SET state = 'gone', at = ? WHERE rig_id = ? AND key = ?", now, rigId, key);
  }
  sql.exec(
    "DELETE FROM notices WHERE rig_id = ? AND state = 'gone' AND at <= ?",
    rigId,
    now - DOOR.notice_remembered_ms,
  );
}

/** What comes and goes and comes again is told once. */
function isNews({ state, what }: Row, need: Need): boolean {
  if (state === "gone") return need.since !== null && what !== whatOf(need);
  return ONE_BY_ONE.has(need.code) && what !== whatOf(need);
}

export const forgetNotices = (sql: Sql, rigId: string): void => {
  sql.exec("DELETE FROM notices WHERE rig_id = ?", rigId);
};

/**
 * What is to be told now, as messages: those of quiet hours, and many at once, are one. They count as told from here on: what fails in
 * a way that says that it did not arrive is given back.
 */
export function takeDue(sql: Sql, rules: Rules, now: number): Notice[][] {
  const until = quietUntil(rules.quiet, now);
  if (until !== null) {
    sql.exec("UPDATE notices SET next_at = ?, was_quiet = 1 WHERE state = 'due' AND next_at <= ?", until, now);
    return [];
  }
  const rows = sql
    .exec<{ rig_id: string; key: string; need: string; tries: number; was_quiet: number }>(
      "UPDATE notices SET state = 'told', at = ? WHERE state = 'due' AND next_at <= ? RETURNING rig_id, key, need, tries, was_quiet",
      now,
      now,
    )
    .toArray();
  const notice = ({ need, was_quiet: _, ...row }: (typeof rows)[number]): Notice => ({
    ...row,
    need: JSON.parse(need) as Need,
  });
  const quiet = rows.filter(({ was_quiet }) => was_quiet === 1).map(notice);
  const loud = rows.filter(({ was_quiet }) => was_quiet === 0).map(notice);
  const together = quiet.length > 0 ? [quiet] : [];
  return [...together, ...(loud.length > DOOR.notices_one_by_one ? [loud] : loud.map((one) => [one]))];
}

/** It did not arrive. @returns whether it is tried again */
export function giveBack(sql: Sql, notices: readonly Notice[], now: number): boolean {
  const tries = Math.max(...notices.map((notice) => notice.tries)) + 1;
  if (tries >= LIMITS.effect_attempts) return false;
  for (const { rig_id, key } of notices)
    sql.exec(
      "UPDATE notices SET state = 'due', tries = ?, next_at = ? WHERE rig_id = ? AND key = ? AND state = 'told'",
      tries,
      now + exponential(tries, DOOR.notice_backoff_ms, DOOR.notice_backoff_max_ms),
      rig_id,
      key,
    );
  return true;
}

/** When something is to be told next, ms, or null. */
export const nextNotice = (sql: Sql): number | null =>
  sql.exec<{ at: number | null }>("SELECT MIN(next_at) AS at FROM notices WHERE state = 'due'").toArray()[0]?.at ??
  null;
