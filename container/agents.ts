/** The agents of this container: at most one process each, and the newest dispatch is the one that runs. */
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { AgentEvent, AgentStatus, CompletedReport, MessageRequest, StartAgentRequest, StopRequest } from "../src/container/contract.ts";
import type { Callbacks } from "./callbacks.ts";
import type { Config } from "./config.ts";
import { judgeStart } from "./dispatch.ts";
import { GitFailure } from "./git.ts";
import { startTimeOf } from "./groups.ts";
import { startHeartbeat } from "./heartbeats.ts";
import { KNOWN_AGENTS_MAX, REASON_MAX_CHARS, RUNNING_AGENTS_MAX } from "./limits.ts";
import { type Log, messageOf } from "./log.ts";
import { type KeyedMutex, createKeyedMutex } from "./mutex.ts";
import { type EventRing, createEventRing } from "./output.ts";
import type { PidFiles } from "./pidfiles.ts";
import { Refusal } from "./refusal.ts";
import { agentUrl } from "./rig-api.ts";
import { type Ending, type Run, exitReasonOf, isLive, lostRun, newRun, noteLine, statusOf, wasSpawned } from "./run.ts";
import { type AgentProcess, spawnAgent } from "./supervisor.ts";
import { type Workspace, checkStart, keepWork, prepare } from "./workspace.ts";

export interface StartResult {
  /** false: this dispatch was started before, and this is what became of it. */
  readonly created: boolean;
  readonly status: AgentStatus;
}

export interface Agents {
  /** @throws Refusal with the known reason why nothing runs because of this request */
  readonly start: (request: StartAgentRequest) => Promise<StartResult>;
  /** Answers once signalled. @returns false when a newer dispatch runs, which is left alone @throws Refusal 404 */
  readonly stop: (agentId: string, request: StopRequest) => boolean;
  /** @throws Refusal 404 unknown or not running, 409 still starting, 429 the agent does not read */
  readonly message: (agentId: string, request: MessageRequest) => void;
  /** @throws Refusal 404 */
  readonly status: (agentId: string) => AgentStatus;
  readonly statuses: () => AgentStatus[];
  readonly events: (agentId: string, after: number) => AgentEvent[];
  readonly ring: (agentId: string) => EventRing | null;
  readonly counts: () => { readonly live: number; readonly processes: number };
  /** Ends what an earlier control server left and tells the rig. @returns how many dispatches that were */
  readonly recover: () => Promise<number>;
  /** Refuses new starts, hands all work back and waits until every process is gone. */
  readonly evictAll: () => Promise<void>;
  /** The last resort on the way out: no grace, no report. */
  readonly killAll: () => void;
}

export interface AgentsOptions {
  readonly config: Config;
  readonly callbacks: Callbacks;
  readonly pidFiles: PidFiles;
  readonly repoMutex: KeyedMutex;
  readonly log: Log;
  /** How long a start may keep its caller waiting. */
  readonly startAnswer_ms: number;
}

interface Agent {
  readonly ring: EventRing;
  run: Run;
}

export function createAgents(options: AgentsOptions): Agents {
  const { config, callbacks, pidFiles, repoMutex, log, startAnswer_ms } = options;
  const agents = new Map<string, Agent>();
  const perAgent = createKeyedMutex();
  const starting = new Set<Promise<StartResult>>();
  let draining = false;

  const live = (): Run[] => [...agents.values()].flatMap(({ run }) => (isLive(run) ? [run] : []));

  function known(agentId: string): Agent {
    const agent = agents.get(agentId);
    if (agent === undefined) throw new Refusal(404, "unknown_agent", `this container does not know the agent ${agentId}`);
    return agent;
  }

  function remember(run: Run): Agent {
    const agent = { ring: agents.get(run.agentId)?.ring ?? createEventRing(), run };
    agents.delete(run.agentId); // Back to the end: the map is in order of the last start.
    agents.set(run.agentId, agent);
    if (agents.size > KNOWN_AGENTS_MAX) {
      const oldest = [...agents].find(([, { run }]) => !isLive(run));
      if (oldest) agents.delete(oldest[0]);
    }
    return agent;
  }

  function refuseWhileDraining(): void {
    if (draining) throw new Refusal(503, "draining", "this container is shutting down; start the agent in the next one");
  }

  async function start(request: StartAgentRequest): Promise<StartResult> {
    refuseWhileDraining();
    const answered = { late: false };
    const work = perAgent(request.agentId, () => startInTurn(request, answered));
    starting.add(work);
    work.catch(() => {}).finally(() => starting.delete(work)); // A failure after the answer is reported by startInTurn.
    const timeout = new AbortController();
    const late = sleep(startAnswer_ms, null, { signal: timeout.signal }).catch(() => null);
    try {
      const result = await Promise.race([work, late]);
      if (result !== null) return result;
      answered.late = true;
      const run = agents.get(request.agentId)?.run;
      const mine = run !== undefined && run.dispatchId === (request.dispatchId ?? null) ? run : newRun(request, config);
      return { created: true, status: statusOf(mine) };
    } finally {
      timeout.abort();
    }
  }

  async function startInTurn(request: StartAgentRequest, answered: { readonly late: boolean }): Promise<StartResult> {
    const { agentId, rigId, dispatchId = null } = request;
    const last = agents.get(agentId)?.run;
    if (isLive(last) && last.rigId !== rigId) {
      throw new Refusal(409, "agent_of_another_rig", `${agentId} is running for the rig ${last.rigId}; agent ids must be unique in a town`);
    }
    const comparable = last !== undefined && last.rigId === rigId ? last : null;
    const verdict = judgeStart(
      agentId,
      dispatchId,
      comparable && { dispatchId: comparable.dispatchId, live: isLive(comparable), spawned: wasSpawned(comparable) },
    );
    if (verdict === "same" && comparable) return { created: false, status: statusOf(comparable) };
    if (verdict === "older") {
      throw new Refusal(409, "older_dispatch", `${agentId} was already started with ${comparable?.dispatchId}, which is newer than ${dispatchId}`);
    }
    const run = newRun(request, config);
    try {
      const workspace = await checkStart(request, config);
      if (isLive(last)) await replace(last, dispatchId);
      if (live().length >= RUNNING_AGENTS_MAX) {
        throw new Refusal(429, "too_many_agents", `${RUNNING_AGENTS_MAX} agents are running in this container, which is its limit`);
      }
      await launch(request, run, workspace);
      return { created: true, status: statusOf(run) };
    } catch (error) {
      const refusal = asRefusal(error);
      run.status = "failed";
      run.exitReason = `${refusal.code}: ${refusal.message}`.slice(0, REASON_MAX_CHARS);
      agents.get(agentId)?.ring.append("start_failed", { code: refusal.code, error: refusal.message });
      log(`agent ${agentId} not started (${refusal.code}): ${refusal.message}`);
      // The caller was told `starting` and has gone: the rig learns it as it learns of an exit.
      if (answered.late) report(run, { status: "failed", reason: run.ending?.reason ?? run.exitReason });
      throw refusal;
    }
  }

  async function replace(last: Run, by: string | null): Promise<void> {
    end(last, { reason: `replaced by ${by ?? "a new start"}`, evict: false }, "SIGTERM");
    await last.gone;
  }

  async function launch(request: StartAgentRequest, run: Run, workspace: Workspace): Promise<void> {
    const { ring } = remember(run);
    ring.append("agent_starting", { dispatchId: run.dispatchId, branch: request.branch });
    const warn = (message: string): void => ring.append("git_warning", { message });
    await prepare(request, workspace, config, repoMutex, (id) => isLive(agents.get(id)?.run), warn);
    refuseWhileDraining();
    if (askedToEnd(run)) throw new Refusal(409, "stopped", `${run.agentId} was stopped before its process was started`);

    const process = await spawnAgent({
      command: workspace.command,
      cwd: workspace.worktree,
      env: workspace.env,
      redact: workspace.redact,
      onLine: (stream, line) => noteLine(run, ring, stream, line),
    }).catch((error: unknown) => {
      throw new Refusal(422, "spawn_failed", `the operating system did not start the agent: ${messageOf(error)}`);
    });
    run.process = process;
    run.status = "running";
    recordProcess(run, process);
    ring.append("agent_started", { pid: process.pid, dispatchId: run.dispatchId });
    run.gone = untilReported(request, run, process, workspace, ring);
    // Asked for while the process was being made, when there was nothing to signal yet.
    const ending = askedToEnd(run);
    if (ending !== null) end(run, ending, "SIGTERM");
  }

  function recordProcess(run: Run, process: AgentProcess): void {
    const { agentId, rigId, dispatchId, apiUrl, token } = run;
    try {
      pidFiles.write({ agentId, rigId, dispatchId, apiUrl, token, pid: process.pid, startTime: startTimeOf(process.pid), startedAt_ms: run.startedAt_ms });
    } catch (error) {
      log(`agent ${agentId} could not be recorded, so a crash of this server would leave it running: ${messageOf(error)}`);
    }
  }

  async function untilReported(request: StartAgentRequest, run: Run, process: AgentProcess, workspace: Workspace, ring: EventRing): Promise<void> {
    let failures = 0;
    const stopHeartbeat = startHeartbeat(run, config.heartbeat_ms, (error) => {
      failures += 1;
      if (failures === 1) ring.append("heartbeat_failed", { error: workspace.redact(messageOf(error)) });
    });
    const exit = await process.gone;
    stopHeartbeat();
    if (run.ending?.evict) {
      await keepWork(run, request.name, workspace, repoMutex).then(
        (branch) => branch !== null && ring.append("work_kept", { branch }),
        (error: unknown) => ring.append("git_warning", { message: `uncommitted work stays in the worktree: ${messageOf(error)}` }),
      );
    }
    run.exitReason = workspace.redact(exitReasonOf(run, exit));
    run.status = exit.code === 0 ? "exited" : "failed";
    run.activeTools.clear();
    ring.append("agent_exited", { reason: run.exitReason, code: exit.code, signal: exit.signal, failed_heartbeats: failures });
    const completed = exit.code === 0 && !run.ending?.evict;
    const resetAt = run.ending === null ? run.stated?.resetAt : null;
    report(run, { status: completed ? "completed" : "failed", reason: run.exitReason, ...(resetAt ? { reset_at: resetAt } : {}) });
    // Only now: a crash in between reports twice, the other order would not report at all.
    pidFiles.remove(run.agentId);
  }

  function report(run: Run, body: CompletedReport): void {
    if (run.apiUrl === null) {
      log(`agent ${run.agentId}: ${body.reason}; nobody to tell, GASTOWN_API_URL is not set`);
      return;
    }
    callbacks.enqueue({
      id: `completed ${run.rigId} ${run.dispatchId ?? `${run.agentId} ${randomUUID()}`}`,
      url: agentUrl(run.apiUrl, run.rigId, run.agentId, "completed"),
      token: run.token,
      body: run.dispatchId === null ? body : { ...body, dispatch_id: run.dispatchId },
    });
  }

  /** The first reason stays, except that an eviction is never downgraded to a mere stop. */
  function end(run: Run, ending: Ending, signal: NodeJS.Signals): void {
    if (run.ending === null || (ending.evict && !run.ending.evict)) run.ending = ending;
    if (run.process === null) return; // launch() looks at `ending` before and after the spawn.
    if (run.status === "running") {
      run.status = "stopping";
      agents.get(run.agentId)?.ring.append("agent_stopping", { reason: ending.reason, signal });
    }
    run.process.stop(signal, config.stopGrace_ms);
  }

  return {
    start,
    stop: (agentId, { signal = "SIGTERM", dispatchId, evict = false }) => {
      const { run } = known(agentId);
      if (dispatchId !== undefined && judgeStart(agentId, dispatchId, { dispatchId: run.dispatchId, live: true, spawned: true }) === "older") {
        return false;
      }
      if (isLive(run)) end(run, { reason: evict ? "evicted" : "stopped", evict }, signal);
      return true;
    },
    message: (agentId, { prompt }) => {
      const { run, ring } = known(agentId);
      if (run.status === "starting") throw new Refusal(409, "starting", `${agentId} has no process yet; send the message again in a moment`);
      if (run.status !== "running" || run.process === null) throw new Refusal(404, "not_running", `${agentId} is not running (${run.exitReason ?? run.status})`);
      if (!run.process.send(JSON.stringify({ type: "message", prompt }))) {
        throw new Refusal(429, "stdin_full", `${agentId} does not read its stdin; the message was not delivered`);
      }
      run.messageCount += 1;
      ring.append("message_sent", { count: run.messageCount });
    },
    status: (agentId) => statusOf(known(agentId).run),
    statuses: () => [...agents.values()].map(({ run }) => statusOf(run)),
    events: (agentId, after) => agents.get(agentId)?.ring.since(after) ?? [],
    ring: (agentId) => agents.get(agentId)?.ring ?? null,
    counts: () => ({ live: live().length, processes: live().filter((run) => run.process !== null).length }),
    recover: async () => {
      const records = await pidFiles.reap();
      for (const record of records) {
        const run = lostRun(record);
        remember(run).ring.append("agent_exited", { reason: run.exitReason, code: null, signal: null });
        report(run, { status: "failed", reason: "container restarted" });
        pidFiles.remove(record.agentId);
      }
      return records.length;
    },
    evictAll: async () => {
      draining = true;
      const all = live();
      for (const run of all) end(run, { reason: "evicted", evict: true }, "SIGTERM");
      // A start under way sees the end coming at its next step; git may take longer than we have.
      await Promise.race([Promise.allSettled(starting), sleep(config.stopGrace_ms, undefined, { ref: false })]);
      await Promise.allSettled([...all, ...live()].map((run) => run.gone));
    },
    killAll: () => {
      for (const run of live()) run.process?.stop("SIGKILL", 0);
    },
  };
}

/** Read through a function, because it changes while others have the turn. */
function askedToEnd(run: Run): Ending | null {
  return run.ending;
}

/** Everything that fails before there is a process is a known outcome, whatever it was. */
function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal(422, error instanceof GitFailure ? "git_failed" : "prepare_failed", messageOf(error));
}
