import { existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import { expect, test } from "vitest";
import type { TrainReport } from "../../src/wire/train.ts";
import { gatesOf } from "../../container/gate/copy.ts";
import { absolute } from "../../container/gate/submodules.ts";
import { eventually, git, spawnControl, storeOf, tempDir } from "./world.ts";
import { gated, member, onMain, redWhy, sh, subjects, trainBody, world } from "./train-world.ts";
import { processesOf } from "../support/processes.ts";

test("GATE-env checks see no token and no secret; setup sees what the rig's owner set, but nothing that pushes", async () => {
  const w = await world({ BOX: "none", HOST_SECRET: "host-secret-value" });
  const file = path.join(tempDir(), "env");
  const more = {
    envVars: {
      GASTOWN_SESSION_TOKEN: "session-token-1",
      GIT_TOKEN: "git-token-1",
      NPM_TOKEN: "npm-token-1",
      OTHER_TOKEN: "other-token-1",
    },
    ownVars: ["NPM_TOKEN", "GIT_TOKEN"],
    place: { setup: { command: `env > ${file}.setup` } },
  };
  const report = await gated(
    w,
    [member(w, "a", { "a.txt": "a" })],
    sh(`env > ${file}.check; echo npm-token-1; exit 1`),
    more,
  );
  const values = (name: string): string[] =>
    readFileSync(`${file}.${name}`, "utf8").match(/[a-z]+-(token-1|secret-value)/g) ?? [];
  expect(values("setup")).toEqual(["npm-token-1"]);
  expect(values("check")).toEqual([]);
  expect(report.runs[0]?.checks[0]?.words).toBe("exit 1\n[redacted]");
});

test("GATE-setup a dependency is installed once per lock file; a setup that only the work breaks is the work's, and one that the target breaks is the place's", async () => {
  const w = await world({ BOX: "none" });
  const times = path.join(tempDir(), "times");
  onMain(w, ".gitignore", "modules/\n");
  onMain(w, "lock", "one");
  const setup = {
    command: `echo ran >> ${times}; mkdir modules && cp lock modules/lock && ! grep broken lock`,
    cache_keys: ["lock"],
    cache_dirs: ["modules"],
  };
  const count = (): number => readFileSync(times, "utf8").split("\n").length - 1;
  const run = (members: readonly unknown[], gates: number[]): Promise<TrainReport> =>
    gated(w, members, sh("cmp lock modules/lock"), { place: { setup }, gates });
  const first = await run([member(w, "a", { "a.txt": "a" })], [0, 1]);
  expect(first).toMatchObject({ runs: [{ verdict: "green" }, { verdict: "green" }] });
  expect(count()).toBe(1);
  const other = await run([member(w, "b", { lock: "two" })], [1]);
  expect(other).toMatchObject({ runs: [{ verdict: "green" }] });
  expect(count()).toBe(2);
  const broken = member(w, "c", { lock: "broken" });
  const red = await run([broken], [1]);
  expect(red).toMatchObject({
    runs: [{ verdict: "red", checks: [{ name: "setup", why: "setup", words: expect.stringContaining("exit 1") }] }],
    stopped: null,
  });
  expect(count()).toBe(4);
  onMain(w, "lock", "broken");
  const place = await run([member(w, "d", { "d.txt": "d" })], [1]);
  expect(place).toMatchObject({
    runs: [{ verdict: "place", checks: [{ why: "setup" }] }],
    stopped: { class: "place", code: "setup_failed" },
    pushed: null,
  });
  onMain(w, "lock", "three");
  const edits = { ...setup, command: "echo more >> README.md" };
  const edited = await gated(w, [], sh("true"), { place: { setup: edits }, gates: [0] });
  expect(edited.stopped?.words).toContain("changed README.md");
});

test("GATE-crash what was checked when the server died leaves nothing behind: no process, no copy, no push; asked again it is done", async () => {
  for (const BOX of ["auto", "none"]) {
    const workDir = tempDir();
    const w = await world({ BOX });
    const first = await spawnControl({ WORK_DIR: workDir, GASTOWN_API_URL: w.rig.url, BOX });
    const check = (seconds: number): unknown[] => sh(`sleep ${seconds}`);
    const a = member(w, "a", { "a.txt": "a" });
    const asked = trainBody(w.url, [a], { gate: { checks: check(SECONDS) } });
    expect((await first.post("/git/train", asked)).status).toBe(202);
    await eventually("it is checked", async () => (await first.get("/git/train/rig1:1")).body.step.includes("check, "));
    await eventually("it sleeps", () => sleepers().length > 0);
    expect(readdirSync(gatesOf(workDir))).toHaveLength(1);
    first.kill("SIGKILL");
    await first.exited;
    const next = await spawnControl({ WORK_DIR: workDir, GASTOWN_API_URL: w.rig.url, BOX });
    expect(sleepers()).toEqual([]);
    expect(existsSync(gatesOf(workDir))).toBe(false);
    expect((await next.get("/git/train/rig1:1")).status).toBe(404);
    expect(subjects(w.url)).toHaveLength(1);
    const again = trainBody(w.url, [a], { trainId: "rig1:2", gate: { checks: check(0) } });
    await next.post("/git/train", again);
    expect((await eventually("the report", () => w.rig.to("/trains/rig1%3A2/complete")[0])).body).toMatchObject({
      pushed: { members: [{ entryId: "entry-a" }] },
    });
  }
});

/** As nobody else sleeps, also no earlier run of this. */
const SECONDS = 60 + process.pid / 1e7;

const sleepers = (): string[] => processesOf("sleep", String(SECONDS));

test("GATE-drain on the way out a check is ended and says nothing: the train is reported as interrupted", async () => {
  const w = await world();
  const control = await spawnControl({ WORK_DIR: tempDir(), GASTOWN_API_URL: w.rig.url, STOP_GRACE_MS: "20000" });
  await control.post(
    "/git/train",
    trainBody(w.url, [member(w, "a", { "a.txt": "a" })], { gate: { checks: sh("sleep 60") } }),
  );
  await eventually("it is checked", async () => (await control.get("/git/train/rig1:1")).body.step.includes("check, "));
  control.kill("SIGTERM");
  expect(await control.exited).toBe(0);
  expect(w.rig.to("/trains/rig1%3A1/complete").map(({ body }) => body)).toMatchObject([
    { runs: [], pushed: null, stopped: { class: "passing", code: "interrupted" } },
  ]);
});

test("GATE-drain_deaf a check, or a setup, that does not hear the signal is gone within half of the grace, and the train is reported within it", async () => {
  const w = await world();
  const deaf = `trap '' TERM; sleep ${SECONDS}`;
  const env = { WORK_DIR: tempDir(), GASTOWN_API_URL: w.rig.url, STOP_GRACE_MS: "12000", BOX: "none" };
  const control = await spawnControl(env);
  const setup = { command: deaf, cache_keys: [], cache_dirs: [], timeout_ms: 60_000 };
  const gates = [{ gate: { checks: sh(deaf) } }, { gate: { checks: sh("true") }, place: { ...DEFAULT_PLACE, setup } }];
  for (const [n, more] of gates.entries()) {
    const body = trainBody(w.url, [member(w, `a${n}`, { "a.txt": "a" })], more);
    await control.post("/git/train", { ...body, rigId: `rig${n}`, trainId: `rig${n}:1` });
  }
  await eventually("both are deaf", () => sleepers().length === 2);
  control.kill("SIGTERM");
  expect(await control.exited).toBe(0);
  for (const n of gates.keys())
    expect(w.rig.to(`/trains/rig${n}%3A1/complete`).map(({ body }) => body)).toMatchObject([
      { pushed: null, stopped: { class: "passing", code: "interrupted" } },
    ]);
});

test("GATE-store without a box, a check that edits the rig's store or forges a receipt is red, and nothing of it is kept", async () => {
  const w = await world({ BOX: "none" });
  const store = `git --git-dir=${storeOf(w.control.workDir)}`;
  const main = git(w.url, "rev-parse", "main");
  const why = async (command: string): Promise<unknown> => redWhy(w, sh(command));
  const seen = { why: "store_touched", exit: 0 };
  const forged = `forged=$(${store} commit-tree -p main -m x main^{tree}); ${store} update-ref refs/heads/main $forged`;
  expect(await why(`${forged}; ${store} notes --ref=ticktown add -m forged main`)).toMatchObject({
    ...seen,
    words: "it changed refs/notes/ticktown, refs/heads/main in the rig's own store",
  });
  expect(await why(`${store} config core.fsmonitor 'touch /tmp/x'`)).toMatchObject(seen);
  expect(await why(`${store} update-ref refs/replace/$(${store} rev-parse main) main`)).toMatchObject(seen);
  const cut = `${store} rev-parse main > ${storeOf(w.control.workDir)}/shallow`;
  expect(await why(cut)).toMatchObject({ ...seen, words: "it changed shallow in the rig's own store" });
  const pushed = await gated(w, [member(w, "a", { "a.txt": "a" })], sh("true"));
  expect(pushed).toMatchObject({ pushed: { from: main, boxed: false } });
  await eventually("the note", () => git(w.url, "for-each-ref", "refs/notes/ticktown") !== "");
  expect(git(w.url, "notes", "--ref=ticktown", "list").split("\n")).toHaveLength(1);
  // What goes on there meanwhile is nobody's fault.
  const busy = `${store} update-ref refs/ticktown/work/x main; ${store} update-ref refs/ticktown/handed-in/other/1 main`;
  expect(await gated(w, [member(w, "b", { "b.txt": "b" })], sh(busy))).toMatchObject({ runs: [{ verdict: "green" }] });
});

test("GATE-submodule a pointer to a commit that nobody has is red; one that is there is not", async () => {
  const w = await world();
  const sub = path.join(path.dirname(w.url), "sub.git");
  git("/", "clone", "--quiet", "--bare", w.url, sub);
  const there = git(sub, "rev-parse", "main");
  const at = (url: string): string => `[submodule "lib"]\n\tpath = lib\n\turl = ${url}\n`;
  expect(await redWhy(w, sh("true"), { lib: { pointer: there } })).toMatchObject({
    why: "submodule",
    words: expect.stringContaining(".gitmodules does not say where"),
  });
  const pointer = "3".repeat(40);
  expect(await redWhy(w, sh("true"), { ".gitmodules": at("../sub.git"), lib: { pointer } })).toMatchObject({
    why: "submodule",
    words: expect.stringContaining(`lib points to ${pointer}, which ${sub} does not have`),
  });
  const good = member(w, "good", { ".gitmodules": at("../sub.git"), lib: { pointer: there } });
  const place = { submodules: "init" };
  expect(await gated(w, [good], sh("cat lib/README.md", { expect: "hello" }), { place })).toMatchObject({
    runs: [{ checks: [{ words: "" }] }],
    pushed: { members: [{ entryId: "entry-good" }] },
  });
  expect(absolute("git@host:a/b.git", "../../c/d.git")).toBe("git@host:c/d.git");
  expect(absolute("https://h/a/b", "./c.git")).toBe("https://h/a/b/c.git");
});

test("a store without old contents gives a check what it looks at", async () => {
  const w = await world();
  git(w.url, "config", "uploadpack.allowFilter", "true");
  onMain(w, "README.md", "hello again");
  const more = { gitUrl: `file://${w.url}`, place: { clone: "blobless" } };
  const report = await gated(w, [member(w, "a", { "a.txt": "a" })], sh("cat *", { expect: "hello again" }), more);
  expect(report).toMatchObject({ runs: [{ verdict: "green" }], pushed: { members: [{ entryId: "entry-a" }] } });
});

test("a full disk begins no check, and says so", async () => {
  const w = await world({ MIN_FREE_BYTES: String(Number.MAX_SAFE_INTEGER) });
  const report = await gated(w, [member(w, "a", { "a.txt": "a" })], sh("true"));
  expect(report).toMatchObject({ runs: [], pushed: null, stopped: { class: "passing", code: "disk_full" } });
  mkdirSync(gatesOf(w.control.workDir), { recursive: true });
  expect(readdirSync(gatesOf(w.control.workDir))).toEqual([]);
});
