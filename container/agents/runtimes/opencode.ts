import type { ModelDoor, Runtime, RuntimePlace, RuntimePlan } from "./runtime.ts";

/** OpenCode, and Kilo, which is made from it. */
export const OPENCODE: Runtime = alike({
  name: "opencode",
  tried: "1.18.33",
  range: ["1.18", "1.19"],
  logins: [".local/share/opencode/auth.json"],
  login: "set the key of its provider, or log in once with `opencode auth login`",
});

export const KILO: Runtime = alike({
  name: "kilo",
  tried: "7.7.7",
  range: ["7.7", "7.8"],
  logins: [".local/share/kilo/auth.json"],
  login: "set the key of its provider, or log in once with `kilo auth login`",
});

function alike(own: Pick<Runtime, "name" | "tried" | "range" | "logins" | "login">): Runtime {
  const { name } = own;
  return {
    ...own,
    driver: "acp",
    program: name,
    loginArgv: [name, "auth", "login"],
    keys: ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"],
    provider: "openai",
    takesMessages: true,
    countsProcess: true,
    plan: (place) => plan(name, place),
  };
}

function plan(name: string, { home, model, door, mcp, asksPermission }: RuntimePlace): RuntimePlan {
  const upper = name.toUpperCase();
  const ours = modelOf(model, door);
  const config = {
    autoupdate: false,
    share: "disabled",
    ...(ours === null ? {} : { model: ours, small_model: ours }),
    ...(door === null ? {} : { provider: providersOf(model, door) }),
    permission: asksPermission ? { bash: "ask", edit: "ask", webfetch: "ask" } : { "*": "allow" },
  };
  const file = "ticktown-config.json";
  return {
    argv: [name, "acp"],
    env: {
      [`${upper}_CONFIG`]: `${home}/${file}`,
      [`${upper}_DISABLE_AUTOUPDATE`]: "1",
      // Its own list of models is in the program; a fetch would hold up the start where there is no net.
      [`${upper}_DISABLE_MODELS_FETCH`]: "1",
    },
    files: { [file]: JSON.stringify(config) },
    mcp,
    knowsSystemPrompt: false,
  };
}

/** A name with a provider before it is the program's own; any other one is asked for at the address of an OpenAI. */
function modelOf(model: string | null, door: ModelDoor | null): string | null {
  if (model === null || model.includes("/") || door?.hasKey("openai") !== true) return model;
  return `ticktown/${model}`;
}

function providersOf(model: string | null, door: ModelDoor): Record<string, unknown> {
  const openai = { baseURL: door.modelUrl("openai"), apiKey: door.token };
  return {
    ...(door.hasKey("anthropic")
      ? { anthropic: { options: { baseURL: `${door.modelUrl("anthropic")}/v1`, apiKey: door.token } } }
      : {}),
    ...(door.hasKey("openai") ? { openai: { options: openai } } : {}),
    ...(door.hasKey("openai") && model !== null && !model.includes("/")
      ? {
          ticktown: {
            npm: "@ai-sdk/openai-compatible",
            name: "Ticktown",
            options: openai,
            models: { [model]: { name: model, tool_call: true, limit: CONTEXT } },
          },
        }
      : {}),
  };
}

/** Of a model that the program does not know: when it begins to shorten its conversation. */
const CONTEXT = { context: 200_000, output: 8_000 };
