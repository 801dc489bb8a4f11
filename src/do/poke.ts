import { metricsText, type Sample } from "../wire/metrics.ts";
import type { Env } from "./env.ts";
import { DIRECTORY } from "./user-do.ts";

/** Rigs that are woken at the same time. */
export const POKE_PAGE = 100;

/**
 * The only defence of a rig whose alarm was lost while it slept: a call wakes it, and waking re-arms.
 * @returns how many rigs were called, and how many of them did not answer
 */
/** The metrics of all rigs, as one document. A rig that does not answer is told of as one that is not up. */
export async function metricsOfAll(env: Env): Promise<string> {
  const directory = env.USER.get(env.USER.idFromName(DIRECTORY));
  const samples: Sample[] = [];
  for (let after = ""; samples.length < METRICS_MAX;) {
    const ids = await directory.enlisted(after, POKE_PAGE);
    const answers = await Promise.allSettled(ids.map((id) => env.RIG.get(env.RIG.idFromName(id)).metrics()));
    for (const [i, answer] of answers.entries()) {
      const rig = ids[i] ?? "";
      samples.push({ name: "ticktown_rig_up", labels: { rig }, value: answer.status === "fulfilled" ? 1 : 0 });
      if (answer.status === "fulfilled")
        for (const { name, labels, value } of answer.value) samples.push({ name, labels: { rig, ...labels }, value });
    }
    if (ids.length < POKE_PAGE) break;
    after = ids.at(-1) ?? "";
  }
  return metricsText(samples);
}

/** Lines of one document; rigs beyond are left out. */
const METRICS_MAX = 50_000;

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
