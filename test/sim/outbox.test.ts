import { expect, test } from "vitest";
import { bead, testRig } from "../support/node-rig.ts";

/** Simulated events never share a turn of the event loop; what can come between two microtasks is tried here, one by one. */
test.each(Array.from({ length: 30 }, (_, n) => n))(
  "an effect that is committed %i microtasks after another is run at once",
  async (microtasks) => {
    const town = testRig();
    town.run({ type: "sling", bead: bead("one") });
    for (let n = 0; n < microtasks; n++) await Promise.resolve();
    town.run({ type: "sling", bead: bead("two") });
    await new Promise((resolve) => setImmediate(resolve));
    expect(town.container.starts.length).toBe(2);
    town.close();
  },
);

test("what waits for its time is not looked for before it, and is tried then", async () => {
  const town = testRig();
  const { sql } = town.ports;
  const { exec } = sql;
  let reads = 0;
  sql.exec = ((query: string, ...values: never[]) => {
    if (query.includes("FROM outbox")) reads++;
    return exec.call(sql, query, ...values);
  }) as typeof exec;
  town.container.onStop = () => ({ kind: "unknown", error: "no answer" });
  const { agentId = "" } = town.run({ type: "sling", bead: bead("one") });
  await town.settled();
  town.run({ type: "unhook", agentId });
  await town.settled();
  const next = (): number => Number(sql.exec("SELECT next_at FROM outbox").toArray()[0]?.["next_at"]);
  const first = next();
  expect(first).toBeGreaterThan(town.now);
  expect(town.rig.outbox.nextAt(town.rig)).toBe(first);
  reads = 0;
  await town.rig.outbox.settle(town.rig);
  expect([reads, town.rig.outbox.nextAt(town.rig)]).toEqual([0, first]);
  town.now = first;
  await town.rig.outbox.settle(town.rig);
  expect(town.rig.outbox.nextAt(town.rig)).toBeGreaterThan(first);
  town.container.onStop = () => ({ kind: "accepted" });
  town.now = next();
  await town.rig.outbox.settle(town.rig);
  expect(sql.exec("SELECT key FROM outbox").toArray()).toEqual([]);
  town.close();
});

test("a disk that fails while effects are in flight ends the drain and leaves nothing unhandled; the next alarm runs them again", async () => {
  const town = testRig();
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  const { sql, transaction } = town.ports;
  const { exec } = sql;
  const full = (): never => {
    throw new Error("the disk is full");
  };
  const answers: (() => void)[] = [];
  town.container.onStart = () => new Promise((resolve) => answers.push(() => resolve({ kind: "accepted" })));
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  // Six are in flight, the seventh was read with them and waits.
  town.run({ type: "pause" });
  for (let i = 0; i < 7; i++) town.run({ type: "create_bead", bead: bead(`work ${i}`), assignTo: null });
  town.run({ type: "resume" });
  await turn();
  expect(answers).toHaveLength(6);
  try {
    // Two answers are recorded; the seventh is launched in a free place, and when what came meanwhile is to be read, the disk is full.
    let isFull = false;
    sql.exec = ((query: string, ...values: never[]) => {
      isFull ||= query.startsWith("SELECT key, body");
      return isFull && query.includes("outbox") ? full() : exec.call(sql, query, ...values);
    }) as typeof exec;
    answers[0]?.();
    answers[1]?.();
    town.rig.outbox.expect();
    await turn();
    expect([isFull, answers.length]).toEqual([true, 7]);
    town.ports.transaction = full;
    for (const answer of answers) answer();
    await turn();
    await turn();
    expect(town.rig.outbox.inFlight()).toEqual([]);
  } finally {
    sql.exec = exec;
    town.ports.transaction = transaction;
    process.off("unhandledRejection", note);
  }
  expect(unhandled).toEqual([]);
  town.container.onStart = () => ({ kind: "accepted" });
  await town.advance(town.now + 60_000);
  expect(sql.exec("SELECT key FROM outbox").toArray()).toEqual([]);
  expect([...town.rig.world.agents.values()].filter((agent) => agent.matches("working"))).toHaveLength(7);
  town.close();
});
