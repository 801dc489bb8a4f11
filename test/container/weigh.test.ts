/** What an agent's commits may cost whoever looks at them and checks them out: counted beforehand, and held to a bound where it is not. */
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { walled } from "../../container/box/walled.ts";
import { NoFiles, makeCopy } from "../../container/gate/copy.ts";
import { changedFiles, nestedIn } from "../../container/git/content.ts";
import { lookAt } from "../../container/git/files-of.ts";
import { readClone } from "../../container/git/foreign.ts";
import { type Git, TICKTOWN_IDENTITY, createGit } from "../../container/git/git.ts";
import { foldersOf } from "../../container/git/layout.ts";
import { contentOf } from "../../container/git/lfs.ts";
import { fetchFrom } from "../../container/git/reader.ts";
import { refuseWithoutRoom, whyNoRoom } from "../../container/git/room.ts";
import { Untidy } from "../../container/git/untidy.ts";
import { Unsound, refuseOvergrown } from "../../container/git/weigh.ts";
import {
  GIT_FILE_IN_MEMORY_MAX_BYTES,
  READING_CPU_MAX_S,
  READING_MEMORY_MAX_BYTES,
  TREE_ENTRIES_MAX,
  TREE_LIST_MAX_BYTES,
} from "../../container/limits.ts";
import { exec } from "../../container/processes/exec.ts";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import { contextOn, settings } from "./train-world.ts";
import { apply } from "../../container/train/commits.ts";
import { createOrigin, git as run, hostEnv, tempDir } from "./world.ts";

const gitFor = (env: Record<string, string> = {}, place = DEFAULT_PLACE): Git =>
  createGit(settings(env), TICKTOWN_IDENTITY, (text) => text, null, place);

type Entry = readonly [kind: "blob" | "tree", id: string, name: string];

/** Objects that lie in no folder, however often they are named. */
function objectsIn(repository: string) {
  const file = (text: string): string => {
    const at = path.join(tempDir(), "text");
    writeFileSync(at, text);
    return run(repository, "hash-object", "-w", at);
  };
  const tree = (entries: readonly Entry[]): string => {
    const at = path.join(tempDir(), "tree");
    const sorted = entries.map(
      ([kind, id, name]) => `${kind === "blob" ? "100644" : "040000"} ${kind} ${id}\t${name}\n`,
    );
    writeFileSync(at, sorted.join(""));
    return run("/", "-C", repository, "-c", `alias.made=!git mktree < '${at}'`, "made");
  };
  const commit = (of: string, ...parents: string[]): string =>
    run(repository, "commit-tree", of, "-m", "x", ...parents.flatMap((one) => ["-p", one]));
  const times = (count: number, kind: Entry[0], id: string, prefix = "n"): Entry[] =>
    Array.from({ length: count }, (_, n) => [kind, id, `${prefix}${n}`]);
  /** A tree of so many files and folders, of which git has a few KiB. */
  const treeOf = (entries: number): string => {
    const inner = tree(times(999, "blob", file("x")));
    const folders = Math.floor(entries / 1000);
    return tree([...times(folders, "tree", inner), ...times(entries - folders * 1000, "blob", file("x"), "f")]);
  };
  return { file, tree, commit, times, treeOf };
}

test("LIMIT-tree TREE_ENTRIES_MAX: work has so many files and folders beside those that it is built on; with one more it is not taken, and no ref leads to it", async () => {
  const { url, clone } = createOrigin();
  const main = run(url, "rev-parse", "main");
  const { commit, treeOf, tree, times } = objectsIn(clone);
  const git = gitFor();
  const folders = { ...foldersOf(tempDir(), "rig1"), store: url };
  mkdirSync(folders.scratch, { recursive: true });
  const take = async (sha: string, ref: string): Promise<void> => {
    run(clone, "update-ref", "refs/heads/work", sha);
    const foreign = readClone(clone);
    if (foreign === null) throw new Error("it cannot be read");
    await fetchFrom(git, folders, url, foreign, new Map([[ref, sha]]));
  };
  const shown = (ref: string): string => run(url, "for-each-ref", "--format=%(objectname)", ref);
  // What it is built on has one.
  const most = commit(treeOf(TREE_ENTRIES_MAX + 1), main);
  await take(most, "refs/ticktown/work/most");
  expect(shown("refs/ticktown/work/most")).toBe(most);
  const over = commit(treeOf(TREE_ENTRIES_MAX + 2), main);
  await expect(take(over, "refs/ticktown/work/over")).rejects.toThrow(Unsound);
  await expect(take(over, "refs/ticktown/work/over")).rejects.toThrow(/comes to more than 200000 files and folders/);
  expect(shown("refs/ticktown/work/over")).toBe("");
  // Ten in each other six times are a million, and folders alone count too.
  const nested = (inner: string, depth: number): string =>
    depth === 0 ? inner : nested(tree(times(10, "tree", inner)), depth - 1);
  for (const inner of [tree([]), treeOf(1)])
    await expect(take(commit(nested(inner, 6), main), "refs/ticktown/work/over")).rejects.toThrow(Unsound);
  // In the middle of a history that was taken it is found by whoever is to look at its files.
  const middle = commit(treeOf(TREE_ENTRIES_MAX + 3), main);
  const hidden = commit(treeOf(2), middle);
  await take(hidden, "refs/ticktown/work/hidden");
  const look = lookAt(git, folders, { work: clone, commit: middle, index: null, exclude: "" });
  await expect(look).rejects.toThrow(Unsound);
  // Also once that was merged.
  run(url, "update-ref", "refs/heads/main", hidden);
  await expect(lookAt(git, folders, { work: clone, commit: middle, index: null, exclude: "" })).rejects.toThrow(
    Unsound,
  );
});

test("LIMIT-replay work with a commit that comes to too many files is rebased as one: no commit of it is merged by itself", async () => {
  const { url } = createOrigin();
  const { commit, treeOf, tree, file } = objectsIn(url);
  const main = run(url, "rev-parse", "main");
  const after = (entries: number): string =>
    commit(
      tree([
        ["blob", file("hello\n"), "README.md"],
        ["blob", file("x"), "x"],
      ]),
      commit(treeOf(entries), main),
    );
  const context = contextOn(url, { gate: { strategy: "rebase" } });
  const landed = async (source: string): Promise<string> => {
    const member = { entryId: "e1", beadId: "b1", agentId: "a1", branch: "work/a1", title: "work", approvedTree: null };
    const applied = await apply(context, main, member, source);
    return applied.kind === "clean" ? run(url, "rev-list", "--count", `${main}..${applied.commit}`) : applied.kind;
  };
  expect([await landed(after(5)), await landed(after(TREE_ENTRIES_MAX + 2))]).toEqual(["2", "1"]);
});

test("TREE_LIST_MAX_BYTES: names may be long, and are counted; what the remote has on a branch is not, however much it is", async () => {
  const { url } = createOrigin();
  const { commit, tree, file, times } = objectsIn(url);
  const long = "n".repeat(250);
  const inner = tree(times(1000, "blob", file("x"), long));
  const wide = commit(tree(times(Math.ceil(TREE_LIST_MAX_BYTES / 1000 / 500) + 1, "tree", inner, long)));
  await expect(refuseOvergrown(gitFor(), url, wide)).rejects.toThrow(Unsound);
  run(url, "update-ref", "refs/heads/large", wide);
  await refuseOvergrown(gitFor(), url, wide);
});

test("work with more files than git prints in an answer is listed whole; a clone with as many changed ones is untidy, and no fault of this server's", async () => {
  const { url, clone } = createOrigin();
  const { commit, tree, file, times } = objectsIn(url);
  const count = 50_000;
  const main = run(url, "rev-parse", "main");
  const work = commit(tree(times(count, "blob", file("x"), "n".repeat(100))), main);
  const git = gitFor();
  expect(await changedFiles(git, url, main, work, [])).toHaveLength(count + 1);
  expect(await nestedIn(git, url, main, work)).toEqual([]);
  const folders = { ...foldersOf(tempDir(), "rig1"), store: url };
  const onlooker = await lookAt(git, folders, { work: clone, commit: work, index: null, exclude: "" });
  await expect(onlooker.files()).rejects.toThrow(Untidy);
  onlooker.close();
});

test("LIMIT-wall what reads an agent's commits and files is held to so much memory and time of a processor, and is no fault of this server's where it wants more", async () => {
  const shown = await gitFor()("/", ["-c", "alias.said=!ulimit -d; ulimit -t", "said"], { isWalled: true });
  expect(shown.stdout.split("\n")).toEqual([String(READING_MEMORY_MAX_BYTES / 1024), String(READING_CPU_MAX_S), ""]);
  const took = async (bytes: number): Promise<number | null> => {
    const [program = "", ...args] = walled(
      ["perl", "-e", `my $x = "x" x ${bytes}; print "took"`],
      hostEnv()["PATH"] ?? "",
    );
    return (await exec(program, args, { cwd: "/", env: hostEnv(), timeout_ms: 60_000 })).code;
  };
  expect(await took(1024)).toBe(0);
  expect(await took(READING_MEMORY_MAX_BYTES + 1)).not.toBe(0);
  expect(walled(["git"], tempDir())).toEqual(["git"]);

  const { url, clone } = createOrigin();
  const folders = { ...foldersOf(tempDir(), "rig1"), store: url };
  mkdirSync(folders.scratch, { recursive: true });
  const open: string[] = [];
  const real = gitFor();
  let said = "";
  const git: Git = Object.assign(
    (async (cwd, args, options = {}) => {
      if (options.isWalled !== true) open.push(args.find((arg) => /^[a-z]/.test(arg) && !arg.includes("=")) ?? "");
      return said !== "" && args.includes("fetch") ? { code: 128, stdout: "", stderr: said } : real(cwd, args, options);
    }) as Git,
    { ...real },
  );
  const { commit, treeOf } = objectsIn(clone);
  const work = commit(treeOf(3), run(url, "rev-parse", "main"));
  run(clone, "update-ref", "refs/heads/work", work);
  const foreign = readClone(clone) as NonNullable<ReturnType<typeof readClone>>;
  const wanted = new Map([["refs/ticktown/work/one", work]]);
  await fetchFrom(git, folders, url, foreign, wanted);
  const onlooker = await lookAt(git, folders, { work: clone, commit: work, index: null, exclude: "" });
  await onlooker.files();
  onlooker.close();
  expect(open.toSorted()).toEqual(["config", "update-ref"]);
  said = "fatal: Out of memory, malloc failed (tried to allocate 2147483648 bytes)";
  await expect(fetchFrom(git, folders, url, foreign, wanted)).rejects.toThrow(Unsound);
});

test("GIT_FILE_IN_MEMORY_MAX_BYTES: a larger file is passed on in pieces by every git of ours, whatever a clone says", async () => {
  const { clone } = createOrigin();
  run(clone, "config", "core.bigFileThreshold", "1g");
  const { stdout } = await gitFor()(clone, ["config", "--get", "core.bigFileThreshold"]);
  expect(stdout.trim()).toBe(String(GIT_FILE_IN_MEMORY_MAX_BYTES));
});

const KIB = 1024;

test("LIMIT-room a commit is checked out when its files are no more bytes, and no more files, than one agent may have; one file under six names is six", async () => {
  const { url } = createOrigin();
  const { file, tree, commit, times } = objectsIn(url);
  const large = file("x".repeat(100 * KIB));
  const six = commit(tree(times(6, "blob", large)));
  const why = (sha: string, env: Record<string, string>): Promise<string | null> => whyNoRoom(gitFor(env), url, sha);
  expect(await why(six, { AGENT_DISK_BYTES: String(600 * KIB) })).toBe(null);
  expect(await why(six, { AGENT_DISK_BYTES: String(600 * KIB - 1) })).toContain("(AGENT_DISK_BYTES)");
  const other = commit(tree([...times(4, "blob", large), ["tree", tree(times(2, "blob", large)), "z"]]));
  expect(await why(other, { AGENT_DISK_FILES: "7" })).toBe(null);
  expect(await why(other, { AGENT_DISK_FILES: "6" })).toContain(
    "more than the 6 that one agent may have (AGENT_DISK_FILES)",
  );
  expect(await why(six, { AGENT_DISK_BYTES: "0", AGENT_DISK_FILES: "0" })).toBe(null);

  const git = gitFor({ AGENT_DISK_BYTES: "1000" });
  await expect(refuseWithoutRoom(git, url, six)).rejects.toMatchObject({ code: "too_large" });
  run(url, "update-ref", "refs/heads/large", six);
  await expect(refuseWithoutRoom(git, url, six)).rejects.toMatchObject({ code: "limits_failed" });
  const context = contextOn(url, { config: settings({ AGENT_DISK_BYTES: "1000" }) });
  await expect(makeCopy(context, tempDir(), six)).rejects.toThrow(NoFiles);
  await (await makeCopy(contextOn(url), tempDir(), six)).remove();
});

test("LIMIT-growth what a checkout makes larger than it is stored counts as what it becomes: contents of large files, and what an attribute adds", async () => {
  const { url } = createOrigin();
  const { file, tree, commit, times } = objectsIn(url);
  const bound = gitFor({ AGENT_DISK_BYTES: String(600 * KIB) });
  const oid = "a".repeat(64);
  const content = contentOf(url, oid);
  mkdirSync(path.dirname(content), { recursive: true });
  writeFileSync(content, "");
  truncateSync(content, 100 * KIB);
  for (const version of ["https://git-lfs.github.com/spec/v1", "https://hawser.github.com/spec/v1"]) {
    const pointer = file(`version ${version}\noid sha256:${oid}\nsize 1\n`);
    const attributes: Entry = ["blob", file("*.bin filter=lfs\n"), ".gitattributes"];
    const of = (count: number): string =>
      commit(
        tree([
          attributes,
          ...times(count, "blob", pointer, "n").map(([, id, name]) => ["blob", id, `${name}.bin`] as const),
        ]),
      );
    expect(await whyNoRoom(bound, url, of(5))).toBe(null);
    expect(await whyNoRoom(bound, url, of(6))).toContain("(AGENT_DISK_BYTES)");
    expect(
      await whyNoRoom(gitFor({ AGENT_DISK_BYTES: String(600 * KIB) }, { ...DEFAULT_PLACE, lfs: "off" }), url, of(7)),
    ).toBe(null);
  }
  const text = file("$Id$".repeat(25 * KIB));
  for (const [attribute, most] of [
    ["text", 5],
    ["ident", 0],
    ["working-tree-encoding=UTF-32", 0],
    ["eol=crlf", 2],
  ] as const) {
    const of = (count: number): string =>
      commit(tree([["blob", file(`*.txt ${attribute}\n`), ".gitattributes"], ...times(count, "blob", text)]));
    if (most > 0) expect(await whyNoRoom(bound, url, of(most)), attribute).toBe(null);
    expect(await whyNoRoom(bound, url, of(most + 1)), attribute).toContain("(AGENT_DISK_BYTES)");
  }
});
