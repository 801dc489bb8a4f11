import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, inject, test } from "vitest";
import { PUSH_ATTEMPTS_MAX } from "../../container/limits.ts";
import { TrainReport, TrainState } from "../../src/wire/train.ts";
import { eventually, git, storeOf, tempDir } from "./world.ts";
import { gitThat, member, onMain, ran, subjects, trainBody, world } from "./train-world.ts";

test("three reviews are stacked in their order and pushed at once, each as a merge with its bead's title and name; the receipt is a note", async () => {
  const w = await world();
  const before = git(w.url, "rev-parse", "main");
  const members = ["a", "b", "c"].map((name) => member(w, name, { [`${name}.txt`]: name }));
  const report = await ran(w, trainBody(w.url, members));
  expect(TrainReport.parse(report)).toEqual(report);
  const tip = git(w.url, "rev-parse", "main");
  expect(report).toMatchObject({ trainId: "rig1:1", target: before, left: [], runs: [], stopped: null });
  expect(report.pushed).toMatchObject({ from: before, to: tip, checks: [], boxed: false });
  expect(report.pushed?.box).toBe(
    `agents in what nobody has kept, checks in ${inject("noBox") === "" ? "a box (bwrap)" : "no box"}`,
  );
  expect(report.pushed?.tree).toBe(git(w.url, "rev-parse", "main^{tree}"));
  expect(report.pushed?.members.map(({ beadId, handedIn }) => [beadId, handedIn])).toEqual(
    members.map(({ beadId, commit }) => [beadId, commit]),
  );
  expect(report.pushed?.members.map(({ commit }) => commit)).toEqual(
    git(w.url, "rev-list", "--first-parent", "--reverse", `${before}..main`).split("\n"),
  );
  expect(subjects(w.url).slice(0, 3)).toEqual(["The title of c", "The title of b", "The title of a"]);
  expect(git(w.url, "log", "-1", "--format=%(trailers:key=Bead,valueonly)|%cn|%ce", "main")).toBe(
    "bead-c\n|Ticktown|ticktown@ticktown.local",
  );
  expect(git(w.url, "rev-parse", "main^2")).toBe(members[2]?.commit);
  await eventually("the note", () => git(w.url, "for-each-ref", "refs/notes/ticktown") !== "");
  expect(JSON.parse(git(w.url, "notes", "--ref=ticktown", "show", tip))).toEqual(report.pushed);
  expect(w.rig.requests[0]?.token).toBe("session-token-1");
});

test("TRAIN-once the same train asked for twice runs once, and one that is finished is told again; an unknown one is 404", async () => {
  const w = await world();
  const body = trainBody(w.url, [member(w, "a", { "a.txt": "a" })]);
  const [one] = await Promise.all([ran(w, body), w.control.post("/git/train", body)]);
  // What is being told already is not told twice at a time.
  await eventually("it was heard", () => readdirSync(path.join(w.control.workDir, "callbacks")).length === 0);
  expect(await ran(w, body, 2)).toEqual(one);
  expect(git(w.url, "rev-list", "--count", "--first-parent", "main")).toBe("2");
  const state = TrainState.parse((await w.control.get("/git/train/rig1%3A1")).body);
  expect(state).toEqual({ trainId: "rig1:1", state: "finished", step: "1 on the target", report: one });
  expect(await w.control.get("/git/train/rig1:2")).toMatchObject({ status: 404, body: { code: "unknown_train" } });
});

test("TRAIN-leaves a conflict leaves and the others go on; so does what the target contains, and what is nowhere", async () => {
  const w = await world();
  const there = member(w, "there", { "there.txt": "1" });
  await ran(w, trainBody(w.url, [there]));
  const merge = git(w.url, "rev-parse", "main");
  onMain(w, "later.txt", "later");
  const a = member(w, "a", { "same.txt": "a" });
  const b = member(w, "b", { "same.txt": "b" });
  const c = member(w, "c", { "c.txt": "c" });
  const gone = { ...c, entryId: "entry-gone", branch: "gone", commit: "1".repeat(40) };
  const report = await ran(w, trainBody(w.url, [there, a, b, gone, c], { trainId: "rig1:2" }));
  expect(report.left).toMatchObject([
    { entryId: "entry-there", why: "contained", commit: merge },
    { entryId: "entry-b", why: "conflict", files: ["same.txt"], message: "b conflicts with main in same.txt" },
    { entryId: "entry-gone", why: "missing" },
  ]);
  expect(report.pushed?.members.map(({ entryId }) => entryId)).toEqual(["entry-a", "entry-c"]);
  expect(git(w.url, "show", "main:same.txt")).toBe("a");
});

test("TRAIN-protected who changes, removes or renames a protected file waits until a person has approved exactly that tree", async () => {
  const w = await world();
  onMain(w, "test/all.test", "all");
  onMain(w, "app/[id]/page", "page");
  const edits = member(w, "edits", { ".ticktown/checks.json": '{"checks":[]}' });
  const removes = member(w, "removes", { "test/all.test": null });
  const literal = member(w, "literal", { "app/[id]/page": "other" });
  const cased = member(w, "cased", { "Test/all.test": "nothing" });
  const replaces = member(w, "replaces", { ".ticktown": "a file" });
  const free = member(w, "free", { "app/x/page": "x", "testing.txt": "x", "src/test/deep.test": "x" });
  const gate = { protect: ["test/**", "app/[id]/*"] };
  const members = [edits, removes, literal, cased, replaces, free];
  const report = await ran(w, trainBody(w.url, members, { gate }));
  const tree = git(w.url, "rev-parse", "edits^{tree}");
  expect(report.left.map(({ entryId, why, files }) => [entryId, why, files])).toEqual([
    ["entry-edits", "protected", [".ticktown/checks.json"]],
    ["entry-removes", "protected", ["test/all.test"]],
    ["entry-literal", "protected", ["app/[id]/page"]],
    ["entry-cased", "protected", ["Test/all.test"]],
    ["entry-replaces", "protected", [".ticktown"]],
  ]);
  expect(report.left[0]?.tree).toBe(tree);
  expect(report.pushed?.members.map(({ entryId }) => entryId)).toEqual(["entry-free"]);
  const other = await ran(w, trainBody(w.url, [{ ...removes, approvedTree: tree }], { gate, trainId: "rig1:2" }));
  expect(other).toMatchObject({ left: [{ why: "protected" }], pushed: null });
  const approved = await ran(w, trainBody(w.url, [{ ...edits, approvedTree: tree }], { gate, trainId: "rig1:3" }));
  expect(approved).toMatchObject({ left: [], pushed: { members: [{ entryId: "entry-edits" }] } });
});

test("TRAIN-squash a squash has one parent, its author's name, and says what was handed in: by that it is seen to be contained", async () => {
  const w = await world();
  const a = member(w, "a", { "a.txt": "one", "b.txt": "two" });
  const gate = { strategy: "squash", committer: { name: "Main Keeper", email: "keeper@example.com" } };
  const report = await ran(w, trainBody(w.url, [a], { gate }));
  const landed = git(w.url, "rev-parse", "main");
  expect(report.pushed?.members).toMatchObject([{ handedIn: a.commit, commit: landed }]);
  expect(git(w.url, "log", "-1", "--format=%s|%an|%cn|%P", "main")).toBe(
    `The title of a|Test|Main Keeper|${report.target}`,
  );
  onMain(w, "a.txt", "changed since");
  const again = await ran(w, trainBody(w.url, [a], { gate, trainId: "rig1:2" }));
  expect(again).toMatchObject({ left: [{ why: "contained", commit: landed }], pushed: null });
});

test("TRAIN-rebase each commit lands again on the target as its author's, named after its bead alone; a merge in between makes it one", async () => {
  const w = await world();
  for (const n of [1, 2]) {
    writeFileSync(path.join(w.clone, `a${n}.txt`), `${n}`);
    git(w.clone, "add", "--all");
    git(w.clone, "commit", "--quiet", "-m", `step ${n}\n\nBead: bead-of-another\nReviewed-by: me`);
  }
  git(w.clone, "push", "--quiet", "origin", "main:a");
  const a = member(w, "a", { "a3.txt": "3" }, {}, "refs/heads/a");
  onMain(w, "main.txt", "main");
  const b = member(w, "b", { "b.txt": "b" });
  git(w.clone, "fetch", "--quiet");
  git(w.clone, "checkout", "--quiet", "-B", "m", "origin/a");
  git(w.clone, "merge", "--quiet", "--no-ff", "-m", "took b in", "origin/b");
  git(w.clone, "push", "--quiet", "origin", "m");
  const m = member(w, "m", { "m.txt": "m" }, {}, "refs/heads/m");
  const gate = { strategy: "rebase" };
  const report = await ran(w, trainBody(w.url, [a, b, m], { gate }));
  expect(report).toMatchObject({ left: [], stopped: null });
  expect(subjects(w.url).slice(0, 6)).toEqual([
    "The title of m",
    "write b.txt",
    "write a3.txt",
    "step 2",
    "step 1",
    "write main.txt",
  ]);
  expect(git(w.url, "log", "--merges", "--format=%H", "main")).toBe("");
  expect(git(w.url, "log", "-1", "--skip=4", "--format=%B", "main")).toBe(
    "step 1\n\nReviewed-by: me\nBead: bead-a\nBead-Part: 1/3",
  );
  expect(report.pushed?.members[0]?.commit).toBe(git(w.url, "rev-parse", "main~2"));
  const taken = { ...a, branch: "revert-a", commit: undefined, reverts: git(w.url, "rev-parse", "main~2") };
  const reverted = await ran(w, trainBody(w.url, [taken], { gate, trainId: "rig1:2" }));
  expect(reverted).toMatchObject({ left: [], stopped: null });
  expect(git(w.url, "ls-tree", "--name-only", "main").split("\n")).toEqual(["README.md", "b.txt", "m.txt", "main.txt"]);
});

test("TRAIN-revert a bead is taken back with all of its commits, once; its work is no longer contained then", async () => {
  const w = await world();
  const a = member(w, "a", { "a.txt": "1", "b.txt": "2" });
  for (const [n, strategy] of ["rebase", "squash", "merge"].entries()) {
    const gate = { strategy };
    const id = (k: number): string => `rig1:${n * 10 + k}`;
    const source = strategy === "merge" ? member(w, "m", { "a.txt": "1", "b.txt": "2" }) : a;
    const landed = await ran(w, trainBody(w.url, [source], { gate, trainId: id(1) }));
    expect(landed, strategy).toMatchObject({ left: [], stopped: null });
    onMain(w, `later-${n}.txt`, "later");
    const reverts = landed.pushed?.members[0]?.commit ?? "";
    const taking = { ...source, entryId: "entry-revert", title: "Take it back", commit: undefined, reverts };
    const report = await ran(w, trainBody(w.url, [taking], { gate, trainId: id(2) }));
    expect(report.pushed?.members, strategy).toMatchObject([{ entryId: "entry-revert", handedIn: reverts }]);
    expect(git(w.url, "ls-tree", "--name-only", "main"), strategy).not.toContain("a.txt");
    expect(git(w.url, "ls-tree", "--name-only", "main"), strategy).not.toContain("b.txt");
    expect(git(w.url, "log", "-1", "--format=%B", "main")).toContain(`This reverts commit ${reverts}.`);
    const twice = await ran(w, trainBody(w.url, [taking], { gate, trainId: id(3) }));
    expect(twice.left, strategy).toMatchObject([{ why: "contained" }]);
  }
});

test("TRAIN-hand_over a branch is pushed for somebody to merge, what is not its own is not overwritten, and who merged it is found however it was done", async () => {
  const w = await world();
  const a = member(w, "a", { "a.txt": "1\n", "b.txt": "2\n" });
  git(w.url, "update-ref", "refs/ticktown/handed-in/bead-a/1", a.commit);
  git(w.url, "update-ref", "-d", "refs/heads/a");
  const gate = { strategy: "hand_over" };
  const train = (n: number, more: Record<string, unknown> = {}): ReturnType<typeof ran> =>
    ran(w, trainBody(w.url, [{ ...a, ...more }], { gate, trainId: `rig1:${n}` }));
  expect(await train(1)).toMatchObject({ left: [{ why: "handed_over", commit: a.commit }], pushed: null });
  expect(git(w.url, "rev-parse", "refs/heads/a")).toBe(a.commit);
  const theirs = member(w, "a", { "theirs.txt": "x" }).commit;
  expect(await train(2)).toMatchObject({ left: [{ why: "conflict" }] });
  expect(await train(3, { handedOver: true })).toMatchObject({ left: [{ why: "handed_over" }] });
  expect(git(w.url, "rev-parse", "refs/heads/a")).toBe(theirs);
  git(w.url, "update-ref", "-d", "refs/heads/a");
  expect(await train(4, { handedOver: true })).toMatchObject({ left: [{ why: "missing" }] });
  const squash = git(w.url, "commit-tree", `${a.commit}^{tree}`, "-p", "main", "-m", "somebody's squash");
  git(w.url, "update-ref", "refs/heads/main", squash);
  onMain(w, "a.txt", "1\n2\n");
  expect(await train(5, { handedOver: true })).toMatchObject({ left: [{ why: "contained" }] });
});

test("TRAIN-moved a target that moved is fetched and stacked upon again; one that always moves is said, and nothing is lost", async () => {
  // Somebody else is a moment faster than each push for which there is a commit of theirs.
  const dir = tempDir();
  const theirs = `read n < ${dir}/n; if test -e ${dir}/$n; then cp ${dir}/$n $(cat ${dir}/url)/refs/heads/main; echo $((n + 1)) > ${dir}/n; fi`;
  const w = await world({ PATH: gitThat(`case " $* " in *" push "*refs/heads/main*) ${theirs} ;; esac`) });
  writeFileSync(path.join(dir, "n"), "1\n");
  writeFileSync(path.join(dir, "url"), `${w.url}\n`);
  const moves = 2 * PUSH_ATTEMPTS_MAX - 1;
  const files = Object.fromEntries(Array.from({ length: moves }, (_, n) => [`moved-${n + 1}`, "x"]));
  const last = member(w, "theirs", files).commit;
  const move = (from: number, to: number): void => {
    for (let n = from; n <= to; n++)
      writeFileSync(path.join(dir, `${n}`), `${git(w.url, "rev-parse", `${last}~${moves - n}`)}\n`);
  };
  // The last attempt is the first that nobody overtakes.
  move(1, PUSH_ATTEMPTS_MAX - 1);
  const a = member(w, "a", { "a.txt": "a" });
  const report = await ran(w, trainBody(w.url, [a]));
  expect(report).toMatchObject({ stopped: null, pushed: { members: [{ entryId: "entry-a" }] } });
  expect(subjects(w.url).slice(0, 2)).toEqual(["The title of a", `write moved-${PUSH_ATTEMPTS_MAX - 1}`]);
  expect(report.target).toBe(git(w.url, "rev-parse", "main^1"));
  move(PUSH_ATTEMPTS_MAX, moves);
  const never = await ran(w, trainBody(w.url, [member(w, "b", { "b.txt": "b" })], { trainId: "rig1:2" }));
  expect(never).toMatchObject({ pushed: null, stopped: { class: "passing", code: "target_moves" } });
});

test("TRAIN-refused a push that the place refuses is the place's matter, in git's own words; a race, a 503 or a full disk passes", async () => {
  const w = await world();
  const a = member(w, "a", { "a.txt": "a" });
  mkdirSync(path.join(w.url, "hooks"), { recursive: true });
  const hook = path.join(w.url, "hooks", "pre-receive");
  const train = async (n: number, words: string): Promise<unknown> => {
    writeFileSync(hook, `#!/bin/sh\necho "${words}"\nexit 1\n`, { mode: 0o755 });
    return (await ran(w, trainBody(w.url, [a], { trainId: `rig1:${n}` }))).stopped;
  };
  expect(await train(1, "only people may push here")).toEqual({
    class: "place",
    code: "protected_branch",
    words: expect.stringContaining("only people may push here"),
  });
  expect(await train(2, "error: This branch must not contain merge commits")).toMatchObject({
    code: "linear_history_required",
  });
  expect(await train(3, "No space left on device")).toMatchObject({ class: "passing", code: "disk_full" });
  rmSync(hook);
  const out = git(w.url, "rev-parse", "main");
  const checkedOut = path.join(tempDir(), "work");
  git(w.clone, "clone", "--quiet", w.url, checkedOut);
  const there = await ran(w, trainBody(checkedOut, [{ ...a, commit: undefined }], { trainId: "rig1:4" }));
  expect(there.left).toMatchObject([{ why: "missing" }]);
  git(checkedOut, "branch", "a", "origin/a");
  expect(await ran(w, trainBody(checkedOut, [{ ...a, commit: undefined }], { trainId: "rig1:5" }))).toMatchObject({
    stopped: { class: "place", code: "checked_out" },
  });
  expect(git(w.url, "rev-parse", "main")).toBe(out);
  const missing = await ran(w, trainBody(w.url, [a], { trainId: "rig1:6", targetBranch: "trunk" }));
  expect(missing).toMatchObject({ target: null, stopped: { class: "place", code: "target_missing" } });
  const away = await ran(w, trainBody(path.join(tempDir(), "no.git"), [a], { trainId: "rig2:1", rigId: "rig2" }));
  expect(away).toMatchObject({ stopped: { class: "passing", code: "remote_unreachable" } });
  const empty = path.join(tempDir(), "empty.git");
  git("/", "init", "--quiet", "--bare", empty);
  const nothing = await ran(w, trainBody(empty, [a], { trainId: "rig3:1", rigId: "rig3" }));
  expect(nothing).toMatchObject({ stopped: { class: "place", code: "empty_repository" } });
});

test("TRAIN-notes notes that somebody else pushed meanwhile are kept beside ours, and notes that are refused stop nothing", async () => {
  const w = await world();
  const base = git(w.url, "rev-parse", "main");
  git(w.url, "notes", "--ref=ticktown", "add", "-m", "theirs", base);
  const one = await ran(w, trainBody(w.url, [member(w, "a", { "a.txt": "a" })]));
  const note = (commit = ""): string => git(w.url, "notes", "--ref=ticktown", "show", commit);
  await eventually("the note", () => git(w.url, "rev-list", "--count", "refs/notes/ticktown") !== "1");
  expect(note(base)).toBe("theirs");
  expect(JSON.parse(note(one.pushed?.to))).toEqual(one.pushed);
  git(w.url, "notes", "--ref=ticktown", "add", "--force", "-m", "forged", String(one.pushed?.to));
  git(w.url, "notes", "--ref=ticktown", "add", "--force", "-m", "theirs again", base);
  const two = await ran(w, trainBody(w.url, [member(w, "b", { "b.txt": "b" })], { trainId: "rig1:2" }));
  await eventually("the note", () => git(w.url, "ls-tree", "-r", "refs/notes/ticktown").split("\n").length === 3);
  expect(JSON.parse(note(two.pushed?.to))).toEqual(two.pushed);
  expect(note(base)).toBe("theirs again");
  const hook = 'while read a b ref; do case "$ref" in refs/notes/*) exit 1 ;; esac; done';
  writeFileSync(path.join(w.url, "hooks", "pre-receive"), `#!/bin/sh\n${hook}\n`, { mode: 0o755 });
  const three = await ran(w, trainBody(w.url, [member(w, "c", { "c.txt": "c" })], { trainId: "rig1:3" }));
  expect(three).toMatchObject({ stopped: null, pushed: { members: [{ entryId: "entry-c" }] } });
  await eventually("it is logged", () => w.control.log.some((line) => line.includes("not among the notes")));
});

test("an old git rebases and reverts in a checkout, with the same trees and words", async () => {
  const w = await world({ PATH: gitThat('for one; do test "$one" = merge-tree && exit 129; done') });
  const gate = { strategy: "rebase" };
  const a = member(w, "a", { "a.txt": "a", "same.txt": "a" });
  const b = member(w, "b", { "same.txt": "b" });
  const report = await ran(w, trainBody(w.url, [a, b], { gate }));
  expect(report.left).toMatchObject([{ why: "conflict", files: ["same.txt"] }]);
  expect(subjects(w.url).slice(0, 2)).toEqual(["write same.txt", "write a.txt"]);
  const back = { ...a, reverts: report.pushed?.to };
  expect(await ran(w, trainBody(w.url, [back], { gate, trainId: "rig1:2" }))).toMatchObject({
    left: [],
    stopped: null,
  });
  expect(git(w.url, "ls-tree", "--name-only", "main")).toBe("README.md");
  expect(git(storeOf(w.control.workDir), "worktree", "list").split("\n")).toHaveLength(1);
});

test.each([
  ["trainId", "rig2:1", "train_id_refused"],
  ["gitUrl", "ext::sh -c true", "git_url_refused"],
  ["targetBranch", "a..b", undefined],
  ["envVars", { LD_PRELOAD: "/x" }, "environment_refused"],
])("a train with %s %j is refused with 400", async (field, value, code) => {
  const w = await world();
  const reply = await w.control.post("/git/train", trainBody(w.url, [], { [field]: value }));
  expect([reply.status, reply.body.code]).toEqual([400, code]);
});

test("one train at a time per rig: the second waits, and is told to", async () => {
  const gate = tempDir();
  const held = gitThat(
    `case " $* " in *" push "*refs/heads/main*) while test ! -e ${gate}/go; do sleep 0.05; done ;; esac`,
  );
  const w = await world({ PATH: held });
  const [a, b] = ["a", "b"].map((name) => member(w, name, { [`${name}.txt`]: name }));
  await w.control.post("/git/train", trainBody(w.url, [a]));
  await w.control.post("/git/train", trainBody(w.url, [b], { trainId: "rig1:2" }));
  await eventually("the first one pushes", async () =>
    (await w.control.get("/git/train/rig1:1")).body.step.includes("pushes"),
  );
  expect((await w.control.get("/git/train/rig1:2")).body).toMatchObject({ state: "waiting", report: null });
  writeFileSync(path.join(gate, "go"), "");
  await eventually("both are told", () => w.rig.to("/complete")[1]);
  expect(subjects(w.url).slice(0, 2)).toEqual(["The title of b", "The title of a"]);
});
