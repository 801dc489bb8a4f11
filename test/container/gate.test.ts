import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, inject, test } from "vitest";
import { gatesOf } from "../../container/gate/copy.ts";
import { git, isRunning, tempDir } from "./world.ts";
import { gated, gitThat, member, onMain, redWhy, sh, subjects, world } from "./train-world.ts";

test("checks run on exactly the tree that is pushed then, one after the other, in a box where one works, without input; the receipt has their digests", async () => {
  const boxed = inject("noBox") === "";
  const w = await world();
  onMain(w, "main.txt", "main");
  const look =
    'echo "$(cat a.txt b.txt main.txt) $(git status --porcelain | wc -l) $(git log --format=%s | wc -l)"; if read -r x; then exit 1; fi; mkdir -p $HOME/kept/x; chmod 555 $HOME/kept';
  const checks = [
    { name: "looks", command: look, expect: "abmain 0 1" },
    { name: "second", command: "true" },
  ];
  const members = [member(w, "a", { "a.txt": "a" }), member(w, "b", { "b.txt": "b" })];
  const report = await gated(w, members, checks);
  const run = report.runs[0];
  expect(report).toMatchObject({ runs: [{ upTo: 2, verdict: "green", boxed }], stopped: null });
  expect(run?.tree).toBe(git(w.url, "rev-parse", "main^{tree}"));
  expect(report.pushed).toMatchObject({ boxed, checks: run?.checks });
  expect(run?.checks).toMatchObject([
    { name: "looks", verdict: "green", why: null, exit: 0, words: "" },
    { name: "second", verdict: "green" },
  ]);
  expect(run?.checks[0]?.commandDigest).toMatch(/^[0-9a-f]{64}$/);
  expect(run?.checks[0]?.outputDigest).not.toBe(run?.checks[1]?.outputDigest);
  expect((await w.control.get("/capabilities")).body).toMatchObject({ trains: true, box: boxed ? "bwrap" : "none" });
  expect(readdirSync(gatesOf(w.control.workDir))).toEqual([]);
});

test("GATE-missing a command that is not there is red, and so is exit 127", async () => {
  const w = await world();
  expect(await redWhy(w, sh("no-such-command --run"))).toMatchObject({
    why: "missing_command",
    exit: 127,
    words: expect.stringContaining("no-such-command"),
  });
  expect(await redWhy(w, sh("echo done; exit 127"))).toMatchObject({ why: "missing_command", exit: 127 });
  expect(await redWhy(w, [{ name: "first", command: "echo why; exit 3" }, ...sh("true")])).toMatchObject({
    name: "first",
    why: "exit",
    exit: 3,
    words: "exit 3\nwhy",
  });
});

test("GATE-expect exit 0 is not enough where no test ran; what is expected may be anywhere in what it printed", async () => {
  const w = await world();
  expect(await redWhy(w, sh("echo 0 tests passed", { expect: "12 tests passed" }))).toMatchObject({
    why: "expect",
    exit: 0,
    words: expect.stringContaining('did not print "12 tests passed"'),
  });
  const early = "printf '12 tests'; sleep 0.1; echo ' passed' >&2; seq 100000";
  const report = await gated(w, [member(w, "a", { "a.txt": "a" })], sh(early, { expect: "12 tests passed" }));
  expect(report).toMatchObject({ runs: [{ verdict: "green" }], pushed: { members: [{ entryId: "entry-a" }] } });
});

test("GATE-timeout a check that takes too long is ended with all that it started, and is red", async () => {
  const w = await world({ BOX: "none" });
  const file = path.join(tempDir(), "pids");
  const command = `setsid sleep 60 & echo $! >> ${file}; echo $$ >> ${file}; echo began; sleep 60`;
  expect(await redWhy(w, sh(command, { timeout_ms: 3000 }))).toMatchObject({
    why: "timeout",
    exit: null,
    words: "it took longer than 3 s and was stopped\nbegan",
  });
  expect(readFileSync(file, "utf8").trim().split("\n").map(Number).map(isRunning)).toEqual([false, false]);
});

test("GATE-killed a gate that kills itself is red, in a box and without one", async () => {
  const boxed = await world();
  // In its box it finds nobody else to kill; where it finds us, it is in none.
  expect(await redWhy(boxed, sh(`kill -0 ${process.pid} || kill -9 -1; kill -9 $$`))).toMatchObject({ why: "killed" });
  expect((await boxed.control.get("/health")).status).toBe(200);
  const plain = await world({ BOX: "none" });
  expect(await redWhy(plain, sh("kill -9 $$"))).toMatchObject({ why: "killed", exit: null });
});

test("GATE-dirty what a check leaves changed or lying about is red; ignored files are no dirt", async () => {
  const w = await world();
  onMain(w, ".gitignore", "out/\n");
  expect(await redWhy(w, sh("echo fixed > README.md"))).toMatchObject({
    why: "dirty",
    exit: 0,
    words: "it left the tree dirty: README.md",
  });
  expect(await redWhy(w, sh("echo x > new.txt; git add new.txt; git commit -qm mine"))).toMatchObject({ why: "dirty" });
  const report = await gated(w, [member(w, "a", { "a.txt": "a" })], sh("mkdir out; echo x > out/log"));
  expect(report).toMatchObject({ runs: [{ verdict: "green" }] });
});

test("files that git calls changed in every checkout are no dirt of a check's", async () => {
  const w = await world();
  onMain(w, "dos.txt", "one\r\ntwo\r\n");
  onMain(w, ".gitattributes", "*.txt text eol=crlf\n");
  const touches = sh("touch -d '2001-01-01' dos.txt README.md");
  const a = member(w, "a", { "a.txt": "a\n" });
  expect(await gated(w, [a], touches)).toMatchObject({ runs: [{ verdict: "green", checks: [{ words: "" }] }] });
});

test("GATE-file the checks are the target's own: a bead that edits them needs a person, and is judged by the old ones even then", async () => {
  const w = await world();
  const file = ".ticktown/checks.json";
  onMain(w, file, JSON.stringify({ checks: [{ name: "own", command: "test ! -e bad.txt" }] }));
  onMain(w, "test/a.test", "a");
  const edits = member(w, "edits", { [file]: '{"checks":[]}', "bad.txt": "bad" });
  const deletes = member(w, "deletes", { "test/a.test": null });
  const waits = await gated(w, [edits, deletes], null, { gate: { protect: ["test/**"] } });
  expect(waits).toMatchObject({ left: [{ why: "protected" }, { why: "protected" }], runs: [], pushed: null });
  const approved = { ...edits, approvedTree: git(w.url, "rev-parse", "edits^{tree}") };
  expect(await gated(w, [approved], null)).toMatchObject({
    left: [],
    runs: [{ verdict: "red", checks: [{ name: "own", why: "exit" }] }],
    pushed: null,
  });
  expect(await gated(w, [member(w, "good", { "good.txt": "x" })], null)).toMatchObject({
    pushed: { checks: [{ name: "own", verdict: "green" }] },
  });
});

test("GATE-file_bad checks that cannot be read are no leave to check nothing", async () => {
  const w = await world();
  const file = ".ticktown/checks.json";
  const says = async (text: string): Promise<unknown> => {
    onMain(w, file, text);
    const report = await gated(w, [member(w, "a", { "a.txt": "a" })], null);
    expect(report).toMatchObject({ pushed: null, stopped: { class: "place", code: "checks_file_bad" } });
    return report.stopped?.words;
  };
  expect(await says("{")).toContain("is not JSON");
  expect(await says('{"checks":[{"name":"x","command":"true","timeout":3}]}')).toContain("checks.0");
  expect(await says(`{"checks":[]}${" ".repeat(600_000)}`)).toContain("larger than");
  onMain(w, `${file}/x`, "a folder");
  const report = await gated(w, [member(w, "a", { "a.txt": "a" })], null);
  expect(report.stopped).toMatchObject({ code: "checks_file_bad" });
});

test("GATE-prefix only the longest green prefix is pushed, and what is behind it is told", async () => {
  const w = await world();
  const members = ["a", "b", "bad", "d"].map((name) => member(w, name, { [`${name}.txt`]: name }));
  const report = await gated(w, members, sh("test ! -e bad.txt"), { gates: [1, 2, 3, 4], gate: { gate_slots: 4 } });
  const verdicts = report.runs.map(({ upTo, verdict }) => `${upTo} ${verdict}`);
  expect(verdicts.sort()).toEqual(["1 green", "2 green", "3 red", "4 red"]);
  expect(report.pushed?.members.map(({ entryId }) => entryId)).toEqual(["entry-a", "entry-b"]);
  expect(subjects(w.url)[0]).toBe("The title of b");
});

test("GATE-target a red target is told apart from red work, and who repairs it gets on it", async () => {
  const w = await world();
  onMain(w, "broken.txt", "x");
  const check = sh("test ! -e broken.txt");
  const red = await gated(w, [member(w, "a", { "a.txt": "a" })], check, { gates: [0, 1] });
  expect(red.runs).toMatchObject([
    { upTo: 0, verdict: "red", tree: git(w.url, "rev-parse", "main^{tree}") },
    { upTo: 1, verdict: "red" },
  ]);
  expect(red.pushed).toBeNull();
  const repaired = await gated(w, [member(w, "repair", { "broken.txt": null })], check, { gates: [0, 1] });
  expect(repaired.runs.map(({ verdict }) => verdict)).toEqual(["red", "green"]);
  expect(repaired.pushed?.members).toMatchObject([{ entryId: "entry-repair" }]);
});

test("GATE-flaky what was red is run once more, alone on the target, and not pushed by that: red then green is told as both", async () => {
  const w = await world({ BOX: "none" });
  const seen = path.join(tempDir(), "seen");
  const a = member(w, "a", { "a.txt": "a" });
  const check = sh(`test ! -e a.txt || test -e ${seen} || { touch ${seen}; exit 1; }`);
  expect(await gated(w, [a], check)).toMatchObject({ runs: [{ upTo: 1, verdict: "red" }], pushed: null });
  const b = member(w, "b", { "b.txt": "b" });
  const report = await gated(w, [b], check, { again: a });
  expect(report.runs.map(({ upTo, verdict }) => [upTo, verdict])).toEqual([
    [1, "green"],
    [null, "green"],
  ]);
  expect(report.pushed?.members.map(({ entryId }) => entryId)).toEqual(["entry-b"]);
  const alone = await gated(w, [], check, { gates: [], again: { ...a, approvedTree: null, commit: "2".repeat(40) } });
  expect(alone).toMatchObject({ left: [{ entryId: "entry-a", why: "missing" }], runs: [], pushed: null });
});

test("GATE-slots as many gates run side by side as the rig has slots", async () => {
  const w = await world({ BOX: "none" });
  const dir = tempDir();
  const members = ["a", "b"].map((name) => member(w, name, { [`${name}.txt`]: name }));
  const alone = `mkdir ${dir}/one || exit 9; sleep 0.5; rmdir ${dir}/one; exit 1`;
  const first = await gated(w, members, sh(alone), { gates: [1, 2] });
  expect(first.runs.map(({ checks }) => checks[0]?.exit)).toEqual([1, 1]);
  const both = `mkdir ${dir}/$(ls | wc -l) && until test -e ${dir}/3 && test -e ${dir}/2; do sleep 0.05; done`;
  const second = await gated(w, members, sh(both, { timeout_ms: 20_000 }), { gates: [1, 2], gate: { gate_slots: 2 } });
  expect(second.runs.map(({ verdict }) => verdict)).toEqual(["green", "green"]);
});

test("GATE-race who was overtaken is checked again on what is there now, and only that is pushed", async () => {
  const dir = tempDir();
  const theirs = `if test -e ${dir}/theirs; then mv ${dir}/theirs $(cat ${dir}/url)/refs/heads/main; fi`;
  const w = await world({ PATH: gitThat(`case " $* " in *" push "*refs/heads/main*) ${theirs} ;; esac`) });
  writeFileSync(path.join(dir, "url"), `${w.url}\n`);
  writeFileSync(path.join(dir, "theirs"), `${member(w, "theirs", { "theirs.txt": "x" }).commit}\n`);
  const report = await gated(w, [member(w, "a", { "a.txt": "a" })], sh("ls", { expect: "a.txt" }));
  expect(report.runs).toHaveLength(1);
  expect(report.pushed?.tree).toBe(report.runs[0]?.tree);
  expect(git(w.url, "ls-tree", "--name-only", "main").split("\n")).toContain("theirs.txt");
  expect(git(w.url, "rev-parse", "main^{tree}")).toBe(report.pushed?.tree);
});
