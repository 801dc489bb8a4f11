import { dayOf, plusSpent, reaches, NOTHING_SPENT, type Caps, type Spent } from "../events/budget.ts";
import { LIMITS } from "../events/limits.ts";
import type { Sql } from "./ports.ts";

/** The name of the object that keeps a town's money: no user can have it, since their names begin with a letter or a digit. */
export const townObject = (townId: string): string => `@town/${townId}`;

/**
 * The money of a town: one stream, from which its rigs lease what they spend of a day of UTC. The sum of what is leased never passes the
 * cap, whoever asks, however often, and whichever answer is lost: what a rig holds is said as a sum of the day, so that asking twice takes
 * nothing twice.
 */
export const TOWN_TABLES = `
  CREATE TABLE IF NOT EXISTS town_caps (
    id INTEGER PRIMARY KEY CHECK (id = 1), tokens INTEGER, microdollars INTEGER, told_percent INTEGER NOT NULL, on_cap TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS town_leases (
    day INTEGER NOT NULL, rig TEXT NOT NULL, tokens INTEGER NOT NULL, microdollars INTEGER NOT NULL, spent_tokens INTEGER NOT NULL,
    spent_microdollars INTEGER NOT NULL, as_of INTEGER NOT NULL, PRIMARY KEY (day, rig)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS town_news (day INTEGER NOT NULL, news TEXT NOT NULL, rig TEXT NOT NULL, PRIMARY KEY (day, news)) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS town_lines (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, by TEXT NOT NULL, body TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS town_accounts (account TEXT PRIMARY KEY, until INTEGER NOT NULL, rig TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`;

/** What the town may spend in a day of UTC. */
export interface TownCaps extends Caps {
  readonly told_percent: number;
  readonly on_cap: "stop" | "finish_answer";
}
export const NO_TOWN_CAPS: TownCaps = { tokens: null, microdollars: null, told_percent: 80, on_cap: "finish_answer" };
export const isTownCapped = ({ tokens, microdollars }: Caps): boolean => tokens !== null || microdollars !== null;

/** What a rig says when it asks: what it has spent on that day, all in all. */
export interface LeaseAsk {
  readonly rigId: string;
  readonly day: number;
  readonly spent: Spent;
  /** It holds nothing of that day beyond what it has spent: it is new to it, or the town's caps were changed. */
  readonly anew: boolean;
  /** Seq of the rig's newest fact: what overtook a later question takes nothing back. */
  readonly asOf: number;
  /** Accounts that are limited, as far as the rig knows, ms. */
  readonly accounts?: readonly { readonly id: string; readonly until: number }[];
}

/** What it may spend on that day, all in all; null: without a cap. */
export interface LeaseAnswer extends Caps {
  readonly caps: Caps;
  /** What all of the town's rigs have told that they have spent. */
  readonly spent: Spent;
  /** It is this rig that tells people. */
  readonly news: "told" | "capped" | null;
}

type LeaseRow = {
  rig: string;
  tokens: number;
  microdollars: number;
  spent_tokens: number;
  spent_microdollars: number;
  as_of: number;
};

export function townCaps(sql: Sql): TownCaps {
  type Row = {
    tokens: number | null;
    microdollars: number | null;
    told_percent: number;
    on_cap: string;
  };
  const row = sql.exec<Row>("SELECT tokens, microdollars, told_percent, on_cap FROM town_caps").toArray()[0];
  return row === undefined ? NO_TOWN_CAPS : { ...row, on_cap: row.on_cap === "stop" ? "stop" : "finish_answer" };
}

/** What was leased before is held until its rig, which is told, has asked anew. */
export function setTownCaps(sql: Sql, caps: TownCaps, by: string, now: number): void {
  sql.exec(
    "INSERT OR REPLACE INTO town_caps VALUES (1, ?, ?, ?, ?)",
    caps.tokens,
    caps.microdollars,
    caps.told_percent,
    caps.on_cap,
  );
  sql.exec("DELETE FROM town_news WHERE day >= ?", dayOf(now));
  note(sql, now, by, { budget: caps });
}

function note(sql: Sql, at: number, by: string, body: unknown): void {
  sql.exec("INSERT INTO town_lines (at, by, body) VALUES (?, ?, ?)", at, by, JSON.stringify(body));
  sql.exec("DELETE FROM town_lines WHERE seq <= (SELECT MAX(seq) FROM town_lines) - ?", LIMITS.town_lines);
}

/** Who has changed what of the town's money, and what came of it; the newest first. */
export const townLines = (sql: Sql, limit: number): { at: number; by: string; body: unknown }[] =>
  sql
    .exec<{ at: number; by: string; body: string }>(
      "SELECT at, by, body FROM town_lines ORDER BY seq DESC LIMIT ?",
      limit,
    )
    .toArray()
    .map(({ at, by, body }) => ({ at, by, body: JSON.parse(body) as unknown }));

/** What is leased, or spent beyond that, of one kind of money. */
const heldOf = (rows: readonly LeaseRow[], kind: "tokens" | "microdollars"): number =>
  rows.reduce((sum, row) => sum + Math.max(row[kind], row[`spent_${kind}`]), 0);

/** What it holds of the day before it is leased any more. */
function heldBy(known: LeaseRow | undefined, { rigId, spent, anew, asOf }: LeaseAsk): LeaseRow {
  const isNewest = asOf > (known?.as_of ?? -1);
  const spent_tokens = Math.max(spent.tokens, known?.spent_tokens ?? 0);
  const spent_microdollars = Math.max(spent.microdollars, known?.spent_microdollars ?? 0);
  const givesBack = anew && isNewest;
  return {
    rig: rigId,
    tokens: givesBack ? spent_tokens : (known?.tokens ?? 0),
    microdollars: givesBack ? spent_microdollars : (known?.microdollars ?? 0),
    spent_tokens,
    spent_microdollars,
    as_of: Math.max(asOf, known?.as_of ?? -1),
  };
}

/** What it holds then: a part of what is left beyond what it has spent. */
function leasedTo(caps: TownCaps, others: readonly LeaseRow[], own: LeaseRow, kind: "tokens" | "microdollars"): number {
  const cap = caps[kind];
  const left = cap === null ? 0 : Math.max(0, cap - heldOf([...others, own], kind));
  if (cap === null || left === 0) return own[kind];
  const spent = own[`spent_${kind}`];
  const base = Math.max(own[kind], spent);
  const part = Math.max(Math.ceil(left / LIMITS.lease_part), Math.ceil(cap / LIMITS.lease_least_part));
  return base + Math.min(left, Math.max(0, spent + part - base));
}

/** More of a day for a rig, as far as there is any. A report that is older than another changes nothing. */
export function lease(sql: Sql, ask: LeaseAsk, now: number): LeaseAnswer {
  const { rigId, day, accounts = [] } = ask;
  const caps = townCaps(sql);
  const rows = sql
    .exec<LeaseRow>(
      "SELECT rig, tokens, microdollars, spent_tokens, spent_microdollars, as_of FROM town_leases WHERE day = ?",
      day,
    )
    .toArray();
  const others = rows.filter(({ rig }) => rig !== rigId);
  const own = heldBy(
    rows.find(({ rig }) => rig === rigId),
    ask,
  );
  const after: LeaseRow = {
    ...own,
    tokens: leasedTo(caps, others, own, "tokens"),
    microdollars: leasedTo(caps, others, own, "microdollars"),
  };
  sql.exec(
    "INSERT OR REPLACE INTO town_leases VALUES (?, ?, ?, ?, ?, ?, ?)",
    day,
    rigId,
    after.tokens,
    after.microdollars,
    after.spent_tokens,
    after.spent_microdollars,
    after.as_of,
  );
  sql.exec("DELETE FROM town_leases WHERE day < ?", dayOf(now) - LIMITS.town_days);
  keepAccounts(sql, rigId, accounts, now);
  const all = [...others, after].reduce(
    (sum, row) => plusSpent(sum, { tokens: row.spent_tokens, microdollars: row.spent_microdollars }),
    NOTHING_SPENT,
  );
  const held = {
    tokens: heldOf([...others, after], "tokens"),
    microdollars: heldOf([...others, after], "microdollars"),
  };
  return {
    tokens: caps.tokens === null ? null : after.tokens,
    microdollars: caps.microdollars === null ? null : after.microdollars,
    caps: { tokens: caps.tokens, microdollars: caps.microdollars },
    spent: all,
    news: newsFor(sql, { rigId, day, all, held, caps, now }),
  };
}

interface Standing {
  readonly rigId: string;
  readonly day: number;
  readonly all: Spent;
  readonly held: Spent;
  readonly caps: TownCaps;
  readonly now: number;
}

/** The first rig that meets it tells people, and is asked to until it asks for nothing more. */
function newsFor(sql: Sql, { rigId, day, all, held, caps, now }: Standing): "told" | "capped" | null {
  const met = reaches(held, caps) ? "capped" : reaches(all, caps, caps.told_percent) ? "told" : null;
  if (met === null) return null;
  const teller = sql
    .exec<{ rig: string }>("SELECT rig FROM town_news WHERE day = ? AND news = ?", day, met)
    .toArray()[0]?.rig;
  if (teller !== undefined) return teller === rigId ? met : null;
  sql.exec("INSERT INTO town_news VALUES (?, ?, ?)", day, met, rigId);
  sql.exec("DELETE FROM town_news WHERE day < ?", dayOf(now) - LIMITS.town_days);
  note(sql, now, rigId, { [met]: { day, spent: all, caps: { tokens: caps.tokens, microdollars: caps.microdollars } } });
  return met;
}

function keepAccounts(sql: Sql, rigId: string, accounts: NonNullable<LeaseAsk["accounts"]>, now: number): void {
  sql.exec("DELETE FROM town_accounts WHERE until <= ?", now);
  for (const { id, until } of accounts.slice(-LIMITS.town_accounts))
    sql.exec("INSERT OR REPLACE INTO town_accounts VALUES (?, ?, ?, ?)", id, until, rigId, now);
  sql.exec(
    "DELETE FROM town_accounts WHERE account NOT IN (SELECT account FROM town_accounts ORDER BY at DESC LIMIT ?)",
    LIMITS.town_accounts,
  );
}

export interface TownDay {
  readonly caps: TownCaps;
  readonly spent: Spent;
  /** What rigs hold of it, spent or not. */
  readonly leased: Spent;
  readonly accounts: { account: string; until: number; rig: string }[];
  readonly lines: ReturnType<typeof townLines>;
}

/** The town's day as it stands. */
export function townDay(sql: Sql, now: number): TownDay {
  const rows = sql
    .exec<LeaseRow>(
      "SELECT rig, tokens, microdollars, spent_tokens, spent_microdollars, as_of FROM town_leases WHERE day = ?",
      dayOf(now),
    )
    .toArray();
  return {
    caps: townCaps(sql),
    spent: {
      tokens: rows.reduce((sum, row) => sum + row.spent_tokens, 0),
      microdollars: rows.reduce((sum, row) => sum + row.spent_microdollars, 0),
    },
    leased: { tokens: heldOf(rows, "tokens"), microdollars: heldOf(rows, "microdollars") },
    accounts: sql
      .exec<{ account: string; until: number; rig: string }>(
        "SELECT account, until, rig FROM town_accounts WHERE until > ? ORDER BY account",
        now,
      )
      .toArray(),
    lines: townLines(sql, 20),
  };
}
