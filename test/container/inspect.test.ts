import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { InspectAnswer } from "../../src/wire/container.ts";
import {
  type Control,
  commitFile,
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

interface World {
  readonly control: Control;
  readonly url: string;
  readonly clone: string;
}

/** An agent a1 that was given work/a1 and has done what the script says. */
async function worked(script: string, env: Record<string, string> = {}): Promise<World> {
  const control = await startControl(env);
  const { url, clone } = createOrigin();
  await work(control, url, script);
  return { control, url, clone };
}

async function work(control: Control, url: string, script: string, more: Record<string, unknown> = {}): Promise<void> {
  const body = startBody(url, script, { dispatchId: "a1:1", ...more });
  expect((await control.post("/agents/start", body)).status).toBe(201);
  await control.ended(String(body["agentId"]));
}

function inspectBody(url: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
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
    ...more,
  };
}

async function ask({ control, url }: World, more: Record<string, unknown> = {}): Promise<InspectAnswer> {
  const reply = await control.post("/agents/a1/inspect", inspectBody(url, more));
  expect(reply.status).toBe(200);
  return InspectAnswer.parse(reply.body);
}

const COMMIT = "echo work > work.txt; git add work.txt; git commit -qm work";
const REBASE = `
  echo mine > f; git add f; git commit -qm mine
  git checkout -q -b theirs HEAD~1; echo theirs > f; git add f; git commit -qm theirs
  git checkout -q work/a1; git rebase -q theirs; true`;

test("a commit on the granted branch is accepted with what is in it, and pinned in the store before that is said", async () => {
  const world = await worked(`${COMMIT}; git rm -q README.md; git commit -qm less`);
  const commit = git(worktreeOf(world.control.workDir), "rev-parse", "HEAD");
  const base = git(world.url, "rev-parse", "main");
  expect(await ask(world)).toEqual({
    result: "accepted",
    branch: "work/a1",
    commit,
    base,
    ahead: 2,
    files: 2,
    deletions: 1,
  });
  await ask(world);
  const pins = ["for-each-ref", "--format=%(refname) %(objectname)", "refs/ticktown/handed-in"];
  expect(git(storeOf(world.control.workDir), ...pins)).toContain(`refs/ticktown/handed-in/bead1/1 ${commit}`);
});

test("gascity#3048 no commit and a dirty worktree: refused with words that name the files", async () => {
  const world = await worked("echo work > work.txt; echo more >> README.md");
  expect(await ask(world)).toEqual({
    result: "refused",
    code: "no_commits",
    sentence: expect.stringContaining("Uncommitted: README.md, work.txt"),
    commit: null,
  });
});

test("F-101 commits on a branch of the agent's own: refused, HEAD's branch and its commit are named", async () => {
  const world = await worked(`git checkout -q -b mine; ${COMMIT}`);
  const commit = git(worktreeOf(world.control.workDir), "rev-parse", "HEAD");
  expect(await ask(world)).toEqual({
    result: "refused",
    code: "wrong_branch",
    sentence: expect.stringMatching(/the branch mine, with [0-9a-f]+ "work", which is not on work\/a1/),
    commit,
  });
  const forgotten = await worked(`git checkout -q -b mine; ${COMMIT}; git checkout -q work/a1`);
  expect(await ask(forgotten)).toMatchObject({
    code: "wrong_branch",
    sentence: expect.stringContaining("commits are on mine"),
    commit: git(worktreeOf(forgotten.control.workDir), "rev-parse", "mine"),
  });
});

test("F-102 the branch of another agent: refused, and neither's work is lost", async () => {
  const world = await worked(COMMIT);
  await work(world.control, world.url, "echo 2 > two.txt; git add .; git commit -qm two; sleep 0.1", {
    agentId: "a2",
    dispatchId: "a2:1",
  });
  expect(await ask(world, { named: "work/a2" })).toMatchObject({
    result: "refused",
    code: "another_agents_branch",
    sentence: expect.stringContaining("the branch of a2"),
  });
  expect(git(worktreeOf(world.control.workDir, "a2"), "log", "-1", "--format=%s", "work/a2")).toBe("two");
  expect(await ask(world)).toMatchObject({ result: "accepted" });
});

test("F-103 done with a name that is none, or of no branch, or of the target: refused at once while the agent lives", async () => {
  const world = await worked(COMMIT);
  const names = {
    bad_name: ["a..b", "-x", "x.lock", "HEAD", "", "@{-1}"],
    unknown_branch: ["no/such"],
    wrong_branch: ["main"],
  };
  for (const [code, all] of Object.entries(names)) {
    for (const named of all) {
      const answer = await ask(world, { named });
      expect(answer, named).toMatchObject({ result: "refused", code, sentence: expect.stringContaining("work/a1") });
    }
  }
});

test.each([
  ["dirty", `${COMMIT}; echo more >> README.md`, "README.md"],
  ["dirty", `${COMMIT}; echo new > forgotten.txt`, "forgotten.txt"],
  ["unfinished_merge", REBASE, "rebase"],
  ["unfinished_merge", `${COMMIT}; git bisect start -q; true`, "bisect"],
  [
    "conflict_markers",
    "printf '<<<<<<< HEAD\\na\\n=======\\nb\\n>>>>>>> x\\n' > c.txt; git add c.txt; git commit -qm c",
    "c.txt",
  ],
  ["too_many_deletions", "git rm -q README.md; git commit -qm away", "README.md"],
])("a hand-in is refused as %s with what it is about", async (code, script, what) => {
  const world = await worked(script);
  expect(await ask(world, { maxDeletions: 0 })).toMatchObject({
    result: "refused",
    code,
    sentence: expect.stringContaining(what),
  });
});

test("headings that are underlined with seven = are no conflict, moved files no deletion, ignored files no dirt", async () => {
  const world = await worked(
    "printf 'Heading\\n=======\\n' > h.md; git mv README.md READ.md; git add .; git commit -qm docs; echo x > i; echo i > .git/info/exclude",
  );
  expect(await ask(world, { maxDeletions: 0 })).toMatchObject({ result: "accepted", deletions: 0 });
});

test("as it is: a person's word takes a commit of the agent's own that is ahead, and no other", async () => {
  const world = await worked(`git checkout -q -b mine; ${COMMIT}; echo more >> README.md`);
  const commit = git(worktreeOf(world.control.workDir), "rev-parse", "mine");
  expect(await ask(world, { asIs: git(world.url, "rev-parse", "main") })).toMatchObject({ code: "no_commits" });
  expect(await ask(world, { asIs: "1".repeat(40) })).toMatchObject({ code: "unknown_branch" });
  expect(await ask(world, { asIs: commit })).toMatchObject({ result: "accepted", commit });
});

test("AO#3636 an agent's remotes, filters, fsmonitor and hooks are noticed by no inspection, no merge and no other agent", async () => {
  const rig = await createFakeRig();
  const trace = path.join(tempDir(), "ran");
  const script = `${COMMIT}
    git remote set-url origin /nonexistent; git remote set-url --push origin no_push
    git config url.https://invalid.example/.insteadOf /
    git config core.fsmonitor 'touch ${trace}; false'; git config core.sshCommand 'touch ${trace}; false'
    git config filter.evil.clean 'touch ${trace}; false'; git config filter.evil.smudge 'touch ${trace}; false'
    git config filter.evil.required true; echo '* filter=evil' > .git/info/attributes
    git config uploadpack.packObjectsHook 'touch ${trace}; false'
    printf '#!/bin/sh\\ntouch ${trace}; exit 1\\n' | tee .git/hooks/post-checkout .git/hooks/reference-transaction > /dev/null
    chmod +x .git/hooks/*`;
  const world = await worked(script, { GASTOWN_API_URL: rig.url });
  rmSync(trace, { force: true }); // What the agent's own git did is the agent's affair.
  const answer = await ask(world);
  expect(answer).toMatchObject({ result: "accepted" });
  await work(world.control, world.url, "git fetch -q origin", { agentId: "a2", dispatchId: "a2:1" });
  expect((await world.control.status("a2")).exitReason).toBe("exit 0");
  await world.control.post("/git/merge", mergeBody(world.url, "work/a1"));
  expect((await eventually("the result", () => rig.to("/complete")[0])).body).toMatchObject({ status: "merged" });
  // The agent's own next bead starts from a configuration that Ticktown wrote.
  await work(world.control, world.url, "git fetch -q origin", { dispatchId: "a1:2", branch: "work/next" });
  expect((await world.control.status("a1")).exitReason).toBe("exit 0");
  expect(() => git("/", "hash-object", trace)).toThrow();
});

test("exactly the commit that was handed in is merged, whatever the branch does later", async () => {
  const rig = await createFakeRig();
  const world = await worked(COMMIT, { GASTOWN_API_URL: rig.url });
  const answer = await ask(world);
  const commit = answer.result === "accepted" ? answer.commit : "";
  const clone = worktreeOf(world.control.workDir);
  commitFile(clone, "later.txt", "later\n");
  await world.control.post("/git/merge", mergeBody(world.url, "work/a1", { commit }));
  expect((await eventually("the result", () => rig.to("/complete")[0])).body).toMatchObject({ status: "merged" });
  expect(git(world.url, "ls-tree", "--name-only", "main")).toBe("README.md\nwork.txt");
});

test("a dispatch that is not the clone's is answered 409, a clone that is gone is lost, and what was accepted stays so", async () => {
  const world = await worked(COMMIT);
  const { control, url } = world;
  expect(await control.post("/agents/a1/inspect", inspectBody(url, { dispatchId: "a1:2" }))).toMatchObject({
    status: 409,
    body: { code: "stale_dispatch" },
  });
  const accepted = await ask(world);
  rmSync(worktreeOf(control.workDir), { recursive: true });
  expect(await ask(world)).toEqual(accepted);
  const other = await worked(COMMIT);
  rmSync(worktreeOf(other.control.workDir), { recursive: true });
  expect(await ask(other)).toMatchObject({ result: "lost" });
  expect(await ask(other, { resolution: "no_change" })).toEqual({ result: "no_change" });
});

test("F-203 a clone that was replaced by a link to another repository is not looked at", async () => {
  const world = await worked(COMMIT);
  const theirs = path.join(tempDir(), "theirs");
  git(tempDir(), "clone", "--quiet", world.url, theirs);
  git(theirs, "checkout", "--quiet", "-b", "work/a1");
  commitFile(theirs, "private.txt", "x\n");
  rmSync(worktreeOf(world.control.workDir), { recursive: true });
  symlinkSync(theirs, worktreeOf(world.control.workDir));
  expect(await ask(world)).toMatchObject({ result: "lost" });
});

test("where the disk does not last, a hand-in is at the remote before it is accepted, and is merged by the next container", async () => {
  const rig = await createFakeRig();
  const env = { GASTOWN_API_URL: rig.url, EPHEMERAL_DISK: "true" };
  const world = await worked(COMMIT, env);
  expect((await world.control.get("/capabilities")).body).toMatchObject({
    inspect: true,
    ephemeral: true,
    trains: true,
  });
  const answer = await ask(world);
  const commit = answer.result === "accepted" ? answer.commit : "";
  expect(git(world.url, "rev-parse", "refs/ticktown/handed-in/bead1/1")).toBe(commit);
  const next = await startControl(env);
  await next.post("/git/merge", mergeBody(world.url, "work/a1", { commit }));
  expect((await eventually("the result", () => rig.to("/complete")[0])).body).toMatchObject({ status: "merged" });
});

test("a remote that takes branches only keeps a hand-in as a branch; one that takes nothing is said not to be durable", async () => {
  const world = await worked(COMMIT, { EPHEMERAL_DISK: "true" });
  const hook = path.join(world.url, "hooks", "update");
  writeFileSync(hook, '#!/bin/sh\ncase "$1" in refs/heads/*) exit 0 ;; esac\nexit 1\n', { mode: 0o755 });
  expect(await ask(world)).toMatchObject({ result: "accepted" });
  expect(git(world.url, "for-each-ref", "--format=%(refname)", "refs/heads/ticktown")).toBe(
    "refs/heads/ticktown/handed-in/bead1/1",
  );
  writeFileSync(hook, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  expect(await world.control.post("/agents/a1/inspect", inspectBody(world.url, { beadId: "bead2" }))).toMatchObject({
    status: 503,
    body: { code: "not_durable" },
  });
});

test("an edit of a file that was there is accepted, and one that is not committed is refused", async () => {
  const world = await worked("echo more >> README.md; git commit -qam edit");
  expect(await ask(world)).toMatchObject({ result: "accepted", files: 1, ahead: 1 });
  writeFileSync(path.join(worktreeOf(world.control.workDir), "README.md"), "yet more\n");
  expect(await ask(world)).toMatchObject({ result: "refused", code: "dirty" });
});
