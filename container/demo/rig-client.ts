/** The rig API as an agent sees it, with patience for an API that is away for a moment. */
import { exponential } from "../../src/events/backoff.ts";
import { setTimeout as sleep } from "node:timers/promises";

export interface Bead {
  readonly id: string;
  readonly title: string;
  readonly body: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface Mail {
  readonly subject: string;
  readonly body: string;
}

export interface Prime {
  readonly agent: { readonly checkpoint?: unknown };
  readonly hooked_bead: Bead | null;
  readonly undelivered_mail?: readonly Mail[];
}

export interface RigClient {
  readonly prime: () => Promise<Prime>;
  readonly mail: () => Promise<readonly Mail[]>;
  readonly checkpoint: (data: unknown, patience_ms?: number) => Promise<void>;
  readonly event: (eventType: string, data: unknown) => Promise<void>;
  /** Says what its conversation has used so far. */
  readonly spent: (used: { readonly tokens: number; readonly microdollars: number }) => Promise<void>;
  readonly askForHelp: (question: string, beadId: string) => Promise<void>;
  /** Waits a little for what comes of it. @returns null where nobody says so */
  readonly done: (branch: string, summary: string) => Promise<HandedIn | null>;
}

/** What came of a done: its code, and a sentence. */
export interface HandedIn {
  readonly code: string;
  readonly sentence: string;
}

const PATIENCE_MS = 60_000;
const REQUEST_TIMEOUT_MS = 10_000;
const BACKOFF_BASE_MS = 250;
const BACKOFF_MAX_MS = 5_000;

/** @throws Error naming the variable that is missing */
export function createRigClient(env: Readonly<Record<string, string | undefined>>): RigClient {
  const need = (name: string): string => {
    const value = env[name];
    if (!value) throw new Error(`${name} is not set; start this program through the control server`);
    return value;
  };
  const agentId = need("GASTOWN_AGENT_ID");
  const rig = `${need("GASTOWN_API_URL").replace(/\/+$/, "")}/api/rigs/${encodeURIComponent(need("GASTOWN_RIG_ID"))}`;
  const agent = `${rig}/agents/${encodeURIComponent(agentId)}`;
  const headers = { "content-type": "application/json", authorization: `Bearer ${env["GASTOWN_SESSION_TOKEN"] ?? ""}` };

  /** @throws Error on a 4xx, which no repetition changes, and when the patience is over */
  async function call<T>(
    method: "GET" | "POST",
    url: string,
    body?: unknown,
    more: { patience_ms?: number; key?: string } = {},
  ): Promise<T> {
    const deadline = Date.now() + (more.patience_ms ?? PATIENCE_MS);
    for (let attempt = 0; ; attempt++) {
      const answer = await tryOnce(method, url, body, more.key);
      if (answer.ok) return answer.data as T;
      const pause = exponential(attempt + 1, BACKOFF_BASE_MS, BACKOFF_MAX_MS);
      if (!answer.transient || Date.now() + pause >= deadline)
        throw new Error(`${method} ${new URL(url).pathname}: ${answer.error}`);
      await sleep(pause);
    }
  }

  async function tryOnce(method: string, url: string, body: unknown, key: string | undefined): Promise<Answer> {
    try {
      const response = await fetch(url, {
        method,
        headers: { ...headers, ...(key ? { "idempotency-key": key } : {}) },
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const envelope = (await response.json().catch(() => ({}))) as { data?: unknown; error?: string };
      if (response.ok) return { ok: true, data: envelope.data };
      const transient = response.status >= 500 || response.status === 429;
      return { ok: false, transient, error: `HTTP ${response.status} ${envelope.error ?? ""}`.trim() };
    } catch (error) {
      return { ok: false, transient: true, error: String(error) };
    }
  }

  return {
    prime: () => call("GET", `${agent}/prime`),
    mail: () => call("GET", `${agent}/mail`),
    checkpoint: (data, patience_ms) => call("POST", `${agent}/checkpoint`, { data }, { patience_ms }),
    event: (eventType, data) => call("POST", `${rig}/agent-events`, { agent_id: agentId, event_type: eventType, data }),
    spent: ({ tokens, microdollars }) =>
      call("POST", `${agent}/heartbeat`, {
        ...(env["TICKTOWN_DISPATCH_ID"] ? { dispatch_id: env["TICKTOWN_DISPATCH_ID"] } : {}),
        usage: {
          session: `circles of ${agentId}`,
          input_tokens: tokens,
          cached_tokens: 0,
          output_tokens: 0,
          cost_microdollars: microdollars,
        },
      }),
    askForHelp: (question, beadId) =>
      call(
        "POST",
        `${rig}/escalations`,
        { title: question, metadata: { agent_id: agentId, bead_id: beadId, kind: "help" } },
        { key: `help:${agentId}:${beadId}` },
      ),
    done: async (branch, summary) => {
      const answer = await call<{ hand_in?: HandedIn } | null>("POST", `${agent}/done`, {
        branch,
        summary,
        wait_ms: REQUEST_TIMEOUT_MS - 2_000,
      });
      return answer?.hand_in ?? null;
    },
  };
}

type Answer =
  | { readonly ok: true; readonly data: unknown }
  | { readonly ok: false; readonly transient: boolean; readonly error: string };
