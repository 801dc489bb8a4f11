/** Files that git and git-lfs share on one disk, by hard links, between a clone and what it was made of. */
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import { gitLfs } from "../../scripts/git-lfs.ts";
import { commitFile, createOrigin, git, startBody, startControl, storeOf } from "./world.ts";

/** Every object, with what is in it. */
const contentsOf = (folder: string): string[] =>
  execFileSync("sh", ["-c", "find objects lfs -type f -exec sha256sum {} + | sort"], { cwd: folder, encoding: "utf8" })
    .trim()
    .split("\n");

test("ESC-linked what an agent writes in its clone is written nowhere else: not in the store, the remote or a submodule's repository, which lie on the same disk", async () => {
  gitLfs();
  const [{ url, clone }, library] = [createOrigin(), createOrigin()];
  const from = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
  git(clone, ...from, path.relative(url, library.url), "lib");
  for (const args of [
    ["install", "--local"],
    ["track", "*.bin"],
  ])
    git(clone, "lfs", ...args);
  commitFile(clone, "first.bin", "large file, ".repeat(1_000));
  git(clone, "push", "--quiet", "origin", "main");
  mkdirSync(path.join(library.url, "lfs"));
  const control = await startControl({ AGENT_BOX: "bwrap" });
  const before = [url, library.url].map(contentsOf);
  const poison =
    "find .git/lfs .git/modules -type f -size +0 | while read -r f; do chmod u+w $f; echo poison > $f; done; git status > /dev/null 2>&1";
  const place = { ...DEFAULT_PLACE, submodules: "init", lfs: "auto" };
  const body = startBody(url, `wc -c < first.bin; cat lib/README.md; ${poison}; true`, { place });
  expect((await control.post("/agents/start", body)).status).toBe(201);
  await control.ended("a1");
  expect(await control.lines("a1")).toEqual(["12000", "hello"]);
  expect([url, library.url].map(contentsOf)).toEqual(before);
  const large = (lines: string[]): string[] => lines.filter((line) => line.includes("lfs/"));
  expect(large(contentsOf(storeOf(control.workDir)))).toEqual(large(contentsOf(url)));
  expect(large(contentsOf(url))).toHaveLength(1);
});
