import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import {
  type Control,
  type FakeRig,
  commitFile,
  createFakeRig,
  createOrigin,
  eventually,
  git,
  mergeBody,
  pushBranch,
  startBody,
  startControl,
  storeOf,
  tempDir,
  worktreeOf,
} from "./world.ts";

async function world(): Promise<{ control: Control; rig: FakeRig; url: string; clone: string }> {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url });
  return { control, rig, ...createOrigin() };
}

/** Asks for the merge and waits for the n-th report about the entry. */
async function merged(
  control: Control,
  rig: FakeRig,
  body: Record<string, unknown>,
  n = 1,
): Promise<Record<string, unknown>> {
  expect(await control.post("/git/merge", body)).toEqual({ status: 202, body: { status: "accepted" } });
  const entry = (body["entryId"] as string | undefined) ?? "entry1";
  return (await eventually("the result", () => rig.to(`/review-queue/${entry}/complete`)[n - 1])).body;
}

test("a branch that only this container has is merged and pushed, and the rig is told the commit", async () => {
  const { control, rig, url } = await world();
  await control.post("/agents/start", startBody(url, "echo work > work.txt; git add work.txt; git commit -qm work"));
  await control.ended("a1");
  const result = await merged(control, rig, mergeBody(url, "work/a1", { dispatchId: "entry1:1" }));
  const head = git(url, "rev-parse", "main");
  expect(result).toEqual({
    status: "merged",
    message: "Merged work/a1 into main",
    commit_sha: head,
    dispatch_id: "entry1:1",
  });
  expect(git(url, "log", "-1", "--format=%s", "main")).toBe("Merge work/a1 (bead1)");
  expect(git(url, "show", "main:work.txt")).toBe("work");
  expect(rig.to("/complete")[0]).toMatchObject({
    path: "/api/rigs/rig1/review-queue/entry1/complete",
    token: "session-token-1",
  });
});

test("a branch that only origin has is merged as well", async () => {
  const { control, rig, url, clone } = await world();
  const sha = pushBranch(clone, "feature", "f.txt", "f\n");
  expect(await merged(control, rig, mergeBody(url, "feature"))).toMatchObject({ status: "merged" });
  expect(git(url, "merge-base", "--is-ancestor", sha, "main")).toBe("");
});

test("of a local and a pushed branch the one that contains the other is merged", async () => {
  const { control, rig, url, clone } = await world();
  await control.post("/agents/start", startBody(url, "echo 1 > a.txt; git add a.txt; git commit -qm one"));
  await control.ended("a1");
  git(clone, "fetch", "--quiet", worktreeOf(control.workDir), "work/a1");
  git(clone, "checkout", "--quiet", "-b", "work/a1", "FETCH_HEAD");
  const further = commitFile(clone, "b.txt", "b\n");
  git(clone, "push", "--quiet", "origin", "work/a1");
  await merged(control, rig, mergeBody(url, "work/a1"));
  expect(git(url, "merge-base", "--is-ancestor", further, "main")).toBe("");
});

test("what an agent pushes stays in its inbox", async () => {
  const { control, url } = await world();
  const script = "echo 1 > a.txt; git add a.txt; git commit -qm one; git push -q origin HEAD HEAD:main";
  await control.post("/agents/start", startBody(url, script));
  expect((await control.ended("a1")).exitReason).toBe("exit 0");
  expect(git(url, "for-each-ref", "--format=%(refname)")).toBe("refs/heads/main");
  expect(git(storeOf(control.workDir), "for-each-ref", "--format=%(refname)", "refs/heads")).toBe("refs/heads/main");
  expect(git(url, "log", "-1", "--format=%s", "main")).toBe("write README.md");
  const inbox = path.join(control.workDir, "rigs", "rig1", "agents", "a1", "inbox.git");
  expect(git(inbox, "for-each-ref", "--format=%(refname)")).toBe("refs/heads/main\nrefs/heads/work/a1");
});

test("a conflict is reported with its files, and nothing of the merge is left", async () => {
  const { control, rig, url, clone } = await world();
  pushBranch(clone, "feature", "README.md", "feature\n");
  git(clone, "checkout", "--quiet", "main");
  const head = commitFile(clone, "README.md", "main\n");
  git(clone, "push", "--quiet", "origin", "main");
  const result = await merged(control, rig, mergeBody(url, "feature"));
  expect(result).toEqual({ status: "conflict", message: "feature conflicts with main in README.md" });
  expect(git(url, "rev-parse", "main")).toBe(head);
  expect(git(path.join(control.workDir, "rigs", "rig1", "store.git"), "worktree", "list").split("\n")).toHaveLength(1);
});

test("after a rework the same entry is merged", async () => {
  const { control, rig, url, clone } = await world();
  pushBranch(clone, "feature", "README.md", "feature\n");
  git(clone, "checkout", "--quiet", "main");
  commitFile(clone, "README.md", "main\n");
  git(clone, "push", "--quiet", "origin", "main");
  expect(await merged(control, rig, mergeBody(url, "feature", { dispatchId: "entry1:1" }))).toMatchObject({
    status: "conflict",
  });
  git(clone, "checkout", "--quiet", "feature");
  git(clone, "merge", "--quiet", "-X", "ours", "--no-edit", "main");
  git(clone, "push", "--quiet", "origin", "feature");
  expect(await merged(control, rig, mergeBody(url, "feature", { dispatchId: "entry1:2" }), 2)).toMatchObject({
    status: "merged",
    dispatch_id: "entry1:2",
  });
});

test("a target that moves between fetch and push is merged onto its new head", async () => {
  const { control, rig, url, clone } = await world();
  const sha = pushBranch(clone, "feature", "f.txt", "f\n");
  // The first push finds that somebody else has just pushed: the hook does what they did.
  const hook = `#!/bin/sh
unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
test -e raced && exit 0
touch raced
export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x@x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x@x
git update-ref refs/heads/main "$(git commit-tree -p main -m raced 'main^{tree}')"
`;
  writeFileSync(path.join(url, "hooks", "pre-receive"), hook, { mode: 0o755 });
  expect(await merged(control, rig, mergeBody(url, "feature"))).toMatchObject({ status: "merged" });
  expect(git(url, "log", "--format=%s", "main").split("\n")).toContain("raced");
  expect(git(url, "merge-base", "--is-ancestor", sha, "main")).toBe("");
});

test("a target that never stands still is given up after five attempts", async () => {
  const { control, rig, url, clone } = await world();
  pushBranch(clone, "feature", "f.txt", "f\n");
  const hook = `#!/bin/sh
unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES
export GIT_AUTHOR_NAME=x GIT_AUTHOR_EMAIL=x@x GIT_COMMITTER_NAME=x GIT_COMMITTER_EMAIL=x@x
git update-ref refs/heads/main "$(git commit-tree -p main -m raced 'main^{tree}')"
`;
  writeFileSync(path.join(url, "hooks", "pre-receive"), hook, { mode: 0o755 });
  expect(await merged(control, rig, mergeBody(url, "feature"))).toMatchObject({
    status: "failed",
    reason: "push_rejected",
    message: expect.stringContaining("5 attempts"),
  });
});

test("what the target already contains is merged, without a second merge commit", async () => {
  const { control, rig, url, clone } = await world();
  pushBranch(clone, "feature", "f.txt", "f\n");
  await merged(control, rig, mergeBody(url, "feature"));
  const head = git(url, "rev-parse", "main");
  const again = await merged(control, rig, mergeBody(url, "feature"), 2);
  expect(again).toEqual({ status: "merged", message: "main already contains feature", commit_sha: head });
  expect(git(url, "rev-parse", "main")).toBe(head);
});

test("the same entry and dispatch asked for many times is merged once, and answered again with the same result", async () => {
  const { control, rig, url, clone } = await world();
  pushBranch(clone, "feature", "f.txt", "f\n");
  const body = mergeBody(url, "feature", { dispatchId: "entry1:1" });
  await Promise.all([
    control.post("/git/merge", body),
    control.post("/git/merge", body),
    control.post("/git/merge", body),
  ]);
  const first = (await eventually("the result", () => rig.to("/complete")[0])).body;
  expect(await merged(control, rig, body, 2)).toEqual(first);
  expect(git(url, "rev-list", "--count", "--merges", "main")).toBe("1");
});

test("merges of one rig happen one after the other, in the order they came", async () => {
  const { control, rig, url, clone } = await world();
  const names = ["one", "two", "three"];
  for (const name of names) pushBranch(clone, name, `${name}.txt`, `${name}\n`);
  for (const name of names) await control.post("/git/merge", mergeBody(url, name, { entryId: name }));
  await eventually("all results", () => rig.to("/complete").length === 3);
  expect(rig.to("/complete").map(({ body }) => body["status"])).toEqual(["merged", "merged", "merged"]);
  expect(git(url, "log", "--merges", "--reverse", "--format=%s", "main").split("\n")).toEqual(
    names.map((name) => `Merge ${name} (bead1)`),
  );
});

test.each([
  ["branch_missing", { branch: "nowhere" }],
  ["target_missing", { targetBranch: "trunk" }],
  ["remote_unreachable", { gitUrl: "/nonexistent/repo.git" }],
])("a merge that cannot be is reported as failed with reason %s", async (reason, more) => {
  const { control, rig, url, clone } = await world();
  pushBranch(clone, "feature", "f.txt", "f\n");
  expect(await merged(control, rig, mergeBody(url, "feature", more))).toMatchObject({
    status: "failed",
    reason,
    message: expect.any(String),
  });
});

test("a merge into an empty repository is reported as failed with reason empty_repository", async () => {
  const { control, rig } = await world();
  const empty = path.join(tempDir(), "empty.git");
  git(tempDir(), "init", "--quiet", "--bare", empty);
  expect(await merged(control, rig, mergeBody(empty, "feature"))).toMatchObject({
    status: "failed",
    reason: "empty_repository",
  });
});

test("a remote with the target checked out refuses the push, and the report says what to do", async () => {
  const { control, rig, clone } = await world();
  pushBranch(clone, "feature", "f.txt", "f\n");
  git(clone, "checkout", "--quiet", "main");
  const result = await merged(control, rig, mergeBody(clone, "feature"));
  expect(result).toMatchObject({
    status: "failed",
    reason: "push_rejected",
    message: expect.stringContaining("git config receive.denyCurrentBranch updateInstead"),
  });
  git(clone, "config", "receive.denyCurrentBranch", "updateInstead");
  expect(await merged(control, rig, mergeBody(clone, "feature"), 2)).toMatchObject({ status: "merged" });
  expect(git(clone, "show", "HEAD:f.txt")).toBe("f");
});

test("a push that a hook of the remote refuses is reported with the hook's words", async () => {
  const { control, rig, url, clone } = await world();
  pushBranch(clone, "feature", "f.txt", "f\n");
  writeFileSync(path.join(url, "hooks", "pre-receive"), "#!/bin/sh\necho main is protected\nexit 1\n", { mode: 0o755 });
  expect(await merged(control, rig, mergeBody(url, "feature"))).toMatchObject({
    status: "failed",
    reason: "push_rejected",
    message: expect.stringContaining("main is protected"),
  });
});

test("unrelated histories are a failure, not a conflict", async () => {
  const { control, rig, url, clone } = await world();
  git(clone, "checkout", "--quiet", "--orphan", "island");
  commitFile(clone, "island.txt", "x\n");
  git(clone, "push", "--quiet", "origin", "island");
  expect(await merged(control, rig, mergeBody(url, "island"))).toMatchObject({
    status: "failed",
    reason: "internal",
    message: expect.stringContaining("unrelated histories"),
  });
});

test("the result goes to callbackUrl when there is one", async () => {
  const { control, rig, url, clone } = await world();
  pushBranch(clone, "feature", "f.txt", "f\n");
  await control.post("/git/merge", mergeBody(url, "feature", { callbackUrl: `${rig.url}/elsewhere` }));
  const report = await eventually("the result", () => rig.to("/elsewhere")[0]);
  expect(report.body).toMatchObject({ status: "merged" });
  expect(report.token).toBe("session-token-1");
});

test("a merge of which nobody could be told the result is refused", async () => {
  const control = await startControl();
  expect(await control.post("/git/merge", mergeBody("/x", "feature"))).toMatchObject({
    status: 422,
    body: { code: "callback_url_missing" },
  });
});

test.each([
  ["entryId", "../x"],
  ["beadId", "a b"],
  ["branch", "--all"],
  ["targetBranch", "a..b"],
  ["gitUrl", "ext::sh -c true"],
  ["callbackUrl", "file:///etc/passwd"],
])("a merge with %s %j is refused with 400", async (field, value) => {
  const { control, url } = await world();
  expect((await control.post("/git/merge", mergeBody(url, "feature", { [field]: value }))).status).toBe(400);
});

test("a merge goes on while an agent of the same rig is working", async () => {
  const { control, rig, url, clone } = await world();
  pushBranch(clone, "feature", "f.txt", "f\n");
  await control.post(
    "/agents/start",
    startBody(url, "while :; do date > t; git add t; git commit -qm t; git fetch -q; done"),
  );
  expect(await merged(control, rig, mergeBody(url, "feature"))).toMatchObject({ status: "merged" });
});

test("attributes of the target count in a merge without a checkout: union takes both sides, binary takes neither", async () => {
  const { control, rig, url, clone } = await world();
  git(clone, "checkout", "--quiet", "main");
  commitFile(clone, "log.txt", "begin\n");
  commitFile(clone, "docs/lock.bin", "1\n\n\n\n\n\n2\n");
  commitFile(clone, ".gitattributes", "*.txt merge=union\n");
  commitFile(clone, "docs/.gitattributes", "*.bin -merge\n");
  git(clone, "push", "--quiet", "origin", "main");
  pushBranch(clone, "lines", "log.txt", "begin\nmine\n");
  pushBranch(clone, "lock", "docs/lock.bin", "one\n\n\n\n\n\n2\n");
  git(clone, "checkout", "--quiet", "main");
  commitFile(clone, "log.txt", "begin\ntheirs\n");
  commitFile(clone, "docs/lock.bin", "1\n\n\n\n\n\ntwo\n");
  git(clone, "push", "--quiet", "origin", "main");
  expect(await merged(control, rig, mergeBody(url, "lines"))).toMatchObject({ status: "merged" });
  expect(git(url, "show", "main:log.txt").split("\n").sort()).toEqual(["begin", "mine", "theirs"]);
  expect(await merged(control, rig, mergeBody(url, "lock", { entryId: "entry2" }))).toEqual({
    status: "conflict",
    message: "lock conflicts with main in docs/lock.bin",
  });
});

test("a git that cannot merge without a checkout merges in one, with the same words", async () => {
  const bin = tempDir();
  const real = execFileSync("sh", ["-c", "command -v git"], { encoding: "utf8" }).trim();
  const wrapper = `#!/bin/sh\nfor a; do test "$a" = merge-tree && exit 129; done\nexec ${real} "$@"\n`;
  writeFileSync(path.join(bin, "git"), wrapper, { mode: 0o755 });
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, PATH: `${bin}:${process.env["PATH"] ?? ""}` });
  const { url, clone } = createOrigin();
  pushBranch(clone, "feature", "f.txt", "f\n");
  pushBranch(clone, "other", "f.txt", "g\n");
  expect(await merged(control, rig, mergeBody(url, "feature"))).toMatchObject({ status: "merged" });
  expect(git(url, "log", "-1", "--format=%s", "main")).toBe("Merge feature (bead1)");
  expect(await merged(control, rig, mergeBody(url, "other", { entryId: "entry2" }))).toEqual({
    status: "conflict",
    message: "other conflicts with main in f.txt",
  });
  expect(git(storeOf(control.workDir), "worktree", "list").split("\n")).toHaveLength(1);
});
