/** A conversation and its surroundings: the process that it is held with, the rig, the door, and the agent's home. */
import { randomUUID } from "node:crypto";
import { DRIVER_LEAVE_MS, DRIVER_TICK_MS } from "../../limits.ts";
import { messageOf } from "../../log.ts";
import { type Redact, redacted } from "../../redact.ts";
import { agentUrl } from "../../reports/rig-api.ts";
import {
  type AfterTurn,
  type Conversation,
  type ConversationEnd,
  createConversation,
} from "../drivers/conversation.ts";
import type { Answer, Ask, TurnEnd, Usage } from "../drivers/vocabulary.ts";
import { handInFor } from "../hand-in-for.ts";
import { keepUsage, sumOf, usageKept } from "../runtimes/ledger.ts";
import type { Runtime, RuntimePlan } from "../runtimes/runtime.ts";
import type { AgentProcess } from "../supervisor.ts";
import type { OpenDoor } from "./door.ts";
import type { DrivenOptions } from "./driven.ts";
import { firstPromptOf, nudgeOf } from "./prompts.ts";

/** What the rest of the control server sees of a conversation. */
export interface Talk {
  readonly conversation: Conversation;
  readonly runtime: Runtime;
  /** Of the conversation from its beginning; null: nothing is known. */
  readonly usage: () => Usage | null;
  /** It is the door that counts. */
  readonly isAtDoor: () => boolean;
  /** What the agent asked a person by one of our tools. @returns false when nobody waits for it, or it cannot be told */
  readonly answerQuestion: (askId: string, answer: Answer) => boolean;
}

export interface TalkOptions extends DrivenOptions {
  readonly opened: OpenDoor;
  readonly home: string;
  readonly redact: Redact;
  readonly process: AgentProcess;
  readonly plan: RuntimePlan;
  readonly model: string | null;
  readonly chosen: string;
}

export interface Over {
  readonly end: ConversationEnd | null;
  readonly lost: boolean;
}

/** @returns `over` resolves when nothing more is said to it, or its process has gone */
export function talkWith(options: TalkOptions): { readonly talk: Talk; readonly over: Promise<Over> } {
  const { config, run, runtime, process, plan, opened, redact, workspace, request, ring } = options;
  let isOver: (over: Over) => void = () => {};
  const over = new Promise<Over>((resolve) => (isOver = resolve));
  let hasTools = true;
  const tell = (type: string, data: Readonly<Record<string, unknown>>): void =>
    ring.append(type, redacted(data, redact) as object);
  const conversation = createConversation({
    kind: runtime.driver,
    write: process.send,
    now: Date.now,
    newId: randomUUID,
    cwd: workspace.worktree,
    model: options.model,
    mcp: plan.mcp,
    asksPermission: config.agentAsks,
    takesMessages: runtime.takesMessages,
    chosenSession: options.chosen,
    ...(plan.mode === undefined ? {} : { mode: plan.mode }),
    tell,
    firstPrompt: (resumed, withoutTools) => {
      // Those that are given them by a file need not take them from us.
      hasTools = !(withoutTools && plan.mcp !== null);
      const prompt = options.env["TICKTOWN_PROMPT"] ?? request.prompt;
      return firstPromptOf({ request, prompt, resumed, knowsSystemPrompt: plan.knowsSystemPrompt, hasTools });
    },
    nudge: () => nudgeOf(hasTools),
    afterTurn: (stop) => afterTurn(options, stop, hasTools),
    onAsk: (ask) => askRig(options, conversation, ask),
    onUsage: () => bill.keep(),
    onChange: options.onChange,
    onOver: (end, lost) => {
      bill.keep();
      process.endInput();
      const leave_ms = end === null ? DRIVER_LEAVE_MS : 0;
      setTimeout(() => process.stop("SIGTERM", config.stopGrace_ms), leave_ms).unref();
      isOver({ end: end === null ? null : seenBy(opened, { ...end, says: redact(end.says) }), lost });
    },
  });
  const bill = billOf(options, conversation, tell);
  const timer = setInterval(conversation.tick, DRIVER_TICK_MS);
  void process.gone.finally(() => {
    clearInterval(timer);
    conversation.gone();
  });
  const answerQuestion = (askId: string, answer: Answer): boolean => {
    if (run.questions.get(askId) !== "answer") return false;
    const words = opened.pass.answered(askId, answer) ?? answer.text ?? answer.optionId ?? "";
    if (words === "" || conversation.message(words) === "refused") return false;
    run.questions.delete(askId);
    return true;
  };
  return {
    talk: { conversation, runtime, usage: bill.total, isAtDoor: () => opened.usage() !== null, answerQuestion },
    over,
  };
}

/** The program's own words say what has ended it; the gateway has seen why, and until when. */
function seenBy(opened: OpenDoor, end: ConversationEnd): ConversationEnd {
  const trouble = opened.trouble();
  if (trouble === null || end.kind === "ended_without_done") return end;
  if (end.kind === "crashed") return { ...end, ...trouble, says: `${end.says} (${trouble.says})` };
  return end.kind === trouble.kind ? { ...end, until: end.until ?? trouble.until } : end;
}

async function afterTurn(
  { run, request, ring, redact }: TalkOptions,
  stop: TurnEnd,
  hasTools: boolean,
): Promise<AfterTurn> {
  if (run.handedIn) return { kind: "handed_in" };
  if (run.questions.size > 0 || stop === "cancelled") return { kind: "waits" };
  if (hasTools || stop === "failed") return { kind: "nothing" };
  // Without tools its stop is all that it says.
  if (run.apiUrl === null) return { kind: "handed_in" };
  run.saidDone = false; // An earlier one was refused, or it has worked on since.
  const said = await handInFor(run, request.branch, ring, redact);
  if (said === null || said.code === "lost") return { kind: "nothing" };
  if (TAKEN.has(said.code)) {
    run.handedIn = true;
    return { kind: "handed_in" };
  }
  return { kind: "refused", text: `Your work was not taken (${said.code}): ${said.sentence}` };
}

/** What the rig answers to a hand-in that it has, whatever comes of it. */
const TAKEN: ReadonlySet<string> = new Set(["accepted", "no_change", "unseen", "unanswered", "waiting"]);

function askRig({ run, callbacks, redact }: TalkOptions, conversation: Conversation, ask: Ask): void {
  if (run.apiUrl === null) {
    // Later: the driver has not finished with the ask.
    setImmediate(() => conversation.answer(ask.id, { denies: true, text: "Nobody can be asked here." }));
    return;
  }
  callbacks.enqueue({
    id: `asked ${run.rigId} ${run.dispatchId ?? run.agentId} ${ask.id}`,
    url: agentUrl(run.apiUrl, run.rigId, run.agentId, "asked"),
    token: run.token,
    body: {
      ...(run.dispatchId === null ? {} : { dispatch_id: run.dispatchId }),
      ask_id: ask.id,
      kind: ask.kind,
      text: redact(ask.text),
      ...(ask.command === null ? {} : { command: redact(ask.command) }),
      options: ask.options.map(({ id, label }) => ({ id, label: redact(label) })),
    },
  });
}

interface Bill {
  readonly total: () => Usage | null;
  readonly keep: () => void;
}

/** Counted by the gateway where anything went through it, else by the program's own words. */
function billOf(
  { home, opened, runtime }: TalkOptions,
  conversation: Conversation,
  tell: (type: string, data: Readonly<Record<string, unknown>>) => void,
): Bill {
  let before: Usage | null | undefined;
  const total = (): Usage | null => {
    const { session, usage: said } = conversation.facts();
    if (session === null) return null;
    // Read once: from then on it is what is kept here.
    if (before === undefined) before = usageKept(home, session);
    const counted = opened.usage();
    if (counted === null && said === null) return before;
    if (counted === null && said !== null && !runtime.countsProcess) return said;
    const now = counted === null ? said : { ...counted, cost_microdollars: said?.cost_microdollars ?? null };
    return now === null ? before : sumOf(before, now);
  };
  return {
    total,
    keep: () => {
      const { session } = conversation.facts();
      const usage = total();
      if (session === null || usage === null) return;
      try {
        keepUsage(home, session, usage);
      } catch (error) {
        tell("usage_not_kept", { error: messageOf(error) });
      }
    },
  };
}
