/**
 * One conversation with an agent, from its opening to its end: what is said to it and when, and what is known of it. It starts no
 * process and has no clock: lines, time and what the rig thinks are given to it.
 */
import { SAID, type ToolRun } from "../../../src/wire/agent-reports.ts";
import {
  ACTIVE_TOOLS_MAX,
  DRIVER_LINE_MAX_BYTES,
  DRIVER_LOAD_MS,
  DRIVER_OPEN_MS,
  MESSAGES_HELD_MAX,
  TURN_SILENCE_MS,
  NUDGES_MAX,
  REASON_MAX_CHARS,
  TOOL_ENDS_MAX,
  TOOLS_TOLD_MAX,
} from "../../limits.ts";
import { createDriver } from "./drivers.ts";
import { shortened } from "./json.ts";
import { wholeLines } from "./lines.ts";
import type {
  Answer,
  Ask,
  Driver,
  DriverEvent,
  DriverKind,
  DriverWorld,
  EndingKind,
  TurnEnd,
  Usage,
} from "./vocabulary.ts";
import { type Words, collectWords } from "./words.ts";

/** How it ended; null: its work is handed in. */
export interface ConversationEnd {
  /** Its program has gone by itself: how it ended says something. */
  readonly gone?: true;
  readonly kind: EndingKind;
  /** ISO */
  readonly until: string | null;
  readonly says: string;
}

/** What becomes of a turn that has ended, as the host sees it. */
export type AfterTurn =
  /** Its work was taken: it may go. */
  | { readonly kind: "handed_in" }
  /** Its work was not taken, and this is what it is told. */
  | { readonly kind: "refused"; readonly text: string }
  /** Somebody was asked something: the answer begins the next turn. */
  | { readonly kind: "waits" }
  | { readonly kind: "nothing" };

export interface Waiting {
  readonly for: "model";
  /** ms */
  readonly since: number;
  /** ISO; null: nobody knows. */
  readonly until: string | null;
}

export interface Facts {
  readonly session: string | null;
  readonly usage: Usage | null;
  /** When a tool ended or new words were said last, ms; null: not yet. */
  readonly progressAt: number | null;
  /** How many tools have ended that it had not run like this before. */
  readonly shown: number;
  readonly waiting: Waiting | null;
  readonly activeTools: readonly string[];
  /** The newest tools that have ended, in the order of their ends. */
  readonly ran: readonly ToolRun[];
  /** Messages that are in the conversation. */
  readonly messages: number;
  /** Lines that were longer than the limit. */
  readonly skippedLines: number;
}

export interface ConversationWorld extends Omit<DriverWorld, "emit"> {
  readonly kind: DriverKind;
  /** Something for people to read. */
  readonly tell: (type: string, data: Readonly<Record<string, unknown>>) => void;
  /** The first prompt. @param resumed whether the agent remembers what was before @param withoutTools it takes none of ours */
  readonly firstPrompt: (resumed: boolean, withoutTools: boolean) => string;
  /** Said to an agent that has stopped without done. */
  readonly nudge: () => string;
  readonly afterTurn: (stop: TurnEnd) => AfterTurn | Promise<AfterTurn>;
  readonly onAsk: (ask: Ask) => void;
  readonly onUsage: (session: string, usage: Usage) => void;
  /** Session or waiting are others than before. */
  readonly onChange: () => void;
  /** Said once. Nothing more is said to it: its input may be closed. `lost`: its old conversation cannot be gone on in, and the program has none. */
  readonly onOver: (end: ConversationEnd | null, lost: boolean) => void;
}

export interface Conversation {
  readonly open: (session: string | null) => void;
  /** What the program printed on its standard output. */
  readonly heard: (chunk: Buffer) => void;
  /** `held`: told when the turn is over. @returns refused when too many are held, or it is over */
  readonly message: (text: string) => "said" | "held" | "refused";
  readonly answer: (askId: string, answer: Answer) => boolean;
  readonly cancel: () => void;
  /** What others see of the requests to its model: since when the oldest has no answer; null: one has come. */
  readonly noteWaiting: (waiting: Waiting | null) => void;
  /** Looks at the deadlines. */
  readonly tick: () => void;
  /** The program has gone. */
  readonly gone: () => void;
  /** What others have seen of its model, such as a limit. The first end is the one. */
  readonly end: (end: ConversationEnd) => void;
  readonly facts: () => Facts;
  readonly isOver: () => boolean;
}

interface State {
  readonly world: ConversationWorld;
  readonly driver: Driver;
  readonly words: Words;
  readonly openedAt: number;
  /** Those that run: how each is called, and what it is known again by. */
  readonly tools: Map<string, { readonly name: string; readonly mark: string; readonly since: number }>;
  readonly ran: ToolRun[];
  /** What is remembered of those that have ended. */
  readonly ended: Set<string>;
  shown: number;
  readonly asks: Set<string>;
  readonly held: string[];
  session: string | null;
  wanted: string | null;
  usage: Usage | null;
  progressAt: number | null;
  waiting: Waiting | null;
  heardAt: number;
  /** That it waits for its model was concluded from its silence. */
  isSilent: boolean;
  inTurn: boolean;
  /** The host thinks about the end of a turn. */
  thinking: boolean;
  messages: number;
  nudges: number;
  over: boolean;
}

export function createConversation(world: ConversationWorld): Conversation {
  const driver = createDriver(world.kind, { ...world, emit: (event) => happened(state, event) });
  const state: State = {
    world,
    driver,
    words: collectWords((text) => world.tell("text", { text })),
    openedAt: world.now(),
    tools: new Map(),
    ran: [],
    ended: new Set(),
    shown: 0,
    asks: new Set(),
    held: [],
    session: null,
    wanted: null,
    usage: null,
    progressAt: null,
    waiting: null,
    heardAt: world.now(),
    isSilent: false,
    inTurn: false,
    thinking: false,
    messages: 0,
    nudges: 0,
    over: false,
  };
  const lines = wholeLines(
    DRIVER_LINE_MAX_BYTES,
    (line) => {
      state.heardAt = world.now();
      if (state.isSilent) setWaiting(state, null);
      if (line.trim() !== "") driver.line(line);
    },
    (bytes) => world.tell("line_skipped", { bytes, limit_bytes: DRIVER_LINE_MAX_BYTES }),
  );
  return {
    open: (session) => {
      state.wanted = session;
      driver.open(session);
    },
    heard: lines.push,
    message: (text) => message(state, text),
    answer: (askId, answer) => !state.over && driver.answer(askId, answer),
    cancel: driver.cancel,
    noteWaiting: (waiting) => {
      if (!state.over) setWaiting(state, waiting);
    },
    tick: () => tick(state),
    gone: () => {
      lines.end();
      state.words.flush();
      const says = state.session === null ? "it ended before its conversation was open" : "it ended in mid-turn";
      finish(
        state,
        { kind: "crashed", until: null, says, gone: true },
        state.session === null && state.wanted !== null,
      );
    },
    end: (end) => finish(state, end),
    facts: () => ({
      session: state.session,
      usage: state.usage,
      progressAt: state.progressAt,
      shown: state.shown,
      waiting: state.waiting,
      activeTools: [...new Set(Array.from(state.tools.values(), ({ name }) => name))].slice(0, ACTIVE_TOOLS_MAX),
      ran: state.ran,
      messages: state.messages,
      skippedLines: lines.skipped(),
    }),
    isOver: () => state.over,
  };
}

function happened(state: State, event: DriverEvent): void {
  const { world } = state;
  if (event.type !== "output" && event.type !== "usage" && event.type !== "waiting") setWaiting(state, null);
  if (event.type !== "text") state.words.flush();
  switch (event.type) {
    case "session":
      return opened(state, event.id, event.resumed, event.withoutTools === true);
    case "session_lost":
      world.tell("session_lost", { says: shortened(event.says, REASON_MAX_CHARS) });
      // Claude cannot begin another one by itself: a new process does.
      if (world.kind === "claude") finish(state, { kind: "crashed", until: null, says: event.says }, true);
      return;
    case "text":
      state.progressAt = world.now();
      return state.words.add(event.text);
    case "tool_start":
      state.tools.set(event.id, { name: event.name, mark: `${event.name}\n${event.title}`, since: world.now() });
      return world.tell("tool_start", { name: event.name, title: event.title });
    case "tool_end":
      noteToolEnd(state, event.id, event.ok);
      return world.tell("tool_end", { name: event.name, ok: event.ok });
    case "usage":
      state.usage = event.usage;
      return world.onUsage(state.session ?? "", event.usage);
    case "asks":
      state.asks.add(event.ask.id);
      world.tell("asks", { ...event.ask });
      return world.onAsk(event.ask);
    case "asks_no_more":
      state.asks.delete(event.askId);
      return;
    case "waiting":
      world.tell("waiting", { until: event.until, says: shortened(event.says, REASON_MAX_CHARS) });
      return setWaiting(state, { for: "model", since: state.waiting?.since ?? world.now(), until: event.until });
    case "turn_end":
      state.inTurn = false;
      world.tell("turn_end", { stop: event.stop });
      return void afterTurn(state, event.stop);
    case "ended":
      return finish(state, event);
    case "unsaid":
      state.held.push(event.text);
      state.messages -= 1;
      world.tell("message_held", { count: state.held.length });
      if (!state.inTurn) next(state);
      return;
    default:
      world.tell("output", { stream: "stdout", line: event.line });
  }
}

/** A tool that ends as it has ended before shows nothing: an agent in a loop runs the same again and again. */
function noteToolEnd(state: State, id: string, ok: boolean): void {
  const mark = state.tools.get(id)?.mark ?? "";
  noteRan(state, id, ok);
  state.tools.delete(id);
  state.progressAt = state.world.now();
  const known = `${mark} ${ok}`;
  if (!state.ended.delete(known)) state.shown += 1;
  state.ended.add(known);
  const [oldest] = state.ended;
  if (state.ended.size > TOOL_ENDS_MAX && oldest !== undefined) state.ended.delete(oldest);
}

function noteRan({ tools, ran, world }: State, id: string, ok: boolean): void {
  const tool = tools.get(id);
  if (tool === undefined) return;
  ran.push({ name: tool.name.slice(0, SAID.tool_name_chars) || "unnamed", from: tool.since, to: world.now(), ok });
  if (ran.length > TOOLS_TOLD_MAX) ran.shift();
}

function opened(state: State, id: string, resumed: boolean, withoutTools: boolean): void {
  const isFirst = state.session === null;
  state.session = id;
  state.world.tell("session", { id, resumed });
  state.world.onChange();
  if (isFirst) prompt(state, state.world.firstPrompt(resumed, withoutTools));
}

function setWaiting(state: State, waiting: Waiting | null): void {
  const before = state.waiting;
  state.waiting = waiting;
  state.isSilent = false;
  if (before?.since !== waiting?.since || before?.until !== waiting?.until) state.world.onChange();
}

function prompt(state: State, text: string): void {
  state.inTurn = true;
  state.heardAt = state.world.now();
  if (state.driver.prompt(text)) return;
  finish(state, { kind: "crashed", until: null, says: "it does not read what is said to it" });
}

/** What was held back begins a turn. @returns whether there was something */
function next(state: State): boolean {
  if (state.over || state.inTurn || state.thinking || state.session === null || state.held.length === 0) return false;
  const all = state.held.splice(0);
  state.messages += all.length;
  state.world.tell("message_sent", { count: state.messages });
  prompt(state, all.join("\n\n"));
  return true;
}

function message(state: State, text: string): "said" | "held" | "refused" {
  if (state.over) return "refused";
  if (state.inTurn && state.driver.message(text)) {
    state.messages += 1;
    return "said";
  }
  if (state.held.length >= MESSAGES_HELD_MAX) return "refused";
  state.held.push(text);
  return next(state) ? "said" : "held";
}

async function afterTurn(state: State, stop: TurnEnd): Promise<void> {
  if (state.over || next(state)) return;
  state.thinking = true;
  const after = await state.world.afterTurn(stop);
  state.thinking = false;
  if (state.over) return;
  if (after.kind === "handed_in") return finish(state, null);
  if (next(state) || after.kind === "waits") return;
  if (state.nudges >= NUDGES_MAX) {
    const says = after.kind === "refused" ? after.text : `it stopped ${state.nudges + 1} times without saying done`;
    return finish(state, { kind: "ended_without_done", until: null, says });
  }
  state.nudges += 1;
  prompt(state, after.kind === "refused" ? after.text : state.world.nudge());
}

function tick(state: State): void {
  const now = state.world.now();
  state.words.tellSoFar();
  if (state.over) return;
  if (state.session === null) {
    return lookAtOpening(state, now);
  }
  const mayBeSilent = state.inTurn && state.tools.size === 0 && state.asks.size === 0 && state.waiting === null;
  if (!mayBeSilent || now - state.heardAt < TURN_SILENCE_MS) return;
  setWaiting(state, { for: "model", since: state.heardAt, until: null });
  state.isSilent = true;
}

/** A new one may take its time. Of an old one something is told as it is loaded, or nothing ever is. */
function lookAtOpening(state: State, now: number): void {
  const isLost = state.wanted !== null && now - Math.max(state.openedAt, state.heardAt) >= DRIVER_LOAD_MS;
  if (!isLost && now - state.openedAt < DRIVER_OPEN_MS) return;
  const after_ms = isLost ? DRIVER_LOAD_MS : DRIVER_OPEN_MS;
  const says = `its conversation was not open after ${after_ms / 1000} s`;
  finish(state, { kind: "crashed", until: null, says }, state.wanted !== null);
}

function finish(state: State, end: ConversationEnd | null, lost = false): void {
  if (state.over) return;
  state.over = true;
  state.inTurn = false;
  state.words.flush();
  for (const id of state.tools.keys()) noteRan(state, id, false);
  state.tools.clear();
  setWaiting(state, null);
  if (state.held.length > 0) state.world.tell("messages_undelivered", { count: state.held.length });
  state.world.onOver(end === null ? null : { ...end, says: shortened(end.says, REASON_MAX_CHARS) }, lost);
}
