/** What a verb may use of the world around it. */
import { setTimeout as sleep } from "node:timers/promises";
import { type ApiClient, createApiClient } from "../scripts/stack/api-client.ts";
import { ApiError } from "../scripts/stack/errors.ts";
import { Failure } from "./exits.ts";
import { createFinder, type Finder } from "./find.ts";
import { type Named, type Where, whereIs } from "./where.ts";

/** What every verb may be given, wherever it stands on the command line. */
export interface Globals extends Named {
  readonly rig?: string | undefined;
  readonly user?: string | undefined;
  readonly json?: boolean | undefined;
  readonly yes?: boolean | undefined;
}

/** Whoever sits there, or null. */
export type Ask = ((question: string, how?: { readonly isSecret: boolean }) => Promise<string>) | null;

export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder in which the command was typed. */
  readonly cwd: string;
  readonly now: () => number;
  /** For people who wait: never on stdout. */
  readonly say: (line: string) => void;
  /** Answers of verbs that go on and on; whole lines. */
  readonly out: (text: string) => void;
  /** All that is piped in, or "" where that is a terminal. @throws Failure when it is too long */
  readonly stdin: () => Promise<string>;
  readonly ask: Ask;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
}

export interface Context extends World {
  readonly globals: Globals;
  /** @throws Failure when none answers, or there is no token */
  readonly where: () => Where;
  readonly api: ApiClient;
  readonly find: Finder;
  /** Path of a user's towns and rigs. */
  readonly userPath: (rest: string) => string;
}

const USER = "local";
/** A command that was told to wait is not told so for ever. */
const MOST_WAITS = 20;

export function contextOf(globals: Globals, world: World): Context {
  const user = globals.user ?? world.env["TICKTOWN_USER"] ?? USER;
  let known: { where: Where; api: ApiClient } | null = null;
  const ticktown = () => {
    if (known !== null) return known;
    const where = whereIs(globals, world.env, world.cwd);
    return (known = { where, api: createApiClient(where.url, where.token, user, world.signal) });
  };
  const patiently = async <T>(call: (api: ApiClient) => Promise<T>): Promise<T> => {
    for (let waited = 0; ; waited++) {
      try {
        return await call(ticktown().api);
      } catch (error) {
        if (!(error instanceof ApiError) || error.retryAfter_s === null || waited >= MOST_WAITS)
          throw inWords(error, known?.where.url);
        await sleep(error.retryAfter_s * 1_000, undefined, { signal: world.signal });
      }
    }
  };
  const api: ApiClient = {
    call: (method, path, body) => patiently((api) => api.call(method, path, body)),
    send: (path, file, key) => patiently((api) => api.send(path, file, key)),
    rigFor: (repository) => patiently((api) => api.rigFor(repository)),
    lines: async function* (path) {
      try {
        yield* ticktown().api.lines(path);
      } catch (error) {
        throw inWords(error, known?.where.url);
      }
    },
  };
  const userPath = (rest: string): string => `/api/users/${encodeURIComponent(user)}${rest}`;
  const rig = globals.rig ?? (world.env["TICKTOWN_RIG"] || undefined);
  return {
    ...world,
    globals,
    api,
    userPath,
    where: () => ticktown().where,
    find: createFinder({ api, userPath, rig: rig ?? null, cwd: world.cwd }),
  };
}

/** An error as the command ends with it. */
export function inWords(error: unknown, url = "the Ticktown"): unknown {
  if (error instanceof ApiError) {
    if (error.isForeign) return new Failure("unreachable", `${url} answers with HTTP ${error.status}, ${error.reason}`);
    if (error.status === 401) return new Failure("forbidden", `${url} does not take the token: ${error.reason}`);
    if (error.status === 403) return new Failure("forbidden", error.reason);
    return new Failure(error.status === 404 ? "unknown" : "refused", error.reason);
  }
  const cause = error instanceof TypeError ? (error.cause as { message?: string } | undefined) : undefined;
  if (error instanceof TypeError && error.message === "terminated")
    return new Failure("unreachable", `${url} broke off its answer: ${cause?.message || error.message}`);
  if (error instanceof TypeError && error.message === "fetch failed")
    return new Failure("unreachable", `${url} does not answer: ${cause?.message || error.message}`);
  if (error instanceof DOMException && error.name === "TimeoutError")
    return new Failure(
      "unreachable",
      `${url} did not answer in time; what was asked for may have been done all the same`,
    );
  return error;
}
