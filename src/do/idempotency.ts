import { LIMITS } from "../events/limits.ts";
import type { Refusal } from "../core/decide/index.ts";
import type { Rig } from "./rig.ts";

/** What a client sent as `Idempotency-Key`, and a digest of what it was sent with. */
export interface IdempotencyKey {
  readonly key: string;
  readonly fingerprint: string;
}

type Row = { fingerprint: string; body: string };

/**
 * Does something once per key: the second time, the first answer is given again. The work and its answer are written in one
 * transaction, so that a crash between them cannot make it happen twice.
 */
export function once<T extends { ok: boolean }>(
  rig: Rig,
  { key, fingerprint }: IdempotencyKey,
  work: () => T,
): T | Refusal {
  const { sql } = rig.ports;
  const known = sql.exec<Row>("SELECT fingerprint, body FROM idempotency WHERE key = ?", key).toArray()[0];
  if (known !== undefined) {
    if (known.fingerprint !== fingerprint)
      return {
        ok: false,
        status: 422,
        error: "this Idempotency-Key was used for another request; use a new key for a new request",
      };
    return JSON.parse(known.body) as T;
  }
  return rig.ports.transaction(() => {
    const answer = work();
    sql.exec(
      "INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)",
      key,
      rig.ports.now(),
      fingerprint,
      0,
      JSON.stringify(answer),
    );
    forgetOldest(rig);
    return answer;
  });
}

/** Looked at once in a hundred keys: the oldest go. */
function forgetOldest(rig: Rig): void {
  if (rig.ports.now() % 100 !== 0) return;
  rig.ports.sql.exec(
    `DELETE FROM idempotency WHERE key IN (
       SELECT key FROM (
         SELECT key, ROW_NUMBER() OVER newest AS n, SUM(LENGTH(CAST(body AS BLOB))) OVER newest AS bytes
         FROM idempotency WINDOW newest AS (ORDER BY at DESC, key)
       ) WHERE n > ? OR bytes > ?)`,
    LIMITS.idempotency_keys,
    LIMITS.idempotency_bytes,
  );
}
