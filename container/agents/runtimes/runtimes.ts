/** The coding agents that are known by name, and any that speaks ACP. */
import { CLAUDE } from "./claude.ts";
import { CODEX } from "./codex.ts";
import { GEMINI } from "./gemini.ts";
import { KILO, OPENCODE } from "./opencode.ts";
import type { Runtime } from "./runtime.ts";

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

/** Nothing is known of it but how it is spoken with: its keys and its configuration are its own. */
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
    plan: ({ mcp }) => ({
      argv: ["sh", "-c", command],
      env: {},
      files: {},
      mcp,
      knowsSystemPrompt: false,
    }),
  };
}
