import type * as z from "zod";
import { DOOR } from "../events/limits.ts";
import type { OperatorToken as WireToken, Scope as WireScope } from "../wire/schemas.ts";
import type { Sql } from "./ports.ts";
import { iso } from "./shapes.ts";

/**
 * Operators' tokens and the one-time codes that a page trades for one. Only digests are kept. The first operator's token is
 * a secret of the deployment and has no row; what came of it is bound to its digest, so that a new first token ends it.
 */

export type Scope = z.infer<typeof WireScope>;
export type OperatorToken = z.infer<typeof WireToken>;

export interface Operator {
  readonly id: string;
  readonly name: string;
  readonly scope: Scope;
  /** Of a browser: the operator that let it in, also through other browsers. */
  readonly root?: string;
}

/** The holder of the deployment's own secret. */
export const FIRST: Operator = { id: "operator", name: "operator", scope: "admin" };

export const OPERATOR_TABLES = `
  ALTER TABLE operator_tokens ADD COLUMN scope TEXT NOT NULL DEFAULT 'admin';
  ALTER TABLE operator_tokens ADD COLUMN used_at INTEGER;
  ALTER TABLE operator_tokens ADD COLUMN idle_ms INTEGER;
  ALTER TABLE operator_tokens ADD COLUMN root TEXT;
  ALTER TABLE operator_tokens ADD COLUMN root_hash TEXT;
  CREATE INDEX operator_tokens_hash ON operator_tokens (hash);
  CREATE TABLE operator_codes (
    hash TEXT PRIMARY KEY, operator TEXT NOT NULL, first_hash TEXT, made_at INTEGER NOT NULL, expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** A browser may let another one in. Whom it came from is kept, so that whatever came of a token ends with it. */
export const LINE_TABLES = `
  ALTER TABLE operator_tokens ADD COLUMN line TEXT NOT NULL DEFAULT '';
  ALTER TABLE operator_codes ADD COLUMN line TEXT NOT NULL DEFAULT '';
`;

/** `used_at` is written at most this often per token: a look at a token should not cost a row. */
const USED_GRANULARITY_MS = 86_400_000;

type Row = {
  id: string;
  name: string;
  hash: string;
  scope: Scope;
  created_at: number;
  revoked_at: number | null;
  used_at: number | null;
  idle_ms: number | null;
  /** The operator that let this browser in; null: a token by itself. */
  root: string | null;
  /** Digest of the first operator's token as it was then, where that is the root. */
  root_hash: string | null;
  /** The ids of all that it came from, from the root on, each between two slashes; empty before that was kept. */
  line: string;
};

export interface Directory {
  readonly sql: Sql;
  readonly now: number;
  /** Digest of the first operator's token, or null where there is none. */
  readonly firstHash: string | null;
}

const rows = ({ sql }: Directory, where: string, ...values: (string | number | null)[]): Row[] =>
  sql.exec<Row>(`SELECT * FROM operator_tokens WHERE ${where} ORDER BY created_at, id`, ...values).toArray();

const endsAt = (row: Row): number | null =>
  row.idle_ms === null ? null : (row.used_at ?? row.created_at) + row.idle_ms;

/** Not revoked, not left unused for too long, and neither is the operator that let it in. */
function isLive(directory: Directory, row: Row): boolean {
  const end = endsAt(row);
  if (row.revoked_at !== null || (end !== null && end <= directory.now)) return false;
  if (row.root === null) return true;
  if (row.root === FIRST.id) return row.root_hash !== null && row.root_hash === directory.firstHash;
  const root = rows(directory, "id = ?", row.root)[0];
  return root !== undefined && root.revoked_at === null;
}

const shown = (row: Row): OperatorToken => {
  const end = endsAt(row);
  return {
    id: row.id,
    name: row.name,
    scope: row.scope,
    created_at: iso(row.created_at),
    revoked_at: row.revoked_at === null ? null : iso(row.revoked_at),
    used_at: row.used_at === null ? null : iso(row.used_at),
    expires_at: end === null ? null : iso(end),
  };
};

export const operatorTokens = (directory: Directory): OperatorToken[] => rows(directory, "TRUE").map(shown);

/** @returns null when there are too many. */
export function addToken(directory: Directory, token: { id: string; hash: string; name: string; scope: Scope }) {
  if (rows(directory, "revoked_at IS NULL AND root IS NULL").length >= DOOR.operator_tokens) return null;
  return insert(directory, { ...token, idle_ms: null, root: null, root_hash: null, line: "" });
}

function insert(
  directory: Directory,
  token: Pick<Row, "id" | "hash" | "name" | "scope" | "idle_ms" | "root" | "root_hash" | "line">,
): OperatorToken {
  const { sql, now } = directory;
  sql.exec(
    `INSERT INTO operator_tokens (id, name, hash, created_at, revoked_at, scope, used_at, idle_ms, root, root_hash, line)
     VALUES (?, ?, ?, ?, NULL, ?, NULL, ?, ?, ?, ?)`,
    token.id,
    token.name,
    token.hash,
    now,
    token.scope,
    token.idle_ms,
    token.root,
    token.root_hash,
    token.line,
  );
  sql.exec(
    `DELETE FROM operator_tokens WHERE id IN (
       SELECT id FROM operator_tokens WHERE revoked_at IS NOT NULL ORDER BY revoked_at DESC LIMIT -1 OFFSET ?)`,
    DOOR.ended_tokens_kept,
  );
  return shown(rows(directory, "id = ?", token.id)[0] as Row);
}

/** Ends a token, the codes that it made, and every browser that came of it, also through another one. @returns false when there is no such live token. */
export function revokeToken(directory: Directory, id: string): boolean {
  const ended = directory.sql
    .exec(
      "UPDATE operator_tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL RETURNING id",
      directory.now,
      id,
    )
    .toArray();
  if (ended.length === 0) return false;
  directory.sql.exec("DELETE FROM operator_tokens WHERE root = ? OR INSTR(line, ?) > 0", id, `/${id}/`);
  directory.sql.exec("DELETE FROM operator_codes WHERE operator = ? OR INSTR(line, ?) > 0", id, `/${id}/`);
  return true;
}

/** Whose token has this digest, or null. A look-up by digest: its time tells nothing of the text. */
export function operatorOf(directory: Directory, hash: string): Operator | null {
  const row = rows(directory, "hash = ?", hash)[0];
  if (row === undefined || !isLive(directory, row)) return null;
  if (row.used_at === null || directory.now - row.used_at >= USED_GRANULARITY_MS)
    directory.sql.exec("UPDATE operator_tokens SET used_at = ? WHERE id = ?", directory.now, row.id);
  return { id: row.id, name: row.name, scope: row.scope, ...(row.root === null ? {} : { root: row.root }) };
}

/** The live operator with this id; a browser counts as who let it in. */
function rootOf(directory: Directory, id: string): (Operator & { firstHash: string | null; line: string }) | null {
  if (id === FIRST.id)
    return directory.firstHash === null ? null : { ...FIRST, firstHash: directory.firstHash, line: `/${id}/` };
  const row = rows(directory, "id = ?", id)[0];
  if (row === undefined || !isLive(directory, row)) return null;
  const root = row.root === null ? null : rootOf(directory, row.root);
  if (row.root !== null) return root === null ? null : { ...root, line: `${row.line || root.line}${row.id}/` };
  return { id: row.id, name: row.name, scope: row.scope, firstHash: null, line: `/${row.id}/` };
}

/**
 * Keeps a code of an operator.
 * @returns when it ends, ms since epoch; or why there is none: the operator is gone, there are too many codes, or the browser
 * was let in by a browser that was let in by another, and so on too often.
 */
export function addCode(
  directory: Directory,
  operatorId: string,
  hash: string,
): number | "gone" | "too_many" | "too_far" {
  const { sql, now } = directory;
  const root = rootOf(directory, operatorId);
  if (root === null) return "gone";
  if (root.line.split("/").length - 3 >= DOOR.browser_generations) return "too_far";
  sql.exec("DELETE FROM operator_codes WHERE expires_at <= ?", now);
  sql.exec(
    `DELETE FROM operator_codes WHERE hash IN (
       SELECT hash FROM operator_codes WHERE operator = ? ORDER BY made_at DESC, hash LIMIT -1 OFFSET ?)`,
    root.id,
    DOOR.codes_per_operator - 1,
  );
  const known = sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM operator_codes").toArray()[0]?.n ?? 0;
  if (known >= DOOR.codes) return "too_many";
  const expiresAt = now + DOOR.code_ms;
  sql.exec(
    "INSERT INTO operator_codes (hash, operator, first_hash, made_at, expires_at, line) VALUES (?, ?, ?, ?, ?, ?)",
    hash,
    root.id,
    root.firstHash,
    now,
    expiresAt,
    root.line,
  );
  return expiresAt;
}

/**
 * Takes a code away and makes a browser's token of its operator's scope.
 * @returns null for a code that is unknown, used or over, or whose operator is.
 */
export function tradeCode(
  directory: Directory,
  codeHash: string,
  token: { id: string; hash: string },
): { operator: string; scope: Scope } | null {
  const { sql, now } = directory;
  const code = sql
    .exec<{ operator: string; first_hash: string | null; expires_at: number; line: string }>(
      "DELETE FROM operator_codes WHERE hash = ? RETURNING operator, first_hash, expires_at, line",
      codeHash,
    )
    .toArray()[0];
  if (code === undefined || code.expires_at <= now) return null;
  const root = rootOf(directory, code.operator);
  if (root === null || root.firstHash !== code.first_hash) return null;
  sql.exec(
    `DELETE FROM operator_tokens WHERE id IN (
       SELECT id FROM operator_tokens WHERE root = ? ORDER BY COALESCE(used_at, created_at) DESC, id LIMIT -1 OFFSET ?)`,
    root.id,
    DOOR.browsers_per_operator - 1,
  );
  insert(directory, {
    ...token,
    name: `browser of ${root.name}`,
    scope: root.scope,
    idle_ms: DOOR.browser_idle_ms,
    root: root.id,
    root_hash: root.firstHash,
    line: code.line,
  });
  return { operator: root.name, scope: root.scope };
}
