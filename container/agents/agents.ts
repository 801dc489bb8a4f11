/** The agents of this container: at most one process each, and the newest dispatch is the one that runs. */
import { setTimeout as sleep } from "node:timers/promises";
import type {
  AgentEvent,
  AgentStatus,
  AnswerRequest,
  MessageRequest,
  StartAgentRequest,
  StopRequest,
} from "../../src/wire/container.ts";
import type { AgentBoxes } from "../box/boxes.ts";
import type { Config } from "../config.ts";
import type { Halting } from "../halt.ts";
import { LAST_TURN_MS } from "../limits.ts";
import type { Log } from "../log.ts";
import type { KeyedMutex } from "../mutex.ts";
import type { ProcessRecord, PidFiles } from "../processes/pidfiles.ts";
import { Refusal } from "../refusal.ts";
import type { Apis } from "../reports/apis.ts";
import type { Callbacks } from "../reports/callbacks.ts";
import { judgeStart } from "./dispatch.ts";
import type { AgentDoor } from "./door/door.ts";
import { type EndRun, type ReportEnd, createEndRun, createReportEnd } from "./ending.ts";
import { createLaunch } from "./launch.ts";
import type { EventRing } from "./output.ts";
import { type KnownAgent, type Roster, createRoster } from "./roster.ts";
import { LOST_REASON, type Run, isLive, lostRun, statusOf } from "./run.ts";
import { type StartResult, createStarts } from "./start.ts";

export interface Agents {
  /** @throws Refusal with the known reason why nothing runs because of this request */
  readonly start: (request: StartAgentRequest) => Promise<StartResult>;
  /** Answers once signalled. @returns false when a newer dispatch runs, which is left alone @throws Refusal 404 */
  readonly stop: (agentId: string, request: StopRequest) => boolean;
  /** @returns false when it is kept until its turn is over @throws Refusal 404 unknown or not running, 409 still starting, 422 it reads no messages, 429 it does not read them */
  readonly message: (agentId: string, request: MessageRequest) => boolean;
  /** What was decided of an ask. @throws Refusal 404 nobody_waits */
  readonly answer: (agentId: string, request: AnswerRequest) => void;
  /** Somebody has said done for this dispatch. */
  readonly noteHandIn: (agentId: string, dispatchId: string) => void;
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
  /** Ends all agents of a rig that is no more; resolves when their processes are gone. */
  readonly endRig: (rigId: string) => Promise<void>;
  /** Signals whatever runs of a rig, or of all; what is asked to end does not get the whole grace: who asks comes again with SIGKILL. */
  readonly halt: (rigId: string | null, signal: "SIGTERM" | "SIGKILL") => void;
  /** Agents of a rig, or of all, that have a process or are being started. */
  readonly liveOf: (rigId: string | null) => number;
  /** Runs of a rig that have a process or are being started; and agents of it that are remembered without one. */
  readonly runsOf: (rigId: string) => readonly Pick<Run, "agentId" | "dispatchId" | "status">[];
  /** Ends a run that is exactly this one, and hands its work back. @returns whether there was one */
  readonly endStray: (rigId: string, agentId: string, dispatchId: string | null) => boolean;
  /** The last resort on the way out: no grace, no report. */
  readonly killAll: () => void;
}

export interface AgentsOptions {
  readonly config: Config;
  /** Where rigs' APIs are now. */
  readonly apis: Pick<Apis, "of" | "onMoved">;
  readonly callbacks: Callbacks;
  /** The mark of the WORK_DIR, which all that is started carries. */
  readonly mark: string;
  readonly pidFiles: PidFiles;
  /** What agents are kept in. */
  readonly agentBoxes: AgentBoxes;
  readonly repoMutex: KeyedMutex;
  readonly log: Log;
  /** How long a start may keep its caller waiting. */
  readonly startAnswer_ms: number;
  /** Bytes that are free where the clones are. */
  readonly freeBytes: () => number;
  /** Where agents reach their models and Ticktown's tools. */
  readonly door: AgentDoor;
  /** Whether everything is being stopped. */
  readonly halting: Halting;
}

/** Whose work a process was that its server has lost; records of earlier versions do not say. */
const workOf = ({ beadId }: ProcessRecord): { bead_id?: string } => (beadId === undefined ? {} : { bead_id: beadId });

export function createAgents(options: AgentsOptions): Agents {
  const { config, callbacks, pidFiles, log } = options;
  const roster = createRoster();
  const endRun = createEndRun(roster, config.stopGrace_ms);
  const report = createReportEnd(callbacks, log);
  followApis(options, roster);
  let draining = false;
  const refuseWhileDraining = (rigId: string): void => {
    options.halting.refuse(rigId);
    if (draining)
      throw new Refusal(503, "draining", "this container is shutting down; start the agent in the next one");
  };
  const launch = createLaunch({ ...options, roster, endRun, report, refuseWhileDraining });
  const starts = createStarts({ ...options, roster, launch, endRun, report, refuseWhileDraining });
  return {
    start: starts.start,
    stop: (agentId, request) => stopRun(roster.known(agentId).run, request, endRun),
    noteHandIn: (agentId, dispatchId) => {
      const run = roster.get(agentId)?.run;
      if (run !== undefined && run.dispatchId === dispatchId) run.saidDone = true;
    },
    message: (agentId, request) => sendMessage(roster.known(agentId), request),
    answer: (agentId, request) => answerAsk(roster.known(agentId), request),
    status: (agentId) => statusOf(roster.known(agentId).run),
    statuses: () => roster.runs().map(statusOf),
    events: (agentId, after) => roster.get(agentId)?.ring.since(after) ?? [],
    ring: (agentId) => roster.get(agentId)?.ring ?? null,
    counts: () => countsOf(roster.live()),
    recover: async () => {
      const records = await pidFiles.reap();
      for (const record of records) {
        tellLost(record, { ...options, roster, report });
        pidFiles.remove(record.agentId);
      }
      return records.length;
    },
    evictAll: async () => {
      draining = true;
      const all = roster.live();
      for (const run of all) endRun(run, { reason: "evicted", evict: true }, "SIGTERM");
      // A start under way sees the end coming at its next step; git may take longer than we have.
      await Promise.race([starts.settled(), sleep(config.stopGrace_ms, undefined, { ref: false })]);
      await Promise.allSettled([...all, ...roster.live()].map((run) => run.gone));
    },
    endRig: async (rigId) => {
      const all = ofRig(roster.live(), rigId);
      for (const run of all) endRun(run, { reason: "its rig was deleted", evict: false }, "SIGTERM");
      await Promise.allSettled(all.map((run) => run.gone));
    },
    halt: (rigId, signal) => {
      for (const run of ofRig(roster.live(), rigId)) {
        endRun(run, { reason: "evicted", evict: true }, signal);
        if (signal === "SIGKILL") run.process?.stop(signal, 0);
      }
    },
    liveOf: (rigId) => ofRig(roster.live(), rigId).length,
    runsOf: (rigId) => ofRig(roster.runs(), rigId),
    endStray: (rigId, agentId, dispatchId) => {
      const run = roster.get(agentId)?.run;
      if (!isLive(run) || run.rigId !== rigId || run.dispatchId !== dispatchId) return false;
      endRun(run, { reason: "evicted", evict: true }, "SIGTERM");
      return true;
    },
    killAll: () => {
      for (const run of roster.live()) {
        run.stopSetup?.("SIGKILL");
        run.process?.stop("SIGKILL", 0);
      }
    },
  };
}

function followApis({ apis }: Pick<AgentsOptions, "apis">, roster: Roster): void {
  apis.onMoved((rigId) => {
    for (const run of ofRig(roster.runs(), rigId)) run.apiUrl = apis.of(rigId);
  });
}

/** @returns false when a newer dispatch runs, which is left alone */
function stopRun(run: Run, request: StopRequest, endRun: EndRun): boolean {
  const { signal = "SIGTERM", dispatchId, evict = false, lingerMs = 0 } = request;
  if (
    dispatchId !== undefined &&
    judgeStart(run.agentId, dispatchId, { dispatchId: run.dispatchId, live: true, spawned: true }) === "older"
  ) {
    return false;
  }
  const end = (): void => {
    if (isLive(run)) endRun(run, { reason: evict ? "evicted" : "stopped", evict }, signal);
  };
  // Who is spoken with ends by itself when its turn does.
  const patience_ms = lingerMs > 0 && run.handedIn && run.talk !== null ? Math.max(lingerMs, LAST_TURN_MS) : lingerMs;
  if (patience_ms === 0) end();
  else setTimeout(end, patience_ms).unref();
  return true;
}

function tellLost(
  record: ProcessRecord,
  { roster, report, halting }: { readonly roster: Roster; readonly report: ReportEnd; readonly halting: Halting },
): void {
  const run = lostRun(record);
  roster.remember(run).ring.append("agent_exited", { reason: run.exitReason, code: null, signal: null });
  const reason = halting.isHalted(record.rigId) ? "evicted" : LOST_REASON;
  report(run, { status: "failed", reason, ...workOf(record), unheard: true });
}

const countsOf = (live: readonly Run[]): ReturnType<Agents["counts"]> => ({
  live: live.length,
  processes: live.filter((run) => run.process !== null).length,
});

/** @param rigId null: of all rigs */
const ofRig = (runs: readonly Run[], rigId: string | null): Run[] =>
  runs.filter((run) => rigId === null || run.rigId === rigId);

function sendMessage({ run, ring }: KnownAgent, { prompt }: MessageRequest): boolean {
  const { agentId } = run;
  if (run.status === "starting")
    throw new Refusal(409, "starting", `${agentId} has no process yet; send the message again in a moment`);
  if (run.status !== "running" || run.process === null)
    throw new Refusal(404, "not_running", `${agentId} is not running (${run.exitReason ?? run.status})`);
  if (run.talk !== null) {
    const how = run.talk.conversation.message(prompt);
    if (how === "refused")
      throw new Refusal(429, "not_heard", `${agentId} takes no more messages now; the message was not delivered`);
    // Of a question that was put as an escalation nothing tells which message is the answer. Of the others none is.
    for (const [askId, comesAs] of run.questions) if (comesAs === "message") run.questions.delete(askId);
    if (how === "held") ring.append("message_held", {});
    return how === "said";
  }
  if (!run.process.hasInput)
    throw new Refusal(422, "hears_nothing", `the command of ${agentId} is one that reads no messages`);
  if (!run.process.send(JSON.stringify({ type: "message", prompt }))) {
    throw new Refusal(429, "stdin_full", `${agentId} does not read its stdin; the message was not delivered`);
  }
  run.messageCount += 1;
  ring.append("message_sent", { count: run.messageCount });
  return true;
}

function answerAsk({ run, ring }: KnownAgent, { dispatchId, askId, optionId, text }: AnswerRequest): void {
  const answer = { optionId, text };
  const { talk } = run;
  const isHeard =
    run.dispatchId === dispatchId &&
    talk !== null &&
    (talk.conversation.answer(askId, answer) || talk.answerQuestion(askId, answer));
  if (!isHeard)
    throw new Refusal(
      404,
      "nobody_waits",
      `${run.agentId} waits for no answer to ${askId}; it may have gone on, or ended`,
    );
  ring.append("answered", { askId });
}
