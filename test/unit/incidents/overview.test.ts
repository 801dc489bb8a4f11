import { afterEach, beforeEach, expect, test } from "vitest";
import { actOnNeeds } from "../../../src/do/acts.ts";
import { createHerald, type Herald } from "../../../src/do/digest.ts";
import { needs } from "../../../src/do/needs.ts";
import { DOOR, LIMITS } from "../../../src/events/limits.ts";
import { type RigDigest, waitOf } from "../../../src/wire/overview.ts";
import { bead, OPERATOR, testRig, type TestRig } from "../../support/node-rig.ts";
import { as, DAY, slung } from "./words.ts";

/** What a rig tells its user unasked, and what is done about needs of many rigs. */

let rig: TestRig;
let told: RigDigest[];
let answers: (boolean | Error)[];
let herald: Herald;
let pauses: number[];

/** What its user's object would be. */
const follow = (): void => {
  herald = createHerald(
    rig.rig,
    async (digest) => {
      const answer = answers.shift() ?? true;
      if (answer instanceof Error) throw answer;
      if (answer) told.push(digest);
      return answer;
    },
    async (ms) => void pauses.push(ms),
  );
  rig.rig.listeners.add((entries) => herald.hear(entries));
  rig.rig.reminders.add(() => herald.remind());
};
beforeEach(() => {
  rig = testRig();
  // Nothing is dispatched unless a test says so.
  rig.run({ type: "pause" });
  [told, answers, pauses] = [[], [], []];
  follow();
});
afterEach(() => rig.close());

const create = (title: string): string =>
  rig.run({ type: "create_bead", bead: bead(title), assignTo: null }).beadId ?? "";
const remind = async (): Promise<void> => {
  herald.remind();
  await rig.settled();
};

test("a rig tells how it stands when something changes, together with what changed meanwhile, and not the same twice", async () => {
  create("one");
  create("two");
  await rig.settled();
  expect(told.map(({ state }) => state.beads)).toEqual([{ open: 2 }]);
  await remind();
  expect(told).toHaveLength(1);
});

test("OVERVIEW-pause the larger a rig is, the longer it waits until it tells again, so that its digest is a small part of its work", async () => {
  rig.rig.listeners.clear();
  for (let n = 0; n < 500; n++) create(`work ${n}`);
  follow();
  const pauseAt = async (ms: number): Promise<number> => {
    rig.now += ms;
    create("one more");
    await rig.settled();
    return pauses.splice(0)[0] ?? Number.NaN;
  };
  // 501 beads, and then as many as there are: 400 ms for a thousand.
  expect(await pauseAt(0)).toBe(0);
  expect(await pauseAt(0)).toBe(Math.floor((501 * LIMITS.digest_actors_ms) / 1_000));
  expect(await pauseAt(100)).toBe(100);
  expect(await pauseAt(201)).toBe(0);
  // A clock that was put back makes nobody wait longer than a whole pause.
  const whole = await pauseAt(-DAY);
  expect(whole).toBe(Math.floor((505 * LIMITS.digest_actors_ms) / 1_000));
});

test("nothing new is told again after a while, so that who reads it knows that the rig is there", async () => {
  create("one");
  await rig.settled();
  const count = told.length;
  rig.now += LIMITS.digest_again_ms - 1;
  await remind();
  expect(told).toHaveLength(count);
  rig.now += 1;
  await remind();
  expect(told).toHaveLength(count + 1);
  expect(Date.parse(told.at(-1)?.state.at ?? "")).toBe(rig.now);
});

test("OVERVIEW-again what did not reach the user's object is told again with the next alarm", async () => {
  answers = [new Error("it is away")];
  create("one");
  await rig.settled();
  expect(told).toEqual([]);
  expect(rig.logs.map(({ message }) => message)).toContain(
    "the rig's user was not told how it stands; it is told again",
  );
  await remind();
  expect(told.map(({ state }) => state.beads)).toEqual([{ open: 1 }]);
  // One that is not on the list yet is tried a few times, and then left until the alarm rings.
  answers = [false, false, false, true];
  create("two");
  await rig.settled();
  expect([told.length, answers]).toEqual([1, [true]]);
  await remind();
  expect(told).toHaveLength(2);
});

test("what came of beads today is counted from the journal and from then on, and begins anew with the day", async () => {
  const fail = async (title: string): Promise<RigDigest["state"]["today"] | undefined> => {
    rig.tell({ type: "bead.failed", beadId: create(title), reason: "exit 1" });
    await rig.settled();
    return told.at(-1)?.state.today;
  };
  expect(await fail("a")).toEqual({ merged: 0, failed: 1 });
  expect(await fail("b")).toEqual({ merged: 0, failed: 2 });
  rig.reopen();
  follow();
  expect(await fail("c")).toEqual({ merged: 0, failed: 3 });
  const end = Date.parse(told.at(-1)?.state.spend.ends_at ?? "");
  rig.now = end - 1;
  expect(await fail("d")).toEqual({ merged: 0, failed: 4 });
  rig.now = end;
  expect(await fail("e")).toEqual({ merged: 0, failed: 1 });
});

const ask = (id: string) => ({ id, kind: "question" as const, text: `${id}?`, command: null, options: [] });

test("ACTS-as_told what is done about a need is done about the one that was seen, and about no other", async () => {
  rig.run({ type: "resume" });
  const { agentId } = await slung(rig);
  const caller = as(rig, agentId);
  rig.run({ type: "asked", agentId, dispatchId: null, ask: ask("q1") }, caller);
  const seen = needs(rig.rig).needs.find(({ code }) => code === "question");
  const item = { rig_id: "r", key: seen?.key ?? "", since: seen?.since ?? null, ask_id: "q1" };
  const answer = (more: Partial<typeof item> = {}) =>
    actOnNeeds(rig.rig, [{ ...item, ...more }], { action: "answer", answer: "yes", preview: false }, OPERATOR).map(
      ({ result }) => result,
    );
  expect(answer({ since: new Date(rig.now - 1).toISOString() })).toEqual(["changed"]);
  expect(answer({ ask_id: "q0" })).toEqual(["changed"]);
  expect(answer()).toEqual(["done"]);
  expect(answer()).toEqual(["gone"]);
  rig.now += 1_000;
  rig.run({ type: "asked", agentId, dispatchId: null, ask: ask("q2") }, caller);
  expect(answer()).toEqual(["changed"]);
  expect(answer({ ask_id: undefined as never })).toEqual(["changed"]);
});

test("nobody is kept waiting for longer than he would wait, nor for longer than anybody", () => {
  expect([waitOf("0"), waitOf("7"), waitOf("99"), waitOf(undefined)]).toEqual([
    0,
    7_000,
    DOOR.overview_wait_s * 1_000,
    DOOR.overview_wait_s * 1_000,
  ]);
});
