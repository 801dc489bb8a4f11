import { mkdirSync, readdirSync } from "node:fs";
import path from "node:path";
import { expect, inject, test } from "vitest";
import { nothingLeftIn, run, eachTry, until } from "./support.ts";

let dir = "";
eachTry((made) => (dir = made));

const mustBeBoxed = process.env["TESTS_BOX"] === "required" || inject("noBox") === "";
/** All receipts say the same. */
const BOX = mustBeBoxed
  ? /^box: agents in a box \(bwrap\), checks in a box \(bwrap\) \(\d+ receipts\)$/m
  : /^box: agents in no box, checks in no box \(\d+ receipts\)$/m;

test("the demo runs to its end, says what it checked, and leaves nothing behind", async () => {
  const TMPDIR = `${dir}/whole`;
  mkdirSync(TMPDIR);
  const demo = run("demo.ts", [], { TMPDIR });
  const code = await demo.exited;
  const out = demo.stdout();
  expect(code, out).toBe(0);
  expect(out).toMatch(/SIGKILL to polecat-\d+/);
  expect(out).toMatch(/resuming at step [4-8]/);
  expect(out).toContain("zero divergence");
  expect(out).not.toContain("WRONG");
  expect(out.match(/^ok {4}/gm)).toHaveLength(13);
  expect(out).toMatch(/its cap has stopped it: \$0\.\d\d of \$0\.50 are spent/);
  expect(out).toMatch(/review_completed {2}in_review, status red/);
  expect(out).toContain("verify: 6 commits, 6 covered by receipts");
  expect(out).toMatch(BOX);
  expect(out).not.toContain("\u001b");
  expect(readdirSync(TMPDIR)).toEqual([]);
  expect(await nothingLeftIn(dir)).toEqual([]);
  expect(Number(/The demo took ([\d.]+) s/.exec(out)?.[1])).toBeLessThan(240);
});

test("the demo with an agent of one's own: three pieces of work are merged and looked at, and nothing is left behind", async () => {
  const TMPDIR = `${dir}/own`;
  mkdirSync(TMPDIR);
  const program = path.join(import.meta.dirname, "../container/drivers/program.mjs");
  const demo = run("demo.ts", ["--agent", `acp:node '${program}' acp`], {
    TMPDIR,
    AGENT_PASS: "FAKE_SHELL",
    FAKE_SHELL: `page=$(printf %s "$FAKE_PROMPT" | grep -o "[A-Z]*[.]md" | head -1); echo hello > $page && git add $page && git commit -qm "Write $page"`,
  });
  const code = await demo.exited;
  const out = demo.stdout();
  expect(code, out).toBe(0);
  expect(out).toContain("spoken with by ACP");
  expect(out.match(/merged: /g)).toHaveLength(3);
  expect(out).not.toContain("WRONG");
  expect(out).toMatch(BOX);
  expect(out.match(/^ok {4}/gm)).toHaveLength(6);
  expect(readdirSync(TMPDIR)).toEqual([]);
  expect(await nothingLeftIn(dir)).toEqual([]);
});

test("the demo with an agent that is not there says so before anything is started", async () => {
  const TMPDIR = `${dir}/none`;
  mkdirSync(TMPDIR);
  const demo = run("demo.ts", ["--agent", "no-such-agent"], { TMPDIR });
  expect(await demo.exited).toBe(1);
  expect(demo.stdout()).toContain("there is no program no-such-agent");
});

test("a demo that is interrupted says so, keeps its logs, and leaves nothing running", async () => {
  const TMPDIR = `${dir}/interrupted`;
  mkdirSync(TMPDIR);
  const demo = run("demo.ts", [], { TMPDIR });
  await until("the work has begun", () => demo.stdout().includes("six beads slung"));
  demo.process.kill("SIGINT");
  expect(await demo.exited).toBe(1);
  expect(demo.stdout()).toContain("The demo failed after");
  expect(demo.stdout()).toContain("SIGINT: stopped before the end");
  expect(demo.stdout()).toContain(`Everything is kept in ${TMPDIR}/ticktown-demo-`);
  expect(await nothingLeftIn(TMPDIR)).toEqual([]);
});
