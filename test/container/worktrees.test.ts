import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import {
  type Control,
  commitFile,
  createOrigin,
  fileExists,
  git,
  pushBranch,
  startBody,
  startControl,
  storeOf,
  tempDir,
  worktreeOf,
} from "./world.ts";

/** Starts the agent, waits for its end, and answers what the start answered. */
async function run(
  control: Control,
  url: string,
  script: string,
  more: Record<string, unknown> = {},
): Promise<{ status: number; body: { code?: string; error?: string } }> {
  const reply = await control.post("/agents/start", startBody(url, script, more));
  if (reply.status === 201) await control.ended((more["agentId"] as string | undefined) ?? "a1");
  return reply;
}

const warnings = async (control: Control, agentId = "a1"): Promise<string[]> =>
  (await control.events(agentId))
    .filter(({ type }) => type === "git_warning")
    .map(({ data }) => (data as { message: string }).message);

test("a new branch begins at the default branch of origin, a branch that is only on origin at origin's", async () => {
  const control = await startControl();
  const { url, clone } = createOrigin();
  const pushed = pushBranch(clone, "feature/x", "x.txt", "x\n");
  await run(control, url, "true", { branch: "feature/x" });
  expect(git(worktreeOf(control.workDir), "rev-parse", "HEAD")).toBe(pushed);
  await run(control, url, "true", { agentId: "a2", branch: "feature/y" });
  expect(git(worktreeOf(control.workDir, "a2"), "rev-parse", "HEAD")).toBe(git(clone, "rev-parse", "origin/main"));
});

test("the next start on the same branch finds the commits and the uncommitted work of the last one", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(
    control,
    url,
    "echo 1 > kept.txt; git add kept.txt; git commit -qm kept; echo 2 > kept.txt; echo new > new.txt",
  );
  await run(control, url, "true");
  const worktree = worktreeOf(control.workDir);
  expect(git(worktree, "log", "-1", "--format=%s %an <%ae>")).toBe("kept Toast <a1@ticktown.local>");
  expect(
    git(worktree, "status", "--porcelain")
      .split("\n")
      .map((line) => line.trim()),
  ).toEqual(["M kept.txt", "?? new.txt"]);
});

test("a new commit on the default branch is there at the next start", async () => {
  const control = await startControl();
  const { url, clone } = createOrigin();
  await run(control, url, "true");
  const sha = commitFile(clone, "later.txt", "later\n");
  git(clone, "push", "--quiet", "origin", "main");
  await run(control, url, "true", { branch: "work/second" });
  expect(git(worktreeOf(control.workDir), "rev-parse", "HEAD")).toBe(sha);
});

test("before the branch changes, what was left uncommitted is kept beside the branches, and comes back with its bead", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(control, url, "echo draft > draft.txt; echo changed > README.md", { branch: "work/old" });
  await run(control, url, "true", { branch: "work/new" });
  const worktree = worktreeOf(control.workDir);
  expect(git(worktree, "branch", "--show-current")).toBe("work/new");
  expect(git(worktree, "status", "--porcelain")).toBe("");
  expect(git(worktree, "log", "-1", "--format=%s", "work/old")).toBe("write README.md");
  expect(git(storeOf(control.workDir), "show", "refs/ticktown/leftovers/work%2Fold/1:draft.txt")).toBe("draft");
  const back = await run(control, url, "true", { branch: "work/old" });
  expect(back.body).toMatchObject({ setAside: [{ beadId: "work/old", givenBack: true }] });
  expect(
    git(worktree, "status", "--porcelain")
      .split("\n")
      .map((line) => line.trim()),
  ).toEqual(["M README.md", "?? draft.txt"]);
});

test("a branch in the clone of an agent that is not running moves to its new agent, with the work left there", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  const script = "echo 1 > done.txt; git add .; git commit -qm done; echo draft > draft.txt";
  await run(control, url, script, { agentId: "a1", branch: "work/bead" });
  const moved = await run(control, url, "true", { agentId: "a2", branch: "work/bead" });
  expect(moved).toMatchObject({ status: 201, body: { setAside: [{ agentId: "a1", files: 1, givenBack: true }] } });
  const worktree = worktreeOf(control.workDir, "a2");
  expect(git(worktree, "log", "-1", "--format=%s")).toBe("done");
  expect(git(worktree, "status", "--porcelain")).toBe("?? draft.txt");
  expect((await warnings(control, "a2")).join()).toContain("a1 left 1 uncommitted file on work/bead");
});

test("a branch in the worktree of an agent that runs is refused", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await control.post("/agents/start", startBody(url, "sleep 60", { agentId: "a1", branch: "work/bead" }));
  expect(await run(control, url, "true", { agentId: "a2", branch: "work/bead" })).toMatchObject({
    status: 422,
    body: { code: "branch_in_use" },
  });
});

test("the lock files of a git that was killed do not stop the next dispatch from committing: it gets another folder", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(
    control,
    url,
    'echo 0 > mine.txt; rm README.md; touch "$(git rev-parse --git-path index.lock)" "$(git rev-parse --git-path refs/heads/work/a1.lock)"',
  );
  await run(control, url, "echo 1 > f; git add f && git commit -qm works");
  const worktree = worktreeOf(control.workDir);
  expect(git(worktree, "log", "-1", "--format=%s")).toBe("works");
  // A git that was killed may not have written README.md yet, so that it is not there proves nothing.
  expect(git(worktree, "status", "--porcelain")).toBe("?? mine.txt");
  expect((await warnings(control)).join()).toMatch(/has the lock file index.lock .* it is kept at/);
});

test("a worktree whose folder was deleted is made again", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(control, url, "echo 1 > f; git add f; git commit -qm kept");
  rmSync(worktreeOf(control.workDir), { recursive: true });
  await run(control, url, "true");
  expect(git(worktreeOf(control.workDir), "log", "-1", "--format=%s")).toBe("kept");
});

test("a folder that Ticktown did not make is moved aside, not deleted", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  const worktree = worktreeOf(control.workDir);
  mkdirSync(worktree, { recursive: true });
  writeFileSync(path.join(worktree, "precious"), "x");
  await run(control, url, "true");
  const kept = /kept at (.*)$/.exec((await warnings(control))[0] ?? "")?.[1] ?? "";
  expect(readFileSync(path.join(kept, "precious"), "utf8")).toBe("x");
});

test("an empty repository, a wrong default branch and an unreachable remote are refused, each with its own code", async () => {
  const control = await startControl();
  const empty = path.join(tempDir(), "empty.git");
  git(tempDir(), "init", "--quiet", "--bare", empty);
  expect(await run(control, empty, "true", { rigId: "r1" })).toMatchObject({
    status: 422,
    body: { code: "empty_repository" },
  });
  const wrong = await run(control, createOrigin().url, "true", { rigId: "r2", defaultBranch: "trunk" });
  expect(wrong).toMatchObject({
    status: 422,
    body: { code: "default_branch_missing", error: expect.stringContaining("it has main") },
  });
  const gone = await run(control, path.join(tempDir(), "gone.git"), "true", { rigId: "r3" });
  expect(gone).toMatchObject({ status: 422, body: { code: "remote_unreachable" } });
});

test("a repository that was empty works as soon as it has its first commit", async () => {
  const control = await startControl();
  const { url, clone } = createOrigin();
  const empty = path.join(tempDir(), "empty.git");
  git(tempDir(), "init", "--quiet", "--bare", empty);
  expect((await run(control, empty, "true")).status).toBe(422);
  git(clone, "push", "--quiet", empty, "main");
  expect((await run(control, empty, "true")).status).toBe(201);
  expect(url).not.toBe(empty);
});

test("a remote that is away does not stop an agent whose store is there; the start says so in an event", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(control, url, "true");
  renameSync(url, `${url}.away`);
  expect((await run(control, url, "true", { branch: "work/next" })).status).toBe(201);
  expect((await warnings(control)).join()).toContain("going on with what was fetched before");
});

test("branches of which git allows only one in a clone are in two agents' clones at once, or in one after the other", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(control, url, "true", { branch: "work" });
  expect((await run(control, url, "true", { agentId: "a2", branch: "work/sub" })).status).toBe(201);
  expect((await run(control, url, "true", { agentId: "a1", branch: "work/other" })).status).toBe(201);
  expect(git(worktreeOf(control.workDir), "branch", "--show-current")).toBe("work/other");
});

test("two rigs with one repository have a store each", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await Promise.all([
    run(control, url, "true", { agentId: "a1", rigId: "r1", branch: "work/same" }),
    run(control, `file://${url}`, "true", { agentId: "a2", rigId: "r2", branch: "work/same" }),
  ]);
  expect(git(worktreeOf(control.workDir, "a1", "r1"), "branch", "--show-current")).toBe("work/same");
  expect(git(worktreeOf(control.workDir, "a2", "r2"), "branch", "--show-current")).toBe("work/same");
});

test("many agents of one rig can be started at the same moment", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  const ids = ["a1", "a2", "a3", "a4", "a5"];
  const replies = await Promise.all(ids.map((agentId) => run(control, url, "true", { agentId })));
  expect(replies.map(({ status }) => status)).toEqual(ids.map(() => 201));
  expect(ids.filter((id) => fileExists(path.join(worktreeOf(control.workDir, id), "README.md")))).toEqual(ids);
});
