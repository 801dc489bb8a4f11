/** What this control server says of itself: `degraded` names every reason, and still answers. */
import type { Health } from "../../src/wire/container.ts";
import type { Agents } from "../agents/agents.ts";
import type { Config } from "../config.ts";
import type { Places } from "../place/places.ts";
import type { Callbacks } from "../reports/callbacks.ts";

export interface HealthOptions {
  readonly agents: Agents;
  readonly places: Places;
  readonly callbacks: Callbacks;
  readonly config: Config;
  /** This process's own id: another one says that the control server was started anew. */
  readonly instance: string;
  /** What agents and checks are kept in. */
  readonly box: string;
  readonly draining: () => boolean;
}

export function createHealth({
  agents,
  places,
  callbacks,
  config,
  instance,
  box,
  draining,
}: HealthOptions): () => Health {
  const startedAt = Date.now();
  return () => {
    const disk = places.disk();
    const reasons = [
      ...(draining() ? ["draining"] : []),
      ...(callbacks.late() ? [`${callbacks.pending()} callbacks are waiting for the rig API`] : []),
      ...(config.agentCommand === null && config.agentRuntime === null
        ? ["neither AGENT_COMMAND nor AGENT_RUNTIME is set"]
        : []),
      ...(disk.free_bytes < config.minFree_bytes
        ? [`the disk has ${disk.free_bytes} bytes left, and nothing is started`]
        : []),
    ];
    const { live, processes } = agents.counts();
    return {
      status: reasons.length === 0 ? "ok" : "degraded",
      agents: live,
      servers: processes,
      uptime: (Date.now() - startedAt) / 1000,
      instance,
      disk,
      box,
      ...(reasons.length === 0 ? {} : { reasons }),
    };
  };
}
