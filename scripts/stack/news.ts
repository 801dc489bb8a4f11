/** What happens in a rig, a line each, for whoever sits at the terminal: started, asked, ended, sent back, merged, failed. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Recorded } from "../../src/events/facts.ts";
import { type Attempt, lastWordsOf } from "../../src/wire/attempts.ts";
import type { Agent, ApiClient, Bead } from "./api-client.ts";

/** Where names and last words come from. */
export interface Names {
  readonly bead: (id: string) => Promise<string>;
  readonly agent: (id: string) => Promise<string>;
  /** The last line that a dispatch printed; empty when nothing is known. */
  readonly lastWords: (beadId: string, dispatchId: string) => Promise<string>;
}

const WORDS_MAX_CHARS = 200;
const short = (words: string): string => words.replaceAll(/\s+/g, " ").trim().slice(0, WORDS_MAX_CHARS);

/** @returns null for what nobody at a terminal waits for */
export async function sentenceOf(fact: Recorded, names: Names): Promise<string | null> {
  switch (fact.type) {
    case "dispatch.granted":
      return `${await names.agent(fact.agentId)} works on "${await names.bead(fact.beadId)}"${fact.rework ? ", once more" : ""}`;
    case "agent.asked":
      return `${await names.agent(fact.agentId)} asks${fact.command === null ? `: ${short(fact.text)}` : ` whether it may run: ${short(fact.command)}`}`;
    case "agent.asked_help":
      return `${await names.agent(fact.agentId)} asks: ${await names.bead(fact.escalationId)}`;
    case "dispatch.failed": {
      const words = short(await names.lastWords(fact.beadId, fact.dispatchId));
      return `${await names.agent(fact.agentId)} ended on "${await names.bead(fact.beadId)}" (${short(fact.reason)})${words === "" ? "" : `; its last words: ${words}`}`;
    }
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

const AGAIN_MS = 2_000;

/** Follows the rig from now on, until the process ends; a feed that breaks is taken up where it broke. */
export async function tellNews(api: ApiClient, rigId: string, say: (line: string) => void): Promise<never> {
  const rig = `/api/rigs/${rigId}`;
  const names = namesOf(api, rig);
  let after = await untilKnown(() => lastSeq(api, rig));
  for (;;) {
    try {
      for await (const line of api.lines(`${rig}/feed?after=${after}`)) {
        if (!line.startsWith("data: ")) continue;
        const { fact } = JSON.parse(line.slice("data: ".length)) as { fact: Recorded };
        after = Math.max(after, fact.seq);
        const sentence = await sentenceOf(fact, names);
        if (sentence !== null) say(sentence);
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
    lastWords: async (beadId, dispatchId) => {
      const attempts = (await ask<Attempt[]>(`/beads/${beadId}/attempts`)) ?? [];
      return lastWordsOf(attempts.find(({ dispatch_id }) => dispatch_id === dispatchId) ?? { tail: "" });
    },
  };
}
