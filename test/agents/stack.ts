/** A whole Ticktown with a real coding agent in it, as `npm start` makes it, and a rig of its own for each test. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type * as z from "zod";
import { type Agent, type ApiClient, type Bead, createApiClient } from "../../scripts/stack/api-client.ts";
import { PROJECT } from "../../scripts/stack/project.ts";
import type { AgentStatus } from "../../src/wire/container.ts";
import type { WireNeed as NeedSchema } from "../../src/wire/needs.ts";
import { processesIn, until } from "../e2e/support.ts";
import { cleanEnv, tempDir } from "./cli.ts";
import { type Model, type Script, startModel } from "./model/server.ts";

type WireNeed = z.infer<typeof NeedSchema>;
export type Name = "claude" | "codex";
export const KEY = "sk-real-key-0123456789abcdef";
/** A slower machine, with others on it. */
const PATIENCE_MS = 180_000;

/** What each CLI is told of its models; the door puts itself in between. */
const MODELS: Readonly<Record<Name, (url: string) => Record<string, string>>> = {
  claude: (url) => ({ ANTHROPIC_API_KEY: KEY, ANTHROPIC_BASE_URL: url }),
  codex: (url) => ({ OPENAI_API_KEY: KEY, OPENAI_BASE_URL: `${url}/v1` }),
};

/** Codex has another set of tools for models of the newest kind, which it would choose by itself. */
const METADATA: Readonly<Record<Name, object>> = { claude: {}, codex: { model: "scripted" } };

export interface Stack {
  readonly model: Model;
  readonly api: ApiClient;
  readonly url: string;
  readonly dir: string;
  readonly token: string;
  readonly log: () => string;
  /** A rig for a repository of its own, and one bead in it whose agent follows the script. */
  readonly sling: (name: string, script: Script, settings?: Record<string, unknown>, runtime?: Name) => Promise<Work>;
  readonly stop: () => Promise<void>;
}

export interface Work {
  readonly rigId: string;
  readonly beadId: string;
  readonly agentId: string;
  readonly repo: string;
  /** What the model was asked in this conversation. */
  readonly asked: () => Model["requests"];
  readonly bead: () => Promise<Bead>;
  readonly agent: () => Promise<Agent>;
  /** As the control server sees it. */
  readonly status: () => Promise<AgentStatus>;
  /** Who needs a person in its rig. */
  readonly needs: () => Promise<WireNeed[]>;
  readonly attempts: () => Promise<{ reason: string; status: string; tail: string }[]>;
  /** Processes of its agent whose command has this in it. */
  readonly running: (command: string) => number[];
  /** A file on the target branch. */
  readonly merged: (file: string) => string;
  readonly until: <T>(what: string, look: () => T | Promise<T>) => Promise<NonNullable<T>>;
  readonly call: ApiClient["call"];
}

export async function startTicktown(name: Name, args: readonly string[] = []): Promise<Stack> {
  const dir = tempDir();
  const state = path.join(dir, "state");
  const home = path.join(dir, "home");
  mkdirSync(home);
  const model = await startModel();
  const child = spawn("npm", ["start", "--silent", "--", "--port", "0", "--state", state, "--agent", name, ...args], {
    cwd: PROJECT,
    env: { ...cleanEnv(home), ...MODELS.claude(model.url), ...MODELS.codex(model.url), NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const pipe of [child.stdout, child.stderr]) pipe.setEncoding("utf8").on("data", (text: string) => (log += text));
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const url = await until(
    `npm start --agent ${name} is ready`,
    () => {
      if (child.exitCode !== null) throw new Error(`npm start ended with ${child.exitCode}: ${log}`);
      return /^ready (http:\S+)$/m.exec(log)?.[1];
    },
    PATIENCE_MS,
  );
  const token = readFileSync(path.join(state, "operator-token"), "utf8").trim();
  const api = createApiClient(url, token);
  return {
    model,
    api,
    url,
    dir,
    token,
    log: () => log,
    sling: (script, follow, settings, runtime) =>
      sling({ api, dir, model, runtime: runtime ?? name }, script, follow, settings),
    stop: () => stop(child, exited, model),
  };
}

/** SIGTERM reaches npm's child as well, which ends its own. */
async function stop(child: ChildProcess, exited: Promise<void>, model: Model): Promise<void> {
  child.kill("SIGTERM");
  await exited;
  await model.close();
}

async function sling(
  { api, dir, model, runtime }: Pick<Stack, "api" | "dir" | "model"> & { readonly runtime: Name },
  wanted: string,
  script: Script,
  settings: Record<string, unknown> = {},
): Promise<Work> {
  // A test that is tried again finds nothing of its first try.
  let name = wanted;
  for (let n = 2; model.scripts.has(name); n++) name = `${wanted}-${n}`;
  model.scripts.set(name, script);
  const repo = makeRepository(path.join(dir, "repositories", name));
  const { rig } = await api.rigFor({ name, gitUrl: repo, defaultBranch: "main" });
  const at = `/api/rigs/${rig.id}`;
  await api.call("PUT", `${at}/settings`, {
    backoff_base_ms: 200,
    arm_delay_ms: 100,
    cadence_active_ms: 2_000,
    // All of them are one account's: the limit that one is told of would hold the others until its reset.
    hold_accounts: false,
    ...settings,
  });
  const { bead, agent } = await api.call<{ bead: Bead; agent: Agent }>("POST", `${at}/sling`, {
    title: `Follow ${name}`,
    body: `[[script:${name}]] Do what the script says.`,
    runtime,
    metadata: METADATA[runtime],
  });
  const town = (rig as { town_id?: string }).town_id ?? "";
  return {
    rigId: rig.id,
    beadId: bead.id,
    agentId: agent.id,
    repo,
    asked: () => model.requests.filter((one) => one.script === name),
    bead: () => api.call("GET", `${at}/beads/${bead.id}`),
    agent: () => api.call("GET", `${at}/agents/${agent.id}`),
    status: () => api.call("GET", `/api/towns/${town}/container/agents/${agent.id}/status`),
    needs: async () => (await api.call<{ needs: WireNeed[] }>("GET", `${at}/needs`)).needs,
    attempts: () => api.call("GET", `${at}/beads/${bead.id}/attempts`),
    running: (command) =>
      processesIn(`rigs/${rig.id}/`)
        .filter((one) => one.command.includes(command))
        .map(({ pid }) => pid),
    merged: (file) => execFileSync("git", ["show", `main:${file}`], { cwd: repo, encoding: "utf8", stdio: "pipe" }),
    until: (what, look) => until(`${name}: ${what}`, look, PATIENCE_MS),
    call: (method, to, body) => api.call(method, `${at}${to}`, body),
  };
}

/** A bare one, with a file on main. */
function makeRepository(dir: string): string {
  const bare = `${dir}.git`;
  const git = (...args: string[]): unknown =>
    execFileSync("git", args, { env: cleanEnv(path.dirname(dir)), stdio: "ignore" });
  mkdirSync(dir, { recursive: true });
  git("init", "--quiet", "--initial-branch=main", dir);
  writeFileSync(path.join(dir, "README.md"), "hello\n");
  git("-C", dir, "add", "--all");
  git("-C", dir, "commit", "--quiet", "-m", "first");
  git("clone", "--quiet", "--bare", dir, bare);
  return bare;
}
