import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { actorOfNeed, actorRef, actorWord, refText, snapshotOf } from "../../../dashboard/src/debug/actor.ts";
import { changesBetween, seqAt, spanOf } from "../../../dashboard/src/debug/changes.ts";
import { fileSource, momentAt } from "../../../dashboard/src/debug/source.ts";
import { allActors } from "../../../dashboard/src/lib/world.ts";
import { aboutOf, needsOf } from "../../../src/core/needs.ts";
import { stateName } from "../../../src/core/decide/index.ts";

/** The debugger goes by time, compares two moments, and is entered from every need. */

const text = readFileSync(new URL("../../golden/seed-6-r1.ndjson", import.meta.url), "utf8");
const source = await fileSource(new Blob([text]));
const last = source.last();
const entries = await source.entries(1, last);

describe("a time in the journal", () => {
  test("is the newest fact that was written by then, at every time that a fact has and right before it", async () => {
    for (const { fact } of entries.filter((_, i) => i % 7 === 0)) {
      const newest = (at: number): number => entries.findLast((entry) => entry.fact.at <= at)?.fact.seq ?? 1;
      expect(await seqAt(source, fact.at)).toBe(newest(fact.at));
      expect(await seqAt(source, fact.at - 1)).toBe(newest(fact.at - 1));
    }
  });

  test("before all facts is the first, after all the last; the line goes from one to the other", async () => {
    expect(await seqAt(source, 0)).toBe(1);
    expect(await seqAt(source, Number.MAX_SAFE_INTEGER)).toBe(last);
    expect(await spanOf(source)).toEqual([entries[0]?.fact.at, entries.at(-1)?.fact.at]);
  });

  test("is found in as many looks as the journal can be halved", async () => {
    let looks = 0;
    const counting = { ...source, entries: (from: number, to: number) => (looks++, source.entries(from, to)) };
    await seqAt(counting, entries[Math.floor(last / 3)]?.fact.at ?? 0);
    expect(looks).toBeLessThanOrEqual(Math.ceil(Math.log2(last)));
  });
});

describe("two moments", () => {
  test("of which one is the other have no difference", async () => {
    const { after } = await momentAt(source, last);
    expect(changesBetween(after, after)).toEqual([]);
    expect(changesBetween((await momentAt(source, last)).after, after)).toEqual([]);
  });

  test("differ in every actor that is not what it was, and in no other", async () => {
    const [before, after] = [
      (await momentAt(source, Math.floor(last / 2))).after,
      (await momentAt(source, last)).after,
    ];
    const changes = new Map(changesBetween(before, after).map((one) => [`${one.actor.kind}:${one.actor.id}`, one]));
    expect(changes.size).toBeGreaterThan(1);
    for (const { kind, id, snapshot } of allActors(after)) {
      const old = snapshotOf(before, { kind, id });
      const change = changes.get(`${kind}:${id}`);
      const isSame =
        old !== undefined &&
        stateName(old) === stateName(snapshot) &&
        JSON.stringify(old.context) === JSON.stringify(snapshot.context);
      expect(change === undefined).toBe(isSame);
      if (change !== undefined)
        expect([change.was, change.is]).toEqual([old ? stateName(old) : null, stateName(snapshot)]);
    }
  });

  test("say what is new, what is gone, and of the rest which values were and are", async () => {
    const [first, end] = [(await momentAt(source, 1)).after, (await momentAt(source, last)).after];
    const forth = changesBetween(first, end);
    const made = forth.filter(({ was }) => was === null);
    expect(made.length).toBeGreaterThan(1);
    const back = changesBetween(end, first);
    expect(back.filter(({ is }) => is === null).map(({ actor }) => actor)).toEqual(made.map(({ actor }) => actor));
    for (const { fields } of forth)
      for (const { was, is } of fields) expect(JSON.stringify(was)).not.toBe(JSON.stringify(is));
  });
});

test("every need of every moment leads to an actor that is there, and every actor has a word", async () => {
  let needs = 0;
  for (let seq = 1; seq <= last; seq += 11) {
    const { after } = await momentAt(source, seq);
    const ended = [...after.beads.values()].filter(({ value }) => value === "failed");
    for (const need of needsOf(after, { about: () => aboutOf(undefined), ended, now: after.at })) {
      needs++;
      const ref = actorRef(actorOfNeed(need));
      // Whose row cannot be read is shown with what is wrong with it.
      expect(ref === null ? undefined : (snapshotOf(after, ref) ?? after.broken.get(refText(ref)))).toBeDefined();
    }
    for (const { kind, id } of allActors(after)) expect(actorWord(after, new Map(), { kind, id })).not.toBe("");
  }
  expect(needs).toBeGreaterThan(0);
});
