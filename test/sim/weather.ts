import type { Kind } from "../../src/core/step.ts";
import { kill, scheduleAlarm } from "./host.ts";
import type { Random } from "./random.ts";
import type { Simulation } from "./requests.ts";
import { HOUR, type SimRig, type Stage } from "./stage.ts";
import type { Town } from "./town.ts";

/** What goes wrong by itself, now and then, until everything heals. */

/** @param name of its own stream of luck */
export function often(stage: Stage, name: string, mean_ms: number, run: (random: Random) => void): void {
  const own = stage.random(name);
  const next = (): void => {
    stage.queue.after(own.around(mean_ms), () => {
      if (stage.healed) return;
      run(own);
      next();
    });
  };
  next();
}

/** The container is evicted, unreachable or slow. */
export function badContainer(stage: Stage, town: Town): void {
  const { queue, counts } = stage;
  often(stage, `evict:${town.id}`, 4 * HOUR, (own) => {
    counts.evictions++;
    stage.trace(() => `${town.id} is evicted`);
    town.evict(own.chance(0.6));
  });
  often(stage, `outage:${town.id}`, 6 * HOUR, (own) => {
    counts.outages++;
    town.unreachableUntil = queue.now + own.around(own.chance(0.1) ? 4 * HOUR : 600_000);
    stage.trace(() => `${town.id} is unreachable for ${town.unreachableUntil - queue.now} ms`);
    if (own.chance(0.3)) town.evict(false);
  });
  often(stage, `slow:${town.id}`, 5 * HOUR, (own) => {
    town.slow_ms = own.between(2_000, 60_000);
    queue.after(own.around(900_000), () => {
      town.slow_ms = 0;
    });
  });
}

export function badDays(stage: Stage, town: Town): void {
  often(stage, `bad-day:${town.id}`, 12 * HOUR, (own) => {
    stage.trace(() => `${town.id} refuses nearly every start for a while`);
    town.badDay = true;
    stage.queue.after(own.around(2_400_000), () => {
      town.badDay = false;
    });
  });
}

/** For minutes, or for hours. */
export function badProvider(stage: Stage, town: Town): void {
  often(stage, `provider:${town.id}`, 10 * HOUR, (own) => {
    stage.counts.away++;
    const until = stage.queue.now + own.around(own.chance(0.3) ? 8 * HOUR : 1_200_000);
    stage.trace(() => `${town.id}: the provider of the models is away for ${until - stage.queue.now} ms`);
    town.provider.lose(Math.max(town.provider.awayUntil, until), 20_000);
  });
}

/** Its clock jumps, its object is killed, its rows become garbage. */
export function badRig(stage: Stage, sim: Simulation, r: SimRig): void {
  if (stage.has("clock")) {
    often(stage, `clock:${r.id}`, 5 * HOUR, (own) => {
      stage.counts.jumps++;
      r.skew += own.chance(0.1) ? own.between(-2 * HOUR, 2 * HOUR) : own.between(-300_000, 300_000);
      stage.trace(() => `${r.id} its clock jumps: ${r.skew} ms from the truth`);
      scheduleAlarm(stage, r);
    });
  }
  if (stage.has("suspend"))
    often(stage, `suspend:${r.id}`, 10 * HOUR, (own) => {
      stage.counts.jumps++;
      r.skew += own.around(6 * HOUR);
      stage.trace(() => `${r.id} everything stood still: ${r.skew} ms from the truth`);
      scheduleAlarm(stage, r);
    });
  if (stage.has("crash")) often(stage, `kill:${r.id}`, 2 * HOUR, () => kill(stage, r, "out of the blue"));
  if (stage.has("poison")) often(stage, `poison:${r.id}`, 12 * HOUR, (own) => poison(stage, sim, r, own));
}

const MOST_POISONED = 3;

function poison(stage: Stage, sim: Simulation, r: SimRig, own: Random): void {
  if (r.poisoned.size >= MOST_POISONED) return;
  const { sql } = r.storage;
  const row = own.pick(
    sql
      .exec<{ kind: string; id: string }>(
        "SELECT kind, id FROM actors WHERE live = 1 AND error IS NULL AND kind <> 'rig' ORDER BY seq",
      )
      .toArray()
      .concat({ kind: "", id: "" }),
  );
  if (row.kind === "") return;
  const set = own.pick(["value = '\"nowhere\"'", "context = '{garbage'", "v = 0", "context = '{}'", "value = ''"]);
  stage.counts.poisoned++;
  stage.trace(() => `${r.id} poison: ${row.kind}:${row.id} ${set}`);
  kill(stage, r, "before its storage is damaged");
  r.poisoned.set(
    `${row.kind}:${row.id}`,
    sql.exec<{ seq: number }>("SELECT MAX(seq) AS seq FROM journal").toArray()[0]?.seq ?? 0,
  );
  sql.exec(`UPDATE actors SET ${set} WHERE kind = ? AND id = ?`, row.kind, row.id);
  if (own.chance(0.6))
    stage.queue.after(own.around(2 * HOUR), () =>
      sim.request(r, { type: "repair", kind: row.kind as Kind, id: row.id }),
    );
}
