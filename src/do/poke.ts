import { metricsText, type Sample } from "../wire/metrics.ts";
import type { Caller } from "../core/decide/index.ts";
import type { Env } from "./env.ts";
import { DIRECTORY } from "./user-do.ts";

/** Rigs that are woken at the same time. */
export const POKE_PAGE = 100;

/** The metrics of all rigs, as one document. A rig that does not answer is told of as one that is not up. */
export async function metricsOfAll(env: Env): Promise<string> {
  const samples: Sample[] = [];
  for await (const ids of pagesOfRigs(env)) {
    if (samples.length >= METRICS_MAX) break;
    const answers = await Promise.allSettled(ids.map((id) => env.RIG.get(env.RIG.idFromName(id)).metrics()));
    for (const [i, answer] of answers.entries()) {
      const rig = ids[i] ?? "";
      samples.push({ name: "ticktown_rig_up", labels: { rig }, value: answer.status === "fulfilled" ? 1 : 0 });
      if (answer.status === "fulfilled")
        for (const { name, labels, value } of answer.value) samples.push({ name, labels: { rig, ...labels }, value });
    }
  }
  return metricsText(samples);
}

/** Lines of one document; rigs beyond are left out. */
const METRICS_MAX = 50_000;

/** Ids of all rigs there are, a page at a time. */
async function* pagesOfRigs(env: Env): AsyncGenerator<string[]> {
  const directory = env.USER.get(env.USER.idFromName(DIRECTORY));
  for (let after = ""; ;) {
    const ids = await directory.enlisted(after, POKE_PAGE);
    if (ids.length > 0) yield ids;
    if (ids.length < POKE_PAGE) return;
    after = ids.at(-1) ?? "";
  }
}

/**
 * The only defence of a rig whose alarm was lost while it slept: a call wakes it, and waking re-arms.
 * @returns how many rigs were called, and how many of them did not answer
 */
export async function pokeRigs(env: Env): Promise<{ rigs: number; failed: number }> {
  let [rigs, failed] = [0, 0];
  for await (const ids of pagesOfRigs(env)) {
    const answers = await Promise.allSettled(ids.map((id) => env.RIG.get(env.RIG.idFromName(id)).health()));
    rigs += ids.length;
    failed += answers.filter(({ status }) => status === "rejected").length;
  }
  return { rigs, failed };
}

/** What became of a stop of all rigs. */
export interface AllStopped {
  readonly rigs: number;
  /** Rigs that could not be told. */
  readonly failed: number;
  /** Rigs whose container does not answer: what runs there is stopped as soon as it does. */
  readonly unreachable: number;
  /** Processes that are left. */
  readonly left: number;
}

/** Stops every rig at once: each says in its journal who did it, and has its container end what runs. */
export async function stopRigs(env: Env, caller: Caller): Promise<AllStopped> {
  const all = { rigs: 0, failed: 0, unreachable: 0, left: 0 };
  const stop = async (id: string): Promise<void> => {
    const rig = env.RIG.get(env.RIG.idFromName(id));
    const { ok } = await rig.execute({ type: "stop" }, caller);
    const { container, left } = await rig.halt();
    all.left += left ?? 0;
    if (!ok) all.failed++;
    else if (container === "unreachable") all.unreachable++;
  };
  for await (const ids of pagesOfRigs(env)) {
    all.rigs += ids.length;
    for (const { status } of await Promise.allSettled(ids.map(stop))) if (status === "rejected") all.failed++;
  }
  return all;
}
