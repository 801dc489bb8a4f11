/** Tells the rig that a process is alive. Liveness only: a lost heartbeat costs nothing, so none is ever repeated. */
import type { HeartbeatReport } from "../../src/wire/container.ts";
import { EARLY_HEARTBEAT_MS } from "../limits.ts";
import { postJson } from "../reports/callbacks.ts";
import { agentUrl } from "../reports/rig-api.ts";
import { type Run, statusOf } from "./run.ts";

export interface Heartbeat {
  /** Something is so that should not wait for the next one. */
  readonly soon: () => void;
  readonly end: () => void;
}

/** Beats at once and then every interval. */
export function startHeartbeat(run: Run, interval_ms: number, onFailure: (error: unknown) => void): Heartbeat {
  const { apiUrl } = run;
  if (apiUrl === null) return { soon: () => {}, end: () => {} };
  const url = agentUrl(apiUrl, run.rigId, run.agentId, "heartbeat");
  let busy = false;
  let early: NodeJS.Timeout | null = null;
  const beat = async (): Promise<void> => {
    if (busy) return; // A slow API gets fewer heartbeats, not more connections.
    busy = true;
    try {
      await postJson(url, run.token, heartbeatOf(run));
    } catch (error) {
      onFailure(error);
    } finally {
      busy = false;
    }
  };
  void beat();
  const timer = setInterval(beat, interval_ms);
  return {
    soon: () => {
      early ??= setTimeout(() => {
        early = null;
        void beat();
      }, EARLY_HEARTBEAT_MS);
    },
    end: () => {
      clearInterval(timer);
      if (early !== null) clearTimeout(early);
    },
  };
}

function heartbeatOf(run: Run): HeartbeatReport {
  const status = statusOf(run);
  return {
    dispatch_id: status.dispatchId,
    status: status.status,
    last_activity_at: status.lastActivityAt,
    active_tools: status.activeTools,
    message_count: status.messageCount,
    ...(status.progressAt === undefined ? {} : { progress_at: status.progressAt }),
    ...(status.head === undefined ? {} : { head: status.head }),
    ...(status.session === undefined ? {} : { session: status.session }),
    ...(status.usage === undefined ? {} : { usage: status.usage }),
    ...(status.waiting === undefined ? {} : { waiting: status.waiting }),
  };
}
