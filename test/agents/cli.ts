/** Runs one of the installed CLIs by itself: nothing of this machine's environment, a HOME of its own. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll } from "vitest";
import type { DoorPass } from "../../container/agents/door/door.ts";

/** Where the CLIs are installed. */
export const BIN = path.join(import.meta.dirname, "node_modules", ".bin");

export function tempDir(): string {
  const dir = realpathSync(mkdtempSync(path.join(tmpdir(), "ticktown-agents-")));
  afterAll(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

/** The machine's environment is nobody's: neither a key nor a login of whoever runs the tests is near a CLI. */
export const cleanEnv = (home: string): Record<string, string> => ({
  PATH: `${BIN}:${path.dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
  HOME: home,
  LANG: "C.UTF-8",
  TERM: "dumb",
  GIT_AUTHOR_NAME: "a",
  GIT_AUTHOR_EMAIL: "a@example.invalid",
  GIT_COMMITTER_NAME: "a",
  GIT_COMMITTER_EMAIL: "a@example.invalid",
});

export interface CliRun {
  readonly code: number | null;
  readonly output: string;
  readonly took_ms: number;
}

export type Cli = (pass: DoorPass, prompt: string, cwd: string) => Promise<CliRun>;

/** Claude Code, headless, as its own users run it. */
export const claude: Cli = (pass, prompt, cwd) =>
  claudeWith(
    {
      ticktown: { type: "http", url: pass.mcpUrl, headers: { Authorization: `Bearer ${pass.token}` } },
    },
    { ANTHROPIC_BASE_URL: pass.modelUrl("anthropic"), ANTHROPIC_API_KEY: pass.token },
    prompt,
    cwd,
  );

/** @param servers those of MCP that it is told of, as in its own settings */
export function claudeWith(
  servers: Readonly<Record<string, object>>,
  env: Readonly<Record<string, string>>,
  prompt: string,
  cwd: string,
): Promise<CliRun> {
  const home = tempDir();
  const mcp = path.join(home, "mcp.json");
  writeFileSync(mcp, JSON.stringify({ mcpServers: servers }));
  return runCli(
    "claude",
    [
      "-p",
      prompt,
      "--output-format",
      "stream-json",
      "--verbose",
      "--mcp-config",
      mcp,
      "--strict-mcp-config",
      "--dangerously-skip-permissions",
    ],
    cwd,
    {
      ...cleanEnv(home),
      ...env,
      IS_SANDBOX: "1",
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
    },
  );
}

/** Codex, headless. */
export const codex: Cli = (pass, prompt, cwd) => {
  const home = tempDir();
  const config = [
    'model = "scripted"',
    'model_provider = "ticktown"',
    "check_for_update_on_startup = false",
    "[analytics]",
    "enabled = false",
    "[model_providers.ticktown]",
    'name = "ticktown"',
    `base_url = "${pass.modelUrl("openai")}"`,
    `experimental_bearer_token = "${pass.token}"`,
    'wire_api = "responses"',
    "[mcp_servers.ticktown]",
    `url = "${pass.mcpUrl}"`,
    `http_headers = { Authorization = "Bearer ${pass.token}" }`,
  ];
  mkdirSync(path.join(home, ".codex"));
  writeFileSync(path.join(home, ".codex", "config.toml"), config.join("\n"));
  return runCli("codex", ["exec", "--json", "--dangerously-bypass-approvals-and-sandbox", prompt], cwd, cleanEnv(home));
};

/** What never ends is ended, and says so by having no code. */
const PATIENCE_MS = 120_000;

function runCli(program: string, args: string[], cwd: string, env: Record<string, string>): Promise<CliRun> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(path.join(BIN, program), args, {
      cwd,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      timeout: PATIENCE_MS,
      killSignal: "SIGKILL",
    });
    let output = "";
    for (const pipe of [child.stdout, child.stderr]) pipe.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output, took_ms: performance.now() - began }));
  });
}
