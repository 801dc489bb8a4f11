/** The coding agents that are known by name, and any that speaks ACP. */
import { CLAUDE } from "./claude.ts";
import { CODEX } from "./codex.ts";
import { GEMINI } from "./gemini.ts";
import { KILO, OPENCODE } from "./opencode.ts";
import type { ModelDoor, Provider, Runtime } from "./runtime.ts";

export const RUNTIMES: readonly Runtime[] = [CLAUDE, CODEX, OPENCODE, KILO, GEMINI];

const ACP = "acp:";

/** @param name a preset's, or `acp:` and a command that `sh -c` runs. @returns undefined when there is none */
export function runtimeNamed(name: string): Runtime | undefined {
  if (name.startsWith(ACP) && name.slice(ACP.length).trim() !== "") return acpOf(name.slice(ACP.length).trim());
  return RUNTIMES.find((runtime) => runtime.name === name);
}

/** The command of `acp:<command>`; null for another name. */
export const acpCommandOf = (name: string): string | null =>
  name.startsWith(ACP) && name.slice(ACP.length).trim() !== "" ? name.slice(ACP.length).trim() : null;

/** By which names most programs are told where a model is, and with which key. */
const USUAL: readonly { readonly provider: Provider; readonly address: string; readonly key: string }[] = [
  { provider: "anthropic", address: "ANTHROPIC_BASE_URL", key: "ANTHROPIC_API_KEY" },
  { provider: "openai", address: "OPENAI_BASE_URL", key: "OPENAI_API_KEY" },
  { provider: "gemini", address: "GOOGLE_GEMINI_BASE_URL", key: "GEMINI_API_KEY" },
];

/** The gateway in place of each provider that somebody has given a key for: a token that is worth nothing elsewhere, and ends with the dispatch. */
const atDoor = (door: ModelDoor | null): Record<string, string> =>
  Object.fromEntries(
    USUAL.flatMap(({ provider, address, key }) =>
      door?.hasKey(provider) === true
        ? [
            [address, door.modelUrl(provider)],
            [key, door.token],
          ]
        : [],
    ),
  );

/**
 * Nothing is known of it but how it is spoken with. Its models are told it by the usual names; what else it needs, such as a login
 * of its own, is named in AGENT_PASS.
 */
function acpOf(command: string): Runtime {
  return {
    name: "acp",
    driver: "acp",
    program: "sh",
    tried: "",
    range: ["0.0", "0.0"],
    keys: [],
    logins: [],
    login: "",
    loginArgv: [],
    provider: "openai",
    takesMessages: false,
    countsProcess: true,
    takesPassed: true,
    plan: ({ door, mcp }) => ({
      argv: ["sh", "-c", command],
      env: atDoor(door),
      files: {},
      mcp,
      knowsSystemPrompt: false,
    }),
  };
}
