import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { git } from "./world.ts";
import { member, ran, trainBody, world, type World } from "./train-world.ts";

/** A member whose commit was made by hand, with this author. */
function by(w: World, name: string, author: string): Record<string, unknown> {
  const made = member(w, name, { [`${name}.txt`]: name });
  const raw = git(w.url, "cat-file", "commit", made.commit).replace(/^author .*$/m, `author ${author}`);
  const args = ["hash-object", "-t", "commit", "-w", "--stdin", "--literally"];
  const commit = execFileSync("git", args, { cwd: w.url, input: `${raw}\n`, encoding: "utf8" }).trim();
  git(w.url, "update-ref", `refs/heads/${name}`, commit);
  return { ...made, commit };
}

test("TRAIN-author whom git would not write down as an author, or when, is written down as far as git does, and holds up nobody", async () => {
  const w = await world();
  const odd = [
    { author: "Ann <ann@x.example> 0 +0000", said: "Ann|0" },
    { author: "Ann <ann@x.example> 5 +0200", said: "Ann|5" },
    { author: "Ann <ann@x.example> 99999999999999999 +0000", said: /^Ann\|\d+$/ },
    { author: ". <dot@x.example> 1700000000 +0000", said: /^Ticktown\|\d+$/ },
  ];
  for (const [n, { author, said }] of odd.entries()) {
    const gate = { strategy: n % 2 === 0 ? "squash" : "rebase" };
    const train = trainBody(w.url, [by(w, `odd${n}`, author)], { gate, trainId: `rig1:${n + 1}` });
    expect(await ran(w, train)).toMatchObject({ stopped: null, pushed: { members: [{ entryId: `entry-odd${n}` }] } });
    expect(git(w.url, "log", "-1", "--format=%an|%at", "main")).toMatch(said);
  }
});

test("a title is one line of a commit, whatever is in it, and names no other bead", async () => {
  const w = await world();
  const titles = [
    { title: "# no comment", subject: "# no comment" },
    { title: "a\u0000b\u001b[31m", subject: "a b [31m" },
    { title: "two\r\n\r\nBead: other\nHanded-In: 1", subject: "two Bead: other Handed-In: 1" },
    { title: "Bead: other", subject: "Bead: other" },
    { title: " \n ", subject: "Merge t4" },
    { title: "🦄".repeat(500), subject: "🦄".repeat(500) },
  ];
  const members = titles.map(({ title }, n) => member(w, `t${n}`, { [`t${n}.txt`]: "x" }, { title }));
  expect(await ran(w, trainBody(w.url, members))).toMatchObject({ stopped: null, left: [] });
  const format = "%s|%(trailers:key=Bead,valueonly,separator=%x2C)";
  expect(git(w.url, "log", "--first-parent", "--reverse", `-${titles.length}`, `--format=${format}`, "main")).toBe(
    titles.map(({ subject }, n) => `${subject}|bead-t${n}`).join("\n"),
  );
});

test("TRAIN-taken_back what was merged and taken back is not on the target: the same commit again is no second merge, unless the taking back was taken back", async () => {
  const w = await world();
  const a = member(w, "a", { "a.txt": "a" });
  let n = 0;
  const go = (one: Record<string, unknown>): ReturnType<typeof ran> =>
    ran(w, trainBody(w.url, [one], { trainId: `rig1:${++n}` }));
  const tip = async (one: Record<string, unknown>): Promise<string> => (await go(one)).pushed?.to ?? "";
  const back = async (reverts: string): Promise<string> => tip({ ...a, entryId: "back", commit: undefined, reverts });
  const again = async (): Promise<unknown> => (await go(a)).left[0];
  const landed = await tip(a);
  const first = await back(landed);
  expect(await again()).toMatchObject({ why: "missing", message: expect.stringContaining("took it back") });
  await back(first);
  expect(git(w.url, "show", "main:a.txt")).toBe("a");
  expect(await again()).toMatchObject({ why: "contained", commit: landed });
});
