import type { Command } from "../../src/core/decide/index.ts";
import type { Answer, Seen } from "../../src/do/ports.ts";
import type { Process } from "./process.ts";
import type { Simulation } from "./requests.ts";

/** What only a driver of an agent tells: its two clocks, whether it waits for its model, its conversation and its use, and what it asks. */
export interface Driven {
  /** Since when it has done anything; null: it has said nothing since its start. */
  activeAt: number | null;
  progressAt: number | null;
  messages: number;
  /** It is busy until then, and has nothing to show. */
  busyUntil: number;
  waiting: { readonly since: number; readonly until: number | null } | null;
  tokens: number;
  /** Ids of what it has asked and nobody has answered. */
  readonly asks: Set<string>;
  asked: number;
}

export const newDriven = (): Driven => ({
  activeAt: null,
  progressAt: null,
  messages: 0,
  busyUntil: 0,
  waiting: null,
  tokens: 0,
  asks: new Set(),
  asked: 0,
});

/** What it does besides work, and how often. */
export const DRIVEN_MOVES = { busy: 2, waits: 3, ask: 3, allowed: 3, keyless: 0.7, tells: 10 } as const;
export type DrivenMove = keyof typeof DRIVEN_MOVES;
export const isDrivenMove = (what: string): what is DrivenMove => what in DRIVEN_MOVES;

/** It has a tool open, or waits for its model: it does nothing else. */
export const isOccupied = ({ driven }: Process, now: number): boolean =>
  driven !== undefined && (now < driven.busyUntil || driven.waiting !== null);

/** What its heartbeats and its status say of it. */
export function seenOf({ driven, dispatchId }: Process, now: number): Seen {
  if (driven === undefined) return {};
  const { activeAt, progressAt, messages, busyUntil, waiting, tokens } = driven;
  return {
    lastActivityAt: activeAt ?? 0,
    startedAt: 0,
    messageCount: messages,
    hasOpenTool: now < busyUntil,
    ...(progressAt === null ? {} : { progressAt }),
    waiting,
    ...(tokens === 0
      ? {}
      : {
          session: { driver: "sim", id: `s-${dispatchId}` },
          usage: {
            session: `s-${dispatchId}`,
            input_tokens: tokens,
            cached_tokens: 0,
            output_tokens: 1,
            model: null,
            cost_microdollars: null,
          },
        }),
  };
}

export interface Says {
  readonly tell: (command: Command) => void;
  /** Its process ends because its key was not taken. */
  readonly endKeyless: () => void;
}

/** One move of a driven agent. @returns whether its process is over */
export function moveDriven(sim: Simulation, process: Process, what: DrivenMove, { tell, endKeyless }: Says): boolean {
  const { driven, random, agentId, dispatchId } = process;
  if (driven === undefined) return false;
  const { now } = sim.queue;
  driven.activeAt = now;
  switch (what) {
    case "tells":
      driven.progressAt = now;
      driven.messages += 1;
      driven.tokens += random.between(1, 1_000);
      return false;
    case "busy":
      // Longer than any threshold now and then: it is told of, and not stopped.
      driven.busyUntil = now + random.around(random.chance(0.2) ? 3 * 3_600_000 : 1_200_000);
      return false;
    case "waits":
      driven.waiting = { since: now, until: random.chance(0.5) ? now + random.around(1_800_000) : null };
      sim.queue.after(random.around(1_200_000), () => {
        driven.waiting = null;
        driven.activeAt = sim.queue.now;
      });
      return false;
    case "ask":
    case "allowed": {
      const id = `ask-${++driven.asked}`;
      const isCommand = what === "allowed";
      driven.asks.add(id);
      process.mood = isCommand ? "prompted" : "asks";
      const kind = isCommand ? "permission" : "question";
      const ask = { id, kind, text: "may I?", command: isCommand ? "make" : null, options: [] } as const;
      tell({ type: "asked", agentId, dispatchId, ask: { ...ask, options: [] } });
      return false;
    }
    case "keyless":
      endKeyless();
      return true;
  }
}

/** What a person decided reaches whoever asked, or nobody. */
export function answerDriven(process: Process | undefined, askId: string): Answer {
  if (process?.driven?.asks.delete(askId) !== true) return { kind: "refused", status: 404, error: "nobody waits" };
  if (process.driven.asks.size === 0 && (process.mood === "asks" || process.mood === "prompted"))
    process.mood = "works";
  return { kind: "accepted" };
}
