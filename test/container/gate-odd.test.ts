import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { foldersOf } from "../../container/git/layout.ts";
import { git } from "./world.ts";
import { gated, member, redWhy, sh, subjects, trainBody, world, type World } from "./train-world.ts";

/** What a gate meets when somebody means ill with it. */

/** A branch whose tree was made by hand: that of main, and one entry more. @param entry a line of `git mktree` */
function byHand({ url }: Pick<World, "url">, name: string, entry: string): Record<string, unknown> {
  const run = (args: readonly string[], input = ""): string =>
    execFileSync("git", args, { cwd: url, input, encoding: "utf8" }).trim();
  const tree = run(["mktree"], `${run(["ls-tree", "main"])}\n${entry}\n`);
  const as = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];
  const commit = run([...as, "commit-tree", tree, "-p", "main", "-m", "by hand"]);
  git(url, "update-ref", `refs/heads/${name}`, commit);
  return { ...member({ url }, `${name}-base`, { "a.txt": "a" }), entryId: name, branch: name, commit };
}

const blob = (url: string): string => git(url, "rev-parse", "main:README.md");

test("GATE-checkout a tree that no disk can take is red, and its own matter: who waits behind it gets onto the target", async () => {
  const w = await world();
  const long = byHand(w, "long", `100644 blob ${blob(w.url)}\t${"n".repeat(300)}`);
  const inner = execFileSync("git", ["mktree"], { cwd: w.url, input: `100644 blob ${blob(w.url)}\tconfig\n` });
  const hidden = byHand(w, "hidden", `040000 tree ${inner.toString().trim()}\t.git`);
  const red = { verdict: "red", checks: [{ name: "checkout", why: "checkout", exit: null }] };
  const both = await gated(w, [long, member(w, "good", { "g.txt": "g" })], sh("true"), { gates: [0, 1, 2] });
  expect(both).toMatchObject({
    stopped: null,
    pushed: null,
    runs: [
      { upTo: 0, verdict: "green" },
      { upTo: 1, ...red },
      { upTo: 2, ...red },
    ],
  });
  expect(both.runs[1]?.checks[0]?.words).toContain("File name too long");
  expect(await gated(w, [hidden], sh("true"))).toMatchObject({ stopped: null, pushed: null, runs: [red] });
  expect(await gated(w, [member(w, "good", { "g.txt": "g" })], sh("true"))).toMatchObject({ stopped: null });
  expect(subjects(w.url)[0]).toBe("The title of good");
  // On the target it is nobody's work.
  git(w.url, "update-ref", "refs/heads/main", String(long["commit"]));
  expect(await gated(w, [member(w, "next", { "n.txt": "n" })], sh("true"))).toMatchObject({
    runs: [],
    pushed: null,
    stopped: { class: "passing", code: "internal", words: expect.stringContaining("cannot be checked out") },
  });
});

test("GATE-left a check that leaves nothing to look at is red, and so is a setup", async () => {
  const w = await world({ BOX: "none" });
  const left = { why: "dirty", exit: 0, words: expect.stringContaining("what it left of the tree cannot be listed") };
  expect(await redWhy(w, sh('rm -rf "$PWD"'))).toMatchObject(left);
  expect(await redWhy(w, sh('cd /; mv "$OLDPWD" "$OLDPWD.away"; ln -s / "$OLDPWD"'))).toMatchObject(left);
  const place = { setup: { command: 'test ! -e gone || rm -rf "$PWD"' } };
  const setup = await gated(w, [member(w, "gone", { gone: "x" })], sh("true"), { place });
  expect(setup).toMatchObject({ stopped: null, runs: [{ verdict: "red", checks: [{ why: "setup" }] }] });
});

test("GATE-end of what a check printed the end is told, however much it was, and no half of a secret with it", async () => {
  const w = await world();
  const secret = "a-secret-of-the-rig-0123456789";
  const envVars = { ...(trainBody("", [])["envVars"] as object), DEPLOY_TOKEN: secret };
  // The 64 KiB that are kept begin in the middle of the first one, and a line of spaces is not told.
  const cut = `yes | head -c 9000000; printf '${secret}\\n%65488s\\n${secret} last\\n' ' '; exit 1`;
  const report = await gated(w, [member(w, "a", { "a.txt": "a" })], sh(cut), { envVars });
  expect(report.runs[0]?.checks[0]).toMatchObject({ why: "exit", exit: 1, words: "exit 1\n[redacted] last" });
  const oneLine = await gated(
    w,
    [member(w, "b", { "b.txt": "b" })],
    sh("head -c 9000000 /dev/zero | tr '\\0' x; exit 1"),
  );
  expect(oneLine.runs[0]?.checks[0]?.words).toBe(`exit 1\n${"x".repeat(512)}`);
});

test("GATE-forged without a box, a check that writes down a push as a train would is red, and the rig hears nothing of it", async () => {
  const w = await world({ BOX: "none" });
  const { pushes } = foldersOf(w.control.workDir, "rig1");
  const first = await gated(w, [member(w, "a", { "a.txt": "a" })], sh("true"));
  const forged = JSON.stringify({ ...first, trainId: "rig1:999" });
  const file = path.join(pushes, `999-${first.pushed?.to}.json`);
  expect(await redWhy(w, sh(`mkdir -p ${pushes}; printf '%s' '${forged}' > ${file}`), { "b.txt": "b" })).toMatchObject({
    why: "store_touched",
    words: "it changed the receipts that wait for the rig in the rig's own store",
  });
  expect(existsSync(pushes) ? readdirSync(pushes).filter((name) => name.startsWith("999")) : []).toEqual([]);
  expect(await gated(w, [member(w, "c", { "c.txt": "c" })], sh("true"))).not.toHaveProperty("earlier");
});
