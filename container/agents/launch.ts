/** From a request that was found right to a process, and from its exit to the report. */
import { randomUUID } from "node:crypto";
import type { StartAgentRequest } from "../../src/wire/container.ts";
import type { Config } from "../config.ts";
import { type Log, messageOf } from "../log.ts";
import { type KeyedMutex, createKeyedMutex } from "../mutex.ts";
import { startTimeOf } from "../processes/groups.ts";
import { markOf } from "../processes/marks.ts";
import type { PidFiles } from "../processes/pidfiles.ts";
import { Refusal } from "../refusal.ts";
import type { AgentDoor } from "./door/door.ts";
import { type EndRun, type ReportEnd, askedToEnd } from "./ending.ts";
import { withSetAside } from "./environment.ts";
import { handInFor } from "./hand-in-for.ts";
import { startHeartbeat } from "./heartbeats.ts";
import type { EventRing } from "./output.ts";
import type { Roster } from "./roster.ts";
import { type Run, exitReasonOf, isLive, noteLine } from "./run.ts";
import { tailOf } from "./tail.ts";
import { type AgentProcess, type Exit, spawnAgent } from "./supervisor.ts";
import { type Workspace, keepCommits, leaveBehind, prepare, prepareSetup } from "./workspace.ts";

export interface LaunchOptions {
  readonly config: Config;
  /** The mark of the WORK_DIR, which all that is started carries. */
  readonly mark: string;
  readonly pidFiles: PidFiles;
  readonly repoMutex: KeyedMutex;
  readonly log: Log;
  readonly roster: Roster;
  readonly endRun: EndRun;
  readonly report: ReportEnd;
  /** @throws Refusal 503 when this container takes no more work */
  readonly refuseWhileDraining: () => void;
  /** Where agents reach their models and Ticktown's tools. */
  readonly door: AgentDoor;
}

/** Makes the worktree and starts the agent in it. @throws Refusal, git's failure or the system's: then nothing runs */
export type Launch = (request: StartAgentRequest, run: Run, workspace: Workspace) => Promise<void>;

export function createLaunch(options: LaunchOptions): Launch {
  const { config, mark, repoMutex, roster, endRun, refuseWhileDraining } = options;
  const setupMutex = createKeyedMutex();

  return async (request, run, workspace) => {
    const { ring } = roster.remember(run);
    ring.append("agent_starting", { dispatchId: run.dispatchId, branch: request.branch });
    const warn = (message: string): void => ring.append("git_warning", { message });
    const prepared = await prepare(request, workspace, config, repoMutex, (id) => isLive(roster.get(id)?.run), warn);
    run.setAside = prepared.setAside;
    refuseWhileDraining();
    await prepareSetup(request, workspace, config, {
      mark: markOf(mark, randomUUID()),
      mayCache: prepared.isPristine,
      oneAtATime: setupMutex,
      onLine: (stream, { text }) => {
        run.lastActivityAt_ms = Date.now();
        ring.append("output", { stream, line: text, setup: true });
      },
      say: (message) => ring.append("setup", { message }),
      onProcess: (stop) => (run.stopSetup = stop),
      isStopped: () => askedToEnd(run) !== null,
    });
    refuseWhileDraining();
    if (askedToEnd(run)) throw new Refusal(409, "stopped", `${run.agentId} was stopped before its process was started`);

    const process = await spawnAgent({
      command: workspace.command,
      cwd: workspace.worktree,
      env: withSetAside(workspace.env, prepared.setAside),
      mark: markOf(mark, randomUUID()),
      redact: workspace.redact,
      hasInput: config.agentInput === "messages",
      onLine: (stream, line) => noteLine(run, ring, stream, line),
    }).catch((error: unknown) => {
      throw new Refusal(422, "spawn_failed", `the operating system did not start the agent: ${messageOf(error)}`);
    });
    run.process = process;
    run.status = "running";
    recordProcess(options, run, process);
    ring.append("agent_started", { pid: process.pid, dispatchId: run.dispatchId });
    run.gone = untilReported(options, { request, run, process, workspace, ring });
    // Asked for while the process was being made, when there was nothing to signal yet.
    const ending = askedToEnd(run);
    if (ending !== null) endRun(run, ending, "SIGTERM");
  };
}

function recordProcess({ pidFiles, log }: LaunchOptions, run: Run, process: AgentProcess): void {
  const { agentId, rigId, dispatchId, apiUrl, token } = run;
  try {
    pidFiles.write({
      agentId,
      rigId,
      dispatchId,
      apiUrl,
      token,
      pid: process.pid,
      startTime: startTimeOf(process.pid),
      startedAt_ms: run.startedAt_ms,
    });
  } catch (error) {
    log(
      `agent ${agentId} could not be recorded, so after a crash of this server it is ended without a report: ${messageOf(error)}`,
    );
  }
}

interface Launched {
  readonly request: StartAgentRequest;
  readonly run: Run;
  readonly process: AgentProcess;
  readonly workspace: Workspace;
  readonly ring: EventRing;
}

async function untilReported({ config, pidFiles, report }: LaunchOptions, launched: Launched): Promise<void> {
  const { request, run, process, workspace, ring } = launched;
  let failures = 0;
  const stopHeartbeat = startHeartbeat(run, config.heartbeat_ms, (error) => {
    failures += 1;
    if (failures === 1) ring.append("heartbeat_failed", { error: workspace.redact(messageOf(error)) });
  });
  const exit = await process.gone;
  if (config.handsIn === "at_exit" && exit.code === 0) await handInFor(run, request.branch, ring, workspace.redact);
  stopHeartbeat();
  await keepCommits(request, workspace, config).catch((error: unknown) =>
    ring.append("git_warning", { message: `the commits are in the agent's clone alone: ${messageOf(error)}` }),
  );
  const setAside = await leaveBehind(request, workspace, config);
  const reason = noteExit(launched, exit, failures);
  const completed = exit.code === 0 && !run.ending?.evict;
  const resetAt = run.ending === null ? run.stated?.resetAt : null;
  report(run, {
    status: completed ? "completed" : "failed",
    reason,
    ...(request.beadId === undefined ? {} : { bead_id: request.beadId }),
    tail: tailOf(ring),
    ...(resetAt ? { reset_at: resetAt } : {}),
    ...(setAside.length === 0 ? {} : { set_aside: setAside }),
  });
  // Only now: a crash in between reports twice, the other order would not report at all.
  pidFiles.remove(run.agentId);
}

function noteExit({ run, workspace, ring }: Launched, exit: Exit, failedHeartbeats: number): string {
  const reason = workspace.redact(exitReasonOf(run, exit));
  run.exitReason = reason;
  run.status = exit.code === 0 ? "exited" : "failed";
  run.activeTools.clear();
  ring.append("agent_exited", {
    reason,
    code: exit.code,
    signal: exit.signal,
    failed_heartbeats: failedHeartbeats,
  });
  return reason;
}
