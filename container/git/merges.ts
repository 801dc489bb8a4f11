/** The queue of merges: one at a time per rig, each request answered by exactly one result, however often it is sent. */
import { randomUUID } from "node:crypto";
import path from "node:path";
import type { MergeReport, MergeRequest } from "../../src/wire/container.ts";
import type { Callbacks } from "../reports/callbacks.ts";
import type { Config } from "../config.ts";
import { TICKTOWN_IDENTITY, createGit } from "./git.ts";
import { MERGES_PENDING_MAX, MERGES_REMEMBERED_MAX } from "../limits.ts";
import type { Halting } from "../halt.ts";
import { foldersOf } from "./layout.ts";
import { type Log, messageOf } from "../log.ts";
import { merge } from "./merge.ts";
import { createKeyedMutex } from "../mutex.ts";
import { redactorOf, secretsIn } from "../redact.ts";
import { Refusal } from "../refusal.ts";
import { parseRemote } from "./remotes.ts";
import { reviewUrl } from "../reports/rig-api.ts";
import { checkBranchName } from "./workspaces.ts";

export interface Merges {
  /** Returns once the merge is queued; its result goes to the rig as a callback. @throws Refusal 400, 422, 429, 503 */
  readonly accept: (request: MergeRequest) => Promise<void>;
  readonly running: () => number;
  /** No merge begins from now on. One that is under way goes on. */
  readonly refuseNew: () => void;
  readonly whenIdle: () => Promise<void>;
}

export interface MergesOptions {
  readonly config: Config;
  readonly callbacks: Callbacks;
  readonly log: Log;
  /** Whether everything is being stopped. */
  readonly halting: Halting;
}

export function createMerges({ config, callbacks, log, halting }: MergesOptions): Merges {
  const oneAtATime = createKeyedMutex();
  const pending = new Map<string, Promise<void>>();
  const finished = new Map<string, MergeReport>();
  let draining = false;

  function report(request: MergeRequest, body: MergeReport): void {
    const url = callbackUrlOf(request, config);
    if (url === null) return; // accept() refused such a request.
    const token = request.envVars?.["GASTOWN_SESSION_TOKEN"] ?? null;
    // Without a dispatch id two results of one entry cannot be told apart, and both count.
    const id = request.dispatchId === undefined ? `${keyOf(request)} ${randomUUID()}` : keyOf(request);
    const fixed = request.callbackUrl ? { fixed: true as const } : {};
    callbacks.enqueue({ id: `merge ${id}`, url, ...fixed, token, body });
  }

  async function run(request: MergeRequest): Promise<void> {
    // Left to the rig's lease: saying `failed` would be a verdict on work that nobody has looked at.
    if (draining || halting.isHalted(request.rigId)) return;
    const envVars = request.envVars ?? {};
    const remote = parseRemote(request.gitUrl, envVars);
    const redact = redactorOf(secretsIn(envVars, remote.credentials ? [remote.credentials.token] : []));
    const folders = foldersOf(config.workDir, request.rigId);
    const result = await merge(request, {
      git: createGit(config, TICKTOWN_IDENTITY, redact, remote, request.place),
      remote,
      folders,
    });
    if (halting.isHalted(request.rigId)) return;
    const body: MergeReport = {
      ...result,
      message: redact(result.message),
      ...(request.dispatchId === undefined ? {} : { dispatch_id: request.dispatchId }),
    };
    log(`merge ${keyOf(request)}: ${body.status}${body.reason ? ` (${body.reason})` : ""}`);
    if (request.dispatchId !== undefined) remember(keyOf(request), body);
    report(request, body);
  }

  /** Only what has a dispatch id: without one, the same entry again may be a new attempt after a rework. */
  function remember(key: string, body: MergeReport): void {
    finished.set(key, body);
    if (finished.size > MERGES_REMEMBERED_MAX) finished.delete(finished.keys().next().value as string);
  }

  function enqueue(request: MergeRequest): void {
    const key = keyOf(request);
    const mine = oneAtATime(request.rigId, () => run(request))
      .catch((error: unknown) => log(`merge ${key}: ${messageOf(error)}`))
      .finally(() => pending.delete(key));
    pending.set(key, mine);
  }

  return {
    accept: async (request) => {
      await checkRequest(request, config);
      if (draining) throw new Refusal(503, "draining", "this container is shutting down and begins no merge");
      halting.refuse(request.rigId);
      const result = finished.get(keyOf(request));
      if (result !== undefined) return report(request, result);
      if (pending.has(keyOf(request))) return;
      if (pending.size >= MERGES_PENDING_MAX) {
        throw new Refusal(429, "too_many_merges", `${MERGES_PENDING_MAX} merges are waiting already; try again later`);
      }
      enqueue(request);
    },
    running: () => pending.size,
    refuseNew: () => {
      draining = true;
    },
    whenIdle: async () => {
      await Promise.allSettled(pending.values());
    },
  };
}

function keyOf(request: MergeRequest): string {
  return `${request.rigId} ${request.entryId} ${request.dispatchId ?? ""}`.trimEnd();
}

/** @throws Refusal when the repository's address, the branches' names or the way back to the rig are no good */
async function checkRequest(request: MergeRequest, config: Config): Promise<void> {
  parseRemote(request.gitUrl, request.envVars ?? {});
  if (callbackUrlOf(request, config) === null) {
    throw new Refusal(
      422,
      "callback_url_missing",
      "nobody could be told the result: set callbackUrl or GASTOWN_API_URL",
    );
  }
  const git = createGit(config, TICKTOWN_IDENTITY, (text) => text);
  for (const branch of [request.branch, request.targetBranch])
    await checkBranchName(git, path.parse(config.workDir).root, branch);
}

/** Where the result is told; null when the request and the settings name no address. */
function callbackUrlOf(request: MergeRequest, config: Config): string | null {
  if (request.callbackUrl) return request.callbackUrl;
  const apiUrl = request.envVars?.["GASTOWN_API_URL"] || config.apiUrl;
  return apiUrl ? reviewUrl(apiUrl, request.rigId, request.entryId) : null;
}
