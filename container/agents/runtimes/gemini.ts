import type { Runtime, RuntimePlace, RuntimePlan } from "./runtime.ts";

/** Gemini CLI. A message in a turn ends the tool that runs, so it waits for the end of the turn. */
export const GEMINI: Runtime = {
  name: "gemini",
  driver: "acp",
  program: "gemini",
  tried: "0.61.0",
  range: ["0.60", "0.65"],
  keys: ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL"],
  logins: [".gemini/oauth_creds.json", ".gemini/google_accounts.json"],
  login: "set GEMINI_API_KEY, or log in once with `gemini`",
  loginArgv: ["gemini"],
  provider: "gemini",
  takesMessages: false,
  countsProcess: true,
  plan,
};

/** How it is let in, in its own words: what it is not told it asks for, and nobody answers. */
const BY_KEY = "gemini-api-key";
const BY_LOGIN = "oauth-personal";

function plan({ model, door, mcp, asksPermission, hasOwnKey }: RuntimePlace): RuntimePlan {
  const usesDoor = door?.hasKey("gemini") === true;
  const settings = {
    security: { auth: { selectedType: usesDoor || hasOwnKey ? BY_KEY : BY_LOGIN }, folderTrust: { enabled: false } },
    privacy: { usageStatisticsEnabled: false },
    telemetry: { enabled: false },
    general: { enableAutoUpdate: false, enableAutoUpdateNotification: false, checkpointing: { enabled: false } },
    ...(model === null ? {} : { model: { name: model } }),
    // Trusted by name: what is handed over when the conversation is opened is asked about at each call.
    ...(mcp === null
      ? {}
      : {
          mcpServers: {
            ticktown: { httpUrl: mcp.url, headers: { Authorization: `Bearer ${mcp.token}` }, trust: true },
          },
        }),
  };
  return {
    argv: ["gemini", "--acp"],
    env: {
      GEMINI_CLI_TRUST_WORKSPACE: "true",
      // It takes its key from nowhere else; this one is worth nothing but at the gateway, for this dispatch.
      ...(usesDoor ? { GOOGLE_GEMINI_BASE_URL: door.modelUrl("gemini"), GEMINI_API_KEY: door.token } : {}),
    },
    files: { ".gemini/settings.json": JSON.stringify(settings) },
    mcp: null,
    knowsSystemPrompt: false,
    ...(asksPermission ? {} : { mode: "yolo" }),
  };
}
