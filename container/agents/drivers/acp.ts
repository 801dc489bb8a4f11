/** The Agent Client Protocol, version 1: OpenCode, Kilo, Gemini and whoever else speaks it. */
import { ASK_COMMAND_MAX_CHARS, ASK_OPTIONS_MAX, ASK_TEXT_MAX_CHARS, DRIVER_TOOLS_MAX } from "../../limits.ts";
import { type OpenAsks, type OpenTools, chosenOption, openAsks, openTools, ownWords } from "./books.ts";
import { endingOf, statusIn } from "./endings.ts";
import { type Json, countIn, listIn, numberIn, part, shortened, textIn } from "./json.ts";
import { type Rpc, type RpcFailure, createRpc } from "./rpc.ts";
import type { Answer, Ask, Driver, DriverWorld, EndingKind, TurnEnd } from "./vocabulary.ts";

const PROTOCOL_VERSION = 1;
/** JSON-RPC's code of ACP for: log in first. */
const AUTH_REQUIRED = -32_000;
const MICRO = 1_000_000;

/** What one conversation knows of itself. */
interface Acp {
  readonly world: DriverWorld;
  readonly rpc: Rpc;
  readonly tools: OpenTools;
  readonly asks: OpenAsks<Json>;
  session: string | null;
  /** What is told before our first prompt is a replay of an old conversation, and no work. */
  replaying: boolean;
  readonly old: Set<string>;
  /** Prompts without an answer: with messages in a turn there are several. */
  prompts: number;
  cancelled: boolean;
  over: boolean;
  cost: number | null;
  /** It connects to tools over HTTP. */
  takesTools: boolean;
  /** Tokens of the turns so far. */
  spent: { input: number; cached: number; output: number };
}

export function createAcpDriver(world: DriverWorld): Driver {
  const rpc = createRpc({
    write: world.write,
    head: { jsonrpc: "2.0" },
    onNotice: (method, params) => {
      if (method === "session/update") update(acp, part(params, "update"));
    },
    onRequest: (id, method, params) => method === "session/request_permission" && permission(acp, id, params),
    onOther: (line) => world.emit({ type: "output", line }),
  });
  const acp: Acp = {
    world,
    rpc,
    tools: openTools(world.emit),
    asks: openAsks<Json>(world.emit),
    session: null,
    replaying: true,
    old: new Set(),
    prompts: 0,
    cancelled: false,
    over: false,
    cost: null,
    takesTools: false,
    spent: { input: 0, cached: 0, output: 0 },
  };
  return {
    kind: "acp",
    open: (session) => open(acp, session),
    prompt: (text) => prompt(acp, text),
    message: (text) => world.takesMessages && acp.prompts > 0 && prompt(acp, text),
    cancel: () => cancel(acp),
    answer: (askId, said) => answer(acp, askId, said),
    line: rpc.line,
  };
}

function cancel(acp: Acp): void {
  if (acp.session === null || acp.prompts === 0) return;
  acp.cancelled = true;
  for (const { held } of acp.asks.takeAll()) acp.rpc.reply(held["id"], { outcome: { outcome: "cancelled" } });
  acp.rpc.notify("session/cancel", { sessionId: acp.session });
}

function answer(acp: Acp, askId: string, said: Answer): boolean {
  const asked = acp.asks.peek(askId);
  if (asked === null) return false;
  const rejects = listIn(asked.held["options"]).find(({ kind }) => textIn(kind).startsWith("reject"));
  const optionId = said.denies ? textIn(rejects?.["optionId"]) : chosenOption(asked.ask.options, said);
  if (optionId === null) return false;
  const outcome = optionId === "" ? { outcome: "cancelled" } : { outcome: "selected", optionId };
  if (!acp.rpc.reply(asked.held["id"], { outcome })) return false;
  acp.asks.close(askId);
  // What was said beside the option is told after the turn.
  const text = ownWords(asked.ask.options, said);
  if (text !== null) acp.world.emit({ type: "unsaid", text });
  return true;
}

function open(acp: Acp, wanted: string | null): void {
  const clientCapabilities = { fs: { readTextFile: false, writeTextFile: false }, terminal: false };
  const clientInfo = { name: "ticktown", version: "1" };
  acp.rpc.call("initialize", { protocolVersion: PROTOCOL_VERSION, clientCapabilities, clientInfo }, (answer) => {
    if (!answer.ok) return fail(acp, answer.error);
    const { loadSession, sessionCapabilities, mcpCapabilities } = part(answer.result, "agentCapabilities");
    acp.takesTools = part(mcpCapabilities)["http"] === true;
    const resumes = part(sessionCapabilities)["resume"] !== undefined;
    if (wanted === null) return begin(acp);
    if (loadSession !== true && !resumes) return lost(acp, "this program cannot go on in an old conversation");
    const method = loadSession === true ? "session/load" : "session/resume";
    acp.rpc.call(method, { ...place(acp), sessionId: wanted }, (loaded) => {
      if (!loaded.ok) return lost(acp, wordsOf(loaded.error));
      opened(acp, wanted, true);
    });
  });
}

function lost(acp: Acp, says: string): void {
  acp.world.emit({ type: "session_lost", says });
  begin(acp);
}

function begin(acp: Acp): void {
  acp.rpc.call("session/new", place(acp), (made) => {
    if (!made.ok) return fail(acp, made.error);
    const id = textIn(made.result["sessionId"]);
    if (id === "") return end(acp, "crashed", "it opened a conversation without an id");
    opened(acp, id, false);
  });
}

function opened(acp: Acp, id: string, resumed: boolean): void {
  acp.session = id;
  const told = (): void => acp.world.emit({ type: "session", id, resumed, withoutTools: !acp.takesTools });
  const { mode } = acp.world;
  if (mode === undefined) return told();
  acp.rpc.call("session/set_mode", { sessionId: id, modeId: mode }, (set) => {
    if (!set.ok) acp.world.emit({ type: "output", line: `its mode ${mode} was not taken: ${set.error.message}` });
    told();
  });
}

function place(acp: Acp): Json {
  const { cwd, mcp } = acp.world;
  const servers = mcp === null || !acp.takesTools ? [] : [mcpServer(mcp)];
  return { cwd, mcpServers: servers };
}

function prompt(acp: Acp, text: string): boolean {
  if (acp.session === null || acp.over) return false;
  const params = { sessionId: acp.session, prompt: [{ type: "text", text }] };
  const wasReplaying = acp.replaying;
  acp.replaying = false;
  acp.prompts += 1;
  const isSent = acp.rpc.call("session/prompt", params, (answer) => {
    acp.prompts -= 1;
    if (!answer.ok && !acp.cancelled) return fail(acp, answer.error);
    if (answer.ok) count(acp, answer.result);
    if (acp.prompts > 0) return;
    acp.tools.closeAll();
    acp.asks.dropAll();
    const stop = stopOf(acp, answer.ok ? textIn(answer.result["stopReason"]) : "");
    acp.cancelled = false;
    acp.world.emit({ type: "turn_end", stop });
  });
  if (isSent) return true;
  acp.replaying = wasReplaying;
  acp.prompts -= 1;
  return false;
}

/** Ends of a turn by itself that are no end of its work. */
const BROKEN_OFF: ReadonlySet<string> = new Set(["cancelled", "max_tokens", "max_turn_requests", "refusal"]);

function stopOf({ cancelled }: Acp, reason: string): TurnEnd {
  if (cancelled) return "cancelled";
  return BROKEN_OFF.has(reason) ? "failed" : "finished";
}

function update(acp: Acp, update: Json): void {
  const id = textIn(update["toolCallId"]);
  switch (update["sessionUpdate"]) {
    case "agent_message_chunk":
      if (!acp.replaying) say(acp, textIn(part(update, "content")["text"]));
      return;
    case "tool_call":
    case "tool_call_update":
      if (acp.replaying) remember(acp, id);
      else if (!acp.old.has(id)) tool(acp, id, update);
      return;
    case "usage_update":
      acp.cost = numberIn(part(update, "cost")["amount"]) ?? acp.cost;
      return;
    default: // Plans, thoughts, modes: activity, and nothing else.
  }
}

function say(acp: Acp, text: string): void {
  if (text !== "") acp.world.emit({ type: "text", text });
}

/** A tool of the replay: what is told of it later is no progress either. */
function remember(acp: Acp, id: string): void {
  if (acp.old.size < DRIVER_TOOLS_MAX) acp.old.add(id);
}

function tool(acp: Acp, id: string, update: Json): void {
  const title = textIn(update["title"]);
  const name = textIn(update["kind"]) || "tool";
  const status = textIn(update["status"]);
  acp.tools.start(id, name, title);
  if (status === "completed" || status === "failed") acp.tools.end(id, status === "completed");
}

function permission(acp: Acp, id: string | number, params: Json): boolean {
  const options = listIn(params["options"]).slice(0, ASK_OPTIONS_MAX);
  const call = part(params, "toolCall");
  // Some tell of a tool that asks only when it has ended.
  acp.tools.start(textIn(call["toolCallId"]), textIn(call["kind"]) || "tool", textIn(call["title"]));
  if (!acp.world.asksPermission) {
    const allowed = options.find(({ kind }) => textIn(kind).startsWith("allow"));
    const outcome =
      allowed === undefined ? { outcome: "cancelled" } : { outcome: "selected", optionId: textIn(allowed["optionId"]) };
    acp.rpc.reply(id, { outcome });
    return true;
  }
  const title = textIn(call["title"]);
  const raw = part(call, "rawInput")["command"] ?? (call["kind"] === "execute" ? title : undefined);
  const ask: Ask = {
    id: `permission-${id}`.slice(0, 64),
    kind: "permission",
    text: shortened(title || "It asks for permission", ASK_TEXT_MAX_CHARS),
    command: typeof raw === "string" ? shortened(raw, ASK_COMMAND_MAX_CHARS) : null,
    options: options.map((option) => ({ id: textIn(option["optionId"]), label: textIn(option["name"]) })),
  };
  acp.asks.open(ask, { id, options });
  return true;
}

/** Tokens as far as the program tells them with the end of a prompt: of its last step with some, so the sum is at least that. */
function count(acp: Acp, result: Json): void {
  const quota = part(result, "_meta", "quota", "token_count");
  const usage = part(result, "usage");
  const cached = countIn(usage["cachedReadTokens"]);
  const input = countIn(usage["inputTokens"]) + cached + countIn(usage["cachedWriteTokens"]);
  const spent = acp.spent;
  spent.input += input + countIn(quota["input_tokens"]);
  spent.cached += cached;
  spent.output += countIn(usage["outputTokens"]) + countIn(quota["output_tokens"]);
  if (spent.input + spent.output === 0) return;
  acp.world.emit({
    type: "usage",
    usage: {
      input_tokens: spent.input,
      cached_tokens: spent.cached,
      output_tokens: spent.output,
      model: acp.world.model,
      cost_microdollars: acp.cost === null ? null : Math.round(acp.cost * MICRO),
    },
  });
}

const wordsOf = ({ message, data }: RpcFailure): string =>
  data === undefined ? message : `${message} ${JSON.stringify(data)}`;

function fail(acp: Acp, error: RpcFailure): void {
  const { code } = error;
  const text = wordsOf(error);
  const status = typeof code === "number" && code >= 400 && code < 600 ? code : statusIn(text);
  end(acp, code === AUTH_REQUIRED ? "not_authorized" : endingOf({ status, text }), text);
}

function end(acp: Acp, kind: EndingKind, says: string): void {
  if (acp.over) return;
  acp.over = true;
  acp.tools.closeAll();
  acp.asks.dropAll();
  acp.world.emit({ type: "ended", kind, until: null, says });
}

const mcpServer = ({ url, token }: { readonly url: string; readonly token: string }): Json => ({
  type: "http",
  name: "ticktown",
  url,
  headers: [{ name: "Authorization", value: `Bearer ${token}` }],
});
