import { appendFileSync, createReadStream, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { replaySync } from "../../src/core/replay.ts";
import { headerLine, isStoredActor, readLine, replayFile } from "../../src/core/journal-file.ts";
import type { JournalEntry } from "../../src/core/journal.ts";
import { median, quantile, type Result } from "../report.ts";
import { scratch, type Workerd } from "../server.ts";
import type { Bench } from "../context.ts";

const AGENTS = 1_000;
const PAGE = 50_000;

interface Starts {
  /** ms to the first answer of a new object. */
  readonly answers: number[];
  readonly warm: number[];
  readonly restarts: { open: number; answer: number }[];
}

/** How fast a rig is there again: a new object, a warm one, a new process. */
async function timedStarts(server: Workerd, rig: string, agentId: string, rounds: number): Promise<Starts> {
  const answers: number[] = [];
  for (let round = 0; round < 9; round++) {
    await server.call(rig, "forget").catch(() => {});
    const began = performance.now();
    await server.get(`/api/rigs/${rig}/agents/${agentId}`);
    answers.push(performance.now() - began);
  }
  const warm: number[] = [];
  for (let round = 0; round < 50; round++) {
    const began = performance.now();
    await server.get(`/api/rigs/${rig}/agents/${agentId}`);
    warm.push(performance.now() - began);
  }
  const restarts: { open: number; answer: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    const open = await server.restart();
    const began = performance.now();
    await server.get(`/api/rigs/${rig}/agents/${agentId}`);
    restarts.push({ open, answer: performance.now() - began });
  }
  return { answers, warm, restarts };
}

interface Replays {
  /** Facts per second. */
  readonly trusted: number;
  readonly validated: number;
  /** The fold and the comparison alone. */
  readonly fold: number;
}

/** How fast the whole journal is folded again, from a file and from memory. */
async function timedReplays(server: Workerd, rig: string, facts: number): Promise<Replays> {
  const file = join(scratch, "recovery.ndjson");
  writeFileSync(file, `${headerLine(rig)}\n`);
  for (let after = 0; ;) {
    const page = await server.call<string[]>(rig, "lines", after);
    if (page.length === 0) break;
    appendFileSync(file, `${page.join("\n")}\n`);
    after += page.length;
  }
  const lines = () => createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
  const replays: Record<string, number> = {};
  for (const trusted of [true, false]) {
    const began = performance.now();
    const { divergence } = await replayFile(lines(), { trusted });
    if (divergence !== null) throw new Error(`replay diverged: ${JSON.stringify(divergence)}`);
    replays[trusted ? "trusted" : "validated"] = (facts / (performance.now() - began)) * 1_000;
  }
  // Only the fold and the comparison: what is left when reading costs nothing.
  const some: JournalEntry[] = [];
  for await (const line of lines()) {
    const read = some.length === 0 && line.includes('"ticktown"') ? null : readLine(line, { trusted: true });
    if (read !== null && !isStoredActor(read)) some.push(read);
    if (some.length === 200_000) break;
  }
  const whole = some.slice(
    0,
    some.findLastIndex((entry) => entry.batch === entry.fact.seq),
  );
  const fold = median(
    [0, 1, 2].map(() => {
      const began = performance.now();
      replaySync(whole);
      return (whole.length / (performance.now() - began)) * 1_000;
    }),
  );
  return { trusted: replays["trusted"] ?? 0, validated: replays["validated"] ?? 0, fold };
}

/** A rig with a long past: how fast it is there again, and how fast all of it can be folded again. */
export const recovery: Bench = async ({ quick, workerd }): Promise<Result> => {
  const server = await workerd();
  const wanted = quick ? 50_000 : 1_000_000;
  const rig = "recovery";
  let facts = 0;
  while (facts < wanted) facts = await server.call<number>(rig, "live", rig, AGENTS, wanted, PAGE);
  const [{ agentId }] = (await server.call<{ agentId: string }[]>(rig, "dispatches")) as [{ agentId: string }];
  const bytes = await server.call<number>(rig, "size");

  const starts = await timedStarts(server, rig, agentId, quick ? 1 : 5);
  const inObject = await server.call<{ facts: number; ms: number; divergence: unknown }>(rig, "timedReplay");
  if (inObject.divergence !== null) throw new Error(`replay diverged: ${JSON.stringify(inObject.divergence)}`);
  const replays = await timedReplays(server, rig, facts);
  return reportOf({ facts, bytes, starts, inObject, replays });
};

interface Measured {
  readonly facts: number;
  readonly bytes: number;
  readonly starts: Starts;
  readonly inObject: { readonly facts: number; readonly ms: number };
  readonly replays: Replays;
}

function reportOf({ facts, bytes, starts, inObject, replays }: Measured): Result {
  const { answers, warm, restarts } = starts;
  const { trusted, validated, fold } = replays;
  const best = Math.max(fold, trusted);
  const cold = median(answers);
  return {
    tables: [
      {
        title: `Cold start: ${AGENTS.toLocaleString("en-US")} agents, ${facts.toLocaleString("en-US")} facts, ${Math.round(bytes / 2 ** 20)} MiB (workerd)`,
        columns: ["what", "median, ms", "worst, ms"],
        rows: [
          ["a new object: first answer over HTTP", cold, quantile(answers, 1)],
          [
            "a new process: first answer after the port is open",
            median(restarts.map((each) => each.answer)),
            quantile(
              restarts.map((each) => each.answer),
              1,
            ),
          ],
          [
            "(a new process until the port is open)",
            median(restarts.map((each) => each.open)),
            quantile(
              restarts.map((each) => each.open),
              1,
            ),
          ],
          ["(the same answer when warm)", median(warm), quantile(warm, 1)],
        ],
      },
      {
        title: "Full replay: every fact, effect and row compared",
        columns: ["what", "facts/s"],
        rows: [
          ["fold and comparison, journal in memory (Node)", fold],
          ["from a file, its own lines trusted (Node)", trusted],
          ["from a file, every line validated (Node)", validated],
          ["in the object, from its rows, every row validated (workerd)", (inObject.facts / inObject.ms) * 1_000],
        ],
      },
    ],
    targets: [
      {
        what: "cold start to the first answer, from rows",
        wanted: "under 100 ms",
        is: `${cold.toFixed(0)} ms`,
        reached: cold < 100,
      },
      {
        what: "full replay",
        wanted: "at least 150,000 facts/s",
        is: `${Math.round(best).toLocaleString("en-US")} facts/s folded and compared, ${Math.round(trusted).toLocaleString("en-US")} from a file`,
        reached: fold >= 150_000,
      },
    ],
  };
}
