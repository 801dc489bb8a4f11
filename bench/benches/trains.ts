/**
 * What a merge costs beyond git and the gate: the planner in runs of the gate, over simulated queues in which every run counts; and what the
 * container and the rig add to each merge, on real git.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { readConfig } from "../../container/config.ts";
import { type Git, TICKTOWN_IDENTITY, createGit } from "../../container/git/git.ts";
import { foldersOf } from "../../container/git/layout.ts";
import { parseRemote } from "../../container/git/remotes.ts";
import { runTrain } from "../../container/train/run.ts";
import { TrainRequest } from "../../src/wire/train.ts";
import { drawn, emptyQueue, oneByOne } from "../../test/support/train/queue.ts";
import { agentCaller } from "../../test/support/callers.ts";
import { bead, testRig } from "../../test/support/node-rig.ts";
import type { Bench } from "../context.ts";
import { median, quantile, type Result } from "../report.ts";

const QUEUES = 10_000;
const MERGES = 40;
/** A run of the gate tells at most one bit: so many reviews of which each is bad with this chance are worth so many runs less. */
const bound = (bad: number): number => (1 + bad) / (-(bad * Math.log2(bad)) - (1 - bad) * Math.log2(1 - bad));

export const trains: Bench = async ({ quick }): Promise<Result> => {
  const planned = planner(quick ? 1_000 : QUEUES);
  const container = await inContainer(quick ? 10 : MERGES);
  const rig = await inRig(quick ? 50 : 500);
  const ours = quantile(container.beyond, 0.99) + quantile(rig, 0.99);
  return {
    tables: [
      planned.table,
      {
        title: "One merge, ms",
        columns: ["what", "median", "p99"],
        rows: [
          ["a train of one, from the order to the report", median(container.total), quantile(container.total, 0.99)],
          ["of that beyond git", median(container.beyond), quantile(container.beyond, 0.99)],
          [
            "in the rig: a done that becomes a train, and a report that becomes facts",
            median(rig),
            quantile(rig, 0.99),
          ],
        ],
        notes: [
          `${container.total.length} and ${rig.length} merges; the rig on SQLite in Node, its container at once.`,
        ],
      },
    ],
    targets: [
      ...planned.targets,
      {
        what: "a merge beyond git and gate",
        wanted: "p99 at most 50 ms",
        is: `${ours.toFixed(1)} ms`,
        reached: ours <= 50,
      },
    ],
  };
};

const CASES = [
  { what: "one slot, 10 % bad", bad: 0.1, slots: 1, least: 1.9 },
  { what: "one slot, 2 % bad", bad: 0.02, slots: 1, least: 4.5 },
  { what: "eight slots, 10 % bad", bad: 0.1, slots: 8, least: 5 },
] as const;

function planner(queues: number) {
  let redPushes = 0;
  for (let seed = 0; seed < queues; seed++) {
    const bad = drawn(1 + (seed % 24), [0, 0.02, 0.1, 0.3, 1][seed % 5] ?? 0, seed);
    redPushes += emptyQueue({ bad, slots: 1 + (seed % 9), train_max: 1 + (seed % 17), seed }).redPushes;
  }
  const sixteen = Array.from({ length: 16 }, (_, at) =>
    emptyQueue({ bad: Array.from({ length: 16 }, (_, i) => i === at), slots: 1, train_max: 16 }),
  );
  const mostRuns = Math.max(...sixteen.map(({ runs }) => runs));
  const cases = CASES.map((one) => ({ ...one, times: faster(one.bad, one.slots) }));
  return {
    table: {
      title: "The planner: queues of 100 reviews against one by one",
      columns: ["queue", "times sooner", "wanted", "no planner with one slot can do more than"],
      rows: cases.map(({ what, times, least, bad, slots }) => [what, times, least, slots === 1 ? bound(bad) : "—"]),
      notes: [
        `Of ${queues.toLocaleString("en-US")} queues with an honest gate ${redPushes} pushes left a target that was not green. ` +
          `16 reviews with one bad one took at most ${mostRuns} runs, wherever it stood. Repetitions and runs of the target alone are counted.`,
      ],
    },
    targets: [
      {
        what: "pushes after which the target is not green",
        wanted: "0",
        is: String(redPushes),
        reached: redPushes === 0,
      },
      { what: "16 reviews with one bad one", wanted: "at most 9 runs", is: `${mostRuns} runs`, reached: mostRuns <= 9 },
      ...cases.map(({ what, times, least }) => ({
        what: `100 reviews, ${what}`,
        wanted: `${least} times sooner than one by one`,
        is: `${times.toFixed(2)} times`,
        reached: times >= least,
      })),
    ],
  };
}

function faster(chance: number, slots: number): number {
  let [ours, theirs] = [0, 0];
  for (let seed = 0; seed < 300; seed++) {
    const bad = drawn(100, chance, seed);
    ours += emptyQueue({ bad, slots, train_max: 8, seed }).rounds;
    theirs += oneByOne(bad);
  }
  return theirs / ours;
}

/** Trains of one on a repository beside it; how long each took, and how long no git ran meanwhile. */
async function inContainer(merges: number): Promise<{ total: number[]; beyond: number[] }> {
  const dir = mkdtempSync(path.join(tmpdir(), "ticktown-bench-trains-"));
  let [running, since, inGit] = [0, 0, 0];
  try {
    const url = path.join(dir, "origin.git");
    const heads = makeBranches(dir, url, merges);
    const total: number[] = [];
    const beyond: number[] = [];
    const config = readConfig({ ...process.env, WORK_DIR: path.join(dir, "work"), CONTROL_TOKEN: "bench" });
    mkdirSync(config.workDir, { recursive: true });
    const remote = parseRemote(url, {});
    const plain = createGit(config, TICKTOWN_IDENTITY, (text) => text, remote);
    // From the order to its answer: to start a program is a part of what it costs.
    const timed = async (...args: Parameters<Git>): ReturnType<Git> => {
      if (running++ === 0) since = performance.now();
      try {
        return await plain(...args);
      } finally {
        if (--running === 0) inGit += performance.now() - since;
      }
    };
    const git: Git = Object.assign(timed, { place: plain.place, reading: null, room: plain.room });
    const place = {
      git,
      remote,
      who: TICKTOWN_IDENTITY,
      folders: foldersOf(config.workDir, "rig1"),
      redact: (text: string): string => text,
      ephemeral: false,
      checksIn: "no box",
      signal: new AbortController().signal,
      say: () => {},
    };
    for (const [n, commit] of heads.entries()) {
      inGit = 0;
      const began = performance.now();
      const report = await runTrain({ ...place, request: orderOf(url, n, commit) }, { check: async () => false });
      const took = performance.now() - began;
      if (report.pushed === null) throw new Error(`train ${n}: ${JSON.stringify(report)}`);
      // The first one makes the store.
      if (n === 0) continue;
      total.push(took);
      beyond.push(took - inGit);
    }
    return { total, beyond };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function orderOf(gitUrl: string, n: number, commit: string): TrainRequest {
  const member = { entryId: `e${n}`, beadId: `b${n}`, agentId: "a1", branch: `b${n}`, commit, title: `Bead ${n}` };
  return TrainRequest.parse({
    trainId: `rig1:${n + 1}`,
    rigId: "rig1",
    gitUrl,
    targetBranch: "main",
    members: [{ ...member, approvedTree: null }],
    gates: [1],
    again: null,
    gate: {},
  });
}

/** @returns the tips of so many branches, of one new file each */
function makeBranches(dir: string, url: string, branches: number): string[] {
  const run = (args: string[], input = ""): string =>
    execFileSync("git", args, {
      cwd: dir,
      input,
      env: { PATH: process.env["PATH"], HOME: dir },
      encoding: "utf8",
    }).trim();
  run(["init", "--quiet", "--bare", "--initial-branch=main", url]);
  const commit = (branch: string, from: string): string =>
    `commit refs/heads/${branch}\ncommitter B <b@b> 1700000000 +0000\ndata 1\nx\n${from}M 100644 inline ${branch}.txt\ndata 1\nx\n\n`;
  const names = Array.from({ length: branches }, (_, n) => `b${n}`);
  const stream = commit("main", "") + names.map((name) => commit(name, "from refs/heads/main\n")).join("");
  run(["--git-dir", url, "fast-import", "--quiet"], stream);
  return names.map((name) => run(["--git-dir", url, "rev-parse", name]));
}

/** From an agent's done to its closed bead, with a container that does everything at once. */
async function inRig(merges: number): Promise<number[]> {
  const rig = testRig();
  rig.container.can = { inspect: true, ephemeral: false, trains: true };
  const took: number[] = [];
  for (let n = 1; n <= merges; n++) {
    const { beadId = "", agentId = "" } = rig.run({ type: "sling", bead: bead(`work ${n}`) });
    await rig.settled();
    const dispatch = `${agentId}:${rig.rig.world.agents.get(agentId)?.context.dispatchN ?? 0}`;
    const began = performance.now();
    const branch = rig.rig.world.beads.get(beadId)?.context.branch ?? "";
    rig.run({ type: "done", agentId, branch, prUrl: null, summary: null }, agentCaller(agentId, dispatch));
    await rig.settled();
    const order = rig.container.trains.at(-1);
    const [member] = order?.members ?? [];
    if (order === undefined || member === undefined) throw new Error("no train departed");
    const commit = n.toString(16).padStart(40, "0");
    const pushed = { entryId: member.entryId, beadId, handedIn: commit, commit };
    const report = {
      target: commit,
      left: [],
      runs: [],
      stopped: null,
      pushed: { from: commit, to: commit, tree: commit, members: [pushed], checks: [], boxed: false },
    };
    rig.run(
      { type: "complete_train", trainId: order.trainId, report },
      { kind: "container", id: "container", dispatchId: order.trainId, reviewId: "", trainId: order.trainId },
    );
    took.push(performance.now() - began);
    await rig.settled();
    if (rig.rig.world.beads.get(beadId)?.value === "in_review") throw new Error(`${beadId} was not merged`);
    await rig.tickAt(rig.now + 1_000);
  }
  rig.close();
  return took;
}
