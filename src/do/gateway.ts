import { messageOf } from "../events/message-of.ts";
import type { EffectOf } from "../events/effects.ts";
import { stopsAs } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import type { Answer, Answered, ContainerPort, InspectOrder, Observed } from "./ports.ts";
import * as z from "zod";
import {
  AgentStatus,
  AgentStatusList,
  Capabilities,
  HaltAnswer,
  InspectAnswer,
  Instance,
  type Limited,
  SetAside,
  SyncAnswer,
  type AnswerRequest,
  type Waiting,
  TidyAnswer,
} from "../wire/container.ts";
import { Diff } from "../wire/diff.ts";
import { Inventory } from "../wire/inventory.ts";
import { TrainState } from "../wire/train.ts";

/** Anything with a fetch of its own: a Durable Object stub, a service binding. */
export interface Fetcher {
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

const ERROR_CHARS = 300;

/** What the two ways to be stopped that are not plain add to the request. */
const STOPS_AS = { evicted: { evict: true }, done: { lingerMs: LIMITS.done_linger_ms } } as const;

const answerOf = ({ dispatchId, askId, optionId, text }: EffectOf<"container.answer">): AnswerRequest => ({
  dispatchId,
  askId,
  ...(optionId === null ? {} : { optionId }),
  text,
});

type Statuses = Answered & { readonly agents: Observed[] };
type Call = (path: string, timeout_ms: number, body?: unknown) => Promise<Response>;

/**
 * The town's container as a rig sees it: part B of the protocol, turned into the three answers. Nothing here decides
 * anything; a timeout is an answer (unknown), not an exception.
 */
export function containerGateway(container: Fetcher, headers: Record<string, string> = {}): ContainerPort {
  const call: Call = (path, timeout_ms, body) =>
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
        const found = Found.safeParse(await response.json().catch(() => null)).data ?? {};
        const setAside = (found.setAside ?? []).slice(0, LIMITS.set_aside_told);
        return {
          kind: "accepted",
          ...(setAside.length === 0 ? {} : { setAside }),
          ...(found.status === "starting" ? { isPreparing: true } : {}),
          ...(found.sent === false ? { isHeld: true } : {}),
          ...(found.agentId === undefined ? {} : { namesDispatch: found.dispatchId !== undefined }),
        };
      }
      const { error, code } = await refusalOf(response);
      return response.status >= 400 && response.status < 500 && response.status !== 408 && response.status !== 429
        ? { kind: "refused", status: response.status, error, ...(code === undefined ? {} : { code }) }
        : { kind: "unknown", error: `HTTP ${response.status}: ${error}`, status: response.status };
    } catch (thrown) {
      return { kind: "unknown", error: causeOf(thrown, timeout_ms) };
    }
  };

  return {
    start: (order, timeout_ms) =>
      ask("/agents/start", timeout_ms, {
        ...order,
        // Its secrets and its token: whatever the rig itself sends is its own.
        ownVars: Object.keys(order.envVars),
        checkpoint: order.checkpoint ?? undefined,
      }),
    stop: ({ agentId, dispatchId, reason }: EffectOf<"container.stop">, timeout_ms) => {
      const how = stopsAs(reason);
      return ask(`/agents/${encodeURIComponent(agentId)}/stop`, timeout_ms, {
        dispatchId,
        ...(how === null ? {} : STOPS_AS[how]),
      });
    },
    message: (effect: EffectOf<"container.message">, timeout_ms) =>
      ask(`/agents/${encodeURIComponent(effect.agentId)}/message`, timeout_ms, { prompt: effect.prompt }),
    answer: (effect: EffectOf<"container.answer">, timeout_ms) =>
      ask(`/agents/${encodeURIComponent(effect.agentId)}/answer`, timeout_ms, answerOf(effect)),
    merge: (order, timeout_ms) => ask("/git/merge", timeout_ms, order),

    train: (order, timeout_ms) => ask("/git/train", timeout_ms, order),
    trainState: (trainId, timeout_ms) => trainState(call, trainId, timeout_ms),
    inspect: (order, timeout_ms) => inspect(call, order, timeout_ms),
    capabilities: (timeout_ms) => capabilities(call, timeout_ms),
    knowsDispatchIds: (timeout_ms) => knowsDispatchIds(call, timeout_ms),
    statuses: (agentIds, timeout_ms) => statuses(call, agentIds, timeout_ms),

    tidy: (rigId, order, timeout_ms) => tidy(call, rigId, order, timeout_ms),
    inventory: (rigId, timeout_ms) => inventory(call, rigId, timeout_ms),
    clear: (rigId, order, timeout_ms) => ask(`/rigs/${encodeURIComponent(rigId)}/clear`, timeout_ms, order),
    sync: (agentId, order, timeout_ms) =>
      answered(call, `/agents/${encodeURIComponent(agentId)}/sync`, order, timeout_ms, SyncAnswer),
    diff: (order, timeout_ms) => answered(call, "/git/diff", order, timeout_ms, Diff),

    halt: (rigId, timeout_ms) => halt(call, rigId, timeout_ms),
    forget: async (rigId, timeout_ms) => {
      await (await call(`/rigs/${encodeURIComponent(rigId)}/forget`, timeout_ms, {})).body?.cancel();
    },

    health: (timeout_ms) => health(call, timeout_ms),
  };
}

async function tidy(
  call: Call,
  ...[rigId, order, timeout_ms]: Parameters<NonNullable<ContainerPort["tidy"]>>
): Promise<TidyAnswer | null> {
  const response = await call(`/rigs/${encodeURIComponent(rigId)}/tidy`, timeout_ms, order);
  if (response.status === 404) {
    await response.body?.cancel();
    return null;
  }
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${await errorOf(response)}`);
  return TidyAnswer.parse(await response.json());
}

async function health(call: Call, timeout_ms: number): ReturnType<ContainerPort["health"]> {
  const response = await call("/health", timeout_ms);
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`HTTP ${response.status}`);
  }
  // That it answers is what counts; who it is, it may not say.
  const body: unknown = await response.json().catch(() => null);
  return { instance: Healthy.safeParse(body).data?.instance ?? null };
}

const Healthy = z.object({ instance: Instance.optional() });

/** What a start found, and whether a message was said; anything else that it answers is not looked at. */
const Found = z.object({
  agentId: z.string().optional(),
  dispatchId: z.string().optional(),
  setAside: z.array(SetAside).optional(),
  status: z.string().optional(),
  sent: z.boolean().optional(),
});

async function inspect(
  call: Call,
  { agentId, ...order }: InspectOrder,
  timeout_ms: number,
): ReturnType<ContainerPort["inspect"]> {
  try {
    const response = await call(`/agents/${encodeURIComponent(agentId)}/inspect`, timeout_ms, order);
    if (response.ok) return InspectAnswer.parse(await response.json());
    return { kind: "unknown", error: `HTTP ${response.status}: ${await errorOf(response)}` };
  } catch (thrown) {
    return { kind: "unknown", error: causeOf(thrown, timeout_ms) };
  }
}

/** What somebody waits for: the answer, or why there is none. */
async function answered<T>(
  call: Call,
  path: string,
  order: object,
  timeout_ms: number,
  schema: z.ZodType<T>,
): Promise<T | Exclude<Answer, { kind: "accepted" }>> {
  try {
    const response = await call(path, timeout_ms, order);
    if (response.ok) return schema.parse(await response.json());
    const { status } = response;
    const { error, code } = await refusalOf(response);
    return status < 500
      ? { kind: "refused", status, error, ...(code === undefined ? {} : { code }) }
      : { kind: "unknown", error: `HTTP ${status}: ${error}` };
  } catch (thrown) {
    return { kind: "unknown", error: causeOf(thrown, timeout_ms) };
  }
}

/** Null where the control server has no such route. */
async function halt(call: Call, rigId: string, timeout_ms: number): Promise<number | null> {
  const response = await call(`/rigs/${encodeURIComponent(rigId)}/halt`, timeout_ms, {});
  if (response.ok) return HaltAnswer.parse(await response.json()).left;
  if (response.status !== 404) throw new Error(`HTTP ${response.status}: ${await errorOf(response)}`);
  await response.body?.cancel();
  return null;
}

/** Null where the control server has no such route. */
async function inventory(call: Call, rigId: string, timeout_ms: number): Promise<Inventory | null> {
  const response = await call(`/rigs/${encodeURIComponent(rigId)}/inventory`, timeout_ms);
  if (response.ok) return Inventory.parse(await response.json());
  if (response.status !== 404) throw new Error(`HTTP ${response.status}: ${await errorOf(response)}`);
  await response.body?.cancel();
  return null;
}

/** Null for a train that it does not know, such as after a restart. */
async function trainState(call: Call, trainId: string, timeout_ms: number): ReturnType<ContainerPort["trainState"]> {
  const response = await call(`/git/train/${encodeURIComponent(trainId)}`, timeout_ms);
  if (response.ok) return TrainState.parse(await response.json());
  if (response.status !== 404) throw new Error(`HTTP ${response.status}: ${await errorOf(response)}`);
  await response.body?.cancel();
  return null;
}

/** Null where the control server has no such route: then it can do none of it. */
async function capabilities(call: Call, timeout_ms: number): ReturnType<ContainerPort["capabilities"]> {
  const response = await call("/capabilities", timeout_ms);
  if (response.ok) return Capabilities.parse(await response.json());
  if (response.status !== 404) throw new Error(`HTTP ${response.status}: ${await errorOf(response)}`);
  await response.body?.cancel();
  return null;
}

/** Gas Town's own have no list; one without any agent says nothing of how it would name them. */
async function knowsDispatchIds(call: Call, timeout_ms: number): Promise<boolean | null> {
  const response = await call("/agents", timeout_ms);
  if (response.ok) {
    const { agents } = AgentStatusList.parse(await response.json());
    return agents.length === 0 ? null : agents.some(({ dispatchId }) => dispatchId !== undefined);
  }
  await response.body?.cancel();
  return response.status === 404 ? false : null;
}

/** All at once, or one by one where the control server has no such route (Gas Town's own has none). */
async function statuses(call: Call, agentIds: readonly string[], timeout_ms: number): Promise<Statuses> {
  const until = Date.now() + timeout_ms;
  const batched = await call("/agents", timeout_ms);
  if (batched.ok) {
    const wanted = new Set(agentIds);
    const { agents, instance = null } = AgentStatusList.parse(await batched.json());
    return { agents: agents.filter((status) => wanted.has(status.agentId)).map(observed), instance };
  }
  if (batched.status !== 404) throw new Error(`HTTP ${batched.status}: ${await errorOf(batched)}`);
  await batched.body?.cancel();
  const found: Observed[] = [];
  for (let i = 0; i < agentIds.length; i += LIMITS.patrol_concurrency) {
    const left = until - Date.now();
    if (left <= 0)
      throw new Error(`only ${i} of ${agentIds.length} agents could be asked about within ${timeout_ms} ms`);
    const some = agentIds.slice(i, i + LIMITS.patrol_concurrency);
    const answers = await Promise.all(some.map((id) => statusOf(call, id, left)));
    found.push(...answers.filter((status) => status !== null));
  }
  return { agents: found, instance: null };
}

/** Null for an agent that the container does not know. */
async function statusOf(call: Call, agentId: string, timeout_ms: number): Promise<Observed | null> {
  const response = await call(`/agents/${encodeURIComponent(agentId)}/status`, timeout_ms);
  if (response.status === 404) {
    await response.body?.cancel();
    return null;
  }
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${await errorOf(response)}`);
  return observed(AgentStatus.parse(await response.json()));
}

const observed = (status: AgentStatus): Observed => ({
  agentId: status.agentId,
  dispatchId: status.dispatchId ?? null,
  status: status.status,
  exitReason: status.exitReason,
  startedAt: timeOf(status.startedAt),
  lastActivityAt: timeOf(status.lastActivityAt),
  messageCount: status.messageCount,
  hasOpenTool: status.activeTools.length > 0,
  progressAt: timeOf(status.progressAt),
  shown: status.shown,
  session: status.session,
  usage: status.usage,
  head: status.head,
  waiting: waitOf(status.waiting),
  limited: limitIn(status.limited),
});

/** ms of a time that the container says; undefined for what is none. */
export const timeOf = (text: string | null | undefined): number | undefined => {
  const at = Date.parse(text ?? "");
  return Number.isNaN(at) ? undefined : at;
};

/** A limit of an account as the rig keeps it. */
export const limitIn = (limited: Limited | null | undefined): Observed["limited"] =>
  limited == null ? undefined : { account: limited.account, until: Date.parse(limited.until) };

/** A wait for the model as the rig keeps it. */
export const waitOf = (waiting: Waiting | null | undefined): Observed["waiting"] =>
  waiting == null ? waiting : { since: timeOf(waiting.since) ?? 0, until: timeOf(waiting.until) ?? null };

const errorOf = async (response: Response): Promise<string> => (await refusalOf(response)).error;

async function refusalOf(response: Response): Promise<{ error: string; code?: string }> {
  const text = (await response.text()).slice(0, 4 * ERROR_CHARS);
  try {
    const { error, code } = JSON.parse(text) as { error?: unknown; code?: unknown };
    if (typeof error === "string")
      return { error: error.slice(0, ERROR_CHARS), ...(typeof code === "string" ? { code: code.slice(0, 64) } : {}) };
  } catch {
    // Not JSON: the text itself is the best there is.
  }
  return { error: text.slice(0, ERROR_CHARS) || response.statusText || "no reason given" };
}

function causeOf(thrown: unknown, timeout_ms: number): string {
  if (thrown instanceof Error && (thrown.name === "TimeoutError" || thrown.name === "AbortError"))
    return `no answer within ${timeout_ms} ms`;
  return messageOf(thrown).slice(0, ERROR_CHARS) || "the call failed without a reason";
}
