/** What a conversation has used over all of its processes, kept beside the agent's home: a program that is started anew counts from nothing. */
import path from "node:path";
import * as z from "zod";
import { readPrivateJson, writePrivateJson } from "../../files.ts";
import type { Usage } from "../drivers/vocabulary.ts";

const count = z.int().min(0);
const Kept = z.object({
  session: z.string(),
  usage: z.object({
    input_tokens: count,
    cached_tokens: count,
    output_tokens: count,
    model: z.string().nullable(),
    cost_microdollars: count.nullable(),
  }),
});

/** Beside the agent's homes and not in one: what it can write there we do not follow, and its words are not our count. */
const fileIn = (home: string): string =>
  path.join(path.dirname(path.dirname(home)), `usage-${path.basename(home)}.json`);

/** @returns null where nothing is known of this conversation */
export function usageKept(home: string, session: string): Usage | null {
  const kept = Kept.safeParse(readPrivateJson(fileIn(home))).data;
  return kept?.session === session ? kept.usage : null;
}

export const keepUsage = (home: string, session: string, usage: Usage): void =>
  writePrivateJson(fileIn(home), { session, usage });

/** Both together; a cost that nobody says counts as nothing as long as somebody says one. */
export function sumOf(before: Usage | null, now: Usage): Usage {
  if (before === null) return now;
  const costs = [before.cost_microdollars, now.cost_microdollars].filter((cost) => cost !== null);
  return {
    input_tokens: before.input_tokens + now.input_tokens,
    cached_tokens: before.cached_tokens + now.cached_tokens,
    output_tokens: before.output_tokens + now.output_tokens,
    model: now.model ?? before.model,
    cost_microdollars: costs.length === 0 ? null : costs.reduce((sum, cost) => sum + cost, 0),
  };
}
