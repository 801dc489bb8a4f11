/** How a run ends: who asked for it and why, and how the rig learns of it. */
import { randomUUID } from "node:crypto";
import type { CompletedReport } from "../../src/wire/container.ts";
import type { Log } from "../log.ts";
import type { Callbacks } from "../reports/callbacks.ts";
import { agentUrl } from "../reports/rig-api.ts";
import type { Roster } from "./roster.ts";
import type { Ending, Run } from "./run.ts";

/** Signals the process, with SIGKILL after the grace. The first reason stays, except that an eviction is never downgraded to a mere stop. */
export type EndRun = (run: Run, ending: Ending, signal: NodeJS.Signals) => void;

/** The rig's callback for an end: written to disk before it is sent, so that it outlives this server. */
export type ReportEnd = (run: Run, body: CompletedReport) => void;

export function createEndRun(roster: Roster, grace_ms: number): EndRun {
  return (run, ending, signal) => {
    if (run.ending === null || (ending.evict && !run.ending.evict)) run.ending = ending;
    run.stopSetup?.(signal);
    if (run.process === null) return; // launch() looks at `ending` before and after the spawn.
    if (run.status === "running") {
      run.status = "stopping";
      roster.get(run.agentId)?.ring.append("agent_stopping", { reason: ending.reason, signal });
    }
    run.process.stop(signal, grace_ms);
  };
}

export function createReportEnd(callbacks: Callbacks, log: Log): ReportEnd {
  return (run, body) => {
    if (run.apiUrl === null) {
      log(`agent ${run.agentId}: ${body.reason}; nobody to tell, GASTOWN_API_URL is not set`);
      return;
    }
    callbacks.enqueue({
      id: `completed ${run.rigId} ${run.dispatchId ?? `${run.agentId} ${randomUUID()}`}`,
      url: agentUrl(run.apiUrl, run.rigId, run.agentId, "completed"),
      token: run.token,
      body: run.dispatchId === null ? body : { ...body, dispatch_id: run.dispatchId },
    });
  };
}

/** Read through a function, because it changes while others have the turn. */
export function askedToEnd(run: Run): Ending | null {
  return run.ending;
}
