/** A start, from the request to its answer: one at a time per agent, and the newest dispatch is the one that runs. */
import { setTimeout as sleep } from "node:timers/promises";
import { type AgentStatus, type StartAgentRequest, isOfPlace } from "../../src/wire/container.ts";
import type { AgentBoxes } from "../box/boxes.ts";
import type { Config } from "../config.ts";
import { GitFailure } from "../git/git.ts";
import { PLACE_RETRY_MS, REASON_MAX_CHARS, RUNNING_AGENTS_MAX } from "../limits.ts";
import { type Log, messageOf } from "../log.ts";
import { createKeyedMutex } from "../mutex.ts";
import { refuseWhenFull } from "../place/disk.ts";
import { Refusal } from "../refusal.ts";
import { judgeStart } from "./dispatch.ts";
import type { EndRun, ReportEnd } from "./ending.ts";
import type { Launch } from "./launch.ts";
import type { Roster } from "./roster.ts";
import { type Run, isLive, newRun, statusOf, wasSpawned } from "./run.ts";
import { checkStart } from "./workspace.ts";

export interface StartResult {
  /** false: this dispatch was started before, and this is what became of it. */
  readonly created: boolean;
  readonly status: AgentStatus;
}

export interface StartOptions {
  readonly config: Config;
  readonly log: Log;
  readonly roster: Roster;
  readonly launch: Launch;
  readonly endRun: EndRun;
  readonly report: ReportEnd;
  /** What agents are kept in. */
  readonly agentBoxes: AgentBoxes;
  readonly refuseWhileDraining: (rigId: string) => void;
  /** How long a start may keep its caller waiting. */
  readonly startAnswer_ms: number;
  readonly freeBytes: () => number;
}

export interface Starts {
  /** @throws Refusal with the known reason why nothing runs because of this request */
  readonly start: (request: StartAgentRequest) => Promise<StartResult>;
  /** Settles when every start under way has its outcome. */
  readonly settled: () => Promise<unknown>;
}

/** Whether its caller has gone with the answer `starting`. */
interface Answered {
  late: boolean;
}

export function createStarts(options: StartOptions): Starts {
  const { config, roster, refuseWhileDraining, startAnswer_ms } = options;
  const perAgent = createKeyedMutex();
  const underWay = new Set<Promise<StartResult>>();

  return {
    start: async (request) => {
      refuseWhileDraining(request.rigId);
      const answered: Answered = { late: false };
      const work = perAgent(request.agentId, () => startInTurn(options, request, answered));
      underWay.add(work);
      work.catch(() => {}).finally(() => underWay.delete(work)); // A failure after the answer is reported by startInTurn.
      const timeout = new AbortController();
      const late = sleep(startAnswer_ms, null, { signal: timeout.signal }).catch(() => null);
      try {
        const result = await Promise.race([work, late]);
        if (result !== null) return result;
        answered.late = true;
        const run = roster.get(request.agentId)?.run;
        const mine = run?.dispatchId === (request.dispatchId ?? null) ? run : newRun(request, config);
        return { created: true, status: statusOf(mine) };
      } finally {
        timeout.abort();
      }
    },
    settled: () => Promise.allSettled(underWay),
  };
}

async function startInTurn(
  options: StartOptions,
  request: StartAgentRequest,
  answered: Readonly<Answered>,
): Promise<StartResult> {
  const { config, roster, launch, endRun } = options;
  const { agentId, dispatchId = null } = request;
  const last = roster.get(agentId)?.run;
  const before = startedBefore(request, last);
  if (before !== null) return { created: false, status: statusOf(before) };
  const run = newRun(request, config);
  try {
    const workspace = await checkStart(request, config, options.agentBoxes);
    refuseWhenFull(options.freeBytes(), config.minFree_bytes);
    if (isLive(last)) {
      endRun(last, { reason: `replaced by ${dispatchId ?? "a new start"}`, evict: false }, "SIGTERM");
      await last.gone;
    }
    if (roster.live().length >= RUNNING_AGENTS_MAX) {
      throw new Refusal(
        429,
        "too_many_agents",
        `${RUNNING_AGENTS_MAX} agents are running in this container, which is its limit`,
      );
    }
    await launch(request, run, workspace);
    return { created: true, status: statusOf(run) };
  } catch (error) {
    throw noteFailure(options, run, error, answered);
  }
}

/** The run of this very dispatch, when it was started already. @throws Refusal 409 when the request is not the agent's newest */
function startedBefore(request: StartAgentRequest, last: Run | undefined): Run | null {
  const { agentId, rigId, dispatchId = null } = request;
  if (isLive(last) && last.rigId !== rigId) {
    throw new Refusal(
      409,
      "agent_of_another_rig",
      `${agentId} is running for the rig ${last.rigId}; agent ids must be unique in a town`,
    );
  }
  const comparable = last !== undefined && last.rigId === rigId ? last : null;
  const verdict = judgeStart(
    agentId,
    dispatchId,
    comparable && { dispatchId: comparable.dispatchId, live: isLive(comparable), spawned: wasSpawned(comparable) },
  );
  if (verdict === "older") {
    throw new Refusal(
      409,
      "older_dispatch",
      `${agentId} was already started with ${comparable?.dispatchId}, which is newer than ${dispatchId}`,
    );
  }
  return verdict === "same" ? comparable : null;
}

function noteFailure({ roster, report, log }: StartOptions, run: Run, error: unknown, answered: Answered): Refusal {
  const refusal = asRefusal(error);
  run.status = "failed";
  run.exitReason = `${refusal.code}: ${refusal.message}`.slice(0, REASON_MAX_CHARS);
  roster.get(run.agentId)?.ring.append("start_failed", { code: refusal.code, error: refusal.message });
  log(`agent ${run.agentId} not started (${refusal.code}): ${refusal.message}`);
  // The caller was told `starting` and has gone: the rig learns it as it learns of an exit.
  if (answered.late)
    report(run, {
      status: "failed",
      reason: run.ending?.reason ?? run.exitReason,
      ...(isOfPlace(refusal.code) ? { reset_at: new Date(Date.now() + PLACE_RETRY_MS).toISOString() } : {}),
    });
  return refusal;
}

/** Everything that fails before there is a process is a known outcome, whatever it was. */
function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal(422, error instanceof GitFailure ? "git_failed" : "prepare_failed", messageOf(error));
}
