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
  try {
    return rig.ports.transaction(() => {
      const answer = work();
      const body = JSON.stringify(answer);
      sql.exec("INSERT INTO idempotency VALUES (?, ?, ?, ?, ?)", key, rig.ports.now(), fingerprint, 0, body);
      forgetOldest(rig, body);
      return answer;
    });
  } catch (error) {
    // What was counted may be taken back.
    kept.delete(rig);
    throw error;
  }
}

interface Kept {
  readonly keys: number;
  readonly bytes: number;
}

/** How many keys a rig remembers, and the bytes of their answers; counted once in a life of the object. */
const kept = new WeakMap<Rig, Kept>();

const count = ({ ports }: Rig): Kept =>
  ports.sql
    .exec<{ keys: number; bytes: number }>(
      "SELECT COUNT(*) AS keys, IFNULL(SUM(LENGTH(CAST(body AS BLOB))), 0) AS bytes FROM idempotency",
    )
    .toArray()[0] ?? { keys: 0, bytes: 0 };

/** Of the bounds, this much is kept when one is passed, so that all keys are not looked at with every new one. */
const KEPT_OF_FULL = 0.99;

/** Never more than the two bounds say: where a new key would pass one, the oldest go. @param body the newest answer, which is there */
function forgetOldest(rig: Rig, body: string): void {
  const before = kept.get(rig);
  const now =
    before === undefined
      ? count(rig)
      : { keys: before.keys + 1, bytes: before.bytes + new TextEncoder().encode(body).length };
  kept.set(rig, now);
  if (now.keys <= LIMITS.idempotency_keys && now.bytes <= LIMITS.idempotency_bytes) return;
  rig.ports.sql.exec(
    `DELETE FROM idempotency WHERE key IN (
       SELECT key FROM (
         SELECT key, ROW_NUMBER() OVER newest AS n, SUM(LENGTH(CAST(body AS BLOB))) OVER newest AS bytes
         FROM idempotency WINDOW newest AS (ORDER BY at DESC, key)
       ) WHERE n > ? OR bytes > ?)`,
    Math.floor(LIMITS.idempotency_keys * KEPT_OF_FULL),
    Math.floor(LIMITS.idempotency_bytes * KEPT_OF_FULL),
  );
  kept.set(rig, count(rig));
}
