/**
 * Tells the rig that a process is alive, and what is known of it. A lost heartbeat costs nothing, since the next one says the same and
 * more; so none is repeated, and the process has a last one when it ends.
 */
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { HeartbeatAnswer, type HeartbeatReport } from "../../src/wire/container.ts";
import { EARLY_HEARTBEAT_MS, LAST_HEARTBEAT_MS } from "../limits.ts";
import { postForJson } from "../reports/callbacks.ts";
import { agentUrl } from "../reports/rig-api.ts";
import { type Run, statusOf } from "./run.ts";

export interface Heartbeat {
  /** Something is so that should not wait for the next one. */
  readonly soon: () => void;
  /** Resolves when what the rig was not told yet of its conversation, its use and its commits is told; or soon, if nobody hears it. */
  readonly last: () => Promise<void>;
  readonly end: () => void;
}

/** Beats at once and then every interval. */
export function startHeartbeat(run: Run, interval_ms: number, onFailure: (error: unknown) => void): Heartbeat {
  if (run.apiUrl === null) return { soon: () => {}, last: () => Promise.resolve(), end: () => {} };
  const url = (): string => agentUrl(run.apiUrl ?? "", run.rigId, run.agentId, "heartbeat");
  let under: Promise<void> | null = null;
  let early: NodeJS.Timeout | null = null;
  let told = newsIn(heartbeatOf(run));
  const post = async (report: HeartbeatReport): Promise<void> => {
    try {
      const answer = Answered.safeParse(await postForJson(url(), run.token, report)).data;
      if (answer !== undefined) run.budget?.take(answer.data.budget);
      told = newsIn(report);
    } catch (error) {
      onFailure(error);
    }
  };
  // A slow API gets fewer heartbeats, not more connections.
  const beat = (): Promise<void> => (under ??= post(heartbeatOf(run)).finally(() => (under = null)));
  const tellRest = async (): Promise<void> => {
    await under;
    if (newsIn(heartbeatOf(run)) !== told) await beat();
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
    last: () => Promise.race([tellRest(), sleep(LAST_HEARTBEAT_MS, undefined, { ref: false })]),
    end: () => {
      clearInterval(timer);
      if (early !== null) clearTimeout(early);
    },
  };
}

/** The answer in the API's envelope. An older rig's has no budget in it; what is no such answer changes nothing. */
const Answered = z.object({ data: HeartbeatAnswer });

/** What must not be lost with the process. */
const newsIn = ({ session, usage, head, progress_at }: HeartbeatReport): string =>
  JSON.stringify([session, usage, head, progress_at]);

function heartbeatOf(run: Run): HeartbeatReport {
  const status = statusOf(run);
  return {
    dispatch_id: status.dispatchId,
    status: status.status,
    last_activity_at: status.lastActivityAt,
    active_tools: status.activeTools,
    message_count: status.messageCount,
    ...(status.progressAt === undefined ? {} : { progress_at: status.progressAt }),
    ...(status.shown === undefined ? {} : { shown: status.shown }),
    ...(status.head === undefined ? {} : { head: status.head }),
    ...(status.session === undefined ? {} : { session: status.session }),
    ...(status.usage === undefined ? {} : { usage: status.usage }),
    ...(status.limited === undefined ? {} : { limited: status.limited }),
    ...(status.waiting === undefined ? {} : { waiting: status.waiting }),
  };
}
