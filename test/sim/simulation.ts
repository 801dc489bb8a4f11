import { createHash } from "node:crypto";
import type { JournalRow } from "../../src/core/journal.ts";
import { storedActors } from "../../src/do/store.ts";
import { checkAlarm, checkReplay } from "./checks.ts";
import { edit } from "./editors.ts";
import { bringWork, meddle } from "./operators.ts";
import { HEAL_MS, calmOf, heal, judgePeace } from "./peace.ts";
import { createSimulation, type Simulation } from "./requests.ts";
import {
  HOUR,
  START_MS,
  configure,
  createStage,
  newRig,
  type Counts,
  type Failure,
  type Options,
  type SimRig,
  type Stage,
} from "./stage.ts";
import { loseNowAndThen, stopNowAndThen } from "./restores.ts";
import { createTown, type Town } from "./town.ts";
import { badContainer, badDays, badProvider, badRig, often } from "./weather.ts";

/**
 * A deterministic simulation: the rig's own code on real SQLite, in virtual time, with a container, a network, agents and
 * operators that misbehave as one seed tells them to. The same seed gives the same journals, byte for byte.
 */

export interface Report {
  readonly options: Options;
  readonly failure: Failure | null;
  /** Digest of all journals. */
  readonly hash: string;
  /** Virtual hours, healing included, times rigs. */
  readonly rigHours: number;
  readonly healHours: number;
  readonly counts: Counts;
  readonly trace: readonly string[];
  /** Called while storage is open: the journals as rows. */
  readonly journals: readonly {
    rig: string;
    rows: JournalRow[];
    actors: ReturnType<typeof storedActors> extends Generator<infer R> ? R[] : never;
  }[];
}

/** All microtasks of the event that is happening: a tick of the process comes after them. Nothing in the simulation uses timers or real I/O. */
const turn = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
/** Lets timers and I/O of whoever runs the simulation have their turn. */
const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const BREATH_EVERY = 4_096;

export async function simulate(options: Options): Promise<Report> {
  const stage = createStage(options);
  const { queue } = stage;
  const sim = createSimulation(stage);
  const towns = Array.from({ length: Math.max(1, Math.ceil(options.rigs / 2)) }, (_, i) =>
    createTown(sim, `town${i + 1}`),
  );
  const rigs = Array.from({ length: options.rigs }, (_, i) =>
    newRig(queue, `r${i + 1}`, towns[i % towns.length] as Town, (options.seed + i) % 2 === 0),
  );
  if (stage.has("container")) for (const town of towns) badContainer(stage, town);
  if (stage.has("start")) for (const town of towns) badDays(stage, town);
  if (stage.has("provider")) for (const town of towns) badProvider(stage, town);
  for (const r of rigs) begin(stage, sim, r);
  await until(stage, rigs, START_MS + options.hours * HOUR, () => false);

  const healAt = queue.now;
  if (stage.failure === null) {
    heal(stage, sim, towns, rigs);
    await until(stage, rigs, healAt + HEAL_MS, calmOf(stage, rigs));
    judgePeace(stage, rigs);
  }

  const { hash, journals } = close(rigs);
  return {
    options,
    failure: stage.failure,
    hash,
    rigHours: ((queue.now - START_MS) / HOUR) * options.rigs,
    healHours: (queue.now - healAt) / HOUR,
    counts: stage.counts,
    trace: stage.lines,
    journals,
  };
}

/** Sets a rig up, and brings everybody who works with it, or against it. */
function begin(stage: Stage, sim: Simulation, r: SimRig): void {
  const { options } = stage;
  badRig(stage, sim, r);
  often(stage, `replay:${r.id}`, 12 * HOUR, () => checkReplay(stage, r));
  sim.request(r, configure(r));
  if (stage.options.trains === true)
    sim.request(r, {
      type: "set_settings",
      settings: {
        checks: [{ name: "test", command: "npm test", timeout_ms: 60_000 }],
        gate_slots: 1 + (stage.options.seed % 4),
      },
    });
  if (options.capacity !== undefined)
    sim.request(r, { type: "set_settings", settings: { capacity: options.capacity } });
  // Some rigs are touchy, so that the breaker opens often enough to be seen closing.
  if (stage.has("start") && stage.random(`touchy:${r.id}`).chance(0.4))
    sim.request(r, {
      type: "set_settings",
      settings: { breaker_failures: 1 + (stage.options.seed % 3), breaker_cooldown_ms: 120_000 },
    });
  bringWork(sim, r);
  if (stage.has("operators")) meddle(sim, r);
  if (stage.has("edits")) edit(sim, r);
  if (stage.has("stops")) stopNowAndThen(stage, sim, r);
  // An agent of a container that knows no dispatch ids keeps the token of its first start, which is no good after that.
  if (stage.has("imports") && options.old !== true) loseNowAndThen(stage, sim, r);
}

/** Lets things happen, one at a time, until a virtual time, a broken rule, or `stop` says so. */
async function until(stage: Stage, rigs: readonly SimRig[], end: number, stop: () => boolean): Promise<void> {
  for (let n = 0; stage.failure === null; n++) {
    if (n % 64 === 0 && stop()) return;
    const event = stage.queue.take(end);
    if (event === null) {
      stage.queue.rest(end);
      return;
    }
    event();
    await (n % BREATH_EVERY === 0 ? breath() : turn());
    for (const r of rigs) checkAlarm(stage, r);
  }
}

/** Takes the journals out, and closes the storage. */
function close(rigs: readonly SimRig[]): Pick<Report, "hash" | "journals"> {
  const hash = createHash("sha256");
  const journals = rigs.map((r) => {
    const rows = r.storage.sql.exec<JournalRow>("SELECT * FROM journal ORDER BY seq").toArray();
    for (const row of rows) hash.update(`${r.id} ${row.seq} ${row.at} ${row.type} ${row.body} ${row.effects ?? ""}\n`);
    return { rig: r.id, rows, actors: [...storedActors(r.storage.sql)] };
  });
  for (const r of rigs) {
    if (r.life) r.life.dead = true;
    r.storage.close();
  }
  return { hash: hash.digest("hex"), journals };
}
