import { existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import {
  type Control,
  commitFile,
  createOrigin,
  eventually,
  git,
  isRunning,
  spawnControl,
  startBody,
  startControl,
  tempDir,
  worktreeOf,
} from "./world.ts";

/** A rig's setting, as its orders carry it. */
const setup = (command: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  place: { setup: { command, cache_keys: ["lock"], cache_dirs: ["modules"], ...more } },
});

/** Makes the folder and counts, outside of every clone, how often that was. */
const counting = (file: string): string =>
  `echo ran >> '${file}'; mkdir -p modules; cp lock modules/from; ln -s from modules/link; echo set up`;
const timesIn = (file: string): number => (existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0);

function origin(): { url: string; clone: string } {
  const made = createOrigin();
  writeFileSync(path.join(made.clone, ".gitignore"), "modules/\n");
  commitFile(made.clone, "lock", "one\n");
  git(made.clone, "push", "--quiet", "origin", "main");
  return made;
}

async function runs(control: Control, body: Record<string, unknown>): Promise<string[]> {
  const reply = await control.post("/agents/start", body);
  expect(reply.body).toMatchObject({ status: "running" });
  await control.ended(String(body["agentId"]));
  return control.lines(String(body["agentId"]));
}

test("the setup runs in the clone before the agent, in the agent's log; without the agent's token", async () => {
  const control = await startControl();
  const body = startBody(origin().url, "cat modules/from; git status --porcelain", {
    dispatchId: "a1:1",
    ...setup('test -z "$GASTOWN_SESSION_TOKEN" && mkdir modules && cp lock modules/from && echo ready'),
  });
  expect(await runs(control, body)).toEqual(["ready", "one"]);
});

test("what the setup made is kept by the digest of its keys: a second clone gets it without a run", async () => {
  const control = await startControl();
  const file = path.join(tempDir(), "times");
  const { url } = origin();
  for (const agentId of ["a1", "a2", "a3"]) {
    const lines = await runs(
      control,
      startBody(url, "cat modules/link; echo mine > modules/from", { agentId, ...setup(counting(file)) }),
    );
    expect(lines.at(-1)).toBe("one"); // And never what another agent made of it.
  }
  expect(timesIn(file)).toBe(1);
});

test("two agents at once build one cache", async () => {
  const control = await startControl();
  const file = path.join(tempDir(), "times");
  const { url } = origin();
  const bodies = ["a1", "a2"].map((agentId) =>
    startBody(url, "cat modules/from", { agentId, ...setup(`sleep 0.5; ${counting(file)}`) }),
  );
  const said = await Promise.all(bodies.map((body) => runs(control, body)));
  expect(said.toSorted((a, b) => b.length - a.length)).toEqual([["set up", "one"], ["one"]]);
  expect(timesIn(file)).toBe(1);
});

test("another lock file or command is another cache, and the same bead's clone is set up once", async () => {
  const control = await startControl();
  const file = path.join(tempDir(), "times");
  const { url, clone } = origin();
  await runs(control, startBody(url, "true", { dispatchId: "a1:1", ...setup(counting(file)) }));
  await runs(control, startBody(url, "true", { dispatchId: "a1:2", ...setup(counting(file)) }));
  expect(timesIn(file)).toBe(1);
  commitFile(clone, "lock", "two\n");
  git(clone, "push", "--quiet", "origin", "main");
  const lines = await runs(control, startBody(url, "cat modules/from", { agentId: "a2", ...setup(counting(file)) }));
  expect(lines).toEqual(["set up", "two"]);
  await runs(control, startBody(url, "true", { agentId: "a3", ...setup(`true; ${counting(file)}`) }));
  expect(timesIn(file)).toBe(3);
});

test("what an agent wrote is set up for itself alone: its lock file fills no cache of others", async () => {
  const control = await startControl();
  const { url, clone } = origin();
  const command = "mkdir -p modules; cat lock tool > modules/from 2>&1; true";
  const evil = "echo evil > tool; echo two > lock; git add --all; git commit --quiet -m x";
  await runs(control, startBody(url, evil, { dispatchId: "a1:1", ...setup(command) }));
  await runs(control, startBody(url, "true", { dispatchId: "a1:2", ...setup(command) }));
  commitFile(clone, "tool", "good\n");
  commitFile(clone, "lock", "two\n");
  git(clone, "push", "--quiet", "origin", "main");
  const lines = await runs(control, startBody(url, "cat modules/from", { agentId: "a2", ...setup(command) }));
  expect(lines).toEqual(["two", "good"]);
});

test("a setup that fails is said as such, with its last lines, and no agent runs", async () => {
  const control = await startControl();
  const { url } = origin();
  const failing = setup("echo one; echo 'npm ERR! no such package' >&2; exit 7");
  const reply = await control.post("/agents/start", startBody(url, "echo agent", { dispatchId: "a1:1", ...failing }));
  expect(reply).toMatchObject({ status: 422, body: { code: "setup_failed" } });
  expect(reply.body.error).toMatch(/exit 7.*npm ERR! no such package/);
  expect((await control.status("a1")).exitReason).toMatch(/^setup_failed: /);
  expect(await control.lines("a1")).not.toContain("agent");
  // The next start tries again, in the same clone.
  expect(
    await runs(
      control,
      startBody(url, "cat modules/x", { dispatchId: "a1:2", ...setup("mkdir modules; echo y > modules/x") }),
    ),
  ).toEqual(["one", "npm ERR! no such package", "y"]);
});

test("a setup that hangs is ended with all that it started, and reads no input", async () => {
  const control = await startControl({ STOP_GRACE_MS: "100" });
  const hanging = setup("cat; sh -c 'echo pid $$; sleep 60'; sleep 60", { timeout_ms: 3_000 });
  const reply = await control.post("/agents/start", startBody(origin().url, "echo agent", hanging));
  expect(reply.body.error).toMatch(/took longer than 3 s/);
  const pid = Number(/pid (\d+)/.exec((await control.lines("a1")).join())?.[1]);
  expect(pid).toBeGreaterThan(1);
  expect(isRunning(pid)).toBe(false);
});

test("a stop during the setup ends it, and no agent follows", async () => {
  const control = await startControl({ STOP_GRACE_MS: "100" });
  const body = startBody(origin().url, "echo agent", { dispatchId: "a1:1", ...setup("echo begun; sleep 60") });
  const started = control.post("/agents/start", body);
  await eventually("the setup runs", async () => (await control.lines("a1")).includes("begun"));
  await control.post("/agents/a1/stop", { evict: true });
  expect(await started).toMatchObject({ status: 409, body: { code: "stopped" } });
  expect(await control.lines("a1")).toEqual(["begun"]);
});

test("killed in the middle of a setup, the next server finds no half cache and no half clone, and nothing runs on", async () => {
  const workDir = tempDir();
  const { url } = origin();
  const file = path.join(tempDir(), "times");
  const first = await spawnControl({ WORK_DIR: workDir });
  const slow = `echo pid $$; mkdir -p modules; echo half > modules/from; test -e '${file}' || sleep 60; ${counting(file)}`;
  void first
    .post("/agents/start", startBody(url, "cat modules/from", { dispatchId: "a1:1", ...setup(slow) }))
    .catch(() => {});
  const pid = await eventually(
    "the setup runs",
    async () => Number(/pid (\d+)/.exec((await first.lines("a1").catch(() => [])).join())?.[1]) || null,
  );
  first.kill("SIGKILL");
  await first.exited;
  writeFileSync(file, "");
  const second = await startControl({ WORK_DIR: workDir });
  expect(isRunning(pid)).toBe(false);
  expect(readdirSync(path.join(workDir, "rigs", "rig1"))).not.toContain("setups");
  const body = startBody(url, "cat modules/from", { dispatchId: "a1:2", ...setup(slow) });
  expect((await runs(second, body)).slice(1)).toEqual(["set up", "one"]);
  expect(timesIn(file)).toBe(1);
});

test("a folder to be cached that is a link leads nowhere", async () => {
  const control = await startControl();
  const outside = tempDir();
  writeFileSync(path.join(outside, "secret"), "secret\n");
  const { url, clone } = createOrigin();
  symlinkSync(outside, path.join(clone, "modules"));
  commitFile(clone, "lock", "one\n");
  git(clone, "push", "--quiet", "origin", "main");
  const links = setup("true", { cache_dirs: ["modules", "modules/deep"] });
  await runs(control, startBody(url, "true", { ...links }));
  await runs(control, startBody(url, "true", { agentId: "a2", ...links }));
  expect(readdirSync(outside)).toEqual(["secret"]);
  expect(existsSync(worktreeOf(control.workDir, "a2"))).toBe(true);
});
