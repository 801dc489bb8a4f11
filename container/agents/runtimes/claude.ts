import type { Runtime, RuntimePlace, RuntimePlan } from "./runtime.ts";

/** Claude Code. */
export const CLAUDE: Runtime = {
  name: "claude",
  driver: "claude",
  program: "claude",
  tried: "2.1.197",
  range: ["2.1.150", "2.2"],
  keys: ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_BASE_URL"],
  logins: [".claude/.credentials.json"],
  login: "set ANTHROPIC_API_KEY, or log in once with `claude`",
  loginArgv: ["claude", "auth", "login"],
  provider: "anthropic",
  takesMessages: true,
  countsProcess: true,
  plan,
};

const MCP_FILE = "ticktown-mcp.json";
const SETTINGS_FILE = "ticktown-settings.json";

function plan({ home, model, systemPrompt, session, door, mcp, asksPermission }: RuntimePlace): RuntimePlan {
  const usesDoor = door?.hasKey("anthropic") === true;
  const settings = usesDoor ? { apiKeyHelper: `cat ${quoted(`${home}/${KEY_FILE}`)}` } : {};
  return {
    argv: [
      "claude",
      "-p",
      "--input-format",
      "stream-json",
      "--output-format",
      "stream-json",
      "--verbose",
      "--replay-user-messages",
      "--settings",
      `${home}/${SETTINGS_FILE}`,
      ...(mcp === null ? [] : ["--mcp-config", `${home}/${MCP_FILE}`, "--strict-mcp-config"]),
      ...(asksPermission
        ? ["--permission-prompt-tool", "stdio", ...(mcp === null ? [] : ["--allowedTools", "mcp__ticktown"])]
        : ["--dangerously-skip-permissions"]),
      ...(model === null ? [] : ["--model", model]),
      ...(session.resume ? ["--resume", session.id] : ["--session-id", session.id]),
      ...(systemPrompt === "" ? [] : ["--append-system-prompt", systemPrompt]),
    ],
    env: {
      // As root it refuses to skip permissions unless it is told that it is in a sandbox.
      IS_SANDBOX: "1",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      ...(usesDoor ? { ANTHROPIC_BASE_URL: door.modelUrl("anthropic") } : {}),
    },
    files: {
      [SETTINGS_FILE]: JSON.stringify(settings),
      ...(usesDoor ? { [KEY_FILE]: door.token } : {}),
      ...(mcp === null
        ? {}
        : {
            [MCP_FILE]: JSON.stringify({
              mcpServers: {
                ticktown: { type: "http", url: mcp.url, headers: { Authorization: `Bearer ${mcp.token}` } },
              },
            }),
          }),
    },
    mcp: null,
    knowsSystemPrompt: true,
  };
}

/** Its key is asked for by a command, so that no shell of its tools has it in its environment. */
const KEY_FILE = "ticktown-key";

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
