/** From a request that was found right to a process, and from its exit to the report. */
import { randomUUID } from "node:crypto";
import type { StartAgentRequest } from "../../src/wire/container.ts";
import type { OpenBox } from "../box/agent-box.ts";
import type { Config } from "../config.ts";
import { agentFoldersOf, foldersOf } from "../git/layout.ts";
import { readState, writeState } from "../git/state.ts";
import { type Log, messageOf } from "../log.ts";
import { type KeyedMutex, createKeyedMutex } from "../mutex.ts";
import { startTimeOf } from "../processes/groups.ts";
import { KILL_WAIT_MS } from "../limits.ts";
import { agentMarkOf, markedProcesses, sweepMarked } from "../processes/marks.ts";
import type { PidFiles } from "../processes/pidfiles.ts";
import { Refusal } from "../refusal.ts";
import type { Callbacks } from "../reports/callbacks.ts";
import type { AgentDoor } from "./door/door.ts";
import { startDriven } from "./driven/driven.ts";
import type { ConversationEnd } from "./drivers/conversation.ts";
import type { Runtime } from "./runtimes/runtime.ts";
import { type EndRun, type ReportEnd, askedToEnd } from "./ending.ts";
import { withSetAside } from "./environment.ts";
import { handInFor } from "./hand-in-for.ts";
import type { Halting } from "../halt.ts";
import { startHeartbeat } from "./heartbeats.ts";
import type { EventRing } from "./output.ts";
import type { Roster } from "./roster.ts";
import { ownHead } from "./own-head.ts";
import { type Run, exitReasonOf, isLive, noteLine, toolsOf, usedBy } from "./run.ts";
import { tailOf } from "./tail.ts";
import { type AgentProcess, type Exit, spawnAgent } from "./supervisor.ts";
import { type Workspace, keepCommits, leaveBehind, prepare, prepareSetup } from "./workspace.ts";

export interface LaunchOptions {
  readonly config: Config;
  /** The mark of the WORK_DIR, which all that is started carries. */
  readonly mark: string;
  readonly pidFiles: PidFiles;
  readonly repoMutex: KeyedMutex;
  readonly callbacks: Callbacks;
  /** Where coding agents reach their models and Ticktown's tools. */
  readonly door: AgentDoor;
  readonly log: Log;
  readonly roster: Roster;
  readonly endRun: EndRun;
  readonly report: ReportEnd;
  readonly halting: Halting;
  /** @throws Refusal 503 when this container takes no more work */
  readonly refuseWhileDraining: (rigId: string) => void;
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
    refuseWhileDraining(request.rigId);
    const newMark = await freshMarks(mark, run, ring);
    await prepareSetup(request, workspace, config, {
      mark: newMark(),
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
    refuseWhileDraining(request.rigId);
    if (askedToEnd(run)) throw new Refusal(409, "stopped", `${run.agentId} was stopped before its process was started`);

    const room = await workspace.box.open(randomUUID(), run.apiUrl);
    for (const message of room.notes) ring.append("box_warning", { message });
    noteBox(config, run, workspace.box.words);
    const launched: Launched = { request, run, workspace, ring, room, beat: { soon: () => {} } };
    const env = withSetAside(workspace.env, prepared.setAside);
    const running = await (
      workspace.runtime === null
        ? startPlain(options, launched, env, newMark())
        : startTalking(options, launched, env, newMark, workspace.runtime)
    ).catch(async (error: unknown) => {
      await room.close();
      throw error;
    });
    run.gone = untilReported(options, launched, running.gone);
    // Asked for while the process was being made, when there was nothing to signal yet.
    const ending = askedToEnd(run);
    if (ending !== null) endRun(run, ending, "SIGTERM");
  };
}

/** Kept with the clone: a receipt says what the work was made in, and not what is there when it is written. */
function noteBox({ workDir }: Config, { rigId, agentId }: Run, box: string): void {
  const { state: file } = agentFoldersOf(foldersOf(workDir, rigId), agentId);
  const state = readState(file);
  if (state !== null) writeState(file, { ...state, box });
}

/** How a run ended. `end`: how its conversation did; undefined where there was none. */
interface Gone {
  readonly exit: Exit;
  readonly end?: ConversationEnd | null;
}

interface Running {
  readonly gone: Promise<Gone>;
}

/** A plain command, run by sh. @throws Refusal spawn_failed */
async function startPlain(
  options: LaunchOptions,
  launched: Launched,
  env: Record<string, string>,
  mark: string,
): Promise<Running> {
  const { config } = options;
  const { run, ring, room, workspace } = launched;
  const process = await spawnAgent({
    command: workspace.command,
    argv: room.within(["sh", "-c", workspace.command]),
    cwd: workspace.worktree,
    env: room.env(env),
    mark,
    launcher: room.launcher,
    redact: workspace.redact,
    hasInput: config.agentInput === "messages",
    onLine: (stream, line) => noteLine(run, ring, stream, line),
  }).catch((error: unknown) => {
    throw new Refusal(422, "spawn_failed", `the operating system did not start the agent: ${messageOf(error)}`);
  });
  isRunning(options, launched, process);
  return { gone: process.gone.then((exit) => ({ exit })) };
}

/** A coding agent that is spoken with. @throws as startDriven */
function startTalking(
  options: LaunchOptions,
  launched: Launched,
  env: Record<string, string>,
  newMark: () => string,
  runtime: Runtime,
): Promise<Running> {
  const { config, callbacks, door } = options;
  const { request, run, workspace, ring, room, beat } = launched;
  run.runtime = runtime.name;
  const onProcess = (process: AgentProcess): void => {
    isRunning(options, launched, process);
    const ending = askedToEnd(run);
    if (ending !== null) process.stop("SIGTERM", config.stopGrace_ms);
  };
  const onChange = (): void => beat.soon();
  return startDriven({
    config,
    callbacks,
    door,
    request,
    run,
    workspace,
    room,
    runtime,
    ring,
    env,
    newMark,
    onProcess,
    onChange,
  });
}

function isRunning(options: LaunchOptions, { request, run, ring, room }: Launched, process: AgentProcess): void {
  run.process = process;
  run.status = "running";
  recordProcess(options, request.beadId, run, process);
  room.watch(process.pid, (why) => options.endRun(run, { reason: why, evict: false }, "SIGKILL"));
  ring.append("agent_started", { pid: process.pid, dispatchId: run.dispatchId });
}

/**
 * What an agent's processes are known by. Whatever of an earlier dispatch of this agent is still there, in whichever group or session, is
 * ended first. @returns a mark for one more process
 */
async function freshMarks(mark: string, { rigId, agentId }: Run, ring: EventRing): Promise<() => string> {
  const begin = agentMarkOf(mark, rigId, agentId);
  const left = markedProcesses(begin).length;
  if (left > 0) {
    ring.append("agent_leftovers", { processes: left });
    await sweepMarked(begin, Date.now() + KILL_WAIT_MS);
  }
  return () => `${begin}${randomUUID()}`;
}

function recordProcess(
  { pidFiles, log }: LaunchOptions,
  beadId: string | undefined,
  run: Run,
  process: AgentProcess,
): void {
  const { agentId, rigId, dispatchId, apiUrl, token } = run;
  try {
    pidFiles.write({
      agentId,
      rigId,
      dispatchId,
      ...(beadId === undefined ? {} : { beadId }),
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
  readonly workspace: Workspace;
  readonly ring: EventRing;
  /** Where its processes run. */
  readonly room: OpenBox;
  /** How its heartbeat is told to hurry. */
  readonly beat: { soon: () => void };
}

async function untilReported(
  { config, pidFiles, report, halting }: LaunchOptions,
  launched: Launched,
  running: Promise<Gone>,
): Promise<void> {
  const { request, run, workspace, ring, room, beat } = launched;
  let failures = 0;
  run.ownHead = () => ownHead(config, run.rigId, run.agentId);
  const heartbeat = startHeartbeat(run, config.heartbeat_ms, (error) => {
    failures += 1;
    if (failures === 1) ring.append("heartbeat_failed", { error: workspace.redact(messageOf(error)) });
  });
  beat.soon = heartbeat.soon;
  const { exit, end } = await running;
  // Ended by whoever stops everything, and nobody asked here.
  if (halting.isHalted(run.rigId)) run.ending ??= { reason: "evicted", evict: true };
  await heartbeat.last();
  run.ownHead = null; // From here on the clone may be another dispatch's.
  // Once its work is taken, nothing that comes after says anything of it: not a limit in its last words, nor that it was stopped.
  run.ended = run.handedIn ? null : end;
  if (workspace.runtime === null && config.handsIn === "at_exit" && exit.code === 0)
    await handInFor(run, request.branch, ring, workspace.redact);
  heartbeat.end();
  await keepCommits(request, workspace, config).catch((error: unknown) =>
    ring.append("git_warning", { message: `the commits are in the agent's clone alone: ${messageOf(error)}` }),
  );
  const setAside = await leaveBehind(request, workspace, config);
  const hits = await room.close();
  const reason = noteExit(launched, exit, { failures, hits });
  const resetAt = run.ending === null ? (run.ended?.until ?? run.stated?.resetAt) : null;
  report(run, {
    status: isWell(run, exit) && !run.ending?.evict ? "completed" : "failed",
    reason,
    ...(request.beadId === undefined ? {} : { bead_id: request.beadId }),
    tail: tailOf(ring),
    ...(resetAt ? { reset_at: resetAt } : {}),
    ...(setAside.length === 0 ? {} : { set_aside: setAside }),
    ...(run.ended && run.ending === null ? { ending: run.ended.kind } : {}),
    ...(run.runtime === null ? {} : { runtime: run.runtime }),
    ...usedBy(run),
    ...toolsOf(run, request, workspace.redact),
    ...(run.limited === null || run.ending !== null ? {} : { limited: run.limited }),
  });
  // Only now: a crash in between reports twice, the other order would not report at all.
  pidFiles.remove(run.agentId);
}

/** A program that is spoken with is ended by us when its work is handed in: its exit code says nothing then. */
const isWell = ({ ended }: Run, exit: Exit): boolean => (ended === undefined ? exit.code === 0 : ended === null);

interface Noted {
  /** Heartbeats that did not get through. */
  readonly failures: number;
  /** What its box was kept from. */
  readonly hits: readonly string[];
}

function noteExit({ run, workspace, ring }: Launched, exit: Exit, { failures, hits }: Noted): string {
  const kept = hits.length === 0 ? "" : ` (${hits.join("; ")})`;
  const reason = `${workspace.redact(exitReasonOf(run, exit))}${kept}`;
  run.exitReason = reason;
  run.status = isWell(run, exit) ? "exited" : "failed";
  run.activeTools.clear();
  ring.append("agent_exited", {
    reason,
    code: exit.code,
    signal: exit.signal,
    failed_heartbeats: failures,
  });
  return reason;
}
