import { wake } from "../../src/do/alarm.ts";
import type { RigPorts, SqlValue } from "../../src/do/ports.ts";
import { openRig, type Rig } from "../../src/do/rig.ts";
import { onAlarm } from "../../src/do/tick.ts";
import { glance, highest, overdue } from "../../src/core/invariants.ts";
import { check, committed } from "./checks.ts";
import { call, containerOf, throwing, type Line } from "./network.ts";
import { HOUR, type Life, type SimRig, type Stage } from "./stage.ts";

/** A rig's object as the platform runs it: opened from its rows, rung by its one alarm, and killed at any moment. */

/** A rig that rings more often than this per hour is in a storm; a cadence of 5 s makes 720. */
const ALARMS_PER_HOUR = 3_000;

/** The rig object died. Not an error of anybody. */
class Crash extends Error {}
/** A transaction that the platform could not complete. */
class StorageFailure extends Error {}

export const expected = (error: unknown): boolean => error instanceof Crash || error instanceof StorageFailure;

/** Out of memory, whatever it was doing. */
export function kill(stage: Stage, r: SimRig, why: string): void {
  if (r.life === null) return;
  stage.counts.crashes++;
  stage.trace(() => `${r.id} crashes ${why}`);
  r.life.dead = true;
  r.life = null;
  const { ringing } = r;
  r.ringing = null;
  // The platform runs a killed alarm again by itself.
  if (ringing !== null)
    stage.queue.after(2_000 * 2 ** ringing.attempt, () => ring(stage, r, ringing.scheduled, ringing.attempt + 1));
}

/** Rolls the dice for a crash of this rig at this point. */
function mayCrash(stage: Stage, r: SimRig, life: Life, p: number, where: string): void {
  if (!life.dead && stage.has("crash") && stage.luck.chance(p)) {
    kill(stage, r, where);
    throw new Crash(where);
  }
}

function alive(life: Life): void {
  if (life.dead) throw new Crash("this instance is dead");
}

/** What it needs from the world outside. */
function portsOf(stage: Stage, r: SimRig, life: Life): RigPorts {
  const line: Line = { stage, r, life, kill: (why) => kill(stage, r, why) };
  const container = containerOf(line);
  return {
    sql: {
      exec<Row extends Record<string, SqlValue>>(query: string, ...bindings: SqlValue[]) {
        alive(life);
        return r.storage.sql.exec<Row>(query, ...bindings);
      },
    },
    transaction: transactions(stage, r, life),
    now: () => r.now(),
    newId: (kind) => `${kind}-${r.id}-${++r.ids}`,
    getAlarm: () => r.alarm,
    setAlarm(at) {
      alive(life);
      r.alarmLost = false;
      setAlarm(stage, r, at);
    },
    deleteAlarm() {
      alive(life);
      setAlarm(stage, r, null);
    },
    container: () => container,
    async agentEnvironment({ dispatchId }) {
      // A token says in which second it was made.
      if (dispatchId !== null) r.tokens.set(dispatchId, Math.floor(r.now() / 1_000) * 1_000);
      return {};
    },
    notify: (effect) => call<void>(line, `notify ${effect.key}`, 10_000, () => {}, throwing),
    background(work) {
      work.catch((error: unknown) => {
        if (!life.dead && !expected(error))
          stage.fail(r, "background_threw", String(error instanceof Error ? error.stack : error));
      });
    },
    log(level, message, data) {
      stage.trace(() => `${r.id} log ${level}: ${message} ${JSON.stringify(data)}`);
      if (
        level === "error" &&
        !life.dead &&
        !JSON.stringify(data).includes("storage failed") &&
        !JSON.stringify(data).includes("durable")
      )
        stage.fail(r, "unexpected_error", `${message} ${JSON.stringify(data)}`);
    },
  };
}

/** Durable or undone; the object may die right before or after, and storage may fail. */
function transactions(stage: Stage, r: SimRig, life: Life): RigPorts["transaction"] {
  let depth = 0;
  return <T>(run: () => T): T => {
    alive(life);
    if (depth > 0) return r.storage.transaction(run);
    const { alarm, alarmLost } = r;
    depth++;
    let result: T;
    try {
      result = r.storage.transaction(() => {
        const value = run();
        mayCrash(stage, r, life, 0.0005, "before a transaction is durable");
        if (stage.has("storage") && stage.luck.chance(0.002)) {
          stage.counts.storage++;
          throw new StorageFailure("storage failed");
        }
        return value;
      });
    } catch (error) {
      // What was set in it was not set: a lost alarm is still lost.
      setAlarm(stage, r, alarm);
      r.alarmLost = alarmLost;
      throw error;
    } finally {
      depth--;
    }
    mayCrash(stage, r, life, 0.0005, "after a transaction is durable");
    return result;
  };
}

export function setAlarm(stage: Stage, r: SimRig, at: number | null): void {
  if (r.alarm === at) return;
  r.alarm = at;
  scheduleAlarm(stage, r);
}

/** Puts the armed alarm into the queue, at the time that the rig's clock makes it. */
export function scheduleAlarm(stage: Stage, r: SimRig): void {
  const token = ++r.alarmToken;
  if (r.alarm === null) return;
  stage.queue.at(r.alarm - r.skew, () => {
    if (token !== r.alarmToken || r.alarm === null) return;
    if (r.ringing !== null) {
      // One alarm at a time per object.
      stage.queue.after(50, () => token === r.alarmToken && scheduleAlarm(stage, r));
      return;
    }
    const how = stage.has("alarm") ? stage.luck.weighted({ fine: 950, late: 40, doubled: 8, lost: 2 }) : "fine";
    if (how === "late") {
      const delay_ms = stage.luck.around(30_000);
      stage.queue.after(delay_ms, () => token === r.alarmToken && r.alarm !== null && r.ringing === null && take());
      return;
    }
    if (how === "lost") {
      stage.trace(() => `${r.id} its alarm is lost`);
      r.alarmLost = true;
      r.alarm = null;
      return;
    }
    take(how === "doubled");
    function take(twice = false): void {
      const scheduled = r.alarm;
      r.alarm = null;
      r.alarmToken++;
      ring(stage, r, scheduled, 0);
      if (twice)
        stage.queue.after(stage.luck.between(0, 3_000), () => r.ringing === null && ring(stage, r, scheduled, 0));
    }
  });
}

function ring(stage: Stage, r: SimRig, scheduled: number | null, attempt: number): void {
  if (attempt > 6 || r.ringing !== null) return;
  stage.counts.alarms++;
  const hour = Math.floor(stage.queue.now / HOUR);
  r.rang = r.rang.hour === hour ? { hour, times: r.rang.times + 1 } : { hour, times: 1 };
  if (r.rang.times > ALARMS_PER_HOUR) return stage.fail(r, "alarm_storm", `${r.rang.times} alarms within an hour`);
  const rig = touch(stage, r);
  if (rig === null) {
    stage.queue.after(2_000 * 2 ** attempt, () => ring(stage, r, scheduled, attempt + 1));
    return;
  }
  stage.trace(() => `${r.id} alarm`);
  const mine = { scheduled, attempt };
  r.ringing = mine;
  void onAlarm(rig, scheduled)
    .then((report) => {
      // A TICK that was held up by storage has served nobody yet.
      if (report.error === null)
        for (const { rule, actor, text } of overdue(rig.world)) stage.fail(r, rule, `${actor} ${text}`);
      return report;
    })
    .catch((error: unknown) => {
      if (!expected(error)) stage.fail(r, "alarm_threw", String(error instanceof Error ? error.stack : error));
    })
    .finally(() => {
      if (r.ringing === mine) r.ringing = null;
    });
}

/** A repair that was journalled counts, whether or not its answer arrived. */
function isRepaired(r: SimRig, key: string, since: number): boolean {
  const [kind = "", ...id] = key.split(":");
  return (
    r.storage.sql
      .exec(
        "SELECT seq FROM journal WHERE type = 'actor.repaired' AND seq > ? AND json_extract(body, '$.kind') = ? AND json_extract(body, '$.id') = ?",
        since,
        kind,
        id.join(":"),
      )
      .toArray().length > 0
  );
}

/** The rig's object, opened from its rows when it is not in memory; null when it died on the way. */
export function touch(stage: Stage, r: SimRig): Rig | null {
  if (r.life !== null) return r.life.rig;
  return open(stage, r, openRig);
}

/** @param from how it is made of its rows */
export function open(stage: Stage, r: SimRig, from: (ports: RigPorts) => Rig): Rig | null {
  for (const [key, since] of r.poisoned) if (isRepaired(r, key, since)) r.poisoned.delete(key);
  const life: Life = { rig: null, dead: false };
  r.life = life;
  stage.counts.opens++;
  try {
    const rig = from(portsOf(stage, r, life));
    life.rig = rig;
    r.before = glance(rig.world);
    r.highest = highest(rig.world, r.highest);
    rig.listeners.add((entries) => committed(stage, r, rig, entries));
    for (const key of r.poisoned.keys())
      if (!rig.world.broken.has(key)) stage.fail(r, "not_quarantined", `${key} is garbage, and nobody noticed`);
    for (const key of rig.world.broken.keys())
      if (!r.poisoned.has(key)) stage.fail(r, "wrongly_quarantined", `${key}: ${rig.world.broken.get(key)}`);
    check(stage, r, rig, []);
    return rig;
  } catch (error) {
    if (r.life === life) r.life = null;
    if (!expected(error)) stage.fail(r, "open_threw", String(error instanceof Error ? error.stack : error));
    return null;
  }
}

/** Lets somebody speak to the rig. False: it did not hear, or nobody knows. */
export function speak(stage: Stage, r: SimRig, what: (rig: Rig) => void): boolean {
  const rig = touch(stage, r);
  if (rig === null) return false;
  const { life } = r;
  try {
    mayCrash(stage, r, life as Life, 0.0005, "when it is spoken to");
    wake(rig);
    what(rig);
    return true;
  } catch (error) {
    if (!expected(error)) stage.fail(r, "request_threw", String(error instanceof Error ? error.stack : error));
    return false;
  }
}
