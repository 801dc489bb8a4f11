/** Agents that do as they are told, well or badly, one per protocol: what they hear and print is the protocol's, their moves are the same. */
import type { DriverKind } from "../../../container/agents/drivers/vocabulary.ts";

/** What our side said to it, in words that all protocols share. */
export type Heard =
  | { readonly what: "open"; readonly session: string | null }
  | { readonly what: "prompt"; readonly text: string }
  | { readonly what: "message"; readonly text: string }
  | { readonly what: "cancel" }
  | { readonly what: "answer"; readonly to: string; readonly allows: boolean; readonly always: boolean };

export interface Fake {
  readonly heard: Heard[];
  /** One line from our side. */
  readonly receive: (line: string) => void;
  /** Its moves. Each prints lines. */
  readonly opens: (id: string) => void;
  /** The old conversation that was asked for is not there. */
  readonly losesSession: () => void;
  /** An old conversation is told again: words, and a tool with this id. */
  readonly replays: (id: string, tool: string) => void;
  readonly says: (text: string) => void;
  /** @param runs what it runs, where it is not to be told by its id */
  readonly startsTool: (id: string, runs?: string) => void;
  readonly endsTool: (id: string) => void;
  readonly asks: (id: string, command: string) => void;
  readonly endsTurn: () => void;
  readonly fails: (status: number, text: string) => void;
  /** The model does not answer, and it will try again. */
  readonly retries: (status: number) => void;
  readonly printed: () => readonly string[];
}

type Print = (line: string) => void;
type Message = any; // Read freely: what a driver writes is what is tested.

export const FAKES: Readonly<Record<DriverKind, (print: Print) => Fake>> = { acp, claude, codex };

function recorder(print: Print): { readonly lines: string[]; readonly say: (message: object) => void } {
  const lines: string[] = [];
  return {
    lines,
    say: (message) => {
      lines.push(JSON.stringify(message));
      print(`${JSON.stringify(message)}\n`);
    },
  };
}

function acp(print: Print): Fake {
  const { lines, say: raw } = recorder(print);
  const heard: Heard[] = [];
  const say = (message: object): void => raw({ jsonrpc: "2.0", ...message });
  let opening = 0;
  const prompts: number[] = [];
  const update = (update: object): void => say({ method: "session/update", params: { sessionId: "s", update } });
  const tool = (id: string, status: string, kind = "tool_call_update", runs = id): void =>
    update({ sessionUpdate: kind, toolCallId: id, status, kind: "execute", title: `run ${runs}` });
  const words = (text: string): void =>
    update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text } });
  return {
    heard,
    printed: () => lines,
    receive: (line) => {
      const { id, method, params, result } = JSON.parse(line) as Message;
      if (method === "initialize")
        say({
          id,
          result: { protocolVersion: 1, agentCapabilities: { loadSession: true, mcpCapabilities: { http: true } } },
        });
      if (method === "session/new" || method === "session/load") {
        opening = id;
        heard.push({ what: "open", session: params.sessionId ?? null });
      }
      if (method === "session/prompt") {
        heard.push({ what: prompts.length === 0 ? "prompt" : "message", text: params.prompt[0].text });
        prompts.push(id);
      }
      if (method === "session/cancel") heard.push({ what: "cancel" });
      if (result?.outcome !== undefined) {
        const picked = String(result.outcome.optionId);
        heard.push({ what: "answer", to: String(id), allows: /once|always/.test(picked), always: picked === "always" });
      }
    },
    opens: (id) => say({ id: opening, result: { sessionId: id } }),
    losesSession: () => say({ id: opening, error: { code: -32_602, message: "no such session" } }),
    replays: (id, name) => {
      words("said before");
      tool(name, "in_progress", "tool_call");
      tool(name, "completed");
      say({ id: opening, result: { sessionId: id } });
      tool(name, "completed");
    },
    says: words,
    startsTool: (id, runs) => tool(id, "in_progress", "tool_call", runs),
    endsTool: (id) => tool(id, "completed"),
    asks: (id, command) =>
      say({
        id,
        method: "session/request_permission",
        params: {
          sessionId: "s",
          toolCall: { toolCallId: `call-${id}`, title: command, kind: "execute" },
          options: [
            { optionId: "once", name: "Allow", kind: "allow_once" },
            { optionId: "always", name: "Always", kind: "allow_always" },
            { optionId: "no", name: "Deny", kind: "reject_once" },
          ],
        },
      }),
    endsTurn: () => prompts.splice(0).forEach((id) => say({ id, result: { stopReason: "end_turn" } })),
    fails: (status, text) => prompts.splice(0).forEach((id) => say({ id, error: { code: status, message: text } })),
    retries: () => {},
  };
}

function claude(print: Print): Fake {
  const { lines, say } = recorder(print);
  const heard: Heard[] = [];
  let opening = "";
  let inTurn = false;
  let resume: string | null = null;
  const block = (content: object): void => say({ type: "assistant", message: { content: [content] } });
  const tool = (id: string, runs = id): void =>
    block({ type: "tool_use", id, name: "Bash", input: { command: `run ${runs}` } });
  const toolEnd = (id: string): void =>
    say({ type: "user", message: { content: [{ type: "tool_result", tool_use_id: id, content: "ok" }] } });
  const result = (more: object): void => {
    inTurn = false;
    const modelUsage = {
      m: { inputTokens: 10, outputTokens: 5, cacheReadInputTokens: 3, cacheCreationInputTokens: 0 },
    };
    say({
      type: "result",
      subtype: "success",
      is_error: false,
      result: "ok",
      total_cost_usd: 0.5,
      modelUsage,
      ...more,
    });
  };
  return {
    heard,
    printed: () => lines,
    receive: (line) => {
      const message = JSON.parse(line) as Message;
      if (message.request?.subtype === "initialize") {
        opening = message.request_id;
        heard.push({ what: "open", session: resume });
      }
      if (message.request?.subtype === "interrupt") heard.push({ what: "cancel" });
      if (message.type === "user") {
        heard.push({ what: inTurn ? "message" : "prompt", text: message.message.content[0].text });
        inTurn = true;
        say({ ...message, isReplay: true });
      }
      if (message.type === "control_response") {
        const { behavior, updatedPermissions } = message.response.response;
        const always = updatedPermissions !== undefined;
        heard.push({ what: "answer", to: message.response.request_id, allows: behavior === "allow", always });
      }
    },
    opens: () => say({ type: "control_response", response: { subtype: "success", request_id: opening, response: {} } }),
    losesSession: () =>
      say({
        type: "result",
        subtype: "error_during_execution",
        is_error: true,
        errors: ["No conversation found with session ID: x"],
      }),
    replays: (id) => {
      resume = id;
      say({ type: "control_response", response: { subtype: "success", request_id: opening, response: {} } });
    },
    says: (text) => block({ type: "text", text }),
    startsTool: tool,
    endsTool: toolEnd,
    asks: (id, command) =>
      say({
        type: "control_request",
        request_id: id,
        request: {
          subtype: "can_use_tool",
          tool_name: "Bash",
          input: { command },
          permission_suggestions: [{ type: "addRules" }],
        },
      }),
    endsTurn: () => result({}),
    fails: (status, text) => result({ is_error: true, api_error_status: status, result: text }),
    retries: (status) =>
      say({
        type: "system",
        subtype: "api_retry",
        attempt: 1,
        retry_delay_ms: 1000,
        error_status: status,
        error: "rate_limit",
      }),
  };
}

function codex(print: Print): Fake {
  const { lines, say } = recorder(print);
  const heard: Heard[] = [];
  let opening = 0;
  let turns = 0;
  let thread = "";
  const item = (method: string, of: object): void => say({ method, params: { threadId: thread, item: of } });
  const command = (id: string, status: string, runs = id): object => ({
    type: "commandExecution",
    id,
    command: `run ${runs}`,
    status,
  });
  const completed = (turn: object): void =>
    say({ method: "turn/completed", params: { threadId: thread, turn: { id: `turn-${turns}`, ...turn } } });
  return {
    heard,
    printed: () => lines,
    receive: (line) => {
      const { id, method, params, result } = JSON.parse(line) as Message;
      if (method === "initialize") say({ id, result: {} });
      if (method === "thread/start" || method === "thread/resume") {
        opening = id;
        heard.push({ what: "open", session: params.threadId ?? null });
      }
      if (method === "turn/start") {
        heard.push({ what: "prompt", text: params.input[0].text });
        say({ id, result: { turn: { id: `turn-${++turns}` } } });
      }
      if (method === "turn/steer") {
        heard.push({ what: "message", text: params.input[0].text });
        say({ id, result: {} });
      }
      if (method === "turn/interrupt") {
        heard.push({ what: "cancel" });
        say({ id, result: {} });
      }
      if (result?.decision !== undefined) {
        const always = result.decision === "acceptForSession";
        heard.push({ what: "answer", to: String(id), allows: result.decision === "accept" || always, always });
      }
    },
    opens: (id) => {
      thread = id;
      say({ id: opening, result: { thread: { id } } });
    },
    losesSession: () => say({ id: opening, error: { code: -32_600, message: "no rollout found" } }),
    replays: (id, name) => {
      thread = id;
      say({ id: opening, result: { thread: { id, turns: [{ items: [command(name, "completed")] }] } } });
      item("item/completed", command(name, "completed"));
    },
    says: (text) => item("item/completed", { type: "agentMessage", id: `m${lines.length}`, text }),
    startsTool: (id, runs) => item("item/started", command(id, "inProgress", runs)),
    endsTool: (id) => item("item/completed", command(id, "completed")),
    asks: (id, line) =>
      say({
        id,
        method: "item/commandExecution/requestApproval",
        params: {
          threadId: thread,
          itemId: `call-${id}`,
          command: line,
          availableDecisions: ["accept", "acceptForSession", "cancel"],
        },
      }),
    endsTurn: () => completed({ status: "completed" }),
    fails: (status, text) =>
      completed({
        status: "failed",
        error: { message: text, codexErrorInfo: { responseTooManyFailedAttempts: { httpStatusCode: status } } },
      }),
    retries: (status) =>
      say({
        method: "error",
        params: {
          threadId: thread,
          willRetry: true,
          error: { message: "again", codexErrorInfo: { responseStreamConnectionFailed: { httpStatusCode: status } } },
        },
      }),
  };
}
