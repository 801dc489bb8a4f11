/** What is known of one dispatch of an agent, while it runs and after. */
import type { DispatchBudget } from "./door/budget.ts";
import { SAID, timeOf, type CompletedReport } from "../../src/wire/agent-reports.ts";
import type {
  AgentProcessStatus,
  AgentStatus,
  Limited,
  SetAside,
  StartAgentRequest,
} from "../../src/wire/container.ts";
import type { Config } from "../config.ts";
import { ACTIVE_TOOLS_MAX, REASON_MAX_CHARS } from "../limits.ts";
import { type EventRing, type Line, parseAgentLine } from "./output.ts";
import type { ProcessRecord } from "../processes/pidfiles.ts";
import type { ConversationEnd } from "./drivers/conversation.ts";
import type { Talk } from "./driven/talk.ts";
import type { AgentProcess, Exit } from "./supervisor.ts";

export interface Run {
  readonly agentId: string;
  readonly rigId: string;
  readonly dispatchId: string | null;
  /** Where and as whom to report; null when the request did not say. It follows an API that moves. */
  apiUrl: string | null;
  readonly token: string | null;
  readonly startedAt_ms: number;
  /** It had its process in an earlier control server, and ended with it. */
  readonly lost: boolean;
  lastActivityAt_ms: number;
  status: AgentProcessStatus;
  exitReason: string | null;
  messageCount: number;
  readonly activeTools: Set<string>;
  process: AgentProcess | null;
  /** Ends the setup that runs before there is a process. */
  stopSetup: ((signal: NodeJS.Signals) => void) | null;
  /** Its work was looked at, because somebody has said that it is done. */
  saidDone: boolean;
  /** The conversation with it; null: it is a plain command, or was not begun yet. */
  talk: Talk | null;
  /** What it may spend yet, as far as it is spoken with through the door. */
  budget: DispatchBudget | null;
  /** The newest commit of its own; null before there is a clone to look at. */
  ownHead: (() => string | null) | null;
  /** What runs, by name; null: a plain command. */
  runtime: string | null;
  /** The rig has taken its work. */
  handedIn: boolean;
  /** Questions that it has put to a person by one of our tools, and that nobody has answered; and what the answer comes as. */
  readonly questions: Map<string, "answer" | "message">;
  /** The account whose limit it was answered last; null: none, or it has been answered since. */
  limited: Limited | null;
  /** How its conversation ended; null: its work is handed in; undefined: there was none, or it has not ended. */
  ended: ConversationEnd | null | undefined;
  /** What its start found in the way and kept, or gave back. */
  setAside: readonly SetAside[];
  /** Set once somebody asked for the end. */
  ending: Ending | null;
  /** What the agent itself said about why it exits. */
  stated: StatedReason | null;
  /** Resolves when the process is gone and that was reported. */
  gone: Promise<void>;
}

export interface Ending {
  /** Becomes the exit reason: stopped, evicted, replaced by a1:3. */
  readonly reason: string;
  /** The work goes back to the rig: what is uncommitted stays in the clone, and never call the dispatch completed. */
  readonly evict: boolean;
}

interface StatedReason {
  readonly reason: string;
  readonly resetAt: string | null;
}

/** What is so before anything has happened to it. */
const nothingYet = () => ({
  messageCount: 0,
  activeTools: new Set<string>(),
  process: null,
  stopSetup: null,
  saidDone: false,
  talk: null,
  budget: null,
  ownHead: null,
  runtime: null,
  handedIn: false,
  questions: new Map<string, "answer" | "message">(),
  limited: null,
  ended: undefined,
  setAside: [],
  ending: null,
  stated: null,
  gone: Promise.resolve(),
});

export function newRun(request: StartAgentRequest, config: Config): Run {
  const now = Date.now();
  return {
    agentId: request.agentId,
    rigId: request.rigId,
    dispatchId: request.dispatchId ?? null,
    apiUrl: request.envVars?.["GASTOWN_API_URL"] ?? config.apiUrl,
    token: request.envVars?.["GASTOWN_SESSION_TOKEN"] ?? null,
    startedAt_ms: now,
    lost: false,
    lastActivityAt_ms: now,
    status: "starting",
    exitReason: null,
    ...nothingYet(),
  };
}

/** What the rig is told of a run that an earlier control server lost. */
export const LOST_REASON = "container restarted";

/** A run that an earlier control server started and that ended with it. */
export function lostRun(record: ProcessRecord): Run {
  return {
    agentId: record.agentId,
    rigId: record.rigId,
    dispatchId: record.dispatchId,
    apiUrl: record.apiUrl,
    token: record.token,
    startedAt_ms: record.startedAt_ms,
    lost: true,
    lastActivityAt_ms: record.startedAt_ms,
    status: "failed",
    exitReason: LOST_REASON,
    ...nothingYet(),
  };
}

export function isLive(run: Run | null | undefined): run is Run {
  return run !== null && run !== undefined && run.status !== "exited" && run.status !== "failed";
}

/** A failed start leaves a run without a process; a lost one had its process in an earlier server. */
export function wasSpawned(run: Run): boolean {
  return run.process !== null || run.lost;
}

export function statusOf(run: Run): AgentStatus {
  const facts = run.talk?.conversation.facts();
  const head = run.ownHead?.() ?? null;
  return {
    agentId: run.agentId,
    status: run.status,
    startedAt: new Date(run.startedAt_ms).toISOString(),
    lastActivityAt: new Date(run.lastActivityAt_ms).toISOString(),
    activeTools: [...(facts?.activeTools ?? run.activeTools)],
    messageCount: facts?.messages ?? run.messageCount,
    exitReason: run.exitReason,
    ...(run.dispatchId === null ? {} : { dispatchId: run.dispatchId }),
    ...(run.setAside.length === 0 ? {} : { setAside: [...run.setAside] }),
    ...(head === null ? {} : { head }),
    ...(run.limited === null ? {} : { limited: run.limited }),
    ...(run.talk === null ? {} : saidByTalk(run.talk)),
  };
}

/** What only who speaks with an agent can know. */
function saidByTalk({ conversation, runtime, usage, isAtDoor }: Talk): Partial<AgentStatus> {
  const { session, progressAt, shown, waiting } = conversation.facts();
  const used = usage();
  return {
    ...(progressAt === null ? {} : { progressAt: new Date(progressAt).toISOString() }),
    shown,
    ...(session === null ? {} : { session: { driver: runtime.name, id: session } }),
    ...(used === null || session === null
      ? {}
      : { usage: { session, ...used, runtime: runtime.name, at_door: isAtDoor() } }),
    waiting: waiting === null ? null : { ...waiting, since: new Date(waiting.since).toISOString() },
  };
}

/** What it has used: said once more with its end, which is told until it is heard. */
export const usedBy = (run: Run): Pick<AgentStatus, "usage"> => {
  const { usage } = run.talk === null ? {} : saidByTalk(run.talk);
  return usage === undefined ? {} : { usage };
};

/** The tools that it has run, where its rig wants to know. */
export const toolsOf = (
  run: Run,
  request: StartAgentRequest,
  redact: (text: string) => string,
): Pick<CompletedReport, "tools"> => {
  const ran = request.tellsTools === true ? (run.talk?.conversation.facts().ran ?? []) : [];
  return ran.length === 0
    ? {}
    : { tools: ran.map((tool) => ({ ...tool, name: redact(tool.name).slice(0, SAID.tool_name_chars) })) };
};

/** Records a line as an event, and takes up what the agent says about itself in JSON. */
export function noteLine(run: Run, ring: EventRing, stream: "stdout" | "stderr", line: Line): void {
  run.lastActivityAt_ms = Date.now();
  const said = stream === "stdout" && !line.truncated ? parseAgentLine(line.text) : null;
  if (said === null) {
    ring.append("output", { stream, line: line.text, ...(line.truncated ? { truncated: true } : {}) });
    return;
  }
  const { type, ...data } = said;
  ring.append(type, data);
  if (type === "exit_reason" && typeof said["reason"] === "string") {
    run.stated = { reason: said["reason"].slice(0, REASON_MAX_CHARS), resetAt: isoOrNull(said["reset_at"]) };
  }
  const tool = said["name"];
  if (typeof tool !== "string") return;
  if (type === "tool_start" && run.activeTools.size < ACTIVE_TOOLS_MAX) run.activeTools.add(tool);
  if (type === "tool_end") run.activeTools.delete(tool);
}

/** In this order: what was asked of it, what it said itself, how the process ended. */
export function exitReasonOf(run: Run, exit: Exit): string {
  if (run.ending !== null) return run.ending.reason;
  if (run.ended === null) return "handed in";
  if (run.ended !== undefined) {
    const { kind, until, says, gone } = run.ended;
    const how = gone ? `, ${exitWordsOf(exit)}` : "";
    return `${kind}${until === null ? "" : ` until ${until}`}: ${says.slice(0, REASON_MAX_CHARS / 2)}${how}`.slice(
      0,
      REASON_MAX_CHARS,
    );
  }
  if (run.stated !== null)
    return run.stated.resetAt === null ? run.stated.reason : `${run.stated.reason} until ${run.stated.resetAt}`;
  return exitWordsOf(exit);
}

const exitWordsOf = ({ code, signal }: Exit): string => (signal === null ? `exit ${code}` : `signal ${signal}`);

function isoOrNull(value: unknown): string | null {
  const time = typeof value === "string" ? timeOf(value) : null;
  return time === null ? null : new Date(time).toISOString();
}
