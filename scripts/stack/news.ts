/** What happens in a rig, a line each, for whoever sits at the terminal: started, asked, ended, kept waiting, refused, sent back, merged, failed. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Recorded } from "../../src/events/facts.ts";
import { type Attempt, lastWordsOf } from "../../src/wire/attempts.ts";
import type { Agent, ApiClient, Bead } from "./api-client.ts";

/** Where names and last words come from. */
export interface Names {
  readonly bead: (id: string) => Promise<string>;
  readonly agent: (id: string) => Promise<string>;
  /** The bead that an agent works on; null: none is known. */
  readonly beadOf: (agentId: string) => Promise<string | null>;
  /** The last line that a dispatch printed; empty when nothing is known. */
  readonly lastWords: (beadId: string, dispatchId: string) => Promise<string>;
}

const WORDS_MAX_CHARS = 200;
const short = (words: string): string => words.replaceAll(/\s+/g, " ").trim().slice(0, WORDS_MAX_CHARS);
/** What is in others' words must not move the cursor of whoever reads them. */
const plain = (line: string): string => line.replaceAll(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu, " ");

/** @returns null for what nobody at a terminal waits for */
export async function sentenceOf(fact: Recorded, names: Names): Promise<string | null> {
  switch (fact.type) {
    case "dispatch.granted":
      return `${await names.agent(fact.agentId)} works on "${await names.bead(fact.beadId)}"${fact.rework ? ", once more" : ""}`;
    case "agent.asked":
      return `${await names.agent(fact.agentId)} asks${fact.command === null ? `: ${short(fact.text)}` : ` whether it may run: ${short(fact.command)}`}`;
    case "agent.asked_help":
      return `${await names.agent(fact.agentId)} asks: ${await names.bead(fact.escalationId)}`;
    case "dispatch.failed":
      return `${await names.agent(fact.agentId)} ended on "${await names.bead(fact.beadId)}" (${short(fact.reason)})${await saidLast(fact, fact.beadId, names)}`;
    case "agent.exited":
      return kept(fact, names);
    case "hand_in.refused":
      return `the work of ${await names.agent(fact.agentId)} on "${await names.bead(fact.beadId)}" was not taken (${fact.code}): ${short(fact.sentence)}`;
    case "bead.rejected":
      return `"${await names.bead(fact.beadId)}" is red in ${fact.check} and goes back: ${short(fact.words)}`;
    case "bead.conflicted":
      return `"${await names.bead(fact.beadId)}" conflicts and goes back: ${short(fact.message)}`;
    case "bead.merged":
      return `merged: "${await names.bead(fact.beadId)}"${fact.commitSha === null ? "" : ` as ${fact.commitSha.slice(0, 10)}`}`;
    case "bead.failed":
      return `FAILED: "${await names.bead(fact.beadId)}": ${short(fact.reason)}`;
    default:
      return null;
  }
}

async function saidLast({ dispatchId }: { dispatchId: string }, beadId: string | null, names: Names): Promise<string> {
  const words = beadId === null ? "" : short(await names.lastWords(beadId, dispatchId));
  return words === "" ? "" : `; its last words: ${words}`;
}

type Exited = Extract<Recorded, { type: "agent.exited" }>;

/** Ends that nobody is charged for and that keep work waiting, in words. */
const KEPT: Partial<Record<Exited["outcome"], string>> = {
  not_authorized: "has no key that is taken, and waits for one",
  rate_limited: "waits for its model's limit to end",
  over_budget: "was stopped: its budget is used up",
  place: "was not started: its place is not fit",
};

async function kept(fact: Exited, names: Names): Promise<string | null> {
  const what = KEPT[fact.outcome];
  if (what === undefined) return null;
  const beadId = await names.beadOf(fact.agentId);
  const on = beadId === null ? "" : ` on "${await names.bead(beadId)}"`;
  const until = fact.resetAt === null ? "" : `, until ${new Date(fact.resetAt).toISOString()}`;
  return `${await names.agent(fact.agentId)}${on} ${what}${until} (${short(fact.reason)})${await saidLast(fact, beadId, names)}`;
}

/** Two ends of one limit differ by how long they took. */
const SAME_LIMIT_MS = 60_000;
const CAUSES_MAX = 200;

/** Whether a fact is another cause than those that were told: one key that is refused is one line, however many find it. */
export function createCauses(): (fact: Recorded) => boolean {
  const told = new Set<string>();
  const limits = new Map<string, number>();
  const isNew = (cause: string): boolean => {
    if (told.has(cause)) return false;
    if (told.size >= CAUSES_MAX) told.clear();
    told.add(cause);
    return true;
  };
  return (fact) => {
    if (fact.type === "secrets.changed") told.clear();
    if (fact.type === "hand_in.refused") return isNew(JSON.stringify([fact.beadId, fact.code, fact.sentence]));
    if (fact.type !== "agent.exited" || KEPT[fact.outcome] === undefined) return true;
    if (fact.outcome !== "rate_limited") return isNew(JSON.stringify([fact.outcome, fact.runtime, fact.reason]));
    const runtime = fact.runtime ?? "";
    const [until, before] = [fact.resetAt ?? fact.at, limits.get(runtime) ?? 0];
    if (Math.abs(until - before) < SAME_LIMIT_MS) return false;
    if (limits.size >= CAUSES_MAX) limits.clear();
    limits.set(runtime, until);
    return true;
  };
}

const AGAIN_MS = 2_000;

/** Follows the rig from now on, until the process ends; a feed that breaks is taken up where it broke. */
export async function tellNews(api: ApiClient, rigId: string, say: (line: string) => void): Promise<never> {
  const rig = `/api/rigs/${rigId}`;
  const names = namesOf(api, rig);
  const isNew = createCauses();
  let after = await untilKnown(() => lastSeq(api, rig));
  for (;;) {
    try {
      for await (const line of api.lines(`${rig}/feed?after=${after}`)) {
        if (!line.startsWith("data: ")) continue;
        const { fact } = JSON.parse(line.slice("data: ".length)) as { fact: Recorded };
        after = Math.max(after, fact.seq);
        const sentence = isNew(fact) ? await sentenceOf(fact, names) : null;
        if (sentence !== null) say(plain(sentence));
      }
    } catch {
      // The Worker was started again, or this feed's time was over.
    }
    await sleep(AGAIN_MS, undefined, { ref: false });
  }
}

async function lastSeq(api: ApiClient, rig: string): Promise<number> {
  return (await api.call<{ seq: number }>("GET", `${rig}/board`)).seq;
}

async function untilKnown<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch {
      await sleep(AGAIN_MS, undefined, { ref: false });
    }
  }
}

/** What cannot be had is called by its id: news is no reason to fail. */
function namesOf(api: ApiClient, rig: string): Names {
  const ask = <T>(path: string): Promise<T | null> => api.call<T>("GET", `${rig}${path}`).catch(() => null);
  return {
    bead: async (id) => (await ask<Bead>(`/beads/${id}`))?.title ?? id,
    agent: async (id) => (await ask<Agent>(`/agents/${id}`))?.name ?? id,
    beadOf: async (id) => (await ask<Agent>(`/agents/${id}`))?.current_hook_bead_id ?? null,
    lastWords: async (beadId, dispatchId) => {
      const attempts = (await ask<Attempt[]>(`/beads/${beadId}/attempts`)) ?? [];
      return lastWordsOf(attempts.find(({ dispatch_id }) => dispatch_id === dispatchId) ?? { tail: "" });
    },
  };
}
