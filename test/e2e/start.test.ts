import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { Bead } from "../../scripts/stack/api-client.ts";
import { makeRepository } from "../../scripts/stack/demo/repository.ts";
import { freePort } from "../../scripts/stack/ports.ts";
import { PROJECT } from "../../scripts/stack/project.ts";
import {
  nothingLeftIn,
  processesIn,
  type Program,
  ready,
  run,
  runCommand,
  eachTry,
  tokenIn,
  until,
} from "./support.ts";

let dir = "";
eachTry((made) => (dir = made));

/** What is there when it is listed: a git of Ticktown's own may still be taking its folders away. */
function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const name = path.join(folder, entry.name);
      return entry.isDirectory() ? filesIn(name) : entry.isFile() ? [name] : [];
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

const rigIn = (program: Program): string => /rig (rig-\S+)/.exec(program.stderr())?.[1] ?? "no rig";

/** What people copy from there must work: the script, and how it is named when Ticktown is started in a folder beside it. */
function agentOfTheReadme(): { readonly script: string; readonly command: string; readonly cwd: string } {
  const readme = readFileSync(path.join(PROJECT, "README.md"), "utf8");
  const script = /```sh\n(# agent\.sh\n[^`]+)```/.exec(readme)?.[1];
  const argument = /^ticktown up --repo \S+ --agent (.+)$/m.exec(readme)?.[1];
  if (script === undefined || argument === undefined) throw new Error("README.md has no agent.sh any more");
  const cwd = path.join(dir, "ticktown");
  mkdirSync(cwd);
  return { script, cwd, command: execFileSync("sh", ["-c", `printf %s ${argument}`], { cwd, encoding: "utf8" }) };
}

async function get<T>(url: string, state: string): Promise<T> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${tokenIn(state)}` } });
  return ((await response.json()) as { data: T }).data;
}

interface Receipt {
  readonly checks: readonly { readonly name: string; readonly exit: number }[];
}

/** The facts of a rig that say what was checked. */
async function receiptsOf(url: string, state: string): Promise<Receipt[]> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${tokenIn(state)}` } });
  const lines = (await response.text()).split("\n").filter((line) => line.includes('"review.checked"'));
  return lines.map((line) => (JSON.parse(line) as { body: Receipt }).body);
}

describe("what cannot work is said at once", () => {
  const state = path.join(dir, "never");
  const refused = async (args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> => {
    const program = run("start.ts", ["--state", state, ...args]);
    return { code: await program.exited, stdout: program.stdout(), stderr: program.stderr() };
  };

  test("an unknown option is refused with exit code 2 and its name", async () => {
    const { code, stdout, stderr } = await refused(["--prot", "1"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("--prot");
    expect(stderr).toContain("--help");
  });

  test("a port that is no port is refused with exit code 2", async () => {
    const { code, stderr } = await refused(["--port", "http"]);
    expect(code).toBe(2);
    expect(stderr).toContain('--port is "http"');
  });

  test("a folder that is no repository is refused before anything is started", async () => {
    mkdirSync(path.join(dir, "plain"));
    const { code, stderr } = await refused(["--repo", path.join(dir, "plain")]);
    expect(code).toBe(1);
    expect(stderr).toContain(`${path.join(dir, "plain")} is not a git repository`);
  });

  test("an agent's command that cannot begin is refused with exit code 1 and its own words", async () => {
    const { code, stdout, stderr } = await refused(["--agent", "sh nope.sh"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/--agent "sh nope\.sh": tried .*nope\.sh/);
  });

  test("an empty repository is refused before anything is started", async () => {
    execFileSync("git", ["init", "--quiet", "--bare", path.join(dir, "empty.git")]);
    const { code, stderr } = await refused(["--repo", path.join(dir, "empty.git")]);
    expect(code).toBe(1);
    expect(stderr).toContain("has no commits yet");
  });
});

test("npm start: one ready line, an own agent, one town per state folder, a clean end, and everything is there the next time", async () => {
  const repository = makeRepository(dir);
  repository.git("branch", "--move", "main", "trunk");
  repository.git("symbolic-ref", "HEAD", "refs/heads/trunk");
  const agent = agentOfTheReadme();
  writeFileSync(path.join(dir, "agent.sh"), agent.script);
  const bin = path.join(dir, "bin");
  mkdirSync(bin);
  writeFileSync(path.join(bin, "my-coding-agent"), `#!/bin/sh\nprintf '%s\\n' "$1" > TOLD.md\n`, { mode: 0o755 });
  // As npm says where it was called.
  const env = { PATH: `${bin}:${process.env["PATH"]}`, INIT_CWD: agent.cwd };
  const state = path.join(dir, "state");
  const port = await freePort();
  const rules = ["--setup", "true", "--check", "test -s TOLD.md", "--check", "grep -q HELLO TOLD.md"];
  const args = ["--port", String(port), "--state", state, "--repo", repository.origin, "--agent", agent.command];
  args.push(...rules);

  const first = run("start.ts", args, env);
  const url = await ready(first);
  expect(url).toBe(`http://127.0.0.1:${port}`);
  expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: "ok" });
  const rigId = rigIn(first);
  expect(first.stderr()).toContain("work is merged into trunk");
  const curl = /curl .*\/sling -d '.*'/.exec(first.stderr())?.[0] ?? "false";
  const { bead } = (
    JSON.parse(execFileSync("sh", ["-c", `${curl} --silent`], { encoding: "utf8" })) as { data: { bead: Bead } }
  ).data;
  const isClosed = async (): Promise<boolean> =>
    (await get<Bead>(`${url}/api/rigs/${rigId}/beads/${bead.id}`, state)).status === "closed";
  await until("the agent's work is merged", isClosed);
  expect(repository.git("show", "trunk:TOLD.md")).toContain("Write a greeting into HELLO.md");
  expect(first.stderr()).toContain("before this is green on it: test -s TOLD.md, grep -q HELLO TOLD.md");
  await until("it is told", () => first.stderr().includes('ticktown: merged: "Say hello" as '));
  expect(first.stderr()).toMatch(/^ticktown: polecat-1 works on "Say hello"$/m);
  const receipts = await receiptsOf(`${url}/api/rigs/${rigId}/export`, state);
  expect(receipts.map(({ checks }) => checks.map(({ name, exit }) => [name, exit]))).toEqual([
    [
      ["test -s TOLD.md", 0],
      ["grep -q HELLO TOLD.md", 0],
    ],
  ]);

  const secrets = Object.values(
    JSON.parse(readFileSync(path.join(state, "secrets.json"), "utf8")) as Record<string, string>,
  );
  expect(secrets).toHaveLength(3);
  for (const { command } of processesIn(state))
    expect(secrets.filter((secret) => command.includes(secret))).toEqual([]);
  // What was written for us is ours alone, journals included; what was written into a repository is as git makes it.
  const readable = (folder: string): string[] =>
    filesIn(folder).filter((file) => ((statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o077) !== 0);
  expect(filesIn(path.join(state, "worker")).some((file) => file.endsWith(".sqlite"))).toBe(true);
  // What every box reads of the operator's settings of git, in which there is no login, is for the uid of each.
  const shown = path.join(state, "container", "git", "box-config");
  expect(readable(state).filter((file) => !file.startsWith(path.join(state, "container", "rigs")))).toEqual([shown]);
  expect(readable(path.join(repository.origin, "objects")).length).toBe(
    process.umask() === 0o077 ? 0 : filesIn(path.join(repository.origin, "objects")).length,
  );
  const logs = ["worker.log", "control.log"]
    .map((name) => readFileSync(path.join(state, "logs", name), "utf8"))
    .join("\n");
  expect(secrets.filter((secret) => logs.includes(secret))).toEqual([]);

  const rival = run("start.ts", ["--port", "0", "--state", state]);
  expect(await rival.exited).toBe(1);
  expect(rival.stderr()).toContain(`in use by the Ticktown with pid ${first.process.pid}`);
  const neighbour = run("start.ts", ["--port", String(port), "--state", path.join(dir, "other")]);
  expect(await neighbour.exited).toBe(1);
  expect(neighbour.stderr()).toContain(`port ${port} is taken`);

  first.process.kill("SIGTERM");
  expect(await first.exited).toBe(0);
  expect(first.stdout()).toBe(`ready ${url}\n`);
  expect(await nothingLeftIn(state)).toEqual([]);

  const second = run("start.ts", args, env);
  await ready(second);
  expect(rigIn(second)).toBe(rigId);
  expect(second.stderr()).toContain("was here already");
  expect(await isClosed()).toBe(true);
  expect(await get<unknown[]>(`${url}/api/users/local/towns`, state)).toHaveLength(1);

  const { pid } = JSON.parse(readFileSync(path.join(state, "run", "worker.json"), "utf8")) as { pid: number };
  process.kill(-pid, "SIGKILL");
  await until("the Worker is started again", () =>
    second.stderr().includes("the Worker was ended by SIGKILL; starting it again"),
  );
  await until("it answers again", () => isClosed().catch(() => false));
  second.process.kill("SIGINT");
  expect(await second.exited).toBe(0);
  expect(await nothingLeftIn(state)).toEqual([]);
});

test("npm start that was killed without a chance to clean up: the next one on its state folder does it", async () => {
  const state = path.join(dir, "killed");
  const port = String(await freePort());
  const first = run("start.ts", ["--port", port, "--state", state]);
  await ready(first);
  first.process.kill("SIGKILL");
  await first.exited;

  // Somebody else's control server, which only remembers what it is asked.
  const asked: { path: string; body: { envVars?: Record<string, string> } }[] = [];
  const container = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      asked.push({ path: request.url ?? "", body: JSON.parse(text || "{}") as object });
      response.writeHead(request.url === "/agents/start" ? 201 : 404, { "content-type": "application/json" }).end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(container, "listening");
  const containerUrl = `http://127.0.0.1:${(container.address() as AddressInfo).port}`;

  const second = run("start.ts", [
    "--port",
    port,
    "--state",
    state,
    "--container",
    containerUrl,
    "--repo",
    makeRepository(dir).origin,
  ]);
  const url = await ready(second);
  expect(second.stderr()).toContain(`WARNING: ${containerUrl} is spoken to without a token`);
  expect(processesIn(state).filter(({ command }) => command.includes("container/main.ts"))).toEqual([]);
  await fetch(`${url}/api/rigs/${rigIn(second)}/sling`, {
    method: "POST",
    headers: { authorization: `Bearer ${tokenIn(state)}`, "content-type": "application/json" },
    body: '{"title":"Say hello"}',
  });
  const start = await until("the control server that was named is asked to start an agent", () =>
    asked.find(({ path }) => path === "/agents/start"),
  );
  expect(start.body.envVars?.["GASTOWN_API_URL"]).toBe(url);

  second.process.kill("SIGINT");
  expect(await second.exited).toBe(0);
  expect(await nothingLeftIn(state)).toEqual([]);
  container.close();
});

test("a SIGTERM to npm itself ends everything as well", async () => {
  const state = path.join(dir, "by-npm");
  const program = runCommand("npm", ["start", "--", "--port", "0", "--state", state]);
  await ready(program);
  program.process.kill("SIGTERM");
  expect(await program.exited).toBe(0);
  expect(await nothingLeftIn(state)).toEqual([]);
});
