import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test, vi } from "vitest";
import { CompletedReport, TidyAnswer } from "../../src/wire/container.ts";
import {
  type Control,
  type FakeRig,
  type Reply,
  createFakeRig,
  createOrigin,
  eventually,
  git,
  mergeBody,
  startBody,
  startControl,
  storeOf,
  tempDir,
  worktreeOf,
} from "./world.ts";

// Two containers each, and their git.
vi.setConfig({ testTimeout: 120_000 });

const KEY = "5e".repeat(32);
const DAY_MS = 86_400_000;
const REFUSES_REFS = '#!/bin/sh\ncase "$1" in refs/heads/*) exit 0 ;; esac\nexit 1\n';

interface World {
  readonly rig: FakeRig;
  readonly url: string;
  /** The container of now. */
  control: () => Control;
  /** Puts another one in its place, on an empty disk. */
  readonly replace: () => Promise<void>;
  /** Starts an agent of the bead. */
  readonly start: (agentId: string, script: string, more?: Record<string, unknown>) => Promise<void>;
  /** What was said of its end. */
  readonly report: (agentId: string) => Promise<CompletedReport>;
}

async function world(more: { now?: () => number } = {}): Promise<World> {
  const rig = await createFakeRig();
  const workDir = tempDir();
  const begin = (): Promise<Control> =>
    startControl({ GASTOWN_API_URL: rig.url, EPHEMERAL_DISK: "true", WORK_DIR: workDir }, more);
  let control = await begin();
  const { url } = createOrigin();
  return {
    rig,
    url,
    control: () => control,
    replace: async () => {
      await control.server.drain();
      rmSync(workDir, { recursive: true });
      control = await begin();
    },
    start: async (agentId, script, body = {}) => {
      const dispatchId = `${agentId}:1`;
      const order = { agentId, dispatchId, beadId: "b1", branch: "ticktown/b1", ...body };
      const ask = (): Promise<Reply> => control.post("/agents/start", startBody(url, script, order));
      // A connection that was idle for long may be closed at the same moment.
      const reply = await ask().catch(ask);
      expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(202);
    },
    report: async (agentId) =>
      CompletedReport.parse((await eventually("the report", () => rig.to(`${agentId}/completed`)[0])).body),
  };
}

const LEAVE = `
  echo mine > mine.txt; git add mine.txt; git commit -qm mine
  printf 'secret.env\\n' >> .git/info/exclude; echo token > secret.env
  echo more >> README.md; echo draft > draft.txt; echo waiting; read line; true`;
const LOOK = "cat mine.txt README.md draft.txt; git status --porcelain; ls -a | grep -c secret; true";

async function waiting(control: Control, agentId: string): Promise<void> {
  await eventually("it waits", async () => (await control.lines(agentId)).includes("waiting"));
}

test("with leftovers_remote, what an evicted agent left is given back in the container that replaces it: commits, changes and new files; ignored files never", async () => {
  const there = await world();
  await there.start("a1", LEAVE, { sealKey: KEY });
  await waiting(there.control(), "a1");
  await there.replace();
  expect(await there.report("a1")).toMatchObject({
    reason: "evicted",
    set_aside: [
      {
        ref: "refs/ticktown/left/b1",
        files: 2,
        givenBack: false,
        sentence: expect.stringMatching(/^a1 left commits and 2 uncommitted files on .*; kept sealed at the remote/),
      },
    ],
  });
  // One blob, no branch, and nothing of it can be read without the key.
  expect(git(there.url, "for-each-ref", "--format=%(refname) %(objecttype)")).toBe(
    "refs/heads/main commit\nrefs/ticktown/left/b1 blob",
  );
  const objects = git(there.url, "cat-file", "--batch-all-objects", "--batch-check").split("\n");
  expect(objects.filter((line) => line.includes("commit"))).toHaveLength(1);
  expect(git(there.url, "cat-file", "blob", "refs/ticktown/left/b1")).not.toMatch(/draft|mine|bundle/);

  await there.start("a2", LOOK, { sealKey: KEY });
  await there.control().ended("a2");
  expect(await there.control().lines("a2")).toEqual([
    "mine",
    "hello",
    "more",
    "draft",
    " M README.md",
    "?? draft.txt",
    "0",
  ]);
});

test("without it, the same is lost, and the report says so; nothing of it was at the remote", async () => {
  const there = await world();
  await there.start("a1", LEAVE);
  await waiting(there.control(), "a1");
  await there.replace();
  expect((await there.report("a1")).set_aside).toEqual([
    {
      beadId: "b1",
      agentId: "a1",
      ref: null,
      commit: null,
      files: 2,
      givenBack: false,
      sentence: expect.stringMatching(/leftovers_remote is off: it is lost when the container is replaced$/),
    },
  ]);
  expect(git(there.url, "for-each-ref", "--format=%(refname)")).toBe("refs/heads/main");
  await there.start("a2", "ls; git status --porcelain");
  await there.control().ended("a2");
  expect(await there.control().lines("a2")).toEqual(["README.md"]);
});

test("a remote that takes no refs but branches gets no leftovers, and the report says that they are lost", async () => {
  const there = await world();
  writeFileSync(path.join(there.url, "hooks", "update"), REFUSES_REFS, { mode: 0o755 });
  await there.start("a1", "echo left > left.txt", { sealKey: KEY });
  expect((await there.report("a1")).set_aside).toMatchObject([
    { ref: null, files: 1, sentence: expect.stringMatching(/could not be kept at the remote \(.*hook declined.*lost/) },
  ]);
  expect(git(there.url, "for-each-ref", "--format=%(refname)")).toBe("refs/heads/main");
});

test("where the disk lasts, nothing leaves the container, whatever the key", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url });
  const { url } = createOrigin();
  await control.post("/agents/start", startBody(url, "echo left > left.txt", { dispatchId: "a1:1", sealKey: KEY }));
  const report = await eventually("the report", () => rig.to("a1/completed")[0]);
  expect(report.body).not.toHaveProperty("set_aside");
  expect(git(url, "for-each-ref", "--format=%(refname)")).toBe("refs/heads/main");
});

test("leftovers that another key sealed, or that somebody changed, are not opened: the agent starts without, and its log says so", async () => {
  const there = await world();
  await there.start("a1", "echo left > left.txt", { sealKey: KEY });
  await there.report("a1");
  await there.replace();
  await there.start("a2", "ls", { sealKey: "ab".repeat(32) });
  await there.control().ended("a2");
  expect(await there.control().lines("a2")).toEqual(["README.md"]);
  const warnings = (await there.control().events("a2")).filter(({ type }) => type === "git_warning");
  expect(JSON.stringify(warnings)).toContain("sealed with another key, or changed since");
});

test("a remote that is away when leftovers are to be fetched stops the start, uncharged, rather than lose them", async () => {
  const there = await world();
  await there.start("a1", "echo left > left.txt", { sealKey: KEY });
  await there.report("a1");
  await there.replace();
  // The store is made, and then the remote goes.
  const order = { dispatchId: "a9:1", agentId: "a9", beadId: "b9", branch: "ticktown/b9" };
  await there.control().post("/agents/start", startBody(there.url, "true", order));
  await there.control().ended("a9");
  const away = `${there.url}.away`;
  git(path.dirname(there.url), "clone", "--quiet", "--mirror", there.url, away);
  rmSync(there.url, { recursive: true });
  const body = { agentId: "a2", dispatchId: "a2:1", beadId: "b1", branch: "ticktown/b1", sealKey: KEY };
  expect(await there.control().post("/agents/start", startBody(there.url, "cat left.txt", body))).toMatchObject({
    status: 422,
    body: { code: "remote_unreachable" },
  });
  git(path.dirname(there.url), "clone", "--quiet", "--mirror", away, there.url);
  await there.control().post("/agents/start", startBody(there.url, "cat left.txt", { ...body, dispatchId: "a2:2" }));
  await there.control().ended("a2");
  expect(await there.control().lines("a2")).toEqual(["left"]);
});

test("the key is in no file, no argument and no environment of an agent", async () => {
  const there = await world();
  await there.start("a1", "env; cat /proc/$PPID/cmdline | tr '\\0' ' '; echo left > left.txt", { sealKey: KEY });
  await there.control().ended("a1");
  await there.report("a1");
  expect((await there.control().lines("a1")).join("\n")).not.toContain(KEY);
  const grep = ["grep", "--no-index", "-l", "-F", KEY, "--", "."];
  expect(() => git(there.control().workDir, ...grep)).toThrow(/status 1|Command failed/);
});

function inspectBody(url: string): Record<string, unknown> {
  return {
    dispatchId: "a1:1",
    rigId: "rig1",
    townId: "town1",
    beadId: "b1",
    gitUrl: url,
    branch: "ticktown/b1",
    named: "ticktown/b1",
    targetBranch: "main",
    resolution: "work",
    asIs: null,
    maxDeletions: 100,
  };
}

test.each(["refs", "branches only"])(
  "a container that is replaced between accepted and merged: the next one merges exactly that commit (a remote that takes %s)",
  async (kind) => {
    const there = await world();
    if (kind !== "refs") writeFileSync(path.join(there.url, "hooks", "update"), REFUSES_REFS, { mode: 0o755 });
    await there.start("a1", "echo work > work.txt; git add work.txt; git commit -qm work");
    await there.control().ended("a1");
    const answer = (await there.control().post("/agents/a1/inspect", inspectBody(there.url))).body;
    expect(answer).toMatchObject({ result: "accepted" });
    const pinned = `refs/${kind === "refs" ? "" : "heads/"}ticktown/handed-in/b1/1`;
    expect(git(there.url, "rev-parse", pinned)).toBe(answer.commit);
    await there.replace();
    const order = mergeBody(there.url, "ticktown/b1", { commit: answer.commit, beadId: "b1" });
    await there.control().post("/git/merge", order);
    const result = await eventually("the result", () => there.rig.to("entry1/complete")[0]);
    expect(result.body).toMatchObject({ status: "merged" });
    expect(git(there.url, "rev-parse", "main^2")).toBe(answer.commit);
  },
);

test("what was pushed for a bead goes when it was kept for the days of the setting after its end, across containers; that of an open one stays", async () => {
  let now = 1_000 * DAY_MS;
  const there = await world({ now: () => now });
  await there.start("a1", "echo work > work.txt; git add work.txt; git commit -qm work; echo left > left.txt", {
    sealKey: KEY,
  });
  await there.report("a1");
  git(worktreeOf(there.control().workDir), "clean", "-fdq");
  expect((await there.control().post("/agents/a1/inspect", inspectBody(there.url))).body.result).toBe("accepted");
  const pushed = (): string[] =>
    git(there.url, "for-each-ref", "--format=%(refname)", "refs/ticktown").split("\n").filter(Boolean);
  const both = ["refs/ticktown/handed-in/b1/1", "refs/ticktown/left/b1"];
  expect(pushed()).toEqual(both);
  let ended: Record<string, number> | undefined;
  const tidy = async (beads: Record<string, unknown>[]): Promise<TidyAnswer> => {
    const order = { agents: ["a1"], beads, keepDays: 7, gitUrl: there.url, ...(ended && { ended }) };
    const answer = TidyAnswer.parse((await there.control().post("/rigs/rig1/tidy", order)).body);
    ended = answer.ended;
    return answer;
  };
  await tidy([{ id: "b1", branch: "ticktown/b1" }]);
  expect(ended).toEqual({});
  now += 100 * DAY_MS;
  expect(await tidy([])).toMatchObject({ nextAt: new Date(now + 7 * DAY_MS).toISOString() });
  await there.replace();
  now += 7 * DAY_MS - 1;
  await tidy([]);
  expect(pushed()).toEqual(both);
  now += 1;
  expect(await tidy([])).toMatchObject({ removed: 2, nextAt: null });
  expect(pushed()).toEqual([]);
  expect(git(there.url, "for-each-ref", "--format=%(refname)")).toBe("refs/heads/main");
});

test("leftovers that are handed in later are no longer at the remote", async () => {
  const there = await world();
  await there.start("a1", "echo left > left.txt", { sealKey: KEY });
  await there.report("a1");
  await there.replace();
  await there.start("a2", "git add left.txt; git commit -qm left; echo waiting; read line", { sealKey: KEY });
  await waiting(there.control(), "a2");
  const body = { ...inspectBody(there.url), dispatchId: "a2:1" };
  expect((await there.control().post("/agents/a2/inspect", body)).body).toMatchObject({ result: "accepted" });
  await there.control().post("/agents/a2/message", { prompt: "end" });
  await there.report("a2");
  expect(git(there.url, "for-each-ref", "--format=%(refname)", "refs/ticktown")).toBe("refs/ticktown/handed-in/b1/1");
  expect(readFileSync(path.join(worktreeOf(there.control().workDir, "a2"), "left.txt"), "utf8")).toBe("left\n");
  expect(git(storeOf(there.control().workDir), "for-each-ref", "refs/ticktown/sealed")).toBe("");
});
