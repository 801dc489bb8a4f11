/**
 * Coding agents by name: `npm start -- --agent claude`. Each is a command line that works without a terminal and without asking, what it
 * needs of the environment, and where its key is looked for. Flags and variables are those of the versions in docs/agents.md.
 */
import { execFileSync } from "node:child_process";

export interface Preset {
  readonly name: string;
  /** What is looked for on the PATH. */
  readonly program: string;
  /** Run by `sh -c` in the agent's clone. */
  readonly command: string;
  /** Set for it, beside what every agent gets. */
  readonly sets: Readonly<Record<string, string>>;
  /** Names in the environment that may hold its key; it sees those that are set. */
  readonly keys: readonly string[];
  /** What to do where none of them is set. */
  readonly login: string;
}

const WHOLE_PROMPT = '"$TICKTOWN_SYSTEM_PROMPT\n\n$TICKTOWN_PROMPT"';
/** OpenCode's and Kilo's own word for: do not ask. */
const ALLOWED = JSON.stringify({ permission: { "*": "allow" } });

export const PRESETS: readonly Preset[] = [
  {
    name: "claude",
    program: "claude",
    command:
      'exec claude -p "$TICKTOWN_PROMPT" --append-system-prompt "$TICKTOWN_SYSTEM_PROMPT" --output-format stream-json --verbose --dangerously-skip-permissions',
    // As root it refuses to skip permissions unless it is told that it is in a sandbox.
    sets: { IS_SANDBOX: "1", CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", DISABLE_AUTOUPDATER: "1" },
    keys: ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL"],
    login: "set ANTHROPIC_API_KEY, or log in once with `claude`",
  },
  {
    name: "codex",
    program: "codex",
    command: `exec codex exec --json --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox ${WHOLE_PROMPT}`,
    sets: {},
    keys: ["OPENAI_API_KEY", "CODEX_API_KEY", "CODEX_HOME"],
    login: "set OPENAI_API_KEY, or log in once with `codex login`",
  },
  {
    name: "opencode",
    program: "opencode",
    command: `exec opencode run --format json ${WHOLE_PROMPT}`,
    sets: { OPENCODE_CONFIG_CONTENT: ALLOWED, OPENCODE_DISABLE_AUTOUPDATE: "1" },
    keys: ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "OPENCODE_CONFIG"],
    login: "set the key of its provider, or log in once with `opencode auth login`",
  },
  {
    name: "kilo",
    program: "kilo",
    command: `exec kilo run --format json ${WHOLE_PROMPT}`,
    sets: { KILO_CONFIG_CONTENT: ALLOWED, KILO_DISABLE_AUTOUPDATE: "1" },
    keys: ["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "KILO_CONFIG"],
    login: "set the key of its provider, or log in once with `kilo auth login`",
  },
  {
    name: "gemini",
    program: "gemini",
    command: `exec gemini -p ${WHOLE_PROMPT} --yolo --output-format stream-json`,
    sets: { GEMINI_CLI_TRUST_WORKSPACE: "true" },
    keys: ["GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_API_KEY"],
    login: "set GEMINI_API_KEY, or log in once with `gemini`",
  },
];

export const presetNamed = (name: string): Preset | undefined => PRESETS.find((preset) => preset.name === name);

type Env = Readonly<Record<string, string | undefined>>;

/** @returns the program's own words for its version; null: it is not there, or does not say */
export function versionOf(program: string, env: Env): string | null {
  try {
    const said = execFileSync(program, ["--version"], {
      env: { ...env, CI: "1" },
      timeout: 20_000,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return said.trim().split("\n")[0] ?? "";
  } catch {
    return null;
  }
}

/** Those of its keys that are set, by name: what they hold is nobody's to print. */
export const keysFound = ({ keys }: Preset, env: Env): string[] => keys.filter((key) => (env[key] ?? "") !== "");
