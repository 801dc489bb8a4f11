import { DOOR } from "../events/limits.ts";
import type { Sql } from "./ports.ts";

/**
 * Answers that were given under an Idempotency-Key by what is not one rig's command (see src/api/once.ts). Bounded in number, and each
 * in bytes: some are as long as a container makes them.
 */

export interface Answered {
  readonly fingerprint: string;
  /** 0: it is still being made. */
  readonly status: number;
  /** null also when it was too long to be kept. */
  readonly body: string | null;
}

/** A request that took its key and never answered has died: after this, the same key may try again. */
const UNANSWERED_MS = 120_000;

/** Takes the key for this request, or says what became of it. */
export function takeKey(sql: Sql, now: number, key: string, fingerprint: string): Answered | null {
  const known = sql
    .exec<{ fingerprint: string; status: number; body: string | null; at: number }>(
      "SELECT fingerprint, status, body, at FROM answers WHERE key = ?",
      key,
    )
    .toArray()[0];
  if (known !== undefined && (known.status !== 0 || now - known.at < UNANSWERED_MS)) return known;
  sql.exec("INSERT OR REPLACE INTO answers VALUES (?, ?, 0, NULL, ?)", key, fingerprint, now);
  sql.exec(
    "DELETE FROM answers WHERE key IN (SELECT key FROM answers ORDER BY at DESC LIMIT -1 OFFSET ?)",
    DOOR.answers_kept,
  );
  return null;
}

/**
 * Of an answer that is too long only that it was given: the same key must not do it again.
 * @param fingerprint what the request was, as it is known now that it was read
 */
export function keepAnswer(sql: Sql, key: string, status: number, body: string, fingerprint: string): void {
  const kept = new TextEncoder().encode(body).length > DOOR.answer_bytes ? null : body;
  sql.exec("UPDATE answers SET status = ?, body = ?, fingerprint = ? WHERE key = ?", status, kept, fingerprint, key);
}

export function dropKey(sql: Sql, key: string): void {
  sql.exec("DELETE FROM answers WHERE key = ? AND status = 0", key);
}
