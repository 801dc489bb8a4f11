/** Claude Code's stream-json, both ways. */
import { ASK_COMMAND_MAX_CHARS, DRIVER_CALLS_MAX } from "../../limits.ts";
import { type OpenAsks, type OpenTools, chosenOption, openAsks, openTools, ownWords } from "./books.ts";
import { endingOf, isFinal, statusIn } from "./endings.ts";
import { type Json, countIn, listIn, numberIn, objectIn, part, shortened, textIn } from "./json.ts";
import type { Answer, AskOption, Driver, DriverWorld, EndingKind, Usage } from "./vocabulary.ts";

const MICRO = 1_000_000;
const SECOND_MS = 1000;
/** A key that is refused twice is refused for the three minutes that the program goes on trying. */
const FINAL_RETRIES = 2;

interface Claude {
  readonly world: DriverWorld;
  readonly tools: OpenTools;
  readonly asks: OpenAsks<Json>;
  session: string | null;
  resumed: boolean;
  isOpen: boolean;
  /** Ids of what was said to it and not repeated by it: it has not taken it up yet. */
  readonly untaken: Set<string>;
  busy: boolean;
  cancelled: boolean;
  over: boolean;
  serial: number;
  /** When the limit ends that the provider told of last, ms. */
  resetsAt: number | null;
}

/** The id of a conversation is chosen on the command line: `world.chosenSession`, or the one to go on in. */
export function createClaudeDriver(world: DriverWorld): Driver {
  const claude: Claude = {
    world,
    tools: openTools(world.emit),
    asks: openAsks<Json>(world.emit),
    session: null,
    resumed: false,
    isOpen: false,
    untaken: new Set(),
    busy: false,
    cancelled: false,
    over: false,
    serial: 0,
    resetsAt: null,
  };
  return {
    kind: "claude",
    open: (session) => {
      claude.session = session ?? world.chosenSession ?? null;
      claude.resumed = session !== null;
      control(claude, OPENING, { subtype: "initialize", hooks: null });
    },
    prompt: (text) => {
      if (claude.over || claude.busy) return false;
      claude.busy = true;
      claude.busy = say(claude, text);
      return claude.busy;
    },
    message: (text) => world.takesMessages && claude.busy && !claude.over && say(claude, text),
    cancel: () => {
      if (!claude.busy) return;
      claude.cancelled = true;
      claude.asks.dropAll();
      control(claude, `cancel-${++claude.serial}`, { subtype: "interrupt" });
    },
    answer: (askId, said) => answer(claude, askId, said),
    line: (text) => heard(claude, text),
  };
}

/** The id of our first request. */
const OPENING = "open";

const send = ({ world }: Claude, message: Json): boolean => world.write(JSON.stringify(message));

const control = (claude: Claude, id: string, request: Json): boolean =>
  send(claude, { type: "control_request", request_id: id, request });

function say(claude: Claude, text: string): boolean {
  if (claude.untaken.size >= DRIVER_CALLS_MAX) return false;
  // One that it has had before, it takes for a repetition, and does nothing.
  const uuid = claude.world.newId();
  claude.untaken.add(uuid);
  const message = { role: "user", content: [{ type: "text", text }] };
  if (send(claude, { type: "user", message, parent_tool_use_id: null, session_id: claude.session ?? "", uuid }))
    return true;
  claude.untaken.delete(uuid);
  return false;
}

function answer(claude: Claude, askId: string, said: Answer): boolean {
  const asked = claude.asks.peek(askId);
  if (asked === null) return false;
  const chosen = said.denies ? "deny" : chosenOption(asked.ask.options, said);
  if (chosen === null) return false;
  const { input, permission_suggestions } = part(asked.held["request"]);
  const allowed = { behavior: "allow", updatedInput: part(input) };
  const response =
    chosen === "deny"
      ? { behavior: "deny", message: ownWords(asked.ask.options, said)?.trim() ?? "The operator has denied it." }
      : chosen === "always"
        ? { ...allowed, updatedPermissions: listIn(permission_suggestions) }
        : allowed;
  if (!respond(claude, asked.held["request_id"], response)) return false;
  claude.asks.close(askId);
  return true;
}

const respond = (claude: Claude, request_id: unknown, response: Json): boolean =>
  send(claude, { type: "control_response", response: { subtype: "success", request_id, response } });

function heard(claude: Claude, text: string): void {
  const message = objectIn(text);
  const other = (): void => claude.world.emit({ type: "output", line: text });
  if (message === null) return other();
  switch (message["type"]) {
    case "control_response":
      return opened(claude, part(message, "response"));
    case "control_request":
      return asked(claude, message);
    case "control_cancel_request":
      return claude.asks.close(`permission-${textIn(message["request_id"])}`.slice(0, 64));
    case "system":
      return system(claude, message);
    case "assistant":
      return assistant(claude, part(message, "message"));
    case "user":
      return user(claude, message);
    case "rate_limit_event":
      return limit(claude, part(message, "rate_limit_info"));
    case "result":
      return result(claude, message);
    default:
      if (typeof message["type"] !== "string") other(); // Other messages of the protocol are activity, and nothing else.
  }
}

function opened(claude: Claude, response: Json): void {
  if (response["request_id"] !== OPENING) return;
  if (response["subtype"] === "error") return end(claude, textIn(response["error"]) || "it could not be opened", null);
  if (claude.isOpen || claude.over) return;
  claude.isOpen = true;
  claude.world.emit({ type: "session", id: claude.session ?? "", resumed: claude.resumed });
}

function system(claude: Claude, message: Json): void {
  if (message["subtype"] === "init") {
    const id = textIn(message["session_id"]);
    if (id === "" || id === claude.session || claude.over) return;
    claude.session = id;
    claude.world.emit({ type: "session", id, resumed: false });
    return;
  }
  if (message["subtype"] !== "api_retry") return;
  const status = numberIn(message["error_status"]);
  const says = `the model answered ${status ?? "nothing"} (${textIn(message["error"]) || "no word why"})`;
  const kind = endingOf({ status, text: textIn(message["error"]) });
  if (isFinal(kind) && countIn(message["attempt"]) >= FINAL_RETRIES) return end(claude, says, status);
  const until = new Date(claude.world.now() + countIn(message["retry_delay_ms"])).toISOString();
  claude.world.emit({ type: "waiting", until, says });
}

function limit(claude: Claude, info: Json): void {
  const resets = countIn(info["resetsAt"]);
  if (textIn(info["status"]) === "rejected" && resets > 0) claude.resetsAt = resets * SECOND_MS;
}

/** What the program says in the model's place, as of an error: no words of the agent. */
const SYNTHETIC = "<synthetic>";

function assistant(claude: Claude, { content, model }: Json): void {
  for (const block of listIn(content)) {
    const text = textIn(block["text"]);
    if (block["type"] === "text" && text !== "")
      claude.world.emit(model === SYNTHETIC ? { type: "output", line: text } : { type: "text", text });
    if (block["type"] === "tool_use")
      claude.tools.start(textIn(block["id"]), textIn(block["name"]), commandOf(part(block, "input")) ?? "");
  }
}

function user(claude: Claude, message: Json): void {
  if (message["isReplay"] === true) {
    claude.untaken.delete(textIn(message["uuid"]));
    return;
  }
  for (const block of listIn(part(message, "message")["content"]))
    if (block["type"] === "tool_result") claude.tools.end(textIn(block["tool_use_id"]), block["is_error"] !== true);
}

function asked(claude: Claude, message: Json): void {
  const request = part(message, "request");
  const id = textIn(message["request_id"]);
  if (request["subtype"] !== "can_use_tool") {
    const error = `${textIn(request["subtype"])} is not offered`;
    send(claude, { type: "control_response", response: { subtype: "error", request_id: id, error } });
    return;
  }
  const input = part(request, "input");
  if (!claude.world.asksPermission) return void respond(claude, id, { behavior: "allow", updatedInput: input });
  const options: AskOption[] = [
    { id: "allow", label: "Allow" },
    { id: "deny", label: "Deny" },
    ...(listIn(request["permission_suggestions"]).length > 0 ? [{ id: "always", label: "Always" }] : []),
  ];
  const tool = textIn(request["tool_name"]);
  const command = shortened(commandOf(input) ?? JSON.stringify(input), ASK_COMMAND_MAX_CHARS);
  const text = textIn(request["description"]) || `It wants to use ${tool}`;
  const ask = { id: `permission-${id}`.slice(0, 64), kind: "permission", text, command, options } as const;
  if (!claude.asks.open(ask, { request_id: id, request }))
    respond(claude, id, { behavior: "deny", message: "Too many questions are open." });
}

const commandOf = (input: Json): string | null => (typeof input["command"] === "string" ? input["command"] : null);

function result(claude: Claude, message: Json): void {
  if (claude.over) return;
  const usage = usageOf(message);
  if (usage !== null) claude.world.emit({ type: "usage", usage });
  const isError = message["is_error"] === true;
  const text = textIn(message["result"]) || listIn(message["errors"]).join("; ") || textIn(message["subtype"]);
  if (isError && !claude.cancelled) {
    const status = numberIn(message["api_error_status"]) ?? statusIn(text);
    if (!claude.isOpen && claude.resumed) return lost(claude, errorsOf(message));
    return end(claude, text, status);
  }
  if (!claude.busy) return;
  // What it has not taken up begins a turn of its own.
  if (!claude.cancelled && claude.untaken.size > 0) return;
  const stop = claude.cancelled ? "cancelled" : "finished";
  claude.untaken.clear();
  claude.busy = false;
  claude.cancelled = false;
  claude.tools.closeAll();
  claude.asks.dropAll();
  claude.world.emit({ type: "turn_end", stop });
}

const errorsOf = ({ errors, result }: Json): string =>
  [...(Array.isArray(errors) ? errors.map(String) : []), textIn(result)].join("; ");

/** It ends by itself then; the next one is started without an old conversation. */
function lost(claude: Claude, says: string): void {
  claude.over = true;
  claude.world.emit({ type: "session_lost", says });
}

function usageOf(message: Json): Usage | null {
  const models = Object.entries(part(message, "modelUsage")).map(([model, of]) => ({ model, of: part(of) }));
  if (models.length === 0) return null;
  const sum = (name: string): number => models.reduce((total, { of }) => total + countIn(of[name]), 0);
  const cached = sum("cacheReadInputTokens");
  const cost = numberIn(message["total_cost_usd"]);
  const main = models.toSorted((a, b) => countIn(b.of["inputTokens"]) - countIn(a.of["inputTokens"]))[0];
  return {
    input_tokens: sum("inputTokens") + cached + sum("cacheCreationInputTokens"),
    cached_tokens: cached,
    output_tokens: sum("outputTokens"),
    model: main?.model ?? null,
    cost_microdollars: cost === null ? null : Math.round(cost * MICRO),
  };
}

function end(claude: Claude, says: string, status: number | null, fallback: EndingKind = "crashed"): void {
  if (claude.over) return;
  claude.over = true;
  claude.busy = false;
  claude.tools.closeAll();
  claude.asks.dropAll();
  const kind = endingOf({ status, text: says }, fallback);
  const until = kind === "rate_limited" && claude.resetsAt !== null ? new Date(claude.resetsAt).toISOString() : null;
  claude.world.emit({ type: "ended", kind, until, says });
}
