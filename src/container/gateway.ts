import type { EffectOf } from "../events/effects.ts";
import type { Answer, ContainerPort, Observed } from "../do/ports.ts";
import { AgentStatus, AgentStatusList } from "./contract.ts";

/** Anything with a fetch of its own: a Durable Object stub, a service binding. */
export interface Fetcher {
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

/** An agent is asked about alone only where the container has no batched call; this many at a time. */
const ONE_BY_ONE = 6;
const ERROR_CHARS = 300;

/**
 * The town's container as a rig sees it: part B of the protocol, turned into the three answers. Nothing here decides
 * anything; a timeout is an answer (unknown), not an exception.
 */
export function containerGateway(container: Fetcher, headers: Record<string, string> = {}): ContainerPort {
  const call = (path: string, timeout_ms: number, body?: unknown): Promise<Response> =>
    container.fetch(`http://container${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(Math.max(1, timeout_ms)),
    });

  const ask = async (path: string, timeout_ms: number, body: unknown): Promise<Answer> => {
    try {
      const response = await call(path, timeout_ms, body);
      if (response.ok) {
        // Read to its end, so that the connection can be used again.
        await response.text();
        return { kind: "accepted" };
      }
      const error = await errorOf(response);
      return response.status >= 400 && response.status < 500 && response.status !== 408 && response.status !== 429
        ? { kind: "refused", status: response.status, error }
        : { kind: "unknown", error: `HTTP ${response.status}: ${error}` };
    } catch (thrown) {
      return { kind: "unknown", error: causeOf(thrown, timeout_ms) };
    }
  };

  const one = async (agentId: string, timeout_ms: number): Promise<Observed | null> => {
    const response = await call(`/agents/${encodeURIComponent(agentId)}/status`, timeout_ms);
    if (response.status === 404) {
      await response.body?.cancel();
      return null;
    }
    if (!response.ok) throw new Error(`HTTP ${response.status}: ${await errorOf(response)}`);
    return observed(AgentStatus.parse(await response.json()));
  };

  return {
    start: (order, timeout_ms) => ask("/agents/start", timeout_ms, { ...order, checkpoint: order.checkpoint ?? undefined }),
    stop: (effect: EffectOf<"container.stop">, timeout_ms) =>
      ask(`/agents/${encodeURIComponent(effect.agentId)}/stop`, timeout_ms, { dispatchId: effect.dispatchId, ...(effect.reason === "rig.draining" ? { evict: true } : {}) }),
    message: (effect: EffectOf<"container.message">, timeout_ms) => ask(`/agents/${encodeURIComponent(effect.agentId)}/message`, timeout_ms, { prompt: effect.prompt }),
    merge: (order, timeout_ms) => ask("/git/merge", timeout_ms, order),

    async statuses(agentIds, timeout_ms) {
      const until = Date.now() + timeout_ms;
      const batched = await call("/agents", timeout_ms);
      if (batched.ok) {
        const wanted = new Set(agentIds);
        return AgentStatusList.parse(await batched.json())
          .agents.filter((status) => wanted.has(status.agentId))
          .map(observed);
      }
      if (batched.status !== 404) throw new Error(`HTTP ${batched.status}: ${await errorOf(batched)}`);
      await batched.body?.cancel();
      const found: Observed[] = [];
      for (let i = 0; i < agentIds.length; i += ONE_BY_ONE) {
        const left = until - Date.now();
        if (left <= 0) throw new Error(`only ${i} of ${agentIds.length} agents could be asked about within ${timeout_ms} ms`);
        const statuses = await Promise.all(agentIds.slice(i, i + ONE_BY_ONE).map((id) => one(id, left)));
        found.push(...statuses.filter((status) => status !== null));
      }
      return found;
    },

    async health(timeout_ms) {
      const response = await call("/health", timeout_ms);
      await response.body?.cancel();
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
    },
  };
}

const observed = (status: AgentStatus): Observed => ({ agentId: status.agentId, dispatchId: status.dispatchId ?? null, status: status.status, exitReason: status.exitReason });

async function errorOf(response: Response): Promise<string> {
  const text = (await response.text()).slice(0, 4 * ERROR_CHARS);
  try {
    const body = JSON.parse(text) as { error?: unknown };
    if (typeof body.error === "string") return body.error.slice(0, ERROR_CHARS);
  } catch {
    // Not JSON: the text itself is the best there is.
  }
  return text.slice(0, ERROR_CHARS) || response.statusText || "no reason given";
}

function causeOf(thrown: unknown, timeout_ms: number): string {
  if (thrown instanceof Error && (thrown.name === "TimeoutError" || thrown.name === "AbortError")) return `no answer within ${timeout_ms} ms`;
  return (thrown instanceof Error ? thrown.message : String(thrown)).slice(0, ERROR_CHARS) || "the call failed without a reason";
}
