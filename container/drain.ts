/** The orderly way out: no new work, running work handed back, what must be known delivered. */
import type { Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Agents } from "./agents/agents.ts";
import type { Callbacks } from "./reports/callbacks.ts";
import type { Log } from "./log.ts";
import type { Merges } from "./git/merges.ts";
import type { Trains } from "./train/trains.ts";

export interface DrainOptions {
  readonly agents: Agents;
  readonly merges: Merges;
  readonly trains: Pick<Trains, "running" | "interrupt" | "whenIdle">;
  readonly callbacks: Callbacks;
  readonly server: Server;
  readonly closeStreams: () => void;
  readonly grace_ms: number;
  readonly flush_ms: number;
  readonly log: Log;
}

/** Takes at most the stop grace, the commits, and the flush. What could not be delivered stays on disk. */
export async function drain({
  agents,
  merges,
  trains,
  callbacks,
  server,
  closeStreams,
  grace_ms,
  flush_ms,
  log,
}: DrainOptions): Promise<void> {
  log(
    `draining: ${agents.counts().live} agents, ${merges.running()} merges, ${trains.running()} trains, ${callbacks.pending()} callbacks`,
  );
  merges.refuseNew();
  trains.interrupt();
  const git = Promise.all([merges.whenIdle(), trains.whenIdle()]);
  // The server still answers, so agents may save checkpoints and the rig may ask how they are.
  await Promise.all([agents.evictAll(), Promise.race([git, sleep(grace_ms, undefined, { ref: false })])]);
  if (!(await callbacks.flush(flush_ms))) log(`${callbacks.pending()} callbacks stay on disk for the next start`);
  callbacks.close();
  closeStreams();
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
