/** The queue of trains: one at a time per rig, each asked for as often as one likes and run once. */
import path from "node:path";
import type { TrainReport, TrainRequest, TrainState } from "../../src/wire/train.ts";
import { refusalOf, refusedName } from "../../src/wire/env-names.ts";
import type { Config } from "../config.ts";
import { TICKTOWN_IDENTITY, createGit } from "../git/git.ts";
import { foldersOf } from "../git/layout.ts";
import { parseRemote } from "../git/remotes.ts";
import { checkBranchName } from "../git/workspaces.ts";
import { HALTED, type Halting } from "../halt.ts";
import { TRAINS_PENDING_MAX, TRAINS_REMEMBERED_MAX } from "../limits.ts";
import { type Log, messageOf } from "../log.ts";
import { createKeyedMutex } from "../mutex.ts";
import { redactorOf, secretsIn } from "../redact.ts";
import { Refusal } from "../refusal.ts";
import type { Callbacks } from "../reports/callbacks.ts";
import { trainUrl } from "../reports/rig-api.ts";
import type { TrainContext } from "./context.ts";
import { fitting } from "./fit.ts";
import { noteReceipt } from "./notes.ts";
import { type Checker, runTrain } from "./run.ts";

export interface Trains {
  /** Returns once the train is queued; its report goes to the rig as a callback. @throws Refusal 400, 422, 429, 503 */
  readonly accept: (request: TrainRequest) => Promise<void>;
  /** @throws Refusal 404 for one that this server was not asked for, or has forgotten */
  readonly state: (trainId: string) => TrainState;
  readonly running: () => number;
  /** No train begins from now on, and no check goes on; a push that is under way does. What was seen is reported. */
  readonly interrupt: () => void;
  /** What runs of a rig, or of all, goes no further; the next one begins. */
  readonly abort: (rigId: string | null) => void;
  /** Trains of a rig, or of all, that have not ended. */
  readonly liveOf: (rigId: string | null) => number;
  /** The same for one rig, until nothing of it runs any more. */
  readonly endRig: (rigId: string) => Promise<void>;
  readonly whenIdle: () => Promise<void>;
}

export interface TrainsOptions {
  readonly config: Config;
  readonly callbacks: Callbacks;
  readonly checker: Checker;
  readonly log: Log;
  /** Whether everything is being stopped. */
  readonly halting: Halting;
  /** What agents and checks of a rig with these settings are kept in, in one line. */
  readonly checksIn: string;
}

interface Pending {
  readonly request: TrainRequest;
  readonly end: AbortController;
  begun: boolean;
  step: string;
  /** Since when, ms since epoch. */
  since_ms: number;
}

export function createTrains(options: TrainsOptions): Trains {
  const oneAtATime = createKeyedMutex();
  const pending = new Map<string, Pending>();
  const finished = new Map<string, TrainReport>();
  /** Also those that were reported and are at their receipts. */
  const underWay = new Set<Promise<void>>();
  let draining = false;

  async function run(mine: Pending): Promise<void> {
    const { trainId } = mine.request;
    await runOne(options, mine, (body) => {
      finished.set(trainId, body);
      if (finished.size > TRAINS_REMEMBERED_MAX) finished.delete(finished.keys().next().value as string);
      pending.delete(trainId);
    });
  }

  function enqueue(request: TrainRequest): void {
    const { trainId, rigId } = request;
    const mine: Pending = { request, end: new AbortController(), begun: false, step: "", since_ms: 0 };
    pending.set(trainId, mine);
    const over = oneAtATime(rigId, () => run(mine))
      .catch((error: unknown) => options.log(`train ${trainId}: ${messageOf(error)}`))
      .finally(() => {
        pending.delete(trainId);
        underWay.delete(over);
      });
    underWay.add(over);
  }

  return {
    accept: async (request) => {
      await checkRequest(request, options.config);
      if (draining) throw new Refusal(503, "draining", "this container is shutting down and begins no train");
      options.halting.refuse(request.rigId);
      const { trainId } = request;
      const result = finished.get(trainId);
      if (result !== undefined) return report(options, request, result);
      if (pending.has(trainId)) return;
      if (pending.size >= TRAINS_PENDING_MAX)
        throw new Refusal(429, "too_many_trains", `${TRAINS_PENDING_MAX} trains are waiting already; try again later`);
      enqueue(request);
    },
    state: (trainId) => {
      const body = finished.get(trainId);
      if (body !== undefined) return { trainId, state: "finished", step: inWords(body), report: body };
      const mine = pending.get(trainId);
      if (mine === undefined) throw new Refusal(404, "unknown_train", `this container knows no train ${trainId}`);
      return mine.begun
        ? { trainId, state: "running", step: stepOf(mine), report: null }
        : { trainId, state: "waiting", step: "waits for the train before it", report: null };
    },
    running: () => pending.size,
    interrupt: () => {
      draining = true;
      for (const { end } of pending.values()) end.abort();
    },
    abort: (rigId) => {
      for (const { request, end } of pending.values()) if (rigId === null || request.rigId === rigId) end.abort(HALTED);
    },
    liveOf: (rigId) => [...pending.values()].filter(({ request }) => rigId === null || request.rigId === rigId).length,
    endRig: async (rigId) => {
      for (const { request, end } of pending.values()) if (request.rigId === rigId) end.abort();
      // Those before it in the queue are over when its turn comes.
      await oneAtATime(rigId, async () => {});
    },
    whenIdle: async () => {
      await Promise.allSettled(underWay);
    },
  };
}

/** @param onReport called before the rig is told */
async function runOne(options: TrainsOptions, mine: Pending, onReport: (body: TrainReport) => void): Promise<void> {
  const { checker, log } = options;
  const { request, end } = mine;
  mine.begun = true;
  const context = contextOf(request, options, end.signal, (step) => {
    mine.step = step.slice(0, STEP_MAX_CHARS);
    mine.since_ms = Date.now();
  });
  const body = fitting(await runTrain(context, checker));
  log(`train ${request.trainId}: ${inWords(body)}`);
  onReport(body);
  report(options, request, body);
  // The rig has been told: nobody waits for the copy, but the next train of the rig comes after it.
  const receipts = [
    ...(body.earlier ?? []).map(({ pushed }) => pushed),
    ...(body.pushed === null ? [] : [body.pushed]),
  ];
  for (const pushed of receipts)
    await noteReceipt(context, pushed).catch((error: unknown) =>
      log(`train ${request.trainId}: its receipt is not among the notes of the remote: ${messageOf(error)}`),
    );
}

function report({ config, callbacks }: TrainsOptions, request: TrainRequest, body: TrainReport): void {
  const url = callbackUrlOf(request, config);
  if (url === null) return; // accept() refused such a request.
  const token = request.envVars?.["GASTOWN_SESSION_TOKEN"] ?? null;
  const fixed = request.callbackUrl ? { fixed: true as const } : {};
  callbacks.enqueue({ id: `train ${request.trainId}`, url, ...fixed, token, body });
}

/** With the time behind it 200, which is what the wire takes. */
const STEP_MAX_CHARS = 180;
const SECOND_MS = 1_000;

const stepOf = ({ step, since_ms }: Pending): string => `${step}, ${Math.floor((Date.now() - since_ms) / SECOND_MS)} s`;

function contextOf(
  request: TrainRequest,
  { config, checksIn }: Pick<TrainsOptions, "config" | "checksIn">,
  signal: AbortSignal,
  say: (step: string) => void,
): TrainContext {
  const envVars = request.envVars ?? {};
  const remote = parseRemote(request.gitUrl, envVars);
  const redact = redactorOf(secretsIn(envVars, remote.credentials ? [remote.credentials.token] : []));
  const who = request.gate.committer ?? TICKTOWN_IDENTITY;
  const folders = foldersOf(config.workDir, request.rigId);
  const git = createGit(config, who, redact, remote, request.place);
  const { ephemeral } = config;
  return { request, git, who, remote, folders, redact, ephemeral, checksIn, signal, say };
}

/** @throws Refusal when the repository's address, a name, the environment or the way back to the rig are no good */
async function checkRequest(request: TrainRequest, config: Config): Promise<void> {
  const { trainId, rigId, gitUrl, envVars = {}, ownVars, members, again, targetBranch } = request;
  if (!/^:\d+$/.test(trainId.slice(rigId.length)) || !trainId.startsWith(rigId))
    throw new Refusal(400, "train_id_refused", `trainId must be ${rigId}:<number>`);
  const refused = refusedName(envVars, ownVars);
  if (refused !== null) throw new Refusal(400, "environment_refused", refusalOf(refused));
  parseRemote(gitUrl, envVars);
  if (callbackUrlOf(request, config) === null)
    throw new Refusal(
      422,
      "callback_url_missing",
      "nobody could be told the result: set callbackUrl or GASTOWN_API_URL",
    );
  const git = createGit(config, TICKTOWN_IDENTITY, (text) => text);
  const branches = new Set([
    targetBranch,
    ...[...members, ...(again === null ? [] : [again])].map((one) => one.branch),
  ]);
  for (const branch of branches) await checkBranchName(git, path.parse(config.workDir).root, branch);
}

/** Where the result is told; null when the request and the settings name no address. */
function callbackUrlOf(request: TrainRequest, config: Config): string | null {
  if (request.callbackUrl) return request.callbackUrl;
  const apiUrl = request.envVars?.["GASTOWN_API_URL"] || config.apiUrl;
  return apiUrl ? trainUrl(apiUrl, request.rigId, request.trainId) : null;
}

function inWords({ pushed, left, runs, stopped }: TrainReport): string {
  const count = (verdict: string): number => runs.filter((run) => run.verdict === verdict).length;
  const said = [
    `${pushed?.members.length ?? 0} on the target`,
    ...(left.length === 0 ? [] : [`${left.length} left`]),
    ...(runs.length === 0 ? [] : [`${count("green")} of ${runs.length} runs green`]),
    ...(stopped === null ? [] : [`stopped (${stopped.code})`]),
  ];
  return said.join(", ");
}
