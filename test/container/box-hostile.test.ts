/** What an agent in a box leaves for whoever works with its clone next, outside. */
import { chmodSync, existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import { BOXED, ran } from "./boxed.ts";
import { commitFile, createOrigin, git, startBody, startControl, tempDir, worktreeOf } from "./world.ts";

test("BOX-submodules what an agent's .gitmodules names is fetched with the operator's rights only where the target names it too", async () => {
  const control = await startControl(BOXED);
  const [{ url, clone }, library, secret] = [createOrigin(), createOrigin(), createOrigin()];
  for (const [{ clone: at }, file] of [
    [library, "lib.txt"],
    [secret, "secret.txt"],
  ] as const) {
    commitFile(at, file, `in ${file}`);
    git(at, "push", "--quiet", "origin", "main");
  }
  git(clone, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", path.relative(url, library.url), "lib");
  git(clone, "commit", "--quiet", "-m", "a library");
  git(clone, "push", "--quiet", "origin", "main");
  const place = { ...DEFAULT_PLACE, submodules: "init" };
  const commit = git(secret.clone, "rev-parse", "HEAD");
  const names = `git config -f .gitmodules submodule.s.path s; git config -f .gitmodules submodule.s.url '${secret.url}'`;
  const work = `${names}; git add .gitmodules; git update-index --add --cacheinfo 160000,${commit},s; git commit -qm work`;
  expect(await ran(control, url, `cat lib/lib.txt; echo; ${work}`, { place })).toEqual(["in lib.txt"]);
  const next = startBody(url, "true", { agentId: "a2", branch: "work/a1", place });
  expect(await control.post("/agents/start", next)).toMatchObject({
    status: 422,
    body: { code: "submodules_failed", error: expect.stringContaining("since the target does not name them") },
  });
  expect(
    readdirSync(control.workDir, { recursive: true }).filter((name) => String(name).endsWith("secret.txt")),
  ).toEqual([]);
});

test("BOX-submodules_nested a submodule that the target names is moved by an agent to a commit that names others: those are fetched without the operator's rights", async () => {
  const control = await startControl(BOXED);
  const [{ url, clone }, library, secret] = [createOrigin(), createOrigin(), createOrigin()];
  commitFile(secret.clone, "secret.txt", "in secret.txt");
  git(secret.clone, "push", "--quiet", "origin", "main");
  const add = (at: string, place: string, name: string): void => {
    git(at, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", place, name);
    git(at, "commit", "--quiet", "-m", name);
  };
  add(clone, path.relative(url, library.url), "lib");
  git(clone, "push", "--quiet", "origin", "main");
  // As somebody's fork has it, whose commits a host gives away under the name of the repository.
  add(library.clone, secret.url, "deep");
  git(library.clone, "push", "--quiet", "origin", "HEAD:refs/heads/fork");
  const moved = git(library.clone, "rev-parse", "HEAD");
  const place = { ...DEFAULT_PLACE, submodules: "init" };
  const work = `git update-index --cacheinfo 160000,${moved},lib; git commit -qm work; echo done`;
  expect(await ran(control, url, work, { place })).toEqual(["done"]);
  const next = startBody(url, "true", { agentId: "a2", branch: "work/a1", place });
  expect(await control.post("/agents/start", next)).toMatchObject({
    status: 422,
    body: { code: "submodules_failed", error: expect.stringContaining("since the target does not name them") },
  });
  const there = readdirSync(control.workDir, { recursive: true }).map(String);
  expect(there.filter((name) => name.endsWith("secret.txt"))).toEqual([]);
});

test("BOX-submodules_run a program that an agent names in a submodule's configuration, wherever it has put that, is run by nobody outside", async () => {
  const control = await startControl(BOXED);
  const [{ url, clone }, library] = [createOrigin(), createOrigin()];
  git(clone, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", path.relative(url, library.url), "lib");
  git(clone, "commit", "--quiet", "-m", "a library");
  git(clone, "push", "--quiet", "origin", "main");
  const marks = tempDir();
  chmodSync(marks, 0o777);
  const place = { ...DEFAULT_PLACE, submodules: "init" };
  const work = [
    "mv .git/modules/lib /tmp/m; rm -rf .git/modules lib/.git; cp -a /tmp/m lib/.git; sed -i /worktree/d lib/.git/config; cd lib",
    "c=$(git rev-parse HEAD); git config -f .gitmodules submodule.n.path n; git config -f .gitmodules submodule.n.url /nowhere",
    "git update-index --add .gitmodules --cacheinfo 160000,$c,n; mkdir n; cp -a .git n/.git",
    "( cd n; git update-ref --no-deref HEAD $(git commit-tree -m x $(git rev-parse HEAD^{tree})) )",
    `git config submodule.n.url /nowhere; git config submodule.n.active true; git config submodule.n.update '!touch ${marks}/ran #'`,
    "cd ..; git status --short --ignore-submodules=dirty; echo end",
  ].join("\n");
  expect((await ran(control, url, work, { place })).at(-1)).toBe("end");
  const next = startBody(url, "cat lib/.git", { place, branch: "work/next", beadId: "next" });
  expect(await control.post("/agents/start", next)).toMatchObject({ status: 201 });
  await control.ended("a1");
  expect(await control.lines("a1")).toContain("gitdir: ../.git/modules/lib");
  expect(readdirSync(marks)).toEqual([]);
});

test("BOX-folders what an agent makes of its home and its git folder keeps it from no later start", async () => {
  const control = await startControl(BOXED);
  const { url } = createOrigin();
  const spoilt = [
    'cd; cd ..; rm -rf "$HOME"; touch "$HOME"',
    'cd; cd ..; rm -rf "$HOME"; ln -s /nowhere "$HOME"',
    "rm .git/config; mkdir .git/config; touch .git/config/x",
    "rm .git/objects/info/alternates; mkdir .git/objects/info/alternates",
    "rm -r .git/objects/info; touch .git/objects/info",
  ];
  for (const script of spoilt) await ran(control, url, `${script}; true`);
  expect(await ran(control, url, 'cd "$HOME" && git -C "$OLDPWD" status --short && echo here')).toContain("here");
});

test("LIMIT-handin work that is a few KiB and a million files, or one file under many names, is refused with a sentence, and checked out for nobody", async () => {
  const control = await startControl({ ...BOXED, AGENT_DISK_BYTES: String(16 * 1024 * 1024) });
  const { url } = createOrigin();
  const handIn = async (agentId: string): Promise<Record<string, unknown>> => {
    const asked = { townId: "town1", rigId: "rig1", beadId: "b1", gitUrl: url, targetBranch: "main" };
    const work = {
      branch: `work/${agentId}`,
      named: `work/${agentId}`,
      resolution: "work",
      asIs: null,
      maxDeletions: 9,
    };
    return (await control.post(`/agents/${agentId}/inspect`, { dispatchId: `${agentId}:1`, ...asked, ...work })).body;
  };
  const start = (agentId: string, script: string): Promise<string[]> =>
    ran(control, url, script, { agentId, dispatchId: `${agentId}:1`, branch: `work/${agentId}` });
  const nested = [
    "t=$(git hash-object -w -t tree /dev/null)",
    'for level in 1 2 3 4 5 6; do t=$(for n in 0 1 2 3 4 5 6 7 8 9; do printf "040000 tree %s\\t%s\\n" $t $n; done | git mktree); done',
    "git update-ref refs/heads/work/a1 $(git commit-tree -p HEAD -m x $t)",
  ];
  await start("a1", nested.join("\n"));
  expect(await handIn("a1")).toMatchObject({
    result: "refused",
    code: "broken_clone",
    sentence: expect.stringContaining("comes to more than 200000 files and folders"),
  });
  // Six names are one file in its own clone.
  const names = "head -c 3M /dev/urandom > 1; for n in 2 3 4 5 6; do ln 1 $n; done";
  await start("a2", `${names}; git add .; git commit -qm work; git status --short`);
  expect(await handIn("a2")).toMatchObject({
    result: "refused",
    code: "broken_clone",
    sentence: expect.stringContaining("more than the 16 MiB that one agent may have"),
  });
  // Neither into a new clone nor into one that was another bead's.
  await start("a4", "true");
  for (const agentId of ["a3", "a4"]) {
    const next = startBody(url, "true", { agentId, dispatchId: `${agentId}:2`, branch: "work/a2", beadId: "b2" });
    expect(await control.post("/agents/start", next)).toMatchObject({ status: 422, body: { code: "too_large" } });
    expect(existsSync(path.join(worktreeOf(control.workDir, agentId), "6"))).toBe(false);
  }
});
