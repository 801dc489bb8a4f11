/** Tells the rig that a process is alive. Liveness only: a lost heartbeat costs nothing, so none is ever repeated. */
import type { HeartbeatReport } from "../../src/wire/container.ts";
import { postJson } from "../reports/callbacks.ts";
import { agentUrl } from "../reports/rig-api.ts";
import { type Run, statusOf } from "./run.ts";

/** Beats at once and then every interval. @returns a function that ends it */
export function startHeartbeat(run: Run, interval_ms: number, onFailure: (error: unknown) => void): () => void {
  const { apiUrl } = run;
  if (apiUrl === null) return () => {};
  const url = agentUrl(apiUrl, run.rigId, run.agentId, "heartbeat");
  let busy = false;
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
  return () => clearInterval(timer);
}

function heartbeatOf(run: Run): HeartbeatReport {
  const status = statusOf(run);
  return {
    dispatch_id: status.dispatchId,
    status: status.status,
    last_activity_at: status.lastActivityAt,
    active_tools: status.activeTools,
    message_count: status.messageCount,
  };
}
