import type { Runtime, RuntimePlace, RuntimePlan } from "./runtime.ts";

/** Codex, by its app-server. */
export const CODEX: Runtime = {
  name: "codex",
  driver: "codex",
  program: "codex",
  tried: "0.169.0",
  range: ["0.160", "0.180"],
  keys: ["CODEX_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"],
  logins: [".codex/auth.json"],
  login: "set OPENAI_API_KEY, or log in once with `codex login`",
  loginArgv: ["codex", "login"],
  provider: "openai",
  takesMessages: true,
  countsProcess: false,
  plan,
};

function plan({ home, model, systemPrompt, door, mcp }: RuntimePlace): RuntimePlan {
  const usesDoor = door?.hasKey("openai") === true;
  const lines = [
    ...(model === null ? [] : [`model = ${toml(model)}`]),
    ...(usesDoor ? ['model_provider = "ticktown"'] : []),
    ...(systemPrompt === "" ? [] : [`developer_instructions = ${toml(systemPrompt)}`]),
    "check_for_update_on_startup = false",
    "[analytics]",
    "enabled = false",
    ...(usesDoor
      ? [
          "[model_providers.ticktown]",
          'name = "ticktown"',
          `base_url = ${toml(door.modelUrl("openai"))}`,
          `experimental_bearer_token = ${toml(door.token)}`,
          'wire_api = "responses"',
        ]
      : []),
    ...(mcp === null
      ? []
      : [
          "[mcp_servers.ticktown]",
          `url = ${toml(mcp.url)}`,
          `http_headers = { Authorization = ${toml(`Bearer ${mcp.token}`)} }`,
        ]),
  ];
  return {
    argv: ["codex", "app-server"],
    env: { CODEX_HOME: `${home}/.codex` },
    files: { ".codex/config.toml": `${lines.join("\n")}\n` },
    mcp: null,
    knowsSystemPrompt: true,
  };
}

/** A string of JSON is one of TOML, but for DEL. */
const toml = (text: string): string => JSON.stringify(text).replaceAll("\u007f", "\\u007f");
