import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import * as LIMITS from "../../container/limits.ts";
import { apply, revert } from "../../container/train/commits.ts";
import { leaves } from "../../container/train/context.ts";
import { fitting } from "../../container/train/fit.ts";
import { firstWith, landingsOn } from "../../container/train/landed.ts";
import { runTrain } from "../../container/train/run.ts";
import { createHalting } from "../../container/halt.ts";
import { createTrains } from "../../container/train/trains.ts";
import { LIMITS as OF_RIG } from "../../src/events/limits.ts";
import { type GateRun, TrainMember, TrainReport, TrainRequest } from "../../src/wire/train.ts";
import { createOrigin, eventually, git, tempDir } from "./world.ts";
import { NO_CHECKS, contextOn, fakeGit, gitThat, member, ran, settings, trainBody, world } from "./train-world.ts";

/** The bounds of trains, from both sides: the last that is taken, and the first that is not. */

const MEMBER = TrainMember.parse(member(createOrigin(), "a", { "a.txt": "a" }));

test("so many trains wait in one container, and one more is refused; so many that ended are remembered, and the oldest is forgotten", async () => {
  const go = path.join(tempDir(), "go");
  const held = `case " $* " in *" fetch "*) while test ! -e ${go}; do sleep 0.05; done; exit 1 ;; esac`;
  const told: string[] = [];
  const trains = createTrains({
    config: settings({ PATH: gitThat(held), GASTOWN_API_URL: "http://127.0.0.1:9" }),
    callbacks: {
      enqueue: ({ id }) => void told.push(id),
      resume: () => 0,
      pending: () => 0,
      late: () => false,
      flush: async () => true,
      close: () => {},
    },
    checker: NO_CHECKS,
    checksIn: "no box",
    halting: createHalting("/nowhere"),
    log: () => {},
  });
  const ask = (n: number): Promise<void> =>
    trains.accept(TrainRequest.parse(trainBody("/nowhere.git", [], { trainId: `rig1:${n}` })));
  const askAll = async (from: number, to: number): Promise<void> => {
    for (let n = from; n <= to; n++) await ask(n);
  };
  const [most, kept] = [LIMITS.TRAINS_PENDING_MAX, LIMITS.TRAINS_REMEMBERED_MAX];
  await askAll(1, most);
  expect(trains.running()).toBe(most);
  await expect(ask(most + 1)).rejects.toMatchObject({ httpStatus: 429, code: "too_many_trains" });
  await ask(most); // One that waits already is not one more.
  writeFileSync(go, "");
  await trains.endRig("rig1");
  expect(new Set(told).size).toBe(most);

  for (let n = most; n < kept; n += most) {
    await askAll(n + 1, Math.min(n + most, kept));
    await trains.endRig("rig1");
  }
  expect(trains.state("rig1:1").state).toBe("finished");
  await ask(kept + 1);
  await trains.endRig("rig1");
  expect(() => trains.state("rig1:1")).toThrow("knows no train rig1:1");
  expect(trains.state("rig1:2").state).toBe("finished");
});

test("TRAIN-untold one report tells of so many earlier pushes, the next of the others; what the train itself had pushed is told beside them", async () => {
  const w = await world();
  const most = LIMITS.UNTOLD_PUSHES_MAX;
  const folder = path.join(w.control.workDir, "rigs", "rig1", "pushes");
  const to = git(w.url, "rev-parse", "main");
  const tree = git(w.url, "rev-parse", "main^{tree}");
  const pushed = { from: "1".repeat(40), to, tree, members: [], checks: [], boxed: false };
  const write = (trainId: string): void => {
    mkdirSync(folder, { recursive: true });
    const report = { trainId, target: pushed.from, left: [], runs: [], pushed, stopped: null };
    writeFileSync(path.join(folder, `${trainId.slice("rig1:".length)}-${to}.json`), JSON.stringify(report));
  };
  const ids = (from: number, length: number): string[] => Array.from({ length }, (_, n) => `rig1:${from + n}`);
  const earlier = async (trainId: string): Promise<unknown> => {
    const report = await ran(w, trainBody(w.url, [], { trainId }));
    expect(TrainReport.parse(report)).toEqual(report);
    return [report.pushed?.to ?? null, report.earlier?.map((one) => one.trainId)];
  };
  ids(1, most + 1).forEach(write);
  expect(await earlier(`rig1:${most + 1}`)).toEqual([to, ids(1, most)]);
  await eventually("all was heard", () => readdirSync(folder).length === 0);
  ids(11, most + 1).forEach(write);
  expect(await earlier("rig1:30")).toEqual([null, ids(11, most)]);
  await eventually("most was heard", () => readdirSync(folder).length === 1);
  expect(await earlier("rig1:31")).toEqual([null, ids(11 + most, 1)]);
});

test("notes are tried so often: a push of them that works at last is enough, and one more that would be needed is not made", async () => {
  const w = await world();
  const dir = tempDir();
  const tries = path.join(dir, "tries");
  const worksAt = (n: number): void => {
    rmSync(tries, { force: true });
    const count = `echo x >> ${tries}; test $(wc -l < ${tries}) -ge ${n} || exit 1`;
    const hook = `while read a b ref; do case "$ref" in refs/notes/*) ${count} ;; esac; done`;
    writeFileSync(path.join(w.url, "hooks", "pre-receive"), `#!/bin/sh\n${hook}\n`, { mode: 0o755 });
  };
  const tried = (): number => (existsSync(tries) ? readFileSync(tries, "utf8").split("\n").length - 1 : 0);
  worksAt(LIMITS.NOTES_ATTEMPTS_MAX);
  const one = await ran(w, trainBody(w.url, [member(w, "a", { "a.txt": "a" })]));
  await eventually("the note", () => git(w.url, "for-each-ref", "refs/notes/ticktown") !== "");
  expect(tried()).toBe(LIMITS.NOTES_ATTEMPTS_MAX);
  expect(JSON.parse(git(w.url, "notes", "--ref=ticktown", "show", one.pushed?.to ?? ""))).toEqual(one.pushed);
  worksAt(LIMITS.NOTES_ATTEMPTS_MAX + 1);
  const two = await ran(w, trainBody(w.url, [member(w, "b", { "b.txt": "b" })], { trainId: "rig1:2" }));
  expect(two).toMatchObject({ stopped: null, pushed: { members: [{ entryId: "entry-b" }] } });
  await eventually("it is logged", () => w.control.log.some((line) => line.includes("not among the notes")));
  expect(tried()).toBe(LIMITS.NOTES_ATTEMPTS_MAX);
});

test("work that landed as another commit is found so far from the tip, and no further", async () => {
  const place = createOrigin();
  const side = member(place, "side", { "side.txt": "side" }).commit;
  const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`;
  /** Empty commits on main. */
  const add = (messages: readonly string[], merge = ""): void => {
    const head = "commit refs/heads/main\ncommitter Test <test@example.com> 1700000000 +0000\n";
    const stream = messages.map(
      (text, n) => `${head}${data(text)}${n === 0 ? `from refs/heads/main^0\n${merge}` : ""}\n`,
    );
    execFileSync("git", ["fast-import", "--quiet"], { cwd: place.url, input: stream.join("") });
  };
  const { git: run } = contextOn(place.url);
  const tip = (): string => git(place.url, "rev-parse", "main");
  add([`landed\n\nHanded-In: ${side}\n`], `merge ${side}\n`);
  const landed = tip();
  add(Array.from({ length: LIMITS.LANDINGS_SEARCHED_MAX - 1 }, () => "later\n"));
  expect([...(await landingsOn(run, place.url, tip()))]).toEqual([[side, landed]]);
  expect(await firstWith(run, place.url, tip(), side)).toBe(landed);
  add(["one more\n"]);
  expect((await landingsOn(run, place.url, tip())).size).toBe(0);
  // What is told then has it, but is not the first that has.
  const next = git(place.url, "rev-parse", `main~${LIMITS.LANDINGS_SEARCHED_MAX - 1}`);
  expect(git(place.url, "rev-parse", `${next}^`)).toBe(landed);
  expect(await firstWith(run, place.url, tip(), side)).toBe(next);
});

test("a branch is rebased with so many commits; one with more lands as one, and is taken back as one", async () => {
  const made: string[] = [];
  /** A git in which each commit of a branch fits, and its tree is called like it. */
  const place = (commits: number): Parameters<typeof apply>[0] => ({
    ...contextOn("/store", {
      gate: { strategy: "rebase" },
      git: fakeGit(([command = "", ...args], input) => {
        const last = args.at(-1) ?? "";
        if (command === "rev-list") return Array.from({ length: commits }, (_, n) => `c${n + 1} c${n}\n`).join("");
        if (command === "merge-tree") return `${last.replace("side of ", "").replace("^{tree}", "")}\0`;
        if (command === "rev-parse") return last.replace("^{tree}", "");
        if (command === "interpret-trailers") return args.filter((one) => one.startsWith("--trailer=")).join("\n");
        if (command !== "commit-tree") return "";
        if (input === undefined) return `side of ${args[0]}`;
        made.push(input);
        return `made ${made.length}`;
      }),
    }),
  });
  const most = LIMITS.REBASE_COMMITS_MAX;
  expect(await apply(place(most), "c0", MEMBER, `c${most}`)).toEqual({ kind: "clean", commit: `made ${most}` });
  expect(made[0]).toContain(`Bead-Part: 1/${most}`);
  expect(made.at(-1)).toContain(`Bead-Part: ${most}/${most}`);
  made.length = 0;
  expect(await apply(place(most + 1), "c0", MEMBER, `c${most + 1}`)).toEqual({ kind: "clean", commit: "made 1" });
  expect(made).toEqual([`${MEMBER.title}\n\nBead: ${MEMBER.beadId}\nHanded-In: c${most + 1}\n`]);

  /** A target whose last commits say that they are the parts of one bead. */
  const takenBack = async (parts: number): Promise<number> => {
    made.length = 0;
    const said = fakeGit(([command = "", ...args], input) => {
      const last = args.at(-1) ?? "";
      if (command === "log") return `bead-a\t${parts - Number(last.split("~")[1] ?? 0)}/${parts}`;
      if (command === "merge-tree") return "merged\0";
      if (command === "rev-parse") return last;
      if (command !== "commit-tree") return "";
      if (input !== undefined) made.push(input);
      return "made";
    });
    await revert(contextOn("/store", { git: said }), "tip", MEMBER, "tip");
    return made[0]?.match(/This reverts commit/g)?.length ?? 0;
  };
  expect(await takenBack(most)).toBe(most);
  expect(await takenBack(most + 1)).toBe(1);
});

test("TRAIN-words what stopped a train is told in so many characters, with no secret cut in half; so is why a member leaves", async () => {
  const stoppedWith = async (said: string, secret = "no-secret-at-all"): Promise<string> => {
    const fails = Object.assign(async () => ({ code: 1, stdout: "", stderr: `fatal: ${said}` }), {
      place: contextOn("/store").git.place,
      reading: null,
      room: { bytes: null, files: null },
    });
    const redact = (text: string): string => text.replaceAll(secret, "[redacted]");
    const report = await runTrain({ ...contextOn("/store", { git: fails }), redact }, NO_CHECKS);
    expect(TrainReport.parse(report)).toEqual(report);
    return report.stopped?.words ?? "";
  };
  const most = LIMITS.TRAIN_WORDS_MAX_CHARS;
  const around = (await stoppedWith("x")).length - 1;
  expect(await stoppedWith(`${"x".repeat(most - around - 1)}y`)).toMatch(/xy$/);
  const over = await stoppedWith(`${"x".repeat(most - around)}y`);
  expect([over.length, over.at(-1)]).toEqual([most, "x"]);
  // The word that hides it is longer than this one, and the cut would go through it.
  const hidden = await stoppedWith("secret".repeat(most), "secret");
  expect(hidden.length).toBe(most);
  expect(hidden).not.toContain("sec");
  const left = (chars: number): number => leaves(MEMBER, "conflict", "x".repeat(chars)).message.length;
  expect([left(most), left(most + 1)]).toEqual([most, most]);
});

test("of the files of one that left so many are named, with so many characters together", () => {
  const named = (files: readonly string[]): number[] =>
    leaves(MEMBER, "conflict", "", { files }).files.map(({ length }) => length);
  const many = Array.from({ length: LIMITS.CONFLICT_FILES_MAX + 1 }, (_, n) => `file-${n}`);
  expect(named(many.slice(1))).toHaveLength(LIMITS.CONFLICT_FILES_MAX);
  expect(named(many)).toHaveLength(LIMITS.CONFLICT_FILES_MAX);
  const long = Array.from({ length: LIMITS.LEFT_FILES_MAX_CHARS / 500 - 1 }, () => "x".repeat(500));
  expect(named([...long, "y".repeat(499), "z"])).toHaveLength(long.length + 2);
  expect(named([...long, "y".repeat(500), "z"])).toHaveLength(long.length + 1);
  // The longest name that a disk may have is told by its beginning.
  expect(named(["x".repeat(4_096), "z"])).toEqual([500, 1]);
});

/** As long as the wire takes it, in characters that are longest when they are sent. */
function largest(): TrainReport {
  const [id, sha] = ["i".repeat(128), "a".repeat(64)];
  const check = { name: "n".repeat(60), commandDigest: sha, exit: 255, ms: 1e9, outputDigest: sha };
  const green = { ...check, verdict: "green" as const, why: null, words: "" };
  const red = { ...check, verdict: "red" as const, why: "exit" as const, words: `exit 1\n${"漢".repeat(4_000)}` };
  const checks = [...Array.from({ length: 19 }, () => green), red];
  const run: GateRun = { upTo: 64, verdict: "red", tree: sha, checks, boxed: true, ms: 1e9 };
  const members = Array.from({ length: 64 }, () => ({ entryId: id, beadId: id, handedIn: sha, commit: sha }));
  const pushed = {
    from: sha,
    to: sha,
    tree: sha,
    members,
    checks: Array.from({ length: 20 }, () => green),
    boxed: true,
  };
  const files = Array.from({ length: 50 }, (_, n) => `${n}`.padEnd(80, "漢"));
  const left = leaves({ ...MEMBER, entryId: id }, "conflict", "漢".repeat(2_000), { files, commit: sha, tree: sha });
  return {
    trainId: `${id}:1`,
    target: sha,
    left: Array.from({ length: 64 }, () => left),
    runs: Array.from({ length: 66 }, () => run),
    pushed,
    earlier: Array.from({ length: LIMITS.UNTOLD_PUSHES_MAX }, (_, n) => ({ trainId: `${id}:${n + 2}`, pushed })),
    stopped: { class: "passing", code: "internal", words: "漢".repeat(2_000) },
  };
}

test("TRAIN-fits the largest report fits into one request to the rig, with all that was pushed; one that fits is told as it is", () => {
  expect(LIMITS.TRAIN_REPORT_MAX_BYTES).toBe(OF_RIG.body_bytes);
  const sizeOf = (report: TrainReport): number => Buffer.byteLength(JSON.stringify(report));
  const all = largest();
  expect(TrainReport.parse(all)).toEqual(all);
  expect(sizeOf(all)).toBeGreaterThan(LIMITS.TRAIN_REPORT_MAX_BYTES);
  const told = fitting(all);
  expect(sizeOf(told)).toBeLessThanOrEqual(LIMITS.TRAIN_REPORT_MAX_BYTES);
  expect(TrainReport.parse(told)).toEqual(told);
  expect([told.pushed, told.earlier, told.left.length, told.runs.length]).toEqual([all.pushed, all.earlier, 64, 66]);
  expect(told.runs[0]?.checks.at(-1)).toMatchObject({ why: "exit", words: expect.stringMatching(/^exit 1\n漢/) });

  const small: TrainReport = { ...all, left: [], runs: [] };
  const fill = (bytes: number): TrainReport => ({
    ...small,
    trainId: "r:1",
    left: [{ ...some, message: "x".repeat(bytes) }],
  });
  const some = leaves(MEMBER, "missing", "");
  const room = LIMITS.TRAIN_REPORT_MAX_BYTES - sizeOf(fill(0));
  expect(fitting(fill(room))).toEqual(fill(room));
  expect(fitting(fill(room + 1)).left[0]?.message).toHaveLength(LIMITS.TRAIN_WORDS_MAX_CHARS);
});
