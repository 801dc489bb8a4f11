/** Stopping everything at once, of one rig or of all of them: no process is left, and none is started meanwhile. */
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { HaltAnswer } from "../src/wire/container.ts";
import type { Agents } from "./agents/agents.ts";
import { GROUP_POLL_MS, HALT_GRACE_MS, HALT_LEAST_MS, HALT_MS } from "./limits.ts";
import type { Log } from "./log.ts";
import { workingFolderOf } from "./processes/groups.ts";
import { markedProcesses, signalEach } from "./processes/marks.ts";
import { isKeptStopped } from "./processes/stopped.ts";
import { Refusal } from "./refusal.ts";
import type { Trains } from "./train/trains.ts";

/** Why something was aborted: everything is being stopped, so it has less time to end than otherwise. */
export const HALTED = new Error("everything is being stopped");

/** How long what is aborted may take to end, ms. */
export const graceOf = (signal: AbortSignal, grace_ms: number): number =>
  signal.reason === HALTED ? Math.min(grace_ms, HALT_GRACE_MS) : grace_ms;

/** Whether anything may begin. */
export interface Halting {
  /** @throws Refusal 503 while everything, or everything of this rig, is being stopped, or is kept so */
  readonly refuse: (rigId: string) => void;
  readonly isHalted: (rigId: string) => boolean;
  /** @returns to be called when it is over; null: of all rigs */
  readonly begin: (rigId: string | null) => () => void;
}

export function createHalting(workDir: string): Halting {
  const underWay = new Map<string | null, number>();
  const isHalted = (rigId: string): boolean => underWay.has(rigId) || underWay.has(null) || isKeptStopped(workDir);
  return {
    isHalted,
    refuse: (rigId) => {
      if (isHalted(rigId))
        throw new Refusal(503, "stopped", "everything is being stopped here; nothing is started before it is resumed");
    },
    begin: (rigId) => {
      underWay.set(rigId, (underWay.get(rigId) ?? 0) + 1);
      return () => {
        const left = (underWay.get(rigId) ?? 1) - 1;
        if (left === 0) underWay.delete(rigId);
        else underWay.set(rigId, left);
      };
    },
  };
}

export interface HaltOptions {
  readonly workDir: string;
  readonly mark: string;
  readonly halting: Halting;
  readonly agents: Pick<Agents, "halt" | "liveOf">;
  readonly trains: Pick<Trains, "abort" | "liveOf">;
  readonly log: Log;
}

/** @param rigId null: of all rigs */
export type Halt = (rigId: string | null) => Promise<HaltAnswer>;

/** Asks whatever runs to end, ends what does not, and answers when nothing is left, or after HALT_MS with how much is. */
export function createHalt({ workDir, mark, halting, agents, trains, log }: HaltOptions): Halt {
  return async (rigId) => {
    const begun_ms = Date.now();
    const over = halting.begin(rigId);
    try {
      trains.abort(rigId);
      agents.halt(rigId, "SIGTERM");
      for (;;) {
        const pids = processesOf(workDir, mark, rigId);
        const elapsed_ms = Date.now() - begun_ms;
        const isQuiet = pids.length === 0 && agents.liveOf(rigId) + trains.liveOf(rigId) === 0;
        if ((isQuiet && elapsed_ms >= HALT_LEAST_MS) || elapsed_ms >= HALT_MS) {
          log(`stopped ${rigId ?? "everything"} in ${elapsed_ms} ms; ${pids.length} processes are left`);
          return { halted: true, left: pids.length };
        }
        if (elapsed_ms >= HALT_GRACE_MS) {
          agents.halt(rigId, "SIGKILL");
          signalEach(pids, "SIGKILL");
        }
        await sleep(GROUP_POLL_MS);
      }
    } finally {
      over();
    }
  };
}

/** Of a rig: whatever carries the folder's mark and works in one of the rig's folders; its agents are known by marks of their own. */
function processesOf(workDir: string, mark: string, rigId: string | null): number[] {
  const all = markedProcesses(`${mark}:`);
  if (rigId === null) return all;
  const folder = path.join(workDir, "rigs", rigId) + path.sep;
  return all.filter((pid) => `${workingFolderOf(pid) ?? ""}${path.sep}`.startsWith(folder));
}
