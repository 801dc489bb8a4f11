import { readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { createOrigin, eventually, git, spawnControl, startControl, tempDir } from "./world.ts";
import { gitThat, member, onMain, ran, trainBody, world } from "./train-world.ts";

/** A push of which nobody could tell. */

/** A container whose push of `rig1:1` arrives, and which dies before it could say so. */
async function diesBehindItsPush(env: Record<string, string> = {}) {
  const { url, clone } = createOrigin();
  const workDir = tempDir();
  // The push arrives, and then everything stands still.
  const stuck = gitThat('case " $* " in *" push "*refs/heads/main*) $real "$@"; sleep 60 ;; esac');
  const told = { WORK_DIR: workDir, GASTOWN_API_URL: "http://127.0.0.1:9" };
  const first = await spawnControl({ ...told, PATH: stuck, ...env });
  const body = trainBody(url, [member({ url }, "a", { "a.txt": "a" })], { gate: { strategy: "squash" } });
  expect((await first.post("/git/train", body)).status).toBe(202);
  await eventually("it arrived", () => git(url, "rev-list", "--count", "main") === "2");
  expect((await first.get("/git/train/rig1:1")).body).toMatchObject({
    state: "running",
    step: expect.stringMatching(/^pushes to main, \d+ s$/),
  });
  first.kill("SIGKILL");
  await first.exited;
  const pushed = { to: git(url, "rev-parse", "main"), members: [{ entryId: "entry-a", beadId: "bead-a" }], checks: [] };
  return { url, clone, workDir, body, pushed, untold: path.join(workDir, "rigs", "rig1", "pushes") };
}

test("TRAIN-lost_push a push whose server died before it could tell is told by the next train, until the rig has heard it", async () => {
  const { url, clone, workDir, body, pushed, untold } = await diesBehindItsPush();
  const w = { ...(await world({ WORK_DIR: workDir })), url, clone };
  expect((await w.control.get("/git/train/rig1:1")).status).toBe(404);
  w.rig.answer = () => ({ status: 503 });
  const report = await ran(w, { ...body, trainId: "rig1:2" });
  expect(report).toMatchObject({
    pushed: null,
    left: [{ why: "contained", commit: pushed.to }],
    earlier: [{ trainId: "rig1:1", pushed }],
  });
  expect(readdirSync(untold)).toHaveLength(1);
  w.rig.answer = () => ({ status: 200 });
  await eventually("it was heard", () => readdirSync(untold).length === 0, 60_000);
  await eventually("the note", () => git(url, "for-each-ref", "refs/notes/ticktown") !== "");
  expect(JSON.parse(git(url, "notes", "--ref=ticktown", "show", pushed.to))).toMatchObject(pushed);
  expect(await ran(w, { ...body, trainId: "rig1:3" })).not.toHaveProperty("earlier");
});

test("TRAIN-lost_push_again the train itself, asked for again, says what it had pushed, and pushes nothing more", async () => {
  const { url, clone, workDir, body, pushed, untold } = await diesBehindItsPush();
  const w = { ...(await world({ WORK_DIR: workDir })), url, clone };
  const later = onMain(w, "later.txt", "later");
  expect(await ran(w, body)).toMatchObject({ trainId: "rig1:1", pushed, left: [], stopped: null });
  expect(git(url, "rev-parse", "main")).toBe(later);
  await eventually("it was heard", () => readdirSync(untold).length === 0);
});

test("TRAIN-lost_disk where the disk does not last, what is to be pushed is at the remote first, and goes once it was told", async () => {
  const { url, clone, body, pushed } = await diesBehindItsPush({ EPHEMERAL_DISK: "true" });
  const kept = (): string => git(url, "for-each-ref", "--format=%(refname)", "refs/ticktown/pushes");
  expect(kept()).toBe(`refs/ticktown/pushes/rig1/1-${pushed.to}`);
  const workDir = tempDir();
  const w = { ...(await world({ WORK_DIR: workDir, EPHEMERAL_DISK: "true" })), url, clone };
  const report = await ran(w, { ...body, trainId: "rig1:2" });
  expect(report).toMatchObject({ left: [{ why: "contained" }], earlier: [{ trainId: "rig1:1", pushed }] });
  await eventually("it was heard", () => readdirSync(path.join(workDir, "rigs", "rig1", "pushes")).length === 0);
  expect(await ran(w, { ...body, trainId: "rig1:3" })).not.toHaveProperty("earlier");
  expect(kept()).toBe("");
});

test("TRAIN-unwritten a push that cannot be written down is not made", async () => {
  const w = await world();
  const before = onMain(w, "first.txt", "1");
  const hook = "while read a b ref; do case $ref in refs/ticktown/* | refs/heads/ticktown/*) exit 1 ;; esac; done";
  writeFileSync(path.join(w.url, "hooks", "pre-receive"), `#!/bin/sh\n${hook}\n`, { mode: 0o755 });
  const away = { ...w, control: await startControl({ GASTOWN_API_URL: w.rig.url, EPHEMERAL_DISK: "true" }) };
  const body = trainBody(w.url, [member(w, "a", { "a.txt": "a" })]);
  expect(await ran(away, body)).toMatchObject({
    pushed: null,
    stopped: { class: "passing", code: "remote_unreachable", words: expect.stringMatching(/cannot be kept at/) },
  });
  expect(git(w.url, "rev-parse", "main")).toBe(before);
});

test("TRAIN-never_arrives what was written down and can never arrive any more is forgotten; what still can is kept", async () => {
  const w = await world();
  const workDir = w.control.workDir;
  const refuses = path.join(w.url, "hooks", "pre-receive");
  writeFileSync(refuses, "#!/bin/sh\nwhile read a b ref; do case $ref in refs/heads/main) exit 1 ;; esac; done\n", {
    mode: 0o755,
  });
  const a = member(w, "a", { "a.txt": "a" });
  const untold = (): string[] => readdirSync(path.join(workDir, "rigs", "rig1", "pushes"));
  expect(await ran(w, trainBody(w.url, [a]))).toMatchObject({ pushed: null, stopped: { class: "place" } });
  expect(untold()).toHaveLength(1);
  await ran(w, trainBody(w.url, [], { trainId: "rig1:2" }));
  expect(untold()).toHaveLength(1);
  rmSync(refuses);
  onMain(w, "later.txt", "later");
  expect(await ran(w, trainBody(w.url, [], { trainId: "rig1:3" }))).not.toHaveProperty("earlier");
  expect(untold()).toEqual([]);
});
