import { median, type Result, type Target } from "../report.ts";
import type { Bench } from "../context.ts";

type Race = { steps: number; rows: number; ms: number; bare_ms: number };

const HOW = ["together", "alone", "alone and awaited"] as const;
const NAMES = {
  together: "one commit",
  alone: "a commit each",
  "alone and awaited": "a commit each, each awaited",
} as const;

/** Durable steps against the very same rows written by nothing but SQL, in the same workerd. */
export const steps: Bench = async ({ quick, workerd }): Promise<Result> => {
  const server = await workerd();
  const rows: (string | number)[][] = [];
  const targets: Target[] = [];
  const rounds = quick ? 4 : 9;
  for (const kind of ["progress", "unhook"] as const) {
    for (const how of HOW) {
      const agents = how === "together" ? 2_000 : how === "alone" ? 1_000 : 300;
      const races: Race[] = [];
      for (let round = 0; round < rounds; round++) {
        // Progress can be repeated on the same pair of rigs; an unhook takes the work away.
        const pair = `steps-${kind}-${how.replaceAll(" ", "-")}-${kind === "progress" ? 0 : round}`;
        if (kind === "unhook" || round === 0)
          for (const name of ["steps", "bare", "recorder"].map((role) => `${pair}-${role}`))
            await server.fill(name, agents);
        races.push(await server.call<Race>(`${pair}-steps`, "race", kind, how, `${pair}-bare`, `${pair}-recorder`));
      }
      // The first round compiles.
      const warm = races.slice(1);
      const perSecond = median(warm.map((race) => (race.steps / race.ms) * 1_000));
      const bare = median(warm.map((race) => (race.steps / race.bare_ms) * 1_000));
      const ratio = median(warm.map((race) => race.bare_ms / race.ms));
      rows.push([
        `${kind}, ${NAMES[how]}`,
        (races[0]?.rows ?? 0) / (races[0]?.steps ?? 1),
        perSecond,
        bare,
        `${Math.round(ratio * 100)} %`,
      ]);
      targets.push({
        what: `${kind}, ${NAMES[how]}: share of the bare SQL rate`,
        wanted: "at least 60 %",
        is: `${Math.round(ratio * 100)} %`,
        reached: ratio >= 0.6,
      });
    }
  }
  const { insert_ms, select_ms, commit_ms, commits } = await server.call<{
    insert_ms: number;
    select_ms: number;
    commit_ms: number;
    commits: number;
  }>("limits", "limits", 100_000);
  return {
    tables: [
      {
        title: "Durable steps (workerd)",
        columns: ["what", "statements per step", "steps/s", "same rows by bare SQL, steps/s", "share"],
        rows,
        notes: [
          "`progress`: one transition; a journal row and an actor's row. `unhook`: two transitions; a journal row, two actors' rows and an effect's. The bare run executes the very statements of these steps, recorded in a third rig, in the same transactions; all three objects were filled alike.",
        ],
      },
      {
        title: "The limits of the same workerd",
        columns: ["what", "per second"],
        rows: [
          ["rows inserted, one transaction", (100_000 / insert_ms) * 1_000],
          ["rows selected", (100_000 / select_ms) * 1_000],
          ["durable commits, each awaited", (commits / commit_ms) * 1_000],
        ],
      },
    ],
    targets,
  };
};
