import { readdirSync, readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import { replay, replayer, replaySync, stateAt } from "../../src/core/replay.ts";
import {
  actorLine,
  entryLine,
  headerLine,
  isStoredActor,
  readHeader,
  readLine,
  replayFile,
} from "../../src/core/journal-file.ts";
import { cut, resume, type StoredActor } from "../../src/core/cut.ts";
import { readJournal, storedActors } from "../../src/do/store.ts";
import type { JournalEntry } from "../../src/core/journal.ts";
import { remember } from "../../src/machines/xstate.ts";
import { readFact } from "../../src/events/upcast.ts";
import { bead, testRig, type TestRig } from "../support/node-rig.ts";

const GOLDEN = new URL("../golden/", import.meta.url);
const golden = readdirSync(GOLDEN).filter((name) => name.endsWith(".ndjson"));
const linesOf = (name: string): string[] =>
  readFileSync(new URL(name, GOLDEN), "utf8")
    .split("\n")
    .filter((line) => line !== "");

function parse(lines: readonly string[]): { entries: JournalEntry[]; rows: StoredActor[] } {
  const read = lines.slice(1).map((line) => readLine(line));
  return {
    entries: read.filter((line): line is JournalEntry => !isStoredActor(line)),
    rows: read.filter(isStoredActor),
  };
}

/** One bead from sling to merge, with a stop on the way. */
async function lived(): Promise<TestRig> {
  const town = testRig();
  const { agentId = "" } = town.run({ type: "sling", bead: bead("one") });
  await town.settled();
  town.run({ type: "exited", agentId, dispatchId: `${agentId}:1`, outcome: "failed", reason: "exit 1", resetAt: null });
  await town.advance(town.now + 120_000);
  town.run({ type: "done", agentId, branch: "b", prUrl: null, summary: null });
  await town.settled();
  town.run({
    type: "complete_review",
    reviewId: town.container.merges[0]?.entryId ?? "",
    claimId: null,
    verdict: "merged",
    permanent: false,
    message: "",
    commitSha: "abc",
  });
  return town;
}
const journal = (town: TestRig): JournalEntry[] => readJournal(town.rig.ports.sql, 0, 10_000);

afterEach(() => remember(true));

test.each(golden.flatMap((name) => [true, false].map((on) => ({ name, on, how: on ? "remembered" : "asked again" }))))(
  "the recorded journal $name folds to what was recorded, with what xstate decided $how",
  async ({ name, on }) => {
    remember(on);
    const { divergence, facts } = await replayFile(linesOf(name));
    expect(
      divergence,
      `${name} folds differently now. Rigs out there have such journals and rows. If a machine changed on purpose, give it a new version and a migration (src/core/step.ts); if a fact changed, an upcaster (src/events/upcast.ts). Only then record anew: node scripts/sim.ts --seed N --rigs 1 --hours 10 --save test/golden, with the seed of the file name`,
    ).toBe(null);
    expect(facts).toBeGreaterThan(100);
  },
);

test("the recorded journals hold nearly every kind of fact", () => {
  const types = new Set(golden.flatMap((name) => parse(linesOf(name)).entries.map(({ fact }) => fact.type)));
  expect(types.size).toBeGreaterThanOrEqual(45);
});

test.each(golden)("%s may be cut, stored, restored and continued after any commit", (name) => {
  const { entries, rows } = parse(linesOf(name));
  const run = replayer();
  const ends = new Set(entries.flatMap(({ batch }, i) => (entries[i + 1]?.batch === batch ? [] : [i])));
  const whole = replayer();
  for (const entry of entries) whole.push(entry);
  whole.end();
  const final = JSON.stringify(cut(whole.world));
  // In one journal every cut is folded to the very end; in the others every tenth, and the rest for a while.
  for (const [i, entry] of entries.entries()) {
    run.push(entry);
    if (!ends.has(i)) continue;
    expect(run.end().divergence).toBe(null);
    const toTheEnd = name === golden[0] || i % 10 === 0;
    const rest = toTheEnd ? entries.slice(i + 1) : wholeCommits(entries, i + 1, 20);
    const world = resume(cut(run.world));
    expect(replaySync(rest, toTheEnd ? rows : [], world).divergence, `cut after seq ${entry.fact.seq}`).toBe(null);
    if (toTheEnd) expect(JSON.stringify(cut(world))).toBe(final);
  }
});

function wholeCommits(entries: readonly JournalEntry[], from: number, about: number): JournalEntry[] {
  let to = from + about;
  while (to < entries.length && entries[to]?.batch === entries[to - 1]?.batch) to++;
  return entries.slice(from, to);
}

test("a life replays to its rows, as a stream and at once", async () => {
  const town = await lived();
  const once = replaySync(journal(town), storedActors(town.rig.ports.sql));
  expect(once).toMatchObject({ divergence: null });
  expect(once.facts).toBe(town.rig.world.seq);
  async function* stream() {
    yield* journal(town);
  }
  expect(await replay(stream(), storedActors(town.rig.ports.sql))).toEqual(once);
});

test("a fact that would be derived differently now is named by its seq", async () => {
  const entries = journal(await lived());
  const at = entries.findIndex(({ fact }) => fact.type === "dispatch.failed");
  const forged = entries.with(at, {
    ...(entries[at] as JournalEntry),
    fact: { ...(entries[at] as JournalEntry).fact, attempts: 3 } as never,
  });
  const { divergence } = replaySync(forged);
  expect(divergence?.seq).toBe(entries[at]?.fact.seq);
  expect(divergence?.expected).toContain('"attempts":3');
  expect(divergence?.actual).toContain('"attempts":1');
});

test("an effect that would not be emitted now is named by its seq", async () => {
  const entries = journal(await lived());
  const at = entries.findIndex(({ effects }) => effects.length > 0);
  expect(replaySync(entries.with(at, { ...(entries[at] as JournalEntry), effects: [] })).divergence?.seq).toBe(
    entries[at]?.fact.seq,
  );
});

test("a row that is not what the journal says is named", async () => {
  const town = await lived();
  const rows = [...storedActors(town.rig.ports.sql)];
  const forged = rows.map((row) =>
    row.kind === "bead" ? { ...row, context: row.context.replace('"reworks":0', '"reworks":1') } : row,
  );
  expect(replaySync(journal(town), forged).divergence?.expected).toContain("bead:");
  expect(replaySync(journal(town), rows.slice(1)).divergence?.actual).toContain("exists");
});

test("a journal with a gap is not folded over it", async () => {
  const entries = journal(await lived());
  const batch = entries[3]?.batch;
  expect(replaySync(entries.filter((entry) => entry.batch !== batch)).divergence).toMatchObject({
    seq: batch,
    actual: expect.stringContaining("gap") as string,
  });
});

test("a quarantined actor's row is excused, and the others still agree", async () => {
  const town = await lived();
  town.run({ type: "sling", bead: bead("two") });
  await town.settled();
  const broken = [...town.rig.world.agents.keys()][0] ?? "";
  town.rig.ports.sql.exec("UPDATE actors SET context = '{garbage' WHERE id = ?", broken);
  town.reopen();
  expect([...town.rig.world.broken.keys()]).toEqual([`agent:${broken}`]);
  town.run({ type: "sling", bead: bead("three") });
  await town.advance(town.now + 600_000);
  expect(replaySync(journal(town), storedActors(town.rig.ports.sql)).divergence).toBe(null);
});

test("the state as of a seq is what was stored by its commit", async () => {
  const town = await lived();
  const entries = journal(town);
  const granted = entries.find(({ fact }) => fact.type === "dispatch.granted");
  const then = stateAt(entries, granted?.batch ?? 0);
  expect(then.seq).toBeGreaterThanOrEqual(granted?.fact.seq ?? 0);
  expect(then.actors.find(({ kind }) => kind === "agent")?.value).toContain("starting");
  expect(stateAt(entries, town.rig.world.seq).actors).toEqual(cut(resume(stateAt(entries, town.rig.world.seq))).actors);
});

test("a journal goes to a file and back", async () => {
  const town = await lived();
  const entries = journal(town);
  const lines = [
    headerLine("rig1"),
    ...entries.map(entryLine),
    ...Array.from(storedActors(town.rig.ports.sql), actorLine),
  ];
  expect(readHeader(lines[0] ?? "")).toEqual({ ticktown: "journal", schema: 1, rig: "rig1" });
  expect(parse(lines).entries).toEqual(entries);
  expect(lines.slice(1, 1 + entries.length).map((line) => readLine(line, { trusted: true }))).toEqual(entries);
  expect(await replayFile(lines)).toMatchObject({ facts: entries.length, divergence: null });
});

test("a row that is garbage goes to a file and back as it is", () => {
  const row: StoredActor = {
    kind: "agent",
    id: "a",
    v: 1,
    value: '"idle"',
    context: "{garbage",
    error: "it is broken",
  };
  expect(readLine(actorLine(row))).toEqual(row);
  expect(readLine(actorLine({ ...row, context: '{"id":"a"}' }))).toEqual({ ...row, context: '{"id":"a"}' });
});

test("a file that is no journal, or a newer one, is refused with a reason", async () => {
  await expect(replayFile([])).rejects.toThrow("it is empty");
  await expect(replayFile(["hello"])).rejects.toThrow("not JSON");
  await expect(replayFile(['{"a":1}'])).rejects.toThrow('must say "ticktown": "journal"');
  await expect(replayFile(['{"ticktown":"journal","schema":2}'])).rejects.toThrow("use a newer one");
  await expect(
    replayFile([
      headerLine("r"),
      '{"seq":1,"at":1,"type":"rig.paused","v":9,"cause":null,"batch":1,"body":{"by":"me"},"effects":[],"missing":null}',
    ]),
  ).rejects.toThrow("journal seq 1: fact rig.paused has version 9");
  await expect(
    replayFile([
      headerLine("r"),
      '{"seq":1,"at":1,"type":"rig.paused","v":1,"cause":null,"batch":1,"body":{},"effects":[],"missing":null}',
    ]),
  ).rejects.toThrow("journal seq 1: fact rig.paused v1 is malformed at by");
});

/** How version 1 of a fact was once written, if `rig.paused` had had another shape then. */
const REGISTRY = {
  versions: { "rig.paused": 3 },
  upcasters: {
    "rig.paused": {
      1: ({ who, ...rest }: Record<string, unknown>) => ({ ...rest, actor: who }),
      2: ({ actor, ...rest }: Record<string, unknown>) => ({ ...rest, by: actor }),
    },
  },
};

test("a fact of an old version passes one upcaster per version", () => {
  expect(readFact("rig.paused", 1, { who: "ann" }, REGISTRY)).toEqual({ type: "rig.paused", by: "ann" });
  expect(readFact("rig.paused", 2, { actor: "ann" }, REGISTRY)).toEqual({ type: "rig.paused", by: "ann" });
  expect(readFact("rig.paused", 3, { by: "ann" }, REGISTRY)).toEqual({ type: "rig.paused", by: "ann" });
});

test("a fact without an upcaster, newer than we know, or still malformed is refused", () => {
  expect(() => readFact("rig.paused", 1, { who: "ann" }, { versions: { "rig.paused": 2 }, upcasters: {} })).toThrow(
    "fact rig.paused has no upcaster from version 1",
  );
  expect(() => readFact("rig.paused", 4, { by: "ann" }, REGISTRY)).toThrow(
    "fact rig.paused has version 4, but this Ticktown knows only up to 3",
  );
  expect(() => readFact("rig.paused", 1, {}, REGISTRY)).toThrow("fact rig.paused v1 is malformed at by");
});
