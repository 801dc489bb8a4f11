import { NewerError } from "../events/upcast.ts";
import type { Sql } from "./ports.ts";

/**
 * The rig's tables, as numbered migrations: each runs once, in order, and is never edited afterwards. Costs are chosen by
 * rows written: a journal row with a bead costs two, an actor's update one, an effect two over its life.
 */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE journal (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    type TEXT NOT NULL,
    v INTEGER NOT NULL,
    cause INTEGER,
    batch INTEGER NOT NULL,
    bead TEXT,
    body TEXT NOT NULL,
    effects TEXT,
    missing TEXT
  ) STRICT;
  CREATE INDEX journal_bead ON journal (bead, seq) WHERE bead IS NOT NULL;
  CREATE TRIGGER journal_is_append_only BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
  CREATE TRIGGER journal_is_kept BEFORE DELETE ON journal
    WHEN OLD.seq > COALESCE((SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'archived_through'), 0)
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only: only archived facts may go'); END;
  CREATE TRIGGER journal_has_no_gaps BEFORE INSERT ON journal
    WHEN NEW.seq <> COALESCE((SELECT MAX(seq) FROM journal), (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'archived_through'), 0) + 1
    BEGIN SELECT RAISE(ABORT, 'the journal has no gaps'); END;

  CREATE TABLE actors (
    seq INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    live INTEGER NOT NULL,
    v INTEGER NOT NULL,
    value TEXT NOT NULL,
    context TEXT NOT NULL,
    error TEXT
  ) STRICT;
  CREATE UNIQUE INDEX actors_id ON actors (kind, id);
  CREATE INDEX actors_live ON actors (kind, seq) WHERE live = 1;

  CREATE TABLE content (kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID;

  CREATE TABLE outbox (
    key TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    error TEXT
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE mail (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    delivered_at INTEGER
  ) STRICT;
  CREATE INDEX mail_undelivered ON mail (recipient, seq) WHERE delivered_at IS NULL;

  CREATE TABLE agent_events (id INTEGER PRIMARY KEY, agent TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE INDEX agent_events_agent ON agent_events (agent, id);

  CREATE TABLE idempotency (key TEXT PRIMARY KEY, at INTEGER NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  `,
  // Which dispatch has read a letter that is not delivered yet.
  "ALTER TABLE mail ADD COLUMN read_by TEXT",
  `
  CREATE TABLE spend (
    day INTEGER NOT NULL,
    dispatch TEXT NOT NULL,
    session TEXT NOT NULL,
    model TEXT NOT NULL,
    agent TEXT NOT NULL,
    bead TEXT,
    runtime TEXT NOT NULL,
    input INTEGER NOT NULL,
    cached INTEGER NOT NULL,
    output INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    estimated INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    PRIMARY KEY (day, dispatch, session, model)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX spend_bead ON spend (bead) WHERE bead IS NOT NULL;
  `,
  `
  CREATE TABLE spend_ends (
    dispatch TEXT PRIMARY KEY,
    day INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    unsaid TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX spend_unsaid ON spend_ends (unsaid) WHERE unsaid IS NOT NULL;
  INSERT OR IGNORE INTO spend_ends
    SELECT json_extract(body, '$.dispatchId'), at / 86400000, 1, NULL FROM journal
    WHERE type = 'dispatch.failed' AND json_extract(body, '$.dispatchId') IS NOT NULL;
  `,
];

/**
 * Brings an object's tables to the newest version.
 * @param whose names the storage in the error.
 * @throws NewerError when they were written by a newer Ticktown: it must not guess.
 */
export function migrate(sql: Sql, migrations: readonly string[] = MIGRATIONS, whose = "this rig's storage"): void {
  sql.exec("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID");
  const version = Number(
    sql.exec<{ value: string }>("SELECT value FROM meta WHERE name = 'schema'").toArray()[0]?.value ?? 0,
  );
  if (version > migrations.length)
    throw new NewerError(
      `${whose} has schema ${version}, but this Ticktown knows only up to ${migrations.length}: use a newer one`,
    );
  for (let v = version; v < migrations.length; v++) sql.exec(migrations[v] ?? "");
  if (version < migrations.length)
    sql.exec("INSERT OR REPLACE INTO meta VALUES ('schema', ?)", String(migrations.length));
}
