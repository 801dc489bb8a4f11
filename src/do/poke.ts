import type { Env } from "./env.ts";
import { DIRECTORY } from "./user-do.ts";

/** Rigs that are woken at the same time. */
export const POKE_PAGE = 100;

/**
 * The only defence of a rig whose alarm was lost while it slept: a call wakes it, and waking re-arms.
 * @returns how many rigs were called, and how many of them did not answer
 */
export async function pokeRigs(env: Env): Promise<{ rigs: number; failed: number }> {
  const directory = env.USER.get(env.USER.idFromName(DIRECTORY));
  let [rigs, failed] = [0, 0];
  for (let after = ""; ;) {
    const ids = await directory.enlisted(after, POKE_PAGE);
    const answers = await Promise.allSettled(ids.map((id) => env.RIG.get(env.RIG.idFromName(id)).health()));
    rigs += ids.length;
    failed += answers.filter(({ status }) => status === "rejected").length;
    if (ids.length < POKE_PAGE) return { rigs, failed };
    after = ids.at(-1) ?? "";
  }
}
