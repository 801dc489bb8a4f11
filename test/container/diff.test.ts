/** What a bead's work changes, asked of a real control server with real repositories. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { DIFF_LINE_MAX_CHARS, DIFF_LINES_MAX } from "../../container/limits.ts";
import { Diff, type FoundDiff } from "../../src/wire/diff.ts";
import { commitFile, createOrigin, git, startBody, startControl, type Control } from "./world.ts";

async function ask(control: Control, url: string, more: Record<string, unknown> = {}): Promise<Diff> {
  const body = { rigId: "rig1", gitUrl: url, targetBranch: "main", beadId: "bead1", branch: "work/a1", agentId: "a1" };
  const reply = await control.post("/git/diff", { ...body, commit: null, merged: null, ...more });
  expect([reply.status, reply.body]).toMatchObject([200, {}]);
  return Diff.parse(reply.body);
}

function found(diff: Diff): FoundDiff {
  if (diff.result !== "found") throw new Error(diff.sentence);
  return diff;
}

/** An agent that has done what a script says. */
async function worked(control: Control, url: string, script: string): Promise<void> {
  const body = startBody(url, script, { dispatchId: "a1:1", beadId: "bead1" });
  expect((await control.post("/agents/start", body)).status).toBe(201);
  await control.ended("a1");
}

const HOSTILE = '"a\tb <img src=x> diff --git\n@@ -1 +1 @@.txt';

test("a clone is shown as it is: commits, what is in none yet, renames, names and lines of any kind as text; and it is merged the same", async () => {
  const control = await startControl();
  const { url, clone } = createOrigin();
  commitFile(clone, "old-name.txt", Array.from({ length: 30 }, (_, n) => `line ${n}\n`).join(""));
  commitFile(clone, "bytes.bin", "a\0b");
  git(clone, "push", "--quiet", "origin", "main");
  const script = `
    git mv old-name.txt new-name.txt; printf 'one more\\n' >> new-name.txt; git commit -qam "moves <b>it</b>"
    printf '%s\\n' 'diff --git a/x b/x' '@@ -1,3 +1,3 @@' '-- not a sign' 'Binary files a and b differ' > "$HOSTILE"
    printf 'c\\0d' > bytes.bin; chmod +x README.md; echo '*.txt -diff' > .gitattributes
    git add -A; git commit -qm "hostile names"
    echo unsaved > notes.txt`;
  const body = startBody(url, script, { dispatchId: "a1:1", beadId: "bead1" });
  const envVars = { ...(body["envVars"] as Record<string, string>), HOSTILE };
  expect((await control.post("/agents/start", { ...body, envVars })).status).toBe(201);
  await control.ended("a1");
  const diff = found(await ask(control, url));

  expect(diff).toMatchObject({ of: "clone", target: "main", uncommitted: true, conflicts: [], commit_count: 2 });
  expect(diff.base).toBe(git(url, "rev-parse", "main"));
  expect(diff.commits.map(({ subject }) => subject)).toEqual(["hostile names", "moves <b>it</b>"]);
  const file = (name: string) => diff.files.find((one) => one.path === name);
  expect(file("new-name.txt")).toMatchObject({ kind: "renamed", from: "old-name.txt", added: 1, deleted: 0 });
  expect(file(HOSTILE)?.hunks[0]?.lines).toEqual([
    "+diff --git a/x b/x",
    "+@@ -1,3 +1,3 @@",
    "+-- not a sign",
    "+Binary files a and b differ",
  ]);
  expect(file("bytes.bin")).toMatchObject({ omitted: "binary", added: null, hunks: [] });
  expect(file("README.md")).toMatchObject({ modes: ["100644", "100755"], hunks: [] });
  expect(file("notes.txt")).toMatchObject({ kind: "added", added: 1 });
  expect(diff.file_count).toBe(diff.files.length);
  expect(diff.added).toBe(diff.files.reduce((sum, { added }) => sum + (added ?? 0), 0));

  // Handed in and merged, its clone given to something else: the same, without what was never committed.
  const commit = diff.tip;
  const handedIn = found(await ask(control, url, { agentId: null, commit }));
  expect(handedIn).toMatchObject({ of: "handed_in", tip: commit, uncommitted: false });
  const committed = diff.files.filter(({ path: name }) => name !== "notes.txt");
  expect(handedIn.files).toEqual(committed);
  git(clone, "fetch", "--quiet", path.join(control.workDir, "rigs/rig1/agents/a1/clone"), "work/a1");
  git(clone, "merge", "--quiet", "--no-ff", "-m", "lands", "FETCH_HEAD");
  git(clone, "push", "--quiet", "origin", "main");
  const merged = git(clone, "rev-parse", "HEAD");
  expect(found(await ask(control, url, { agentId: null, commit, merged }))).toMatchObject({
    of: "merged",
    tip: merged,
    conflicts: null,
    files: committed,
  });
});

test("what is too much is cut and said to be: lines, files, characters; a large file is only named", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await worked(
    control,
    url,
    `seq 1 ${DIFF_LINES_MAX + 5_000} > many.txt; head -c 10000 /dev/zero | tr '\\0' x > a-long-line.txt
     seq 1 200000 > huge.txt; git add -A; git commit -qm much`,
  );
  const diff = found(await ask(control, url));
  const file = (name: string) => diff.files.find((one) => one.path === name);
  const [long] = file("a-long-line.txt")?.hunks[0]?.lines ?? [];
  expect(long).toBe(`+${"x".repeat(DIFF_LINE_MAX_CHARS - 1)}… (${10_001 - DIFF_LINE_MAX_CHARS} more characters)`);
  expect(file("huge.txt")).toMatchObject({ omitted: "large", added: 200_000, hunks: [] });
  expect(file("many.txt")).toMatchObject({ omitted: "cut", added: DIFF_LINES_MAX + 5_000 });
  const shown = diff.files.flatMap(({ hunks }) => hunks.flatMap(({ lines }) => lines));
  expect(shown).toHaveLength(DIFF_LINES_MAX);
  expect(diff.added).toBe(DIFF_LINES_MAX + 5_000 + 200_001);
});

test("nothing to show is said with its reason, and nothing of an agent's is run for a look", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  expect(await ask(control, url)).toMatchObject({ result: "none", sentence: expect.stringContaining("no clone") });
  const trap = path.join(control.workDir, "ran");
  writeFileSync(path.join(control.workDir, "trap.sh"), `#!/bin/sh\ntouch ${trap}\ncat\n`, { mode: 0o755 });
  await worked(
    control,
    url,
    `git config diff.external ${path.join(control.workDir, "trap.sh")}
     git config diff.evil.textconv ${path.join(control.workDir, "trap.sh")}; echo '* diff=evil filter=evil' > .gitattributes
     git config filter.evil.clean ${path.join(control.workDir, "trap.sh")}; git config core.fsmonitor ${path.join(control.workDir, "trap.sh")}
     echo more >> README.md; git -c filter.evil.clean= -c core.fsmonitor= commit -qam "sets traps"; echo unsaved >> README.md`,
  );
  const diff = found(await ask(control, url));
  expect(diff.files.find(({ path: name }) => name === "README.md")?.hunks[0]?.lines).toEqual([
    " hello",
    "+more",
    "+unsaved",
  ]);
  expect(() => git(control.workDir, "hash-object", trap)).toThrow();
  expect(await ask(control, url, { beadId: "other", branch: null, agentId: null })).toMatchObject({
    result: "none",
    sentence: expect.stringContaining("Nobody has begun it"),
  });
  expect(await ask(control, url, { beadId: "other", branch: "work/other", agentId: "a1" })).toMatchObject({
    result: "none",
    sentence: expect.stringContaining("its clone is gone"),
  });
  expect(await control.post("/git/diff", { rigId: "../x" })).toMatchObject({ status: 400 });
});
