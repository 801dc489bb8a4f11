import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { look } from "../../scripts/verify/run.ts";
import { entryLine, headerLine } from "../../src/core/journal-file.ts";
import { whyBead } from "../../src/core/why.ts";
import { ADMIN } from "../unit/incidents/train-words.ts";
import { beadOf, facts, journal, MINUTE, reviewOf } from "../unit/incidents/words.ts";
import { type Joined, joined } from "./joined.ts";
import { createOrigin, git, storeOf, tempDir } from "./world.ts";

/**
 * Everything in which a gate can be caught, from an agent's done to the target, in one rig. What an agent hands in is what the one check
 * runs, so each piece of work brings its own trap. Without a box, so that the check can also reach what is not its own.
 */

const dir = tempDir();
const FLAG = path.join(dir, "ran-once");
const OVERTAKEN = path.join(dir, "overtook");

interface Trap {
  readonly what: string;
  /** What its agent does before it commits. */
  readonly agent: string;
  /** What is said of it when it is sent back. */
  readonly red: RegExp;
}

const checked = (script: string): string => `cat > trap.sh <<'END'\n${script}\nEND`;
const POINTER = "3".repeat(40);

const RED: readonly Trap[] = [
  { what: "a missing command", agent: checked("exec no-such-command"), red: /no-such-command/ },
  { what: "exit 127", agent: checked("exit 127"), red: /127/ },
  { what: "no test ran", agent: checked("exit 0"), red: /all well/ },
  { what: "a check without an end", agent: checked("sleep 600"), red: /longer than|timeout|time/ },
  { what: "a gate that kills itself", agent: checked("kill -9 $$"), red: /kill|SIGKILL/i },
  { what: "a dirty tree", agent: checked("echo x > left-behind"), red: /left-behind/ },
  {
    what: "a pointer to nowhere",
    agent: `printf '[submodule "lib"]\\n\\tpath = lib\\n\\turl = ./none.git\\n' > .gitmodules; git add .gitmodules; git update-index --add --cacheinfo 160000,${POINTER},lib; mkdir lib; git commit -qm pointer; exit 0`,
    red: /lib points to 333/,
  },
  { what: "an edited store", agent: checked(`. ${dir}/edit-store`), red: /refs\/heads\/main/ },
  { what: "a forged note", agent: checked(`. ${dir}/forge-note`), red: /refs\/notes\/ticktown/ },
];

/** What comes of the others is told in each test. */
const OTHERS = {
  flaky: `cat > flaky.txt <<'END'\nflaky\nEND\n${checked(`test -e ${FLAG} || { touch ${FLAG}; exit 1; }`)}`,
  raced: checked(`. ${dir}/overtake`),
  checks: "mkdir -p .ticktown; echo '{\"checks\":[]}' > .ticktown/checks.json",
  deleted: "git rm -q tests/one.txt",
  plain: "echo plain > plain.txt",
} as const;

const named = (title: string): string => `trap ${title.replaceAll(" ", "-")}.`;

function scriptOf(): string {
  const cases = [...RED.map(({ what, agent }) => [what, agent] as const), ...Object.entries(OTHERS)];
  const arms = cases.map(([what, agent]) => `*"${named(what)}"*)\n${agent}\n;;`);
  return `case "$TICKTOWN_PROMPT" in\n${arms.join("\n")}\nesac\ngit add --all\ngit commit -qm work`;
}

const { url, clone } = createOrigin();
let rig: Joined;

/** Its agent works, and what it did is handed in. */
async function handedIn(what: string): Promise<{ beadId: string; reviewId: string }> {
  const { beadId, agentId } = await rig.worked(named(what));
  await rig.handedIn(agentId);
  await rig.until(`${what} is in review`, () => beadOf(rig.rig, beadId).context.reviewId !== null);
  return { beadId, reviewId: beadOf(rig.rig, beadId).context.reviewId ?? "" };
}

/** By somebody else. */
function pushes(file: string, content: string): void {
  git(clone, "pull", "--quiet", "origin", "main");
  writeFileSync(path.join(clone, file), content);
  git(clone, "add", "--all");
  git(clone, "commit", "--quiet", "--message", `somebody else: ${file}`);
  git(clone, "push", "--quiet", "origin", "main");
}

const verdictOfGit = async () => {
  const lines = journal(rig.rig).map(entryLine);
  return (await look(url, [headerLine("rig1"), ...lines], null)).verdict;
};

async function begin(): Promise<void> {
  mkdirSync(path.join(clone, "tests"));
  pushes("tests/one.txt", "one\n");
  rig = await joined(url, scriptOf(), { BOX: "none" });
  const command = "test ! -e broken || exit 9; if [ -f trap.sh ]; then . ./trap.sh; fi; echo all well";
  const checks = [{ name: "one", command, timeout_ms: 3_000, expect: "all well" }];
  rig.rig.run({ type: "set_settings", settings: { checks, protect: ["tests/**"], train_max: 1, capacity: 20 } }, ADMIN);
  const store = `git --git-dir=${storeOf(rig.control.workDir)}`;
  const inClone = `env -i PATH="$PATH" git -C ${clone} -c user.name=Else -c user.email=else@example.com`;
  const scripts = {
    "edit-store": `${store} update-ref refs/heads/main $(${store} commit-tree -p main -m forged main^{tree})`,
    "forge-note": `${store} notes --ref=ticktown add -f -m forged main`,
    overtake: `test -e ${OVERTAKEN} || { touch ${OVERTAKEN}; ${inClone} pull -q origin main && ${inClone} commit -q --allow-empty -m "somebody else: in between" && ${inClone} push -q origin main; }`,
  };
  for (const [name, script] of Object.entries(scripts)) writeFileSync(path.join(dir, name), `${script}\n`);
}

/** Refused with a name, sent back to its agent, and nothing is pushed. */
async function isSentBack({ what, red }: Trap, main: string): Promise<void> {
  const { beadId, reviewId } = await handedIn(what);
  await rig.until(`${what} is sent back`, () => reviewOf(rig.rig, reviewId).value === "failed");
  const rejected = facts(rig.rig, "review.rejected").find((fact) => fact.reviewId === reviewId);
  expect(rejected, what).toMatchObject({ words: expect.stringMatching(red) });
  expect(beadOf(rig.rig, beadId).context.reworks).toBe(1);
  expect([git(url, "rev-parse", "main"), facts(rig.rig, "review.checked")], what).toEqual([main, []]);
  rig.rig.run({ type: "cancel_bead", beadId });
}

async function isMerged(what: string): Promise<{ reviewId: string }> {
  const { beadId, reviewId } = await handedIn(what);
  await rig.until(`${what} is merged`, () => beadOf(rig.rig, beadId).value === "closed");
  return { reviewId };
}

/** Until a person has approved exactly that tree. */
async function waits(what: string, file: string): Promise<void> {
  const before = git(url, "rev-parse", "main");
  const { beadId, reviewId } = await handedIn(what);
  await rig.until(`${what} waits`, () => reviewOf(rig.rig, reviewId).value === "unapproved");
  expect(whyBead(rig.rig.rig.world, beadOf(rig.rig, beadId))).toMatchObject({
    reason: "waiting_for_person",
    sentence: expect.stringContaining(file),
  });
  expect(git(url, "rev-parse", "main")).toBe(before);
}

async function holdsTheQueue(): Promise<void> {
  pushes("broken", "x");
  const { beadId, reviewId } = await handedIn("plain");
  await rig.until("the queue is held", () => rig.rig.rig.world.queue?.value === "held");
  expect(whyBead(rig.rig.rig.world, beadOf(rig.rig, beadId))).toMatchObject({
    reason: "waiting_for_person",
    sentence: expect.stringMatching(/^The queue is held, because the target itself is red \(one: /),
  });
  expect(reviewOf(rig.rig, reviewId).context.attempts).toBe(0);
  git(clone, "rm", "--quiet", "broken");
  pushes("mended", "x");
  await rig.rig.advance(rig.rig.now + 10 * MINUTE);
  await rig.until("it is merged", () => beadOf(rig.rig, beadId).value === "closed");
}

test("GATE-traps thirteen traps, from an agent's done to the target: refused, parked or waiting with a name, and no commit without a receipt", async () => {
  await begin();
  const main = git(url, "rev-parse", "main");
  for (const trap of RED) await isSentBack(trap, main);

  const { reviewId } = await isMerged("flaky");
  const members = [{ reviewId, flaky: true }];
  const receipt = {
    members,
    checks: [{ name: "one", exit: 0 }],
    boxed: false,
    box: "agents in no box, checks in no box",
  };
  expect(facts(rig.rig, "review.checked")).toMatchObject([receipt]);

  await isMerged("raced");
  const raced = facts(rig.rig, "review.checked").at(-1);
  expect(git(url, "log", "-1", "--format=%s", raced?.from ?? "")).toBe("somebody else: in between");
  expect(raced?.to).toBe(git(url, "rev-parse", "main"));

  await waits("checks", ".ticktown/checks.json");
  await waits("deleted", "tests/one.txt");
  await holdsTheQueue();

  const { counts, judged } = await verdictOfGit();
  expect(counts).toMatchObject({ UNCOVERED: 0, tip: 3, unchecked: 0 });
  const others = judged.filter(({ answer }) => answer === "foreign").map(({ commit }) => commit.subject);
  expect(others.filter((subject) => !subject.startsWith("somebody else: "))).toEqual([]);
  expect(facts(rig.rig, "review.checked")).toHaveLength(3);
}, 300_000);
