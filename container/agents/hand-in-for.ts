/** Says done for an agent that cannot: a plain command that has ended with 0, or a coding agent without tools that has stopped. */
import { setTimeout as sleep } from "node:timers/promises";
import { exponential } from "../../src/events/backoff.ts";
import {
  CALLBACK_BACKOFF_BASE_MS,
  CALLBACK_BACKOFF_MAX_MS,
  HAND_IN_PATIENCE_MS,
  HAND_IN_WAIT_MS,
  SENTENCE_MAX_CHARS,
} from "../limits.ts";
import { messageOf } from "../log.ts";
import type { Redact } from "../redact.ts";
import { agentUrl } from "../reports/rig-api.ts";
import { askedToEnd } from "./ending.ts";
import type { EventRing } from "./output.ts";
import type { Run } from "./run.ts";

export interface HandedIn {
  /** The rig's word for what came of it. */
  readonly code: string;
  readonly sentence: string;
}

/**
 * Never throws: what came of it, or why nothing did, is among the agent's events. What is refused is told its next dispatch by the rig.
 * @returns null when nobody has answered, or nothing was said: somebody has said done already, or it was asked to end
 */
export async function handInFor(run: Run, branch: string, ring: EventRing, redact: Redact): Promise<HandedIn | null> {
  const deadline = Date.now() + HAND_IN_PATIENCE_MS;
  for (let attempt = 0; !run.saidDone && askedToEnd(run) === null && run.apiUrl !== null; attempt++) {
    const said = await sayDone(run, run.apiUrl, branch);
    if (said.kind === "told") {
      const told = { code: said.code, sentence: redact(said.sentence) };
      ring.append("hand_in", told);
      return told;
    }
    const pause_ms = exponential(attempt + 1, CALLBACK_BACKOFF_BASE_MS, CALLBACK_BACKOFF_MAX_MS);
    if (said.kind === "refused" || Date.now() + pause_ms >= deadline) {
      ring.append("hand_in_failed", { error: redact(said.error) });
      return null;
    }
    await sleep(pause_ms);
  }
  return null;
}

type Said =
  | { readonly kind: "told"; readonly code: string; readonly sentence: string }
  /** No repetition changes it. */
  | { readonly kind: "refused"; readonly error: string }
  | { readonly kind: "unknown"; readonly error: string };

async function sayDone(run: Run, apiUrl: string, branch: string): Promise<Said> {
  try {
    const response = await fetch(agentUrl(apiUrl, run.rigId, run.agentId, "done"), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(run.token === null ? {} : { authorization: `Bearer ${run.token}` }),
      },
      body: JSON.stringify({ branch, wait_ms: HAND_IN_WAIT_MS }),
      redirect: "manual",
      signal: AbortSignal.timeout(2 * HAND_IN_WAIT_MS),
    });
    const body = (await response.json().catch(() => ({}))) as Answer;
    const { code = "unanswered", sentence = "" } = body.data?.hand_in ?? {};
    if (response.ok) return { kind: "told", code, sentence: sentence.slice(0, SENTENCE_MAX_CHARS) };
    const error = `HTTP ${response.status}: ${String(body.error ?? "").slice(0, SENTENCE_MAX_CHARS)}`;
    return { kind: response.status >= 500 || response.status === 429 ? "unknown" : "refused", error };
  } catch (error) {
    return { kind: "unknown", error: messageOf(error) };
  }
}

interface Answer {
  readonly data?: { readonly hand_in?: { readonly code?: string; readonly sentence?: string } };
  readonly error?: unknown;
}
