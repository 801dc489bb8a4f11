/**
 * What the rig must hear about, delivered at least once: each callback is a private file until the API has answered it,
 * so a restart of this server goes on where it stopped.
 */
import { exponential } from "../../src/events/backoff.ts";
import { createHash } from "node:crypto";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { makePrivateDir, readJsonDir, removeFile, writePrivateJson } from "../files.ts";
import {
  CALLBACKS_PENDING_MAX,
  CALLBACK_BACKOFF_BASE_MS,
  CALLBACK_BACKOFF_MAX_MS,
  CALLBACK_LATE_MS,
  REPORT_TIMEOUT_MS,
  RIG_ANSWER_MAX_BYTES,
} from "../limits.ts";
import { type Log, messageOf } from "../log.ts";
import { type Apis, createApis } from "./apis.ts";

/** Answers that no repetition will change: the API has decided, or the token is no good. */
const DEFINITIVE = new Set([401, 403, 404, 409, 410, 422]);

const Callback = z.object({
  /** Names what is reported, e.g. `completed a1:3`: of the same id the newest is delivered. */
  id: z.string(),
  url: z.string(),
  /** Whoever asked for it named this very address: it follows nobody. */
  fixed: z.literal(true).optional(),
  token: z.string().nullable(),
  body: z.unknown(),
  created_at_ms: z.number(),
});
export type Callback = z.infer<typeof Callback>;

export interface Callbacks {
  /** Returns once the callback is on disk; delivery goes on by itself. */
  readonly enqueue: (callback: Omit<Callback, "created_at_ms">) => void;
  /** Takes up what an earlier server left behind. @returns how many */
  readonly resume: () => number;
  readonly pending: () => number;
  /** Whether something has been waiting for longer than is normal. */
  readonly late: () => boolean;
  /** Tries everything again now. @returns whether all was delivered within timeout_ms */
  readonly flush: (timeout_ms: number) => Promise<boolean>;
  /** Stops delivering; what is pending stays on disk. */
  readonly close: () => void;
}

export interface CallbackOptions {
  readonly dir: string;
  /** After this long without an answer a callback is given up. */
  readonly max_ms: number;
  readonly log: Log;
  /** Where rigs' APIs are now. */
  readonly apis?: Apis;
  /** The API has taken this body, perhaps for an earlier server. */
  readonly onTaken?: (body: unknown) => void;
}

const fileOf = (dir: string, id: string): string =>
  path.join(dir, `${createHash("sha256").update(id).digest("hex").slice(0, 32)}.json`);

export function createCallbacks({ dir, max_ms, log, onTaken, apis = createApis(null) }: CallbackOptions): Callbacks {
  const waiting = new Map<string, { callback: Callback; wake: () => void }>();
  makePrivateDir(dir);
  const wakeAll = (): void => waiting.forEach(({ wake }) => wake());
  apis.onMoved(wakeAll);

  function forget(id: string): void {
    waiting.delete(id);
    removeFile(fileOf(dir, id));
  }

  function add(callback: Callback): void {
    const older = waiting.get(callback.id);
    if (older !== undefined) {
      older.callback = callback;
      older.wake();
      return;
    }
    if (waiting.size >= CALLBACKS_PENDING_MAX) {
      const oldest = waiting.keys().next().value as string;
      log(`callback "${oldest}" dropped: more than ${CALLBACKS_PENDING_MAX} are waiting`);
      waiting.get(oldest)?.wake();
      forget(oldest);
    }
    waiting.set(callback.id, { callback, wake: () => {} });
    void deliver(callback.id);
  }

  async function deliver(id: string): Promise<void> {
    const entry = waiting.get(id);
    if (entry === undefined) return;
    let attempt = 0;
    while (waiting.get(id) === entry) {
      const { callback } = entry;
      const answer = await post(callback, callback.fixed === true ? [callback.url] : apis.placesOf(callback.url));
      // What came of the older one says nothing of the newer.
      if (entry.callback !== callback && waiting.get(id) === entry) continue;
      const tooOld = Date.now() - callback.created_at_ms >= max_ms;
      attempt += 1;
      // Also after close(): what the API has answered must not be sent again by the next server.
      if (answer.done || (tooOld && waiting.get(id) === entry)) {
        if (answer.ok) onTaken?.(callback.body);
        else log(`callback "${id}" given up after ${attempt} attempts: ${answer.what}`);
        return forget(id);
      }
      if (attempt === 1) log(`callback "${id}" not delivered yet: ${answer.what}; trying again`);
      const woken = new AbortController();
      entry.wake = () => woken.abort();
      await sleep(pauseAfter(attempt - 1), undefined, { signal: woken.signal, ref: false }).catch(() => {});
    }
  }

  return {
    enqueue: (callback) => {
      const dated = { ...callback, created_at_ms: Date.now() };
      save(fileOf(dir, dated.id), dated, log);
      add(dated);
    },
    resume: () => {
      const files = readJsonDir(dir, (file) => log(`${file} is not a callback and was left alone`));
      const found = files.flatMap(({ value }) => Callback.safeParse(value).data ?? []);
      found.sort((a, b) => a.created_at_ms - b.created_at_ms).forEach(add);
      return found.length;
    },
    pending: () => waiting.size,
    late: () => [...waiting.values()].some(({ callback }) => Date.now() - callback.created_at_ms > CALLBACK_LATE_MS),
    flush: async (timeout_ms) => {
      const deadline = Date.now() + timeout_ms;
      wakeAll();
      while (waiting.size > 0 && Date.now() < deadline) await sleep(20);
      return waiting.size === 0;
    },
    close: () => {
      const all = [...waiting.values()];
      waiting.clear();
      for (const { wake } of all) wake();
    },
  };
}

/** A full disk must not keep the rig in the dark: then it is delivered from memory. */
function save(file: string, callback: Callback, log: Log): void {
  try {
    writePrivateJson(file, callback);
  } catch (error) {
    log(`callback "${callback.id}" could not be saved: ${messageOf(error)}`);
  }
}

interface Answer {
  readonly done: boolean;
  readonly ok: boolean;
  readonly what: string;
}

/** It is taken where the first of the places takes it, and refused for good only where all of them do. */
async function post({ token, body }: Callback, places: readonly string[]): Promise<Answer> {
  const answers: Answer[] = [];
  for (const url of places) {
    const answer = await postTo(url, token, body);
    if (answer.ok) return answer;
    answers.push(answer);
  }
  return { done: answers.every(({ done }) => done), ok: false, what: answers.map(({ what }) => what).join(", ") };
}

async function postTo(url: string, token: string | null, body: unknown): Promise<Answer> {
  try {
    const status = await postJson(url, token, body);
    const ok = status >= 200 && status < 300;
    return { done: ok || DEFINITIVE.has(status), ok, what: `HTTP ${status}` };
  } catch (error) {
    return { done: false, ok: false, what: reasonOf(error) };
  }
}

/** One POST with a deadline. @returns the HTTP status @throws when there was no answer */
export async function postJson(url: string, token: string | null, body: unknown): Promise<number> {
  const response = await send(url, token, body);
  await response.body?.cancel();
  return response.status;
}

/** The same. @returns what was answered, if it is JSON that is not too long; null: it is not */
export async function postForJson(url: string, token: string | null, body: unknown): Promise<unknown> {
  const response = await send(url, token, body);
  const text = await response.text();
  if (!response.ok || text.length > RIG_ANSWER_MAX_BYTES) return null;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function send(url: string, token: string | null, body: unknown): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
    redirect: "manual",
    signal: AbortSignal.timeout(REPORT_TIMEOUT_MS),
  });
}

/** fetch says "fetch failed" and hides why in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : messageOf(cause) || String((cause as { code?: unknown }).code);
}

/** 500 ms, doubling up to 30 s; jitter keeps a fleet from coming back all at once. */
function pauseAfter(attempt: number): number {
  return exponential(attempt + 1, CALLBACK_BACKOFF_BASE_MS, CALLBACK_BACKOFF_MAX_MS) * (0.5 + Math.random() / 2);
}
