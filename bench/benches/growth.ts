import type { Result, Target } from "../report.ts";
import type { Bench } from "../context.ts";

const MIB = 2 ** 20;

interface ArchivedAll {
  segments: number;
  lines: number;
  bytes: number;
  ms: number;
  left: number;
  size: number;
  facts: number;
  divergence: unknown;
}
interface Alarms {
  rang: number;
  lateness_p50_ms: number;
  lateness_max_ms: number;
  took_p50_ms: number;
  span_ms: number;
}

/** A rig that grows for years, and many rigs at once. */
export const growth: Bench = async ({ quick, workerd, container }): Promise<Result> => {
  const server = await workerd();
  const wanted = quick ? 20_000 : 200_000;
  const rig = "growth";
  let facts = 0;
  while (facts < wanted) facts = await server.call<number>(rig, "live", rig, 30, wanted, 50_000);
  const before = await server.call<number>(rig, "size");
  const archived = await server.call<ArchivedAll>(rig, "archiveAll", Math.floor(wanted / 10));
  const perLife = await server.call<number>(rig, "factsPerLife");

  const rigs = quick ? 100 : 1_000;
  const names = Array.from({ length: rigs }, (_, i) => `many-${i}`);
  const inTurns = async (run: (name: string) => Promise<unknown>) => {
    const left = [...names];
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let name = left.pop(); name !== undefined; name = left.pop()) await run(name);
      }),
    );
  };
  const control = await container();
  await inTurns(async (name) => {
    await server.fill(name, 3);
    await control.knows(name, await server.call(name, "dispatches"));
  });
  const alarmsOf = async (evict: boolean): Promise<Alarms> => {
    if (evict) await inTurns((name) => server.call(name, "forget").catch(() => {}));
    // An object that is not called for ten seconds loses its memory: those that are to keep it ring sooner.
    const at = Date.now() + (evict ? 15_000 : 5_000);
    await inTurns((name) => server.call(name, "armAt", at));
    if (Date.now() > at - 200) throw new Error("arming took too long for all alarms to be due at once");
    await server.get("/bench/alarms");
    await new Promise((resolve) => setTimeout(resolve, at - Date.now() + (evict ? 5_000 : 3_000)));
    return server.get<Alarms>("/bench/alarms");
  };
  const cold = await alarmsOf(true);
  await inTurns((name) => server.call(name, "ring"));
  const warm = await alarmsOf(false);
  return reportOf({ facts, perLife, bytes: before, archived, rigs, cold, warm });
};

interface Measured {
  readonly facts: number;
  readonly perLife: number;
  /** Of the rig's storage before its archive took anything. */
  readonly bytes: number;
  readonly archived: ArchivedAll;
  readonly rigs: number;
  readonly cold: Alarms;
  readonly warm: Alarms;
}

function reportOf({ facts, perLife, bytes: before, archived, rigs, cold, warm }: Measured): Result {
  const lives = facts / perLife;
  const targets: Target[] = [
    {
      what: "what is left after archiving replays",
      wanted: "no divergence",
      is: JSON.stringify(archived.divergence),
      reached: archived.divergence === null,
    },
    {
      what: `${rigs} rigs due in the same ms`,
      wanted: "all ring",
      is: `${warm.rang} rang, the last ${warm.lateness_max_ms} ms late`,
      reached: warm.rang >= rigs,
    },
  ];
  const bytesPerLife = before / lives;
  return {
    tables: [
      {
        title: "Growth of one rig",
        columns: ["what", "value"],
        rows: [
          ["facts in the journal", facts],
          ["facts per bead's life", perLife],
          ["bytes per bead's life, journal and all", bytesPerLife],
          ["beads until 10 GB without an archive", 10e9 / bytesPerLife],
          ["facts archived", archived.lines],
          ["segments", archived.segments],
          ["NDJSON written, MiB", archived.bytes / MIB],
          ["archived facts/s (folded, compared, written, deleted)", (archived.lines / archived.ms) * 1_000],
          ["facts left in the rig", archived.left],
          [
            "bytes that stay of a life when its journal has gone",
            (archived.size - (before * archived.left) / facts) / (lives * (1 - archived.left / facts)),
          ],
          ["storage before, MiB", before / MIB],
          ["storage after (pages are used again, not given back), MiB", archived.size / MIB],
        ],
        notes: ["What stays of a bead whose journal has gone: its own row, its review's, and its text."],
      },
      {
        title: `${rigs} rigs in one workerd, all alarms due in the same ms`,
        columns: ["what", "rang", "lateness p50, ms", "lateness worst, ms", "alarm p50, ms", "first to last, ms"],
        rows: [
          [
            "evicted before: each wakes from its rows and asks its container",
            cold.rang,
            cold.lateness_p50_ms,
            cold.lateness_max_ms,
            cold.took_p50_ms,
            cold.span_ms,
          ],
          ["in memory", warm.rang, warm.lateness_p50_ms, warm.lateness_max_ms, warm.took_p50_ms, warm.span_ms],
        ],
        notes: ["Each rig has three agents at work in a town of its own, and asks for them."],
      },
    ],
    targets,
  };
}
