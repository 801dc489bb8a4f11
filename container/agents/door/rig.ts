/** What is said to the rig for an agent, by its tools or for who has none, with the rig's token, which stays here. */
import { setTimeout as sleep } from "node:timers/promises";
import { exponential } from "../../../src/events/backoff.ts";
import {
  CALLBACK_BACKOFF_BASE_MS,
  CALLBACK_BACKOFF_MAX_MS,
  HAND_IN_WAIT_MS,
  RIG_ANSWER_MAX_BYTES,
  SENTENCE_MAX_CHARS,
  TOOL_PATIENCE_MS,
} from "../../limits.ts";
import { messageOf } from "../../log.ts";
import { redacted } from "../../redact.ts";
import { agentUrl, rigUrl } from "../../reports/rig-api.ts";
import type { DoorDispatch } from "./pass.ts";

export type RigAnswer =
  | { readonly ok: true; readonly data: unknown }
  /** `status` null: the rig did not answer. */
  | { readonly ok: false; readonly status: number | null; readonly error: string };

export interface RigCall {
  readonly method: "GET" | "POST";
  /** Behind the agent's own path, e.g. `done`; or behind the rig's, with a slash before it. */
  readonly path: string;
  readonly body?: unknown;
  /** Under which a repeated request does nothing twice. */
  readonly key?: string;
}

export type Rig = (call: RigCall) => Promise<RigAnswer>;

/** Who speaks to the rig, and what of an answer is nobody's to read. */
type Speaker = Pick<DoorDispatch, "apiUrl" | "rigId" | "agentId" | "token" | "redact">;

/** Repeats what got no answer until the patience is over, or nobody wants it any more. Never throws. */
export function createRig(dispatch: Speaker, isOpen: () => boolean, patience_ms = TOOL_PATIENCE_MS): Rig {
  return async (call) => {
    const deadline = Date.now() + patience_ms;
    for (let attempt = 0; ; attempt++) {
      const answer = await tryOnce(dispatch, call, Math.max(1, deadline - Date.now()));
      const isSure = answer.ok || (answer.status !== null && answer.status < 500 && answer.status !== 429);
      const pause_ms = exponential(attempt + 1, CALLBACK_BACKOFF_BASE_MS, CALLBACK_BACKOFF_MAX_MS);
      if (isSure || !isOpen() || Date.now() + pause_ms >= deadline) return answer;
      await sleep(pause_ms);
    }
  };
}

async function tryOnce(dispatch: Speaker, call: RigCall, left_ms: number): Promise<RigAnswer> {
  const { apiUrl, rigId, agentId, token, redact } = dispatch;
  if (apiUrl === null) return { ok: false, status: 404, error: "there is no rig to speak to" };
  const url = call.path.startsWith("/")
    ? rigUrl(apiUrl, rigId) + call.path
    : agentUrl(apiUrl, rigId, agentId, call.path);
  try {
    const response = await fetch(url, {
      method: call.method,
      headers: {
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(call.key === undefined ? {} : { "idempotency-key": call.key }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(redacted(call.body, redact)) }),
      redirect: "manual",
      signal: AbortSignal.timeout(Math.min(left_ms, HAND_IN_WAIT_MS + 5_000)),
    });
    const said = envelopeOf(await readCapped(response));
    if (response.ok) return { ok: true, data: said.data };
    const error = redact(String(said.error ?? `HTTP ${response.status}`)).slice(0, SENTENCE_MAX_CHARS);
    return { ok: false, status: response.status, error };
  } catch (error) {
    return { ok: false, status: null, error: redact(messageOf(error)) };
  }
}

interface Envelope {
  readonly data?: unknown;
  readonly error?: unknown;
}

function envelopeOf(text: string): Envelope {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** @throws Error when the answer is larger than anything that a rig says */
async function readCapped(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += (chunk as Uint8Array).length;
    if (size > RIG_ANSWER_MAX_BYTES) throw new Error(`the rig's answer is larger than ${RIG_ANSWER_MAX_BYTES} bytes`);
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString();
}
