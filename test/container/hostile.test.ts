import { appendFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { LookAnswer, InspectAnswer } from "../../src/wire/container.ts";
import {
  type Client,
  LIKE_ANYBODY,
  SOAK,
  createOrigin,
  git,
  spawnControl,
  startBody,
  startControl,
  storeOf,
  tempDir,
  worktreeOf,
} from "./world.ts";

const COMMIT = "echo work > work.txt; git add work.txt; git commit -qm work";
const TAKEN = "work/a1";

async function run(control: Client, url: string, script: string, more: Record<string, unknown> = {}): Promise<unknown> {
  const dispatchId = `${String(more["agentId"] ?? "a1")}:1`;
  const body = startBody(url, script, { dispatchId, branch: TAKEN, ...more });
  const reply = await control.post("/agents/start", body);
  expect([reply.status, reply.body.error]).toEqual([201, undefined]);
  const { setAside = [] } = await control.ended(String(body["agentId"]));
  return setAside;
}

async function handIn(control: Client, url: string, more: Record<string, unknown> = {}): Promise<InspectAnswer> {
  const reply = await control.post("/agents/a1/inspect", {
    dispatchId: "a1:1",
    rigId: "rig1",
    townId: "town1",
    beadId: "bead1",
    gitUrl: url,
    branch: TAKEN,
    named: TAKEN,
    targetBranch: "main",
    resolution: "work",
    asIs: null,
    maxDeletions: 100,
    ...more,
  });
  expect([reply.status, reply.body.error]).toEqual([200, undefined]);
  return InspectAnswer.parse(reply.body);
}

/** A folder whose entry has a name that no checkout writes, as the commit of the branch. */
const poison = (name: string): string => `
  blob=$(git hash-object -w README.md)
  printf '100644 ${name}\\0' > ../tree; printf %s "$blob" | sed 's/../\\\\x&/g' | xargs -0 printf >> ../tree
  tree=$(git hash-object --literally -w -t tree ../tree)
  git update-ref refs/heads/${TAKEN} $(git commit-tree $tree -p HEAD -m poison)`;

const BLOB = "$(git rev-parse HEAD:work.txt | sed 's,..,.git/objects/&/,')";

/** What an agent may do to its clone after work, and what is said of the hand-in. */
const STATES: Record<string, readonly [script: string, result: string, words?: string]> = {
  "a HEAD that says nothing": [`${COMMIT}; : > .git/HEAD`, "accepted"],
  "a HEAD on what is no branch": [`${COMMIT}; git symbolic-ref HEAD refs/remotes/origin/main`, "accepted"],
  "a branch that is another name of a branch": [
    `${COMMIT}; git branch other; git symbolic-ref refs/heads/${TAKEN} refs/heads/other`,
    "accepted",
  ],
  "a branch that names a tag": [
    `${COMMIT}; git tag -am t v1; tag=$(git rev-parse v1); echo $tag > .git/refs/heads/${TAKEN}`,
    "accepted",
  ],
  "nothing borrowed any more": [`${COMMIT}; rm .git/objects/info/alternates`, "accepted"],
  "a shallow file": [`${COMMIT}; git rev-parse HEAD > .git/shallow; git commit -qm more --allow-empty`, "accepted"],
  "no git folder": ["rm -rf .git; echo x > y", "broken_clone", "(.git is gone)"],
  "a git folder elsewhere": [`${COMMIT}; mv .git ../its; ln -s ../its .git`, "broken_clone", "(.git is no folder"],
  "refs that are a link": [`${COMMIT}; mv .git/refs ../refs; ln -s ../../refs .git/refs`, "broken_clone"],
  "a branch that leads nowhere": [
    `${COMMIT}; printf %040d 1 > .git/refs/heads/${TAKEN}`,
    "broken_clone",
    "has commits that cannot be taken",
  ],
  "a content that is gone": [`${COMMIT}; rm -f ${BLOB}`, "broken_clone", "has commits that cannot be taken"],
  "a history of its own": [
    `rm -rf .git; git init -q; git checkout -qb ${TAKEN}; git add .; git commit -qm new`,
    "unrelated",
    "share no history with main",
  ],
  "a repository added as a file": [
    "git init -q sub; cd sub; git commit -qm in --allow-empty; cd ..; git add sub 2>&1; git commit -qm sub",
    "dirty",
    "sub is a git repository of its own",
  ],
  "a file named .git": [poison(".git"), "broken_clone", "contains '.git'"],
  "a folder named ..": [poison(".."), "broken_clone", "contains '..'"],
};

/** The others of them differ less from one another. */
const SAMPLE = [
  "a HEAD that says nothing",
  "nothing borrowed any more",
  "no git folder",
  "a branch that leads nowhere",
  "a folder named ..",
];

test.each(Object.entries(STATES).filter(([name]) => SOAK || SAMPLE.includes(name)))(
  "An agent leaves %s: its hand-in is answered, and both its bead and itself go on",
  async (_, [script, result, words = ""]) => {
    const control = await startControl();
    const { url } = createOrigin();
    await run(control, url, script);
    const answer = await handIn(control, url);
    expect(answer.result === "refused" ? answer.code : answer.result).toBe(result);
    expect(answer.result === "refused" ? answer.sentence : "").toContain(words);
    if (answer.result === "accepted")
      expect(git(storeOf(control.workDir), "cat-file", "-t", answer.commit)).toBe("commit");
    const told = await run(control, url, "true", { agentId: "a2" });
    if (result === "broken_clone") expect(told).toMatchObject([{ agentId: "a1", givenBack: false }]);
    // What was told once is not told again.
    expect(await run(control, url, "true", { branch: "work/b2", dispatchId: "a1:2" })).toEqual([]);
    expect(git(worktreeOf(control.workDir), "status", "--porcelain")).toBe("");
  },
);

test("F-207 a pipe where git reads a file: the control server answers, and nobody else is held up by it", async () => {
  const { url } = createOrigin();
  const control = await spawnControl({ WORK_DIR: tempDir() });
  const within_ms = async <T>(ms: number, task: Promise<T>): Promise<T | "no answer"> => {
    const late = new Promise<"no answer">((resolve) => setTimeout(() => resolve("no answer"), ms).unref());
    return Promise.race([task, late]);
  };
  const pipes = "rm .git/HEAD; mkfifo .git/HEAD .git/refs/heads/x .gitignore";
  expect(await within_ms(20_000, run(control, url, `${COMMIT}; ${pipes}`))).toEqual([]);
  const refused = within_ms(30_000, handIn(control, url));
  expect(await within_ms(5_000, control.get("/health"))).toMatchObject({ status: 200 });
  expect(await refused).toMatchObject({ result: "refused", code: "broken_clone" });
  const told = within_ms(40_000, run(control, url, "true", { agentId: "a2" }));
  expect(await within_ms(40_000, run(control, url, "true", { agentId: "a3", branch: "work/a3" }))).toEqual([]);
  expect(JSON.stringify(await told)).toContain("has a pipe that git would wait for");
});

test("F-211 a clone without a git folder is refused in words while its agent lives, and is not said to be gone", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(control, url, `${COMMIT}; rm -rf .git`);
  expect(await handIn(control, url)).toEqual({
    result: "refused",
    code: "broken_clone",
    sentence:
      "Your clone cannot be read any more (.git is gone). Put it in order, or end: the next start has a fresh clone, and this one is kept aside.",
    commit: null,
  });
});

test("F-208 what nobody could check out does not get into the store, however often it is looked at", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(control, url, poison(".git"));
  for (let n = 0; n < 2; n++) expect(await handIn(control, url)).toMatchObject({ code: "broken_clone" });
  const kept = git(storeOf(control.workDir), "for-each-ref", "--format=%(objectname)", "refs/ticktown");
  expect(kept.split("\n").filter((id) => id !== git(url, "rev-parse", "main"))).toEqual([]);
  await run(control, url, "true", { agentId: "a2" });
});

test("F-209 a history that was begun anew is refused with the way back, which is taken when it was gone", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  await run(
    control,
    url,
    `rm -rf .git; git init -q; git checkout -qb ${TAKEN}; echo work > work.txt; git add .; git commit -qm new`,
  );
  const refused = await handIn(control, url);
  if (refused.result !== "refused") throw new Error(JSON.stringify(refused));
  expect(await handIn(control, url, { asIs: refused.commit })).toMatchObject({ code: "unrelated" });
  const way = /\((git fetch .*)\)/.exec(refused.sentence)?.[1] ?? "";
  await run(control, url, `${way} && git commit -qm mended`, { dispatchId: "a1:2" });
  expect(await handIn(control, url, { dispatchId: "a1:2" })).toMatchObject({ result: "accepted", ahead: 1, files: 1 });
});

test("F-210 a repository inside that .gitmodules names is handed in, and one that it does not name is not", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  const named = "printf '[submodule \"s\"]\\n\\tpath = sub\\n\\turl = ../sub.git\\n' > .gitmodules";
  await run(control, url, `git init -q sub; git -C sub commit -qm in --allow-empty; git add sub; git commit -qm sub`);
  expect(await handIn(control, url)).toMatchObject({ result: "refused", code: "dirty" });
  await run(control, url, `${named}; git add .gitmodules; git commit -qm named`, { dispatchId: "a1:2" });
  expect(await handIn(control, url, { dispatchId: "a1:2" })).toMatchObject({ result: "accepted", ahead: 2 });
});

test("a commit that may not be read is refused in words as well, and is not asked for again for ever", async () => {
  const { url } = createOrigin();
  const control = await spawnControl({ WORK_DIR: tempDir() }, LIKE_ANYBODY);
  await run(control, url, `${COMMIT}; chmod 000 ${BLOB}`);
  expect(await handIn(control, url)).toMatchObject({ result: "refused", code: "broken_clone" });
  expect(await run(control, url, "true", { agentId: "a2" })).toMatchObject([{ agentId: "a1", givenBack: false }]);
});

test("F-212 a file with CRLF that git would normalise is no change of the agent's, and one that it changed is", async () => {
  const control = await startControl();
  const { url, clone } = createOrigin();
  writeFileSync(path.join(clone, "crlf.txt"), "one\r\ntwo\r\n");
  git(clone, "add", "--all");
  git(clone, "commit", "--quiet", "-m", "crlf");
  writeFileSync(path.join(clone, ".gitattributes"), "*.txt text\n");
  git(clone, "add", ".gitattributes");
  git(clone, "commit", "--quiet", "-m", "attributes");
  git(clone, "push", "--quiet", "origin", "main");
  await run(control, url, `echo draft > draft; ${COMMIT}; touch -d 2001-01-01 crlf.txt`);
  expect(await handIn(control, url)).toMatchObject({ code: "dirty", sentence: expect.stringMatching(/: draft\. /) });
  // Not given back either, where something else is.
  const told = await run(control, url, "true", { agentId: "a2" });
  expect(told).toMatchObject([{ files: 1, givenBack: true }]);
  await run(control, url, "rm -f draft; touch crlf.txt", { dispatchId: "a1:2" });
  expect(await handIn(control, url, { dispatchId: "a1:2" })).toMatchObject({ result: "accepted", files: 1 });
  await run(control, url, "printf more >> crlf.txt; chmod +x README.md", { dispatchId: "a1:3" });
  expect(await handIn(control, url, { dispatchId: "a1:3" })).toMatchObject({
    code: "dirty",
    sentence: expect.stringContaining("Not committed: README.md, crlf.txt."),
  });
});

test("a repository of SHA-256 is said to be one before anything is paid for, and by a start", async () => {
  const control = await startControl();
  const folder = tempDir();
  git(folder, "init", "--quiet", "--object-format=sha256", "--initial-branch=main");
  git(folder, "commit", "--quiet", "--allow-empty", "-m", "one");
  for (const gitUrl of [folder, `file://${folder}`]) {
    const look = await control.post("/repositories/look", { gitUrl, targetBranch: "main" });
    expect(LookAnswer.parse(look.body)).toMatchObject({ result: "refused", code: "object_format" });
  }
  const start = await control.post("/agents/start", startBody(folder, "true"));
  expect(start).toMatchObject({ status: 422, body: { error: expect.stringContaining("Ticktown works with SHA-1") } });
});

test("60,000 branches are no reason to refuse a repository, or a hand-in from a clone of it", async () => {
  const control = await startControl();
  const { url } = createOrigin();
  const tip = git(url, "rev-parse", "main");
  const name = "feature/of-somebody-who-likes-long-names-for-what-is-short";
  const refs = (below: string): string =>
    Array.from({ length: 60_000 }, (_, n) => `${tip} ${below}${name}/${100_000 + n}\n`).join("");
  await run(control, url, COMMIT);
  appendFileSync(path.join(worktreeOf(control.workDir), ".git", "packed-refs"), refs("refs/remotes/origin/"));
  expect(await handIn(control, url)).toMatchObject({ result: "accepted", ahead: 1 });
  writeFileSync(path.join(url, "packed-refs"), `# pack-refs with: peeled fully-peeled sorted \n${refs("refs/heads/")}`);
  const look = await control.post("/repositories/look", { gitUrl: url, targetBranch: "main" });
  expect(LookAnswer.parse(look.body)).toEqual({ result: "ok", warnings: [] });
});
