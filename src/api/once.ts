import type { Env } from "../do/env.ts";
import type { IdempotencyKey } from "../do/idempotency.ts";
import { patiently } from "../do/moving.ts";
import { DIRECTORY } from "../do/user-do.ts";
import { HttpError } from "./errors.ts";
import type { Upload } from "./upload.ts";

/**
 * An Idempotency-Key on what is not one rig's command: towns, rigs, the container, a tick. The rig keeps the keys of its commands in
 * the commit itself (src/do/idempotency.ts); here the work is done by several objects, so the key is taken first, and the
 * answer kept when it is there. A request that dies between leaves its key taken for two minutes, not for ever.
 */

export async function onceInRegistry(
  env: Env,
  { key: name, fingerprint }: IdempotencyKey,
  answer: () => Promise<Response>,
  upload: Upload | null = null,
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
  if (known !== null && !(await isSame(known.fingerprint, fingerprint, upload)))
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
    const bytes = (await upload?.digest()) ?? null;
    const said = bytes === null ? fingerprint : `${fingerprint}:${bytes}`;
    await patiently(() => registry().keepAnswer(name, response.status, body, said));
    return response;
  } catch (error) {
    // What was refused or failed changed nothing, or is gone on with by whoever asks again: the same key may try again.
    await dropKey();
    throw error;
  }
}

/** Of a file that was answered its bytes are known; of one that is on its way as much as was said of it before it came. */
async function isSame(known: string, fingerprint: string, upload: Upload | null): Promise<boolean> {
  if (known === fingerprint) return true;
  return upload !== null && known.startsWith(`${fingerprint}:`) && known === `${fingerprint}:${await upload.digest()}`;
}
