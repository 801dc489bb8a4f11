import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { expect, test, vi } from "vitest";
import { TrainReport } from "../../src/wire/train.ts";
import { gitLfs } from "../../scripts/git-lfs.ts";
import {
  type Control,
  type FakeRig,
  type Reply,
  SOAK,
  commitFile,
  createFakeRig,
  createOrigin,
  eventually,
  git,
  mergeBody,
  soakTest,
  startBody,
  startControl,
  storeOf,
  tempDir,
  worktreeOf,
} from "./world.ts";
import { trainBody } from "./train-world.ts";

// Some of them run a hundred programs.
vi.setConfig({ testTimeout: 120_000 });

/** A rig's settings, as its orders carry them. */
const settings = (place: Record<string, unknown>): { place: Record<string, unknown> } => ({ place });

interface World {
  readonly control: Control;
  readonly rig: FakeRig;
  readonly url: string;
  readonly clone: string;
  /** Runs an agent to its end. @returns what it printed */
  readonly work: (script: string, more?: Record<string, unknown>) => Promise<string[]>;
  /** Merges the branch of an agent. @returns the report */
  readonly merge: (agentId: string, more?: Record<string, unknown>) => Promise<Record<string, unknown>>;
  readonly handIn: (more?: Record<string, unknown>) => Promise<Record<string, unknown>>;
}

/** Nine more commits, each with another content of one file. */
function makeHistory(url: string): void {
  const commits = Array.from(
    { length: 9 },
    (_, n) =>
      `commit refs/heads/main\ncommitter Test <test@example.com> ${1_000_000 + n} +0000\ndata 2\n${n + 1}\n` +
      `${n === 0 ? "from refs/heads/main^0\n" : ""}M 644 inline counter.txt\ndata 2\n${n + 1}\n\n`,
  );
  execFileSync("git", ["fast-import", "--quiet"], { cwd: url, input: commits.join("") });
}

async function world(place: Record<string, unknown>, env: Record<string, string> = {}): Promise<World> {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, ...env });
  const { url, clone } = createOrigin();
  makeHistory(url);
  git(clone, "pull", "--quiet", "origin", "main");
  return {
    control,
    rig,
    url,
    clone,
    work: async (script, more = {}) => {
      const body = startBody(url, script, { ...settings(place), ...more });
      const before = (await control.lines(String(body["agentId"])).catch(() => [])).length;
      const ask = (): Promise<Reply> => control.post("/agents/start", body);
      // A connection that was idle for long may be closed at the same moment.
      const reply = await ask().catch(ask);
      expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(202);
      await control.ended(String(body["agentId"]));
      return (await control.lines(String(body["agentId"]))).slice(before);
    },
    merge: async (agentId, more = {}) => {
      const entryId = `entry-${agentId}`;
      const body = mergeBody(url, `work/${agentId}`, { entryId, agentId, ...settings(place), ...more });
      const ask = (): Promise<Reply> => control.post("/git/merge", body);
      expect((await ask().catch(ask)).status).toBe(202);
      return (await eventually("the result", () => rig.to(`${entryId}/complete`)[0])).body;
    },
    handIn: async (more = {}) =>
      (
        await control.post("/agents/a1/inspect", {
          dispatchId: "a1:1",
          rigId: "rig1",
          townId: "town1",
          beadId: "bead1",
          gitUrl: url,
          branch: "work/a1",
          named: "work/a1",
          targetBranch: "main",
          resolution: "work",
          asIs: null,
          maxDeletions: 100,
          ...settings(place),
          ...more,
        })
      ).body,
  };
}

const COMMIT = 'echo "$GASTOWN_AGENT_ID" > "$GASTOWN_AGENT_ID.txt"; git add --all; git commit -qm work';
const count = (repo: string, ...what: string[]): number => Number(git(repo, "rev-list", "--count", ...what));
const alternates = (workDir: string, agentId = "a1"): string =>
  path.join(worktreeOf(workDir, agentId), ".git/objects/info/alternates");

test("clone: full has all of the history, and agents borrow it", async () => {
  const { control, work } = await world({ clone: "full" });
  expect(await work("git rev-list --count HEAD")).toEqual(["10"]);
  expect(readFileSync(alternates(control.workDir), "utf8").trim()).toBe(path.join(storeOf(control.workDir), "objects"));
});

test("clone: shallow:N has the last N commits; agents have copies of their own, and their work is merged", async () => {
  const { control, url, work, merge, handIn } = await world({ clone: "shallow:3" });
  expect(await work(`git rev-list --count HEAD; git fetch -q origin && ${COMMIT}`, { dispatchId: "a1:1" })).toEqual([
    "3",
  ]);
  expect(count(storeOf(control.workDir), "main")).toBe(3);
  expect(existsSync(alternates(control.workDir))).toBe(false);
  expect(git(worktreeOf(control.workDir), "fsck", "--connectivity-only")).not.toMatch(/missing|broken/);
  expect(await handIn()).toMatchObject({ result: "accepted", ahead: 1, files: 1, deletions: 0 });
  expect(await merge("a1")).toMatchObject({ status: "merged" });
  expect(git(url, "show", "main:a1.txt")).toBe("a1");
  expect(count(url, "main")).toBe(12);
  // The next bead, in the same clone: it begins at what was merged meanwhile.
  expect(await work("cat a1.txt; git status --porcelain", { branch: "work/next", dispatchId: "a1:2" })).toEqual(["a1"]);
  // And another agent takes it over, commits and all.
  const more = "echo more > more.txt; git add more.txt; git commit -qm more";
  expect(await work(more, { branch: "work/next", dispatchId: "a1:3" })).toEqual([]);
  const taken = await work("git log -1 --format=%s; cat a1.txt more.txt", { agentId: "a2", branch: "work/next" });
  expect(taken).toEqual(["more", "a1", "more"]);
});

soakTest(
  "a shallow store is deepened before a merge of what parted before its first commit, and merges only what is new",
  async () => {
    const { control, url, clone, work, merge } = await world({ clone: "shallow:2" });
    git(clone, "checkout", "--quiet", "-b", "work/old", "main~7");
    commitFile(clone, "old.txt", "old\n");
    git(clone, "push", "--quiet", "origin", "work/old");
    await work("true");
    const store = storeOf(control.workDir);
    expect(count(store, "main")).toBe(2);
    expect(() => git(store, "merge-base", "main", "work/old")).toThrow(/status 1|Command failed/);
    expect(await merge("old")).toMatchObject({ status: "merged" });
    expect(git(url, "show", "main:counter.txt")).toBe("9");
    expect(git(url, "show", "main:old.txt")).toBe("old");
    expect(git(url, "diff", "--name-only", "main~1", "main")).toBe("old.txt");
    // An agent with a copy from before goes on, and so does a new one.
    expect(await work("git fetch -q origin; git show origin/main:old.txt", { agentId: "a2" })).toEqual(["old"]);
  },
);

soakTest(
  "work of an agent whose copy ends earlier than the deepened store is taken, and the store stays as deep",
  async () => {
    const { control, clone, work, merge } = await world({ clone: "shallow:2" });
    git(clone, "checkout", "--quiet", "-b", "work/old", "main~7");
    commitFile(clone, "old.txt", "old\n");
    git(clone, "push", "--quiet", "origin", "work/old");
    await work("true");
    await merge("old");
    const depth = count(storeOf(control.workDir), "main");
    await work(COMMIT, { dispatchId: "a1:2" });
    expect(await merge("a1")).toMatchObject({ status: "merged" });
    expect(count(storeOf(control.workDir), "main")).toBeGreaterThan(depth);
  },
);

soakTest(
  "a shallow rig that is set to full gets the rest of the history, and its agents borrow from then on",
  async () => {
    const { control, work } = await world({ clone: "shallow:2" });
    expect(await work("git rev-list --count HEAD")).toEqual(["2"]);
    await work("true", { agentId: "a2", ...settings({ clone: "full" }) });
    expect(count(storeOf(control.workDir), "main")).toBe(10);
    expect(count(worktreeOf(control.workDir, "a2"), "HEAD")).toBe(10);
    expect(existsSync(alternates(control.workDir, "a2"))).toBe(true);
  },
);

test("clone: blobless has the commits, and of the files' contents only what is checked out; the rest comes when it is asked for", async () => {
  const { control, url, work, merge, handIn } = await world({ clone: "blobless" });
  git(url, "config", "uploadpack.allowFilter", "true");
  const place = { gitUrl: `file://${url}` };
  const script = `git rev-list --count HEAD; cat counter.txt; git show HEAD~4:counter.txt; ${COMMIT}`;
  expect(await work(script, { dispatchId: "a1:1", ...place })).toEqual(["10", "9", "5"]);
  const store = storeOf(control.workDir);
  const missing = git(store, "rev-list", "--objects", "--missing=print", "main").match(/^\?/gm) ?? [];
  expect(missing).toHaveLength(8);
  expect(await handIn(place)).toMatchObject({ result: "accepted", files: 1 });
  expect(await merge("a1", place)).toMatchObject({ status: "merged" });
  expect(git(url, "show", "main:a1.txt")).toBe("a1");
  expect(await work("cat a1.txt", { branch: "work/next", dispatchId: "a1:2", ...place })).toEqual(["a1"]);
  expect(count(url, "main")).toBe(12);
});

soakTest("work that brings an old file back without reading it is taken out of a blobless clone", async () => {
  const { url, work, merge } = await world({ clone: "blobless" });
  git(url, "config", "uploadpack.allowFilter", "true");
  const place = { gitUrl: `file://${url}` };
  await work(
    "git update-index --cacheinfo 100644,$(git rev-parse HEAD~4:counter.txt),counter.txt; git commit -qm back",
    {
      ...place,
    },
  );
  expect(await merge("a1", place)).toMatchObject({ status: "merged" });
  expect(git(url, "show", "main:counter.txt")).toBe("5");
});

function withSubmodule({ url, clone }: Pick<World, "url" | "clone">): string {
  const library = createOrigin();
  commitFile(library.clone, "lib.txt", "library\n");
  git(library.clone, "push", "--quiet", "origin", "main");
  // By an address relative to the remote's.
  const relative = path.relative(url, library.url);
  git(clone, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", relative, "lib");
  git(clone, "commit", "--quiet", "-m", "a library");
  git(clone, "push", "--quiet", "origin", "main");
  return library.url;
}

test("submodules: init checks them out in each clone; a change beside them is handed in and merged; the next bead has them as well", async () => {
  const there = await world({ submodules: "init" });
  withSubmodule(there);
  const { url, work, merge, handIn } = there;
  expect(await work(`cat lib/lib.txt; ${COMMIT}; git status --porcelain`, { dispatchId: "a1:1" })).toEqual(["library"]);
  expect(await handIn()).toMatchObject({ result: "accepted", files: 1 });
  expect(await merge("a1")).toMatchObject({ status: "merged" });
  expect(git(url, "show", "main:a1.txt")).toBe("a1");
  // The same agent again, on the same bead and on another one, whatever it made of the submodule's git folder.
  const spoil = "git -C lib config core.fsmonitor 'touch /tmp/never'; git submodule status | cut -c1";
  expect(await work(spoil, { dispatchId: "a1:2" })).toEqual([" "]);
  const next = await work("cat lib/lib.txt a1.txt; git -C lib config core.fsmonitor; true", {
    branch: "work/next",
    dispatchId: "a1:3",
  });
  expect(next).toEqual(["library", "a1"]);
});

soakTest(
  "submodules: none leaves them alone; one that cannot be had is a matter of the place, in git's words",
  async () => {
    const there = await world({});
    const library = withSubmodule(there);
    expect(await there.work("ls lib")).toEqual([]);
    rmSync(library, { recursive: true });
    const body = startBody(there.url, "true", { agentId: "a2", ...settings({ submodules: "init" }) });
    expect(await there.control.post("/agents/start", body)).toMatchObject({
      status: 422,
      body: { code: "submodules_failed", error: expect.stringContaining("does not exist") },
    });
    expect(existsSync(worktreeOf(there.control.workDir, "a2"))).toBe(false);
  },
);

const LARGE = "large file, ".repeat(10_000);

/** The remote has one large file. */
function withLfs({ url, clone }: Pick<World, "url" | "clone">): void {
  gitLfs();
  lfs(clone, "install", "--local");
  lfs(clone, "track", "*.bin");
  commitFile(clone, "first.bin", LARGE);
  git(clone, "push", "--quiet", "origin", "main");
  expect(git(url, "cat-file", "-p", "main:first.bin")).toMatch(/^version https:\/\/git-lfs/);
}
const lfs = (repo: string, ...args: string[]): string => git(repo, "lfs", ...args);

/** What somebody else gets who clones the target. */
function elsewhere(url: string, file: string): string {
  const dir = path.join(tempDir(), "elsewhere");
  git(path.dirname(dir), "clone", "--quiet", url, dir);
  lfs(dir, "install", "--local");
  lfs(dir, "pull");
  return readFileSync(path.join(dir, file), "utf8");
}

const WRITE_LARGE = 'yes "$GASTOWN_AGENT_ID" | head -c 200000 > second.bin; git add second.bin; git commit -qm large';
const SECOND = "a1\n".repeat(66_667).slice(0, 200_000);

test.each(SOAK ? ["full", "shallow:2"] : ["full"])(
  "lfs: auto (%s): an agent sees large files; what it adds is at the remote when it is merged, and whoever clones reads it",
  async (clone) => {
    const there = await world({ clone });
    withLfs(there);
    const { control, url, work, merge, handIn } = there;
    expect(await work(`wc -c < first.bin; ${WRITE_LARGE}; git status --porcelain`, { dispatchId: "a1:1" })).toEqual([
      String(LARGE.length),
    ]);
    expect(git(worktreeOf(control.workDir), "cat-file", "-p", "HEAD:second.bin")).toMatch(/^version/);
    expect(await handIn()).toMatchObject({ result: "accepted", files: 1 });
    // What was accepted does not depend on the clone any more.
    rmSync(worktreeOf(control.workDir), { recursive: true });
    const commit = git(storeOf(control.workDir), "rev-parse", "refs/ticktown/handed-in/bead1/1");
    expect(await merge("a1", { commit })).toMatchObject({ status: "merged" });
    expect(elsewhere(url, "second.bin")).toBe(SECOND);
    expect(elsewhere(url, "first.bin")).toBe(LARGE);
    // The next agent has both, and a changed one is seen as changed.
    const lines = await work("wc -c < second.bin; echo more >> second.bin; git diff --name-only", { agentId: "a2" });
    expect(lines).toEqual(["200000", "second.bin"]);
  },
);

test("a train does the same: history is deepened, what is checked is whole, contents are uploaded before the push, and who lacks some leaves alone", async () => {
  const there = await world({ clone: "shallow:2" });
  withLfs(there);
  const { control, rig, url, clone, work } = there;
  git(clone, "checkout", "--quiet", "-b", "work/old", "main~8");
  commitFile(clone, "old.txt", "old\n");
  git(clone, "push", "--quiet", "origin", "work/old");
  await work(WRITE_LARGE);
  await work(`${WRITE_LARGE.replaceAll("second", "third")}; rm -rf .git/lfs`, { agentId: "a2" });
  const members = ["a1", "a2", "old"].map((name) => ({
    entryId: `entry-${name}`,
    beadId: `bead-${name}`,
    agentId: name,
    branch: `work/${name}`,
    title: `The title of ${name}`,
    approvedTree: null,
  }));
  const isWhole = `test $(wc -c < first.bin) = ${LARGE.length} && test $(wc -c < second.bin) = 200000 && cat old.txt`;
  const order = {
    ...trainBody(url, members as never, { gate: { checks: [{ name: "whole", command: isWhole }] } }),
    ...settings({ clone: "shallow:2" }),
    callbackUrl: `${rig.url}/train`,
  };
  expect((await control.post("/git/train", order)).status).toBe(202);
  const report = TrainReport.parse((await eventually("the report", () => rig.to("/train")[0], 60_000)).body);
  expect(report).toMatchObject({
    stopped: null,
    left: [{ entryId: "entry-a2", why: "missing", message: expect.stringContaining("contents of 1 large files") }],
    runs: [{ verdict: "green", checks: [{ words: "" }] }],
    pushed: { members: [{ entryId: "entry-a1" }, { entryId: "entry-old" }] },
  });
  expect(elsewhere(url, "second.bin")).toBe(SECOND);
  expect(git(url, "show", "main:old.txt")).toBe("old");
});

soakTest(
  "a large file that was left uncommitted comes back uncommitted, and an unchanged one is no reason to refuse",
  async () => {
    const there = await world({});
    withLfs(there);
    await there.work(`echo left >> first.bin; yes | head -c 100000 > new.bin; sleep 0.1`, {
      branch: "work/b",
      beadId: "b",
    });
    const script = "tail -1 first.bin | tail -c 5; wc -c < new.bin; git status --porcelain";
    expect(await there.work(script, { agentId: "a2", branch: "work/b", beadId: "b" })).toEqual([
      "left",
      "100000",
      " M first.bin",
      "?? new.bin",
    ]);
  },
);

soakTest("a large file whose content nobody has is not pushed; lfs: off leaves pointers", async () => {
  const there = await world({});
  withLfs(there);
  const { url, work, merge } = there;
  const before = git(url, "rev-parse", "main");
  await work(`${WRITE_LARGE}; rm -rf .git/lfs`);
  expect(await merge("a1")).toMatchObject({
    status: "failed",
    reason: "push_rejected",
    message: expect.stringMatching(/contents of 1 large files are neither here nor at the remote/),
  });
  expect(git(url, "rev-parse", "main")).toBe(before);
  const lines = await work("head -1 first.bin", { agentId: "a2", ...settings({ lfs: "off" }) });
  expect(lines).toEqual(["version https://git-lfs.github.com/spec/v1"]);
});

soakTest("a large file that an agent wrote under another's name is not taken into the store", async () => {
  const there = await world({});
  withLfs(there);
  const { control, work, merge } = there;
  const forged = `${WRITE_LARGE}; 
    f=$(find .git/lfs/objects -name $(git show HEAD:second.bin | sed -n 's/oid sha256://p')); chmod u+w $f; echo forged > $f`;
  await work(forged);
  expect(await merge("a1")).toMatchObject({ status: "failed", reason: "push_rejected" });
  const name = git(worktreeOf(control.workDir), "cat-file", "-p", "HEAD:second.bin");
  const id = /sha256:([0-9a-f]+)/.exec(name)?.[1] ?? "";
  expect(id).toHaveLength(64);
  expect(existsSync(path.join(storeOf(control.workDir), "lfs/objects", id.slice(0, 2), id.slice(2, 4), id))).toBe(
    false,
  );
});
