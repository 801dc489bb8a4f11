/** Codex's app-server: threads, turns, and the approvals that it asks for. */
import { ASK_COMMAND_MAX_CHARS, ASK_TEXT_MAX_CHARS, MESSAGES_HELD_MAX } from "../../limits.ts";
import { type OpenAsks, type OpenTools, chosenOption, openAsks, openTools, ownWords } from "./books.ts";
import { endingOf, isFinal, statusIn } from "./endings.ts";
import { type Json, countIn, numberIn, part, shortened, textIn } from "./json.ts";
import { type Rpc, createRpc } from "./rpc.ts";
import type { Answer, AskOption, Driver, DriverWorld } from "./vocabulary.ts";

interface Codex {
  readonly world: DriverWorld;
  readonly rpc: Rpc;
  readonly tools: OpenTools;
  readonly asks: OpenAsks<Json>;
  thread: string | null;
  /** null: no turn runs; empty: one was asked for and has no id yet. */
  turn: string | null;
  /** What is to be said in the turn that has no id yet. */
  early: string[];
  cancelled: boolean;
  over: boolean;
}

export function createCodexDriver(world: DriverWorld): Driver {
  const rpc = createRpc({
    write: world.write,
    head: {},
    onNotice: (method, params) => notice(codex, method, params),
    onRequest: (id, method, params) => request(codex, id, method, params),
    onOther: (line) => world.emit({ type: "output", line }),
  });
  const codex: Codex = {
    world,
    rpc,
    tools: openTools(world.emit),
    asks: openAsks<Json>(world.emit),
    thread: null,
    turn: null,
    early: [],
    cancelled: false,
    over: false,
  };
  return {
    kind: "codex",
    open: (session) => open(codex, session),
    prompt: (text) => prompt(codex, text),
    message: (text) => world.takesMessages && steer(codex, text),
    cancel: () => cancel(codex),
    answer: (askId, said) => answer(codex, askId, said),
    line: rpc.line,
  };
}

function open(codex: Codex, wanted: string | null): void {
  const { rpc, world } = codex;
  const how = {
    cwd: world.cwd,
    approvalPolicy: world.asksPermission ? "untrusted" : "never",
    sandbox: "danger-full-access",
    ...(world.model === null ? {} : { model: world.model }),
  };
  const begin = (): void =>
    void rpc.call("thread/start", how, (made) => {
      if (!made.ok) return end(codex, made.error.message, null);
      opened(codex, textIn(part(made.result, "thread")["id"]), false);
    });
  const clientInfo = { name: "ticktown", title: "Ticktown", version: "1" };
  rpc.call("initialize", { clientInfo }, (answer) => {
    if (!answer.ok) return end(codex, answer.error.message, null);
    rpc.notify("initialized");
    if (wanted === null) return begin();
    rpc.call("thread/resume", { threadId: wanted, ...how }, (resumed) => {
      if (resumed.ok) return opened(codex, textIn(part(resumed.result, "thread")["id"]) || wanted, true);
      world.emit({ type: "session_lost", says: resumed.error.message });
      begin();
    });
  });
}

function opened(codex: Codex, id: string, resumed: boolean): void {
  if (id === "") return end(codex, "it opened a thread without an id", null);
  codex.thread = id;
  codex.world.emit({ type: "session", id, resumed });
}

const inputOf = (text: string): Json => ({ input: [{ type: "text", text }] });

function prompt(codex: Codex, text: string): boolean {
  if (codex.thread === null || codex.turn !== null || codex.over) return false;
  codex.turn = "";
  const isSent = codex.rpc.call("turn/start", { threadId: codex.thread, ...inputOf(text) }, (answer) => {
    if (!answer.ok) return end(codex, answer.error.message, null);
    // A turn that was so short that its end came first is over.
    if (codex.turn === "") begun(codex, textIn(part(answer.result, "turn")["id"]));
  });
  if (!isSent) codex.turn = null;
  return isSent;
}

/** The turn that was asked for has its id: what was to be said in it is said, and whoever wanted its end gets it. */
function begun(codex: Codex, id: string): void {
  if (codex.turn === null || id === "") return;
  const isNews = codex.turn === "";
  codex.turn = id;
  if (!isNews) return;
  for (const text of codex.early.splice(0)) if (!steer(codex, text)) codex.world.emit({ type: "unsaid", text });
  if (codex.cancelled) interrupt(codex);
}

function steer(codex: Codex, text: string): boolean {
  if (codex.turn === null || codex.over) return false;
  if (codex.turn === "") {
    if (codex.early.length >= MESSAGES_HELD_MAX) return false;
    codex.early.push(text);
    return true;
  }
  const params = { threadId: codex.thread, expectedTurnId: codex.turn, ...inputOf(text) };
  return codex.rpc.call("turn/steer", params, (answer) => {
    // The turn had just ended: it is told with the next one.
    if (!answer.ok) codex.world.emit({ type: "unsaid", text });
  });
}

function cancel(codex: Codex): void {
  if (codex.turn === null) return;
  codex.cancelled = true;
  for (const { held } of codex.asks.takeAll()) codex.rpc.reply(held["id"], { decision: "cancel" });
  if (codex.turn !== "") interrupt(codex);
}

const interrupt = (codex: Codex): void =>
  void codex.rpc.call("turn/interrupt", { threadId: codex.thread, turnId: codex.turn }, () => {});

function answer(codex: Codex, askId: string, said: Answer): boolean {
  const asked = codex.asks.peek(askId);
  if (asked === null) return false;
  const chosen = said.denies ? "decline" : chosenOption(asked.ask.options, said);
  if (chosen === null) return false;
  const decision = chosen === "acceptForSession" ? asked.held["always"] : chosen;
  if (!codex.rpc.reply(asked.held["id"], { decision })) return false;
  codex.asks.close(askId);
  const text = ownWords(asked.ask.options, said);
  if (text !== null) codex.world.emit({ type: "unsaid", text });
  return true;
}

/** Items that are words and no work. */
const WORDS = new Set(["userMessage", "agentMessage", "reasoning", "plan", "contextCompaction", "hookPrompt"]);

function notice(codex: Codex, method: string, params: Json): void {
  const item = part(params, "item");
  const type = textIn(item["type"]);
  const id = textIn(item["id"]);
  // Of another thread, as that of a helper of its own: what it does is work, its turns are not ours.
  const isOurs = params["threadId"] === undefined || codex.thread === null || params["threadId"] === codex.thread;
  switch (method) {
    case "turn/started":
      if (isOurs) begun(codex, textIn(part(params, "turn")["id"]));
      return;
    case "item/started":
      if (!WORDS.has(type)) codex.tools.start(id, textIn(item["tool"]) || type, textIn(item["command"]));
      return;
    case "item/completed":
      if (type === "agentMessage" && textIn(item["text"]) !== "")
        codex.world.emit({ type: "text", text: textIn(item["text"]) });
      else codex.tools.end(id, textIn(item["status"]) !== "failed" && textIn(item["status"]) !== "declined");
      return;
    case "thread/tokenUsage/updated":
      if (isOurs) count(codex, part(params, "tokenUsage", "total"));
      return;
    case "serverRequest/resolved":
      return codex.asks.close(`permission-${String(params["requestId"])}`.slice(0, 64));
    case "error":
      return failing(codex, params);
    case "turn/completed":
      if (isOurs) completed(codex, part(params, "turn"));
      return;
    default: // Deltas, states of servers, warnings: activity, and nothing else.
  }
}

function count(codex: Codex, total: Json): void {
  codex.world.emit({
    type: "usage",
    usage: {
      input_tokens: countIn(total["inputTokens"]),
      cached_tokens: countIn(total["cachedInputTokens"]),
      output_tokens: countIn(total["outputTokens"]),
      model: codex.world.model,
      cost_microdollars: null,
    },
  });
}

/** What it says of an error of the model: a word, or an object with the status in it. */
function errorOf(error: Json): { readonly status: number | null; readonly text: string } {
  const info = error["codexErrorInfo"];
  const details = Object.values(part(info)).map((of) => numberIn(part(of)["httpStatusCode"]));
  const text = [textIn(error["message"]), typeof info === "string" ? info : "", textIn(error["additionalDetails"])]
    .filter((said) => said !== "")
    .join(" ");
  return { status: details.find((found) => found !== null) ?? statusIn(text), text };
}

function failing(codex: Codex, params: Json): void {
  const said = errorOf(part(params, "error"));
  if (params["willRetry"] !== true) return; // The end of its turn says the same.
  if (isFinal(endingOf(said))) return end(codex, said.text, said.status);
  codex.world.emit({ type: "waiting", until: null, says: said.text });
}

function completed(codex: Codex, turn: Json): void {
  if (codex.over || codex.turn === null) return;
  const isBrokenOff = codex.cancelled || turn["status"] === "interrupted";
  const stop = codex.cancelled ? "cancelled" : isBrokenOff ? "failed" : "finished";
  if (turn["status"] === "failed" && !isBrokenOff) {
    const said = errorOf(part(turn, "error"));
    return end(codex, said.text || "its turn failed", said.status);
  }
  codex.turn = null;
  codex.cancelled = false;
  for (const text of codex.early.splice(0)) codex.world.emit({ type: "unsaid", text });
  codex.tools.closeAll();
  codex.asks.dropAll();
  codex.world.emit({ type: "turn_end", stop });
}

const APPROVALS: Readonly<Record<string, string>> = {
  "item/commandExecution/requestApproval": "It wants to run a command",
  "item/fileChange/requestApproval": "It wants to change files",
};

const DECISIONS: readonly AskOption[] = [
  { id: "accept", label: "Allow" },
  { id: "decline", label: "Deny" },
  { id: "acceptForSession", label: "Always" },
];

/** What stands for "always" among the decisions that it offers: a word, or an object that it wants back as it is. */
function alwaysIn(offered: unknown): unknown {
  if (!Array.isArray(offered)) return "acceptForSession";
  return offered.find((one) => one === "acceptForSession" || part(one)["acceptWithExecpolicyAmendment"] !== undefined);
}

function request(codex: Codex, id: string | number, method: string, params: Json): boolean {
  if (method === "mcpServer/elicitation/request") {
    const isOurs = params["serverName"] === "ticktown";
    codex.rpc.reply(
      id,
      isOurs || !codex.world.asksPermission ? { action: "accept", content: {} } : { action: "decline" },
    );
    return true;
  }
  const wants = APPROVALS[method];
  if (wants === undefined) return false;
  if (!codex.world.asksPermission) return codex.rpc.reply(id, { decision: "accept" });
  const always = alwaysIn(params["availableDecisions"]);
  const command = params["command"];
  const line = Array.isArray(command) ? command.join(" ") : textIn(command);
  const ask = {
    id: `permission-${id}`.slice(0, 64),
    kind: "permission",
    text: shortened(textIn(params["reason"]) || wants, ASK_TEXT_MAX_CHARS),
    command: line === "" ? null : shortened(line, ASK_COMMAND_MAX_CHARS),
    options: DECISIONS.filter((option) => option.id !== "acceptForSession" || always !== undefined),
  } as const;
  if (!codex.asks.open(ask, { id, always })) codex.rpc.reply(id, { decision: "decline" });
  return true;
}

function end(codex: Codex, says: string, status: number | null): void {
  if (codex.over) return;
  codex.over = true;
  codex.turn = null;
  codex.tools.closeAll();
  codex.asks.dropAll();
  codex.world.emit({ type: "ended", kind: endingOf({ status, text: says }), until: null, says });
}
