/** What `verify` makes of what it is given: a journal, a repository, and what lies beside them. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { TICKTOWN_EMAIL } from "../../src/core/verify.ts";
import { git, tempDir } from "./world.ts";
import { ALL, type Fact, history, journal, linesOf, onTop, rows, run, spawned, verify } from "./verify-world.ts";

test("VERIFY-gap a journal from which a fact is missing, or that was cut, proves nothing of itself", async () => {
  const { url, facts } = await history();
  const lines = linesOf(facts);
  const lacks = await run([url, journal(lines.toSpliced(2, 1))]);
  expect(lacks.code).toBe(1);
  expect(lacks.out).toContain("the journal lacks seq 2\nNOT VERIFIED");
  const again = await run([url, journal([...lines.slice(0, -1), lines[1] as string, lines.at(-1) as string])]);
  expect(again.out).toContain(`the journal goes on with seq 1 where ${facts.length + 1} is due`);
  const cut = await run([url, journal(lines.slice(0, -1))]);
  expect(cut).toMatchObject({ code: 1, last: ALL });
  expect(cut.out).toContain(`the journal was cut: it ends after seq ${facts.length}, without the rig's state`);
  const half = await run([url, journal([...lines.slice(0, -2), lines.at(-2)?.slice(0, 30) as string])]);
  expect(half).toMatchObject({ code: 1 });
  expect(half.out).toContain(`it ends after seq ${facts.length - 1}`);
  const short = await run([url, journal(lines.slice(0, 12))]);
  expect(short.code).toBe(1);
  expect(rows(short, "UNCOVERED").length).toBeGreaterThan(3);
});

test("VERIFY-note a note is a hint: a forged one covers nothing, and without the journal nothing is proven", async () => {
  const { url, facts, pushed } = await history();
  const hash = onTop(url, { message: "A title\n\nBead: bead-z", email: TICKTOWN_EMAIL });
  const forged = { ...pushed[4], from: pushed[4]?.to, to: hash, tree: git(url, "rev-parse", "main^{tree}") };
  git(url, "notes", "--ref=ticktown", "add", "-m", JSON.stringify(forged), hash);
  const said = await verify(url, facts);
  expect(said.code).toBe(1);
  expect(rows(said, "UNCOVERED")[0]).toContain("a git note claims a receipt, which is no proof");
  const without = await run([url]);
  expect(without.code).toBe(1);
  expect(without.out).toContain("1 commits of");
  expect(without.out).toContain("without the rig's journal nothing is proven");
});

test("VERIFY-input what cannot be read is no answer: 2, and a sentence", async () => {
  const { url, facts } = await history();
  const lines = linesOf(facts);
  const file = journal(lines);
  const folder = tempDir();
  const empty = path.join(folder, "empty.git");
  git(folder, "init", "--quiet", "--bare", empty);
  const inside = path.join(folder, "clone", "inside");
  git(folder, "clone", "--quiet", url, "clone");
  mkdirSync(inside);
  const shallow = path.join(folder, "shallow");
  git(folder, "clone", "--quiet", "--depth=1", pathToFileURL(url).href, shallow);
  const [head = "", ...rest] = lines;
  const body = JSON.parse(lines.find((line) => line.includes('"review.checked"')) as string);
  delete body.body.tree;
  const newer = (lines[1] as string).replace('"v":2', '"v":3');
  const other = facts.map((one) =>
    one.type === "rig.configured"
      ? one
      : { ...one, body: JSON.parse(JSON.stringify(one.body).replaceAll(/[0-9a-f]{40}/g, "3".repeat(40))) },
  );
  const cases: [string[], string][] = [
    [[], "npm run verify -- REPO JOURNAL"],
    [[url, file, "more"], "npm run verify -- REPO JOURNAL"],
    [[url, file, "--stict"], "--stict"],
    [[path.join(folder, "none"), file], "there is no such folder"],
    [[inside, file], "is not a repository"],
    [[shallow, file], "git fetch --unshallow"],
    [[empty, file], "has no branch main: name one with --branch"],
    [[url, file, "--branch", "none"], "has no branch none"],
    [[url, path.join(folder, "none")], "the journal cannot be read: ENOENT"],
    [[url, journal([])], "it is empty"],
    [[url, journal(["{}"])], "this is no journal file"],
    [[url, journal([head.replace('"schema":1', '"schema":2'), ...rest])], "use a newer one"],
    [[url, journal([head, newer])], "rig.configured has version 3"],
    [[url, journal([head, "no JSON", ...rest])], "line 2 of the journal is not JSON"],
    [[url, journal([head, '{"seq":1}'])], "line 2 of the journal is no fact"],
    [[url, journal([head, lines[1] as string, JSON.stringify({ ...body, seq: 2 })])], "its tree is missing"],
    [[url, journal([head, ...lines.slice(2)])], "put the files of the archive before the export"],
    [[url, journal(linesOf(other))], "it is the journal of another rig"],
  ];
  for (const [args, words] of cases) {
    const said = await run(args);
    expect([args, said.code, said.out]).toEqual([args, 2, ""]);
    expect(said.error).toContain(words);
    expect(said.error).not.toContain("    at ");
  }
  expect(spawned([url])).toMatchObject({ code: 1 });
  expect(spawned([inside, file])).toMatchObject({ code: 2, out: "" });
});

test("VERIFY-own what lies beside the objects changes no answer: replacements, grafts, a configuration, the environment", async () => {
  const { url, facts, pushed } = await history();
  const hash = onTop(url, { message: "A title\n\nBead: bead-z", email: TICKTOWN_EMAIL });
  git(url, "replace", hash, pushed[4]?.to as string);
  mkdirSync(path.join(url, "info"), { recursive: true });
  writeFileSync(path.join(url, "info", "grafts"), `${hash} ${pushed[3]?.to}\n`);
  for (const [name, value] of [
    ["log.showSignature", "true"],
    ["trailer.separators", "%"],
    ["core.commentChar", "B"],
    ["log.date", "relative"],
  ] as const)
    git(url, "config", name, value);
  const said = spawned([url, journal(linesOf(facts))], {
    GIT_DIR: "/nonexistent",
    GIT_REPLACE_REF_BASE: "refs/replace/",
  });
  expect(said).toMatchObject({ code: 1, error: "" });
  expect(said.last).toBe("8 commits, 7 covered by receipts, 1 NOT COVERED, 1 of them unchecked");
  for (const [name, value] of [
    ["trailer.Beads.key", "Work: "],
    ["trailer.x.key", "handed-in by"],
  ] as const) {
    git(url, "config", name, value);
    expect(await verify(url, facts)).toMatchObject({ code: 2, error: expect.stringContaining(`unset ${name} first`) });
    git(url, "config", "--unset", name);
  }
  expect(await verify(url, facts)).toMatchObject({ code: 1 });
});

test("VERIFY-target in a clone of what the rig works on the target is what was fetched, elsewhere the branch itself; --branch names another", async () => {
  const { url, facts } = await history();
  (facts[0] as Fact).body["gitUrl"] = url;
  const clone = path.join(tempDir(), "clone");
  git(path.dirname(clone), "clone", "--quiet", url, clone);
  git(clone, "commit", "--quiet", "--allow-empty", "-m", "not pushed yet");
  const fetched = await verify(clone, facts, "--strict");
  expect(fetched).toMatchObject({ code: 0, last: ALL });
  expect(fetched.out).toContain("refs/remotes/origin/main at");
  expect(fetched.out).toContain("(refs/heads/main is at");
  git(clone, "branch", "mine");
  expect(await verify(clone, facts, "--strict", "--branch", "mine")).toMatchObject({ code: 1 });
  (facts[0] as Fact).body["gitUrl"] = clone;
  expect(await verify(clone, facts, "--strict")).toMatchObject({ code: 1 });
  expect(await verify(clone, facts, "--strict", "--branch", "origin/main")).toMatchObject({ code: 0 });
});
