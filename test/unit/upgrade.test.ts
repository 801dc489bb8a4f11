import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { replaySync } from "../../src/core/replay.ts";
import { replayFile } from "../../src/core/journal-file.ts";
import { archive, replayFromArchive } from "../../src/do/archive.ts";
import { NEWEST_RULES, RULES, TICKTOWN_VERSION, rulesOf } from "../../src/events/rules.ts";
import { factVersion, NewerError, readFact } from "../../src/events/upcast.ts";
import { journalOf } from "../../src/do/store.ts";
import { openRig } from "../../src/do/rig.ts";
import { readShapes } from "../mutants/golden.ts";
import { shapes } from "../mutants/judge.ts";
import { bead, testRig, type TestRig } from "../support/node-rig.ts";
import { oldJournal } from "../support/node-upgrade.ts";

/** Versions of which state folders were recorded; see test/fixtures/upgrade/README.md. */
const VERSIONS = ["38640e0"];

describe.each(VERSIONS)("the journals of version %s", (version) => {
  test.each(["first", "second"] as const)(
    "of its %s rig are folded as they were, to the rows that it left",
    async (rig) => {
      const lines = oldJournal(version, rig).split("\n");
      const { divergence, facts } = await replayFile(lines);
      expect(divergence).toBeNull();
      expect(facts).toBe(lines.filter((line) => line.startsWith('{"seq":')).length);
      expect(lines.some((line) => line.startsWith('{"actor":'))).toBe(true);
    },
  );
});

type Shape = { readonly [name: string]: unknown };
interface Shapes {
  readonly facts: readonly {
    readonly type: string;
    readonly v: number;
    readonly fields: Shape;
    readonly required: string[];
  }[];
  readonly effects: readonly { readonly kind: string; readonly fields: Shape; readonly required: string[] }[];
  readonly settings: readonly { readonly name: string }[];
}

/** Whether whatever has the old JSON Schema has the new one too. What it cannot tell it takes for a difference. */
function accepts(now: unknown, then: unknown): boolean {
  if (JSON.stringify(now) === JSON.stringify(then)) return true;
  if (typeof now !== "object" || typeof then !== "object" || now === null || then === null) return false;
  const [is, was] = [now as Shape, then as Shape];
  return [...new Set([...Object.keys(is), ...Object.keys(was)])].every((name) => {
    const [a, b] = [is[name], was[name]];
    if (/^(maximum|max[A-Z]\w+)$/.test(name)) return a === undefined || (b !== undefined && Number(a) >= Number(b));
    if (/^(minimum|min[A-Z]\w+)$/.test(name)) return a === undefined || (b !== undefined && Number(a) <= Number(b));
    if (name === "required")
      return ((a as string[] | undefined) ?? []).every((field) => (b as string[] | undefined)?.includes(field));
    if (name === "enum")
      return ((b as unknown[] | undefined) ?? []).every((value) => (a as unknown[] | undefined)?.includes(value));
    if (name === "properties" || name === "fields")
      return Object.entries(b as Shape).every(([field, shape]) => accepts((a as Shape)[field], shape));
    return accepts(a, b);
  });
}

describe("the rule sets", () => {
  test("are numbered without gaps, and the newest is the one that this Ticktown decides by", () => {
    expect(Object.keys(RULES).map(Number)).toEqual(Array.from({ length: NEWEST_RULES }, (_, i) => i + 1));
    const manifest = JSON.parse(readFileSync(path.join(import.meta.dirname, "../../package.json"), "utf8")) as object;
    expect(manifest).toMatchObject({ version: TICKTOWN_VERSION });
  });

  test("have a new number once anything is written that the last released one does not know", () => {
    const released = Object.keys(RULES)
      .map(Number)
      .filter((rules) => readShapes(rules) !== null);
    const last = Math.max(...released);
    if (shapes() !== readShapes(last))
      expect(NEWEST_RULES, "add a number to src/events/rules.ts").toBeGreaterThan(last);
    expect(NEWEST_RULES - last).toBeLessThanOrEqual(1);
  });

  test.each(
    Object.keys(RULES)
      .map(Number)
      .filter((rules) => readShapes(rules) !== null),
  )(
    "whatever was written by rules %i is still read: in the same shape or a wider one, or a version with an upcaster",
    (rules) => {
      const then = JSON.parse(readShapes(rules) ?? "") as Shapes;
      const now = JSON.parse(shapes()) as Shapes;
      for (const fact of then.facts) {
        const { type, v } = fact;
        const today = now.facts.find((each) => each.type === type);
        expect(today, `${type} is gone, and journals hold it`).toBeDefined();
        if (today?.v === v)
          expect(
            accepts({ ...today, v }, fact),
            `${type} refuses what was written: it needs a version and an upcaster`,
          ).toBe(true);
        else expect(() => readFact(type, v, {})).not.toThrow("has no upcaster");
      }
      for (const effect of then.effects) {
        const today = now.effects.find(({ kind }) => kind === effect.kind);
        expect(accepts(today, effect), `an effect ${effect.kind} that waits in an outbox is refused`).toBe(true);
      }
      for (const setting of then.settings) expect(now.settings.map(({ name }) => name)).toContain(setting.name);
    },
  );

  test("a shape that refuses what was written is noticed, one that takes more is not", () => {
    const old = {
      type: "object",
      properties: { a: { type: "string", maxLength: 5 }, b: { enum: ["x"] } },
      required: ["a"],
    };
    expect(
      accepts({ ...old, properties: { a: { type: "string", maxLength: 6 }, b: { enum: ["x", "y"] }, c: {} } }, old),
    ).toBe(true);
    expect(accepts({ ...old, properties: { ...old.properties, a: { type: "string", maxLength: 4 } } }, old)).toBe(
      false,
    );
    expect(accepts({ ...old, properties: { ...old.properties, b: { enum: ["y"] } } }, old)).toBe(false);
    expect(accepts({ ...old, properties: { a: old.properties.a } }, old)).toBe(false);
    expect(accepts({ ...old, required: ["a", "b"] }, old)).toBe(false);
  });
});

/** A rig as rules 1 left it. */
function oldRig(): TestRig {
  const town = testRig({ configured: false });
  const config = {
    rigId: "rig1",
    townId: "town1",
    userId: "u",
    name: "rig",
    gitUrl: "file:///r",
    defaultBranch: "main",
  };
  town.tell({ type: "rig.configured", ...config, rules: 1 });
  town.run({ type: "set_settings", settings: { max_attempts: 1 } });
  return town;
}

const typesOf = (town: TestRig): string[] => [...journalOf(town.rig)].map(({ fact }) => fact.type);
const replayed = (town: TestRig) => replaySync(journalOf(town.rig));

/** Lets a bead use up its attempts, and answers with the escalation that comes of it. */
async function exhaust(town: TestRig, title: string) {
  town.run({ type: "sling", bead: bead(title) });
  await town.settled();
  const agent = [...town.rig.world.agents.values()].find(({ context }) => context.hook !== null);
  if (agent === undefined) throw new Error("nobody works on it");
  const { id, dispatchN, name } = agent.context;
  town.run({
    type: "exited",
    agentId: id,
    dispatchId: `${id}:${dispatchN}`,
    outcome: "failed",
    reason: "exit 3",
    resetAt: null,
  });
  await town.tickAt(town.now + 1);
  const said = [...journalOf(town.rig)]
    .map(({ fact }) => fact)
    .findLast((fact) => fact.type === "bead.created" && fact.beadType === "escalation");
  return { said, name };
}

describe("a rig of older rules", () => {
  test("says once that it was taken over, in one row, and is not told again", () => {
    const town = oldRig();
    const before = typesOf(town).length;
    town.reopen();
    expect(typesOf(town).slice(before)).toEqual(["rig.upgraded"]);
    expect([...journalOf(town.rig)].at(-1)?.fact).toMatchObject({
      rules: NEWEST_RULES,
      version: TICKTOWN_VERSION,
      cause: null,
    });
    town.reopen();
    expect(typesOf(town)).toHaveLength(before + 1);
    expect(rulesOf(town.rig.world.rig.context)).toBe(NEWEST_RULES);
    town.close();
  });

  test("decides by the older rules before, by the newer ones after, and a replay compares both", async () => {
    const town = oldRig();
    const first = await exhaust(town, "before");
    expect(first.said).toMatchObject({ title: expect.stringMatching(/^bead bead-\S+ failed after 1 attempts$/) });
    town.reopen();
    const second = await exhaust(town, "after");
    expect(second.said).toMatchObject({
      title: `${second.name} gives up its bead after 1 attempts`,
      body: expect.stringMatching(/^Bead bead-\S+ has failed\. Last end of agent /),
    });
    expect(replayed(town)).toMatchObject({ divergence: null });
    town.close();
  });

  test("is not taken over while it was never set up, and a new one follows the newest rules from its first fact", () => {
    const empty = testRig({ configured: false });
    empty.reopen();
    expect(typesOf(empty)).toEqual([]);
    empty.close();
    const town = testRig();
    town.reopen();
    expect(typesOf(town)).toEqual(["rig.configured"]);
    expect(rulesOf(town.rig.world.rig.context)).toBe(NEWEST_RULES);
    town.close();
  });

  test("keeps its rules when it is renamed, and never goes back to older ones", () => {
    const town = testRig();
    const config = {
      rigId: "rig1",
      townId: "town1",
      userId: "u",
      name: "renamed",
      gitUrl: "file:///r",
      defaultBranch: "main",
    };
    town.tell({ type: "rig.configured", ...config, rules: 1 }, { type: "rig.upgraded", rules: 1, version: "0.0.1" });
    expect(rulesOf(town.rig.world.rig.context)).toBe(NEWEST_RULES);
    town.close();
  });

  test("whose own row cannot be read is taken over when it was repaired, not before", () => {
    const town = oldRig();
    town.ports.sql.exec("UPDATE actors SET value = '7' WHERE kind = 'rig'");
    town.reopen();
    expect(typesOf(town)).not.toContain("rig.upgraded");
    town.run({ type: "repair", kind: "rig", id: "rig" });
    town.reopen();
    expect(typesOf(town).at(-1)).toBe("rig.upgraded");
    expect(replayed(town)).toMatchObject({ divergence: null });
    town.close();
  });

  test("is replayed across the take-over when what was before has left for the archive", async () => {
    const town = oldRig();
    await exhaust(town, "before");
    town.reopen();
    await exhaust(town, "after");
    const files: string[] = [];
    const bucket = { put: async (_key: string, body: string) => files.push(body), delete: async () => {} };
    for (let n = 1; n <= 40; n++) await archive(town.rig, bucket, "rig1", { keep: 1, segment: 3 });
    expect(files.join("")).toContain('"rig.upgraded"');
    expect(replayFromArchive(town.rig)).toMatchObject({ divergence: null });
    town.reopen();
    expect(rulesOf(town.rig.world.rig.context)).toBe(NEWEST_RULES);
    expect(typesOf(town)).not.toContain("rig.upgraded");
    town.close();
  });
});

describe("a rig that a newer Ticktown wrote is not opened, and nothing is written:", () => {
  const everything = (town: TestRig): unknown =>
    ["journal", "actors", "outbox", "content", "meta"].map((table) =>
      town.ports.sql.exec(`SELECT * FROM ${table}`).toArray(),
    );

  const bring = (sql: string) => (town: TestRig) => void town.ports.sql.exec(sql);
  const row = (type: string, v: number) =>
    `INSERT INTO journal SELECT MAX(seq) + 1, MAX(at), '${type}', ${v}, NULL, MAX(seq) + 1, NULL, '{}', NULL, NULL FROM journal`;

  test.each<[string, (town: TestRig) => void, RegExp]>([
    [
      "its rules are not known",
      bring(`UPDATE actors SET context = json_set(context, '$.rules', ${NEWEST_RULES + 1}) WHERE kind = 'rig'`),
      /follows rules \d+, but this Ticktown knows only up to \d+: use a newer one/,
    ],
    ["it has a fact of a type that is not known", bring(row("agent.invented", 1)), /fact agent\.invented is not known/],
    [
      "it has a fact of a version that is not known",
      bring(row("agent.heard", factVersion("agent.heard") + 1)),
      /fact agent\.heard has version 2, but this Ticktown knows only up to 1/,
    ],
    [
      "it has an actor of a version that is not known",
      bring("UPDATE actors SET v = 99 WHERE kind = 'bead'"),
      /a stored bead has version 99/,
    ],
    ["its tables are not known", bring("UPDATE meta SET value = '99' WHERE name = 'schema'"), /has schema 99/],
  ])("%s", (_what, change, reason) => {
    const town = testRig();
    town.run({ type: "create_bead", bead: bead("work", { type: "message" }), assignTo: null });
    change(town);
    const before = everything(town);
    const { alarm } = town;
    expect(() => openRig(town.ports)).toThrow(NewerError);
    expect(() => openRig(town.ports)).toThrow(reason);
    expect(everything(town)).toEqual(before);
    expect(town.alarm).toBe(alarm);
    town.close();
  });
});
