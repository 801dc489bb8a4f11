import { writeFileSync } from "node:fs";
import { type Socket, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { expect, test } from "vitest";
import {
  cleanUp,
  createFakeRig,
  createOrigin,
  eventually,
  fileExists,
  git,
  mergeBody,
  pushBranch,
  startBody,
  startControl,
} from "./world.ts";

/** A remote that takes every connection and never says a word. */
async function silentRemote(): Promise<{ url: string; open: Set<Socket> }> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanUp(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { url: `git://127.0.0.1:${(server.address() as AddressInfo).port}/repo.git`, open };
}

const place = (limits: Record<string, unknown>): Record<string, unknown> => ({ place: limits });

const tooLong = (seconds: number): unknown => expect.stringContaining(`took longer than ${seconds} s and was stopped`);

test("a clone that hangs holds up nobody: agents of others go on, and start", async () => {
  const control = await startControl();
  const remote = await silentRemote();
  const { url } = createOrigin();
  const living = startBody(url, "read line; echo heard", { agentId: "living", rigId: "rig2" });
  expect((await control.post("/agents/start", living)).status).toBe(201);
  let isOver = false;
  const hanging = control.post("/agents/start", startBody(remote.url, "true")).finally(() => (isOver = true));
  await eventually("the clone waits", () => remote.open.size > 0);
  const other = startBody(url, "echo other", { agentId: "other", rigId: "rig2" });
  expect((await control.post("/agents/start", other)).status).toBe(201);
  expect((await control.post("/agents/living/message", { prompt: "go on" })).body).toEqual({ sent: true });
  await control.ended("living");
  expect(await control.lines("living")).toEqual(["heard"]);
  await control.ended("other");
  expect(isOver).toBe(false);
  expect(remote.open.size).toBe(1);
  for (const socket of remote.open) socket.destroy();
  expect(await hanging).toMatchObject({ status: 422, body: { code: "remote_unreachable" } });
});

test("a clone that hangs ends at the rig's time limit, with its git, as a matter of the remote", async () => {
  const control = await startControl();
  const remote = await silentRemote();
  const reply = await control.post("/agents/start", startBody(remote.url, "true", place({ clone_timeout_ms: 2_000 })));
  expect(reply).toMatchObject({ status: 422, body: { code: "remote_unreachable", error: tooLong(2) } });
  await eventually("its git is gone", () => remote.open.size === 0);
});

test("a fetch that hangs holds up no start on a store that is there, and ends a merge at the time limit", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, START_FETCH_PATIENCE_MS: "300" });
  const remote = await silentRemote();
  const { url } = createOrigin();
  await control.post("/agents/start", startBody(url, "echo 1 > a; git add a; git commit -qm a"));
  await control.ended("a1");
  const start = startBody(remote.url, "cat README.md", { agentId: "a2" });
  expect((await control.post("/agents/start", start)).status).toBe(201);
  await control.ended("a2");
  expect(await control.lines("a2")).toEqual(["hello"]);
  expect(remote.open.size).toBe(1);
  for (const socket of remote.open) socket.destroy();
  const limits = place({ fetch_timeout_ms: 1_000 });
  expect((await control.post("/git/merge", mergeBody(remote.url, "work/a1", limits))).status).toBe(202);
  expect((await eventually("the result", () => rig.to("/complete").find(isOfMerge))).body).toMatchObject({
    status: "failed",
    reason: "remote_unreachable",
    message: tooLong(1),
  });
});

const isOfMerge = ({ path: to }: { path: string }): boolean => to.includes("review-queue");

/** A remote whose hook waits until a file is there. */
function waitingRemote(): { url: string; clone: string; asleep: string; release: () => void } {
  const origin = createOrigin();
  pushBranch(origin.clone, "feature", "f.txt", "f\n");
  const [asleep, go] = ["asleep", "go"].map((name) => path.join(origin.url, name)) as [string, string];
  const hook = `#!/bin/sh\ntouch '${asleep}'\nwhile [ ! -e '${go}' ]; do sleep 0.1; done\n`;
  writeFileSync(path.join(origin.url, "hooks/pre-receive"), hook, { mode: 0o755 });
  return { ...origin, asleep, release: () => writeFileSync(go, "") };
}

test("a push that hangs holds up nobody: other rigs merge meanwhile, and agents of the same rig start and commit", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url });
  const slow = waitingRemote();
  const quick = createOrigin();
  pushBranch(quick.clone, "feature", "f.txt", "f\n");
  await control.post("/git/merge", mergeBody(slow.url, "feature"));
  await eventually("the push waits", () => fileExists(slow.asleep));
  await control.post("/git/merge", mergeBody(quick.url, "feature", { rigId: "rig2", entryId: "entry2" }));
  await control.post("/agents/start", startBody(slow.url, "echo 1 > a; git add a; git commit -qm a; echo committed"));
  await control.ended("a1");
  expect(await control.lines("a1")).toEqual(["committed"]);
  expect((await eventually("the other rig's", () => rig.to("entry2/complete")[0])).body).toMatchObject({
    status: "merged",
  });
  expect(rig.to("entry1/complete")).toEqual([]);
  slow.release();
  expect((await eventually("the slow one's", () => rig.to("entry1/complete")[0])).body).toMatchObject({
    status: "merged",
  });
});

test("a push that hangs ends at the rig's time limit, with nothing merged, as a matter of the remote", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url });
  const slow = waitingRemote();
  await control.post("/git/merge", mergeBody(slow.url, "feature", place({ push_timeout_ms: 1_500 })));
  expect((await eventually("the result", () => rig.to("entry1/complete")[0])).body).toMatchObject({
    status: "failed",
    reason: "remote_unreachable",
    message: tooLong(1.5),
  });
  slow.release();
  expect(git(slow.url, "log", "-1", "--format=%s", "main")).toBe("write README.md");
});
