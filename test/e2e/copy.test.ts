import { execFileSync } from "node:child_process";
import { cpSync, existsSync, lstatSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { createApiClient } from "../../scripts/stack/api-client.ts";
import { agentProcesses } from "../../scripts/stack/control.ts";
import { makeRepository } from "../../scripts/stack/demo/repository.ts";
import { nothingLeftIn, processesIn, ready, run, eachTry, tokenIn, until } from "./support.ts";

let dir = "";
eachTry((made) => (dir = made));

test("a copy of a state folder, started beside the one it was copied from, ends none of its processes", async () => {
  const repository = makeRepository(dir);
  const state = path.join(dir, "original");
  const agentOfBoth = ["--agent", "exec sleep 600"];
  const original = run("start.ts", ["--port", "0", "--state", state, "--repo", repository.origin, ...agentOfBoth]);
  const url = await ready(original);
  const api = createApiClient(url, tokenIn(state));
  const rigId = /rig (rig-\S+)/.exec(original.stderr())?.[1] ?? "no rig";
  await api.call("POST", `/api/rigs/${rigId}/sling`, { title: "Sleep" });
  const agent = await until("an agent runs", () => agentProcesses(path.join(state, "container"))[0]);
  const before = processesIn(state).map(({ pid }) => pid);

  const copied = path.join(dir, "copy");
  cpSync(state, copied, { recursive: true, preserveTimestamps: true });
  expect(readFileSync(path.join(copied, "run", "worker.json"), "utf8")).toContain('"pid"');
  const copy = run("start.ts", ["--port", "0", "--state", copied, ...agentOfBoth]);
  const other = await ready(copy);
  expect(other).not.toBe(url);

  expect(processesIn(state).map(({ pid }) => pid)).toEqual(expect.arrayContaining(before));
  expect(agentProcesses(path.join(state, "container")).map(({ pid }) => pid)).toContain(agent.pid);
  expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: "ok" });
  // The copy knows the same rigs, by the same token.
  await createApiClient(other, tokenIn(copied)).call("GET", `/api/rigs/${rigId}/health`);

  copy.process.kill("SIGTERM");
  expect(await copy.exited).toBe(0);
  expect(processesIn(state).map(({ pid }) => pid)).toEqual(expect.arrayContaining(before));
  original.process.kill("SIGTERM");
  expect(await original.exited).toBe(0);
  expect(await nothingLeftIn(dir)).toEqual([]);
});

/** Every file below a folder with what it holds, whatever git keeps there. */
function contentsOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
  return Object.fromEntries(
    names.map((name) => {
      const file = path.join(folder, name);
      const stat = lstatSync(file);
      const link = stat.isSymbolicLink() ? readlinkSync(file) : null;
      return [name, `${stat.mode} ${link ?? (stat.isFile() ? readFileSync(file, "base64") : "")}`];
    }),
  );
}

test("a copy works in its own clones: what its agents fetch, commit and push does not reach those of the original", async () => {
  const repository = makeRepository(path.join(dir, "clones"));
  const state = path.join(dir, "first");
  const work = "git commit --quiet --allow-empty --message work && git push --quiet origin HEAD && exec sleep 600";
  const start = (folder: string, ...more: string[]) =>
    run("start.ts", ["--port", "0", "--state", folder, "--agent", work, ...more]);
  const original = start(state, "--repo", repository.origin);
  const api = createApiClient(await ready(original), tokenIn(state));
  const rigId = /rig (rig-\S+)/.exec(original.stderr())?.[1] ?? "no rig";
  const { agent } = await api.call<{ agent: { id: string } }>("POST", `/api/rigs/${rigId}/sling`, { title: "Work" });
  const folderIn = (stateDir: string) => path.join(stateDir, "container", "rigs", rigId);
  const pushed = (stateDir: string): string => {
    const inbox = path.join(folderIn(stateDir), "agents", agent.id, "inbox.git");
    return existsSync(path.join(inbox, "HEAD"))
      ? execFileSync(
          "git",
          ["-c", "safe.directory=*", "-C", inbox, "for-each-ref", "--format=%(objectname) %(refname)"],
          { encoding: "utf8" },
        )
      : "";
  };
  await until("the original's agent has pushed", () => pushed(state));
  const before = pushed(state);

  const copied = path.join(dir, "second");
  cpSync(state, copied, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  // The original goes on meanwhile, and notes beside these what has ended.
  const contentsNow = () => ["agents", "store.git"].map((part) => contentsOf(path.join(folderIn(state), part)));
  const contents = contentsNow();
  const copy = start(copied);
  await ready(copy);
  await until("the copy's agent has pushed again", () => pushed(copied) !== before, 60_000);

  expect(contentsNow()).toEqual(contents);
  for (const file of ["config", path.join("objects", "info", "alternates")]) {
    const text = readFileSync(path.join(folderIn(copied), "agents", agent.id, "clone", ".git", file), "utf8");
    expect(text).toContain(copied);
    expect(text).not.toContain(state);
  }
  for (const { process, exited } of [copy, original]) {
    process.kill("SIGTERM");
    expect(await exited).toBe(0);
  }
  expect(await nothingLeftIn(dir)).toEqual([]);
});
