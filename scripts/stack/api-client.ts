/** The Worker API as an operator's program calls it. */
import type { Agent, Bead, BeadEvent, RigInfo, Town } from "../../src/wire/schemas.ts";
import { ApiError } from "./errors.ts";

export type { Agent, Bead, BeadEvent, RigInfo, Town };

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface ApiClient {
  /** @throws ApiError with the API's own sentence */
  readonly call: <T>(method: Method, path: string, body?: unknown) => Promise<T>;
  /** What is answered as text, line by line. @throws ApiError */
  readonly lines: (path: string) => AsyncIterable<string>;
  /** Sends a file of lines as it is read. @throws ApiError */
  readonly send: <T>(path: string, file: Blob, key: string) => Promise<T>;
  /** The rig for a repository: the one that is there, or a new one. */
  readonly rigFor: (repository: {
    readonly name: string;
    readonly gitUrl: string;
    readonly defaultBranch: string;
    readonly secrets?: Record<string, string>;
  }) => Promise<{ rig: RigInfo; isNew: boolean }>;
}

/** On one's own machine there is one user with one town. */
export const USER = "local";
export const TOWN = "local";
const TIMEOUT_MS = 30_000;
/** A file is folded as it comes. */
const FILE_TIMEOUT_MS = 3_600_000;

interface Asked {
  readonly headers?: Record<string, string>;
  readonly body?: string | Blob;
  readonly signal: AbortSignal;
}

/** The API answers every request with an object that says whether it was done; a refusal has its sentence. */
interface Answered {
  readonly success: boolean;
  readonly data?: unknown;
  readonly error?: string;
}

/** @throws ApiError when it is no answer of the API: a proxy's page, another program's, or one that broke off */
async function answerOf(request: string, response: Response): Promise<Answered> {
  const answer = (await response.json().catch(() => null)) as Partial<Answered> | null;
  if (typeof answer?.success === "boolean" && (answer.success ? response.ok : typeof answer.error === "string"))
    return answer as Answered;
  const reason = "which is no answer of Ticktown's API: something else is there, or stands between";
  throw new ApiError(request, { status: response.status, reason, retryAfter_s: null, isForeign: true });
}

function refusal(request: string, response: Response, reason = ""): ApiError {
  const seconds = Number(response.headers.get("retry-after") ?? Number.NaN);
  const retryAfter_s = response.status === 429 ? Math.max(1, seconds || 0) : null;
  return new ApiError(request, { status: response.status, reason, retryAfter_s, isForeign: false });
}

/** @param signal ends what is asked for at that moment, as Ctrl-C does */
export function createApiClient(url: string, operatorToken: string, user = USER, signal?: AbortSignal): ApiClient {
  const ended = signal === undefined ? {} : { signal };
  const within = (ms: number): AbortSignal =>
    AbortSignal.any([AbortSignal.timeout(ms), ...(signal === undefined ? [] : [signal])]);
  const call = <T>(method: string, path: string, body?: unknown): Promise<T> =>
    ask<T>(method, path, {
      ...(body === undefined ? {} : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
      signal: within(TIMEOUT_MS),
    });

  const send = <T>(path: string, file: Blob, key: string): Promise<T> =>
    ask<T>("POST", path, {
      headers: { "content-type": "application/x-ndjson", "idempotency-key": key },
      body: file,
      signal: within(FILE_TIMEOUT_MS),
    });

  async function ask<T>(method: string, path: string, { headers = {}, ...init }: Asked): Promise<T> {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${operatorToken}`, ...headers },
      ...init,
    });
    const answer = await answerOf(`${method} ${path}`, response);
    if (!answer.success) throw refusal(`${method} ${path}`, response, answer.error);
    return answer.data as T;
  }

  async function* lines(path: string): AsyncGenerator<string> {
    const response = await fetch(`${url}${path}`, { headers: { authorization: `Bearer ${operatorToken}` }, ...ended });
    if (!response.ok || response.body === null)
      throw refusal(`GET ${path}`, response, (await answerOf(`GET ${path}`, response)).error);
    let rest = "";
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const whole = (rest + chunk).split("\n");
      rest = whole.pop() ?? "";
      yield* whole;
    }
    if (rest !== "") yield rest;
  }

  return {
    call,
    lines,
    send,
    rigFor: async ({ name, gitUrl, defaultBranch, secrets = {} }) => {
      const towns = await call<Town[]>("GET", `/api/users/${user}/towns`);
      const town =
        towns.find((town) => town.name === TOWN) ??
        (await call<Town>("POST", `/api/users/${user}/towns`, { name: TOWN }));
      const rigs = await call<RigInfo[]>("GET", `/api/users/${user}/towns/${town.id}/rigs`);
      const known = rigs.find((rig) => rig.git_url === gitUrl);
      if (known !== undefined) return { rig: known, isNew: false };
      const rig = await call<RigInfo>("POST", `/api/users/${user}/rigs`, {
        town_id: town.id,
        name,
        git_url: gitUrl,
        default_branch: defaultBranch,
        secrets,
      });
      return { rig, isNew: true };
    },
  };
}
