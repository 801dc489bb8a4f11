/** What an agent makes of its own folders leads Ticktown nowhere: repositories in its clone, links in its home, keys that are not its own. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { environmentFor } from "../../container/agents/runtimes/environment.ts";
import { prepareHome } from "../../container/agents/runtimes/home.ts";
import { keepUsage, usageKept } from "../../container/agents/runtimes/ledger.ts";
import { RUNTIMES } from "../../container/agents/runtimes/runtimes.ts";
import { bwrapArgs } from "../../container/box/bwrap.ts";
import { createGit, TICKTOWN_IDENTITY } from "../../container/git/git.ts";
import { readConfig } from "../../container/config.ts";
import { isNotForSetups } from "../../container/gate/environment.ts";
import { git, tempDir } from "./world.ts";

/** A clone with a repository of the agent's in it, whose configuration names a program; and where that leaves its mark. */
function clone(): { dir: string; mark: string; target: string } {
  const root = tempDir();
  const mark = path.join(root, "mark");
  const evil = path.join(root, "evil");
  writeFileSync(evil, `#!/bin/sh\ntouch ${mark}\nexit 1\n`);
  chmodSync(evil, 0o755);
  const target = path.join(root, "origin.git");
  const dir = path.join(root, "clone");
  const inner = path.join(dir, "x");
  execFileSync("git", ["init", "--quiet", "--bare", "--initial-branch=main", target]);
  execFileSync("git", ["clone", "--quiet", target, dir], { stdio: "ignore" });
  git(dir, "commit", "--quiet", "--allow-empty", "-m", "one");
  git(dir, "push", "--quiet", "origin", "HEAD:main");
  mkdirSync(inner);
  git(inner, "init", "--quiet");
  writeFileSync(path.join(inner, "l.txt"), "l\n");
  git(inner, "add", "--all");
  git(inner, "commit", "--quiet", "-m", "one");
  for (const [name, value] of [
    ["remote.origin.url", inner],
    ["remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"],
    ["remote.origin.uploadpack", evil],
    ["filter.x.clean", evil],
    ["core.fsmonitor", evil],
  ] as const)
    git(inner, "config", name, value);
  writeFileSync(path.join(inner, ".gitattributes"), "* filter=x\n");
  writeFileSync(path.join(inner, "l.txt"), "m\n");
  writeFileSync(
    path.join(dir, ".gitmodules"),
    '[submodule "x"]\n\tpath = x\n\turl = ./x\n\tfetchRecurseSubmodules = true\n\tignore = none\n',
  );
  execFileSync("git", ["-c", "core.fsmonitor=false", "add", ".gitmodules", "x"], { cwd: dir, stdio: "ignore" });
  execFileSync("rm", ["-f", mark]);
  return { dir, mark, target };
}

test("OWN-submodule no git of ours goes down into a repository that an agent has put into its clone", async () => {
  const { dir, mark } = clone();
  const config = readConfig({ CONTROL_TOKEN: "t", WORK_DIR: tempDir(), PATH: process.env["PATH"] });
  const run = createGit(config, TICKTOWN_IDENTITY, (text) => text);
  for (const args of [
    ["fetch", "--quiet", "origin"],
    ["status", "--porcelain"],
    ["diff", "--stat"],
  ]) {
    await run(dir, args);
    expect([args[0], existsSync(mark)]).toEqual([args[0], false]);
  }
  // What is told of it is that it is there.
  expect((await run(dir, ["status", "--porcelain"])).stdout).toContain("x");
});

test("OWN-home what we write for an agent is written in its home, whatever link it has put on the way", async () => {
  const root = tempDir();
  const theirs = path.join(root, "theirs");
  const home = path.join(root, "home", "codex");
  mkdirSync(theirs);
  mkdirSync(home, { recursive: true });
  symlinkSync(theirs, path.join(home, ".codex"));
  const options = { home, files: { ".codex/config.toml": "ours" }, logins: [], personHome: null, warn: () => {} };
  await prepareHome(options);
  expect(existsSync(path.join(theirs, "config.toml"))).toBe(false);
  expect(lstatSync(path.join(home, ".codex")).isDirectory()).toBe(true);
  expect(readFileSync(path.join(home, ".codex", "config.toml"), "utf8")).toBe("ours");
});

test("OWN-usage what an agent has used is kept where it cannot write, and a link in the way is not followed", () => {
  const root = tempDir();
  const home = path.join(root, "home", "acp");
  const theirs = path.join(root, "theirs");
  mkdirSync(home, { recursive: true });
  writeFileSync(theirs, "theirs");
  symlinkSync(theirs, path.join(root, "usage-acp.json.tmp"));
  const usage = { input_tokens: 1, cached_tokens: 0, output_tokens: 1, model: null, cost_microdollars: null };
  keepUsage(home, "s", usage);
  expect([readFileSync(theirs, "utf8"), usageKept(home, "s")]).toEqual(["theirs", usage]);
  expect(existsSync(path.join(home, "ticktown-usage.json"))).toBe(false);
});

test("OWN-key a program of several providers has none of their keys where the door stands for one of them", () => {
  const host = { ANTHROPIC_API_KEY: "key-1", OPENAI_API_KEY: "", PATH: "/bin" };
  const door = {
    token: "t",
    modelUrl: () => "http://127.0.0.1:1",
    hasKey: (provider: string) => provider === "anthropic",
  };
  for (const runtime of RUNTIMES) {
    const place = { home: "/h", model: null, systemPrompt: "", session: { id: "s", resume: false }, door, mcp: null };
    const plan = runtime.plan({ ...place, asksPermission: false, hasOwnKey: false });
    expect([
      runtime.name,
      JSON.stringify(environmentFor({}, { hostEnv: host, agentPass: [] }, runtime, plan, door, "/h").env),
    ]).toEqual([runtime.name, expect.not.stringContaining("key-1")]);
  }
});

test("OWN-state the state folder is not seen where it lies in what is, nor by another name of it", () => {
  const root = tempDir();
  const state = path.join(root, "state");
  mkdirSync(state);
  symlinkSync(state, path.join(root, "other"));
  const spec = { cwd: "/", writable: [], readable: [`${root}//other`, `${state}/`, root, "/bin"] };
  const shown = bwrapArgs(spec as never, [state]);
  for (const file of spec.readable.slice(0, 3)) expect([file, shown.includes(file)]).toEqual([file, false]);
  expect(bwrapArgs(spec as never, ["/usr/state"]).join(" ")).toContain("--tmpfs /usr/state");
  expect(readConfig({ CONTROL_TOKEN: "t", WORK_DIR: "/w", STATE_DIR: "/opt/x/.ticktown" }).stateDir).toBe(
    "/opt/x/.ticktown",
  );
});

test("OWN-setup a setup has no token that pushes, and no key of a model", () => {
  for (const name of ["GASTOWN_SESSION_TOKEN", "GIT_TOKEN", "GIT_USERNAME", "ANTHROPIC_API_KEY", "OPENAI_API_KEY"])
    expect([name, isNotForSetups(name)]).toEqual([name, true]);
  for (const name of ["NPM_TOKEN", "PATH", "GIT_AUTHOR_NAME"])
    expect([name, isNotForSetups(name)]).toEqual([name, false]);
});
