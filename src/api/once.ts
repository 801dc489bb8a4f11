import type { Env } from "../do/env.ts";
import type { IdempotencyKey } from "../do/idempotency.ts";
import { patiently } from "../do/moving.ts";
import { DIRECTORY } from "../do/user-do.ts";
import { HttpError } from "./errors.ts";

/**
 * An Idempotency-Key on what is not one rig's command: towns, rigs, the container, a tick. The rig keeps the keys of its commands in
 * the commit itself (src/do/idempotency.ts); here the work is done by several objects, so the key is taken first, and the
 * answer kept when it is there. A request that dies between leaves its key taken for two minutes, not for ever.
 */

export async function onceInRegistry(
  env: Env,
  { key: name, fingerprint }: IdempotencyKey,
  answer: () => Promise<Response>,
): Promise<Response> {
  const registry = () => env.USER.get(env.USER.idFromName(DIRECTORY));
  const dropKey = () => patiently(() => registry().dropKey(name));
  const known = await registry()
    .takeKey(name, fingerprint)
    .catch(async (error: unknown) => {
      // It may have been taken, and nobody would answer it.
      await dropKey();
      throw error;
    });
  if (known !== null && known.fingerprint !== fingerprint)
    throw new HttpError(422, "this Idempotency-Key was used for another request; use a new key for a new request");
  if (known !== null && known.status === 0)
    throw new HttpError(
      409,
      "the first request with this Idempotency-Key is still being answered; try again in a moment",
    );
  if (known !== null && known.body === null)
    throw new HttpError(
      409,
      `the request with this Idempotency-Key was carried out and answered with ${known.status}, which was too long to be kept; nothing was done again: look at what it has made`,
    );
  if (known !== null)
    return new Response(known.body, { status: known.status, headers: { "content-type": "application/json" } });
  try {
    const response = await answer();
    const body = await response.clone().text();
    await patiently(() => registry().keepAnswer(name, response.status, body));
    return response;
  } catch (error) {
    // What was refused or failed changed nothing, or is gone on with by whoever asks again: the same key may try again.
    await dropKey();
    throw error;
  }
}
