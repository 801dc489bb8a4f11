import { readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { carriers, type Commit, isOfThisLine, sinceBegan, verify } from "../../src/core/verify.ts";
import { FACT_TYPES, rowOf } from "../../src/events/facts.ts";
import { factVersion } from "../../src/events/upcast.ts";
import { journalReader, type Known, type Receipt } from "../../src/core/verify-journal.ts";

const read = (lines: readonly string[]): Known => {
  const reader = journalReader();
  for (const line of lines) reader.push(line);
  return reader.end();
};
const fact = (seq: number, type: string, body: object, at = seq * 1_000): string =>
  JSON.stringify({ seq, at, type, v: 1, cause: null, batch: seq, body, effects: [], missing: null });
const HEAD = '{"ticktown":"journal","schema":1,"rig":null}';
const RIG = fact(1, "rig.configured", { rigId: "r", gitUrl: "u", defaultBranch: "main" });
const END = '{"actor":{}}';
const journal = (...facts: string[]): Known => read([HEAD, RIG, ...facts, END]);

const SOMEBODY = { name: "Jo", email: "jo@x.example" };
const commit = (hash: string, parent: string | null, more: Partial<Commit> = {}): Commit => ({
  hash,
  parents: parent === null ? [] : [parent],
  tree: `tree of ${hash}`,
  date: 1_000,
  author: SOMEBODY,
  committer: SOMEBODY,
  subject: hash,
  beads: [],
  handedIn: [],
  ...more,
});
/** `c3 c2 c1`: each on top of the next. */
const line = (hashes: string, more: Record<string, Partial<Commit>> = {}): Commit[] => {
  const all = hashes.split(" ");
  return all.map((hash, n) => commit(hash, all[n + 1] ?? null, more[hash]));
};
const receipt = (from: string, to: string, commits: string, more: Partial<Receipt> = {}): Receipt => ({
  seq: 1,
  train: 1,
  from,
  to,
  tree: `tree of ${to}`,
  checks: [{ name: "test", exit: 0 }],
  members: commits.split(" ").map((one) => ({
    reviewId: `rev-${one}`,
    beadId: `bead-${one}`,
    handedIn: `work of ${one}`,
    commit: one,
    flaky: false,
  })),
  ...more,
});
const answers = (commits: readonly Commit[], known: Known): string =>
  verify(commits, known, new Map())
    .judged.map(({ answer }) => answer)
    .join();

describe("what brings what onto the line", () => {
  it("is the oldest of the line that reaches it, in any history", () => {
    const history = fc.array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 14 });
    fc.assert(
      fc.property(history, (drawn) => {
        // Each commit has the one before as its first parent, or begins anew; the others are any that are older.
        const parents = drawn.map((others, n) => [...new Set(n === 0 ? [] : others.map((one) => String(one % n)))]);
        const reaches = (from: string): Set<string> => {
          const found = new Set([from]);
          for (const one of found) for (const parent of parents[Number(one)] ?? []) found.add(parent);
          return found;
        };
        const first: string[] = [String(drawn.length - 1)];
        for (let next = parents[drawn.length - 1]?.[0]; next !== undefined; next = parents[Number(next)]?.[0])
          first.push(next);
        const all = new Set(parents.map((_, n) => String(n)));
        const { found, push } = carriers(first, all);
        for (let n = drawn.length - 1; n >= 0; n--) push(String(n), parents[n] ?? []);
        const expected = new Map<string, Set<string>>();
        const known = new Set<string>();
        for (const one of first.toReversed()) {
          const own = [...reaches(one)].filter((other) => !known.has(other));
          expected.set(one, new Set(own));
          for (const other of own) known.add(other);
        }
        expect(new Map([...found].map(([hash, list]) => [hash, new Set(list)]))).toEqual(
          new Map([...expected].filter(([, own]) => own.size > 0)),
        );
      }),
      { numRuns: 300 },
    );
  });

  it("is asked only for what is wanted, and holds no more than is open", () => {
    const { found, push } = carriers(["c2", "c1"], new Set(["w"]));
    push("c2", ["c1", "w"]);
    push("w", ["c1"]);
    push("c1", []);
    push("not reached", ["w"]);
    expect([...found]).toEqual([["c2", ["w"]]]);
  });
});

describe("the rig's time on the line", () => {
  it("begins with the oldest commit that says so, to the second", () => {
    const known = { ...journal(), began: 5_000 };
    expect(sinceBegan(line("c3 c2 c1", { c3: { date: 4 }, c2: { date: 4 }, c1: { date: 4 } }), known)).toBe(0);
    expect(sinceBegan(line("c3 c2 c1", { c3: { date: 4 }, c2: { date: 5 }, c1: { date: 4 } }), known)).toBe(2);
    expect(sinceBegan(line("c2 c1", { c2: { date: 5 }, c1: { date: 5 } }), { ...known, began: 5_001 })).toBe(0);
  });

  it("begins no later than what a receipt names, and above where the target was seen", () => {
    const old = Object.fromEntries(["c4", "c3", "c2", "c1"].map((hash) => [hash, { date: 0 }]));
    const known = { ...journal(), began: 5_000 };
    const commits = line("c4 c3 c2 c1", old);
    expect(sinceBegan(commits, { ...known, receipts: [receipt("gone", "c4", "c3 c4")] })).toBe(2);
    expect(sinceBegan(commits, { ...known, receipts: [receipt("c2", "gone", "gone")] })).toBe(2);
    expect(sinceBegan(commits, { ...known, targets: new Set(["c1"]) })).toBe(3);
    expect(sinceBegan(commits, { ...known, targets: new Set(["c4"]) })).toBe(0);
  });

  it("is that of another rig where nothing of what the journal says is on the line", () => {
    const known = journal();
    const commits = line("c2 c1");
    expect(isOfThisLine(commits, known)).toBe(true);
    expect(isOfThisLine(commits, { ...known, targets: new Set(["x"]), bases: new Set(["c1"]) })).toBe(false);
    expect(isOfThisLine(commits, { ...known, targets: new Set(["x", "c1"]) })).toBe(true);
    expect(isOfThisLine(commits, { ...known, bases: new Set(["x"]) })).toBe(false);
    expect(isOfThisLine(commits, { ...known, receipts: [receipt("c1", "x", "x")] })).toBe(true);
    expect(isOfThisLine(commits, { ...known, merged: new Map([["3".repeat(40), "b"]]) })).toBe(false);
    expect(isOfThisLine(commits, { ...known, merged: new Map([["3333333", "b"]]) })).toBe(true);
    expect(isOfThisLine([], known)).toBe(true);
  });
});

describe("a receipt", () => {
  const known = (receipts: Receipt[], more: Partial<Known> = {}): Known => ({ ...journal(), receipts, ...more });

  it("covers its tip and what is below it down to where it began, in any order of receipts", () => {
    const both = [receipt("c1", "c3", "c2 c3"), receipt("c3", "c4", "c4")];
    for (const receipts of [both, both.toReversed()])
      expect(answers(line("c4 c3 c2 c1"), known(receipts))).toBe("tip,tip,member,foreign");
    // Also where the one that it began from is not of the rig's time.
    expect(answers(line("c4 c3 c2 c1").slice(0, 3), known(both))).toBe("tip,tip,member");
  });

  it("that is good covers what another one, which is not, names too", () => {
    const bad = receipt("c1", "c2", "c2", { tree: "another" });
    for (const receipts of [
      [bad, receipt("c1", "c2", "c2")],
      [receipt("c1", "c2", "c2"), bad],
    ])
      expect(answers(line("c2 c1"), known(receipts))).toBe("tip,foreign");
    expect(answers(line("c2 c1"), known([bad]))).toBe("UNCOVERED,foreign");
  });

  it("covers the commits of a rebased member down to another bead's, and no merge among them", () => {
    const parts = { c2: { beads: ["bead-c3"] }, c3: { beads: ["bead-c3"] } };
    const one = [receipt("c1", "c3", "c3")];
    expect(answers(line("c3 c2 c1", parts), known(one))).toBe("tip,member,foreign");
    expect(answers(line("c3 c2 c1", { ...parts, c2: { beads: ["bead-x"] } }), known(one))).toBe(
      "tip,UNCOVERED,foreign",
    );
    expect(answers(line("c3 c2 c1", { ...parts, c2: { beads: [] } }), known(one))).toBe("tip,UNCOVERED,foreign");
    const merge = { ...parts, c2: { beads: ["bead-c3"], parents: ["c1", "work of c3"] } };
    expect(answers(line("c3 c2 c1", merge), known(one))).toBe("tip,UNCOVERED,foreign");
  });

  it("does not cover an octopus, which no train makes", () => {
    const octopus = { c2: { parents: ["c1", "work of c2", "more"] } };
    expect(answers(line("c2 c1", octopus), known([receipt("c1", "c2", "c2")]))).toBe("UNCOVERED,foreign");
    const merge = { c2: { parents: ["c1", "work of c2"] } };
    expect(answers(line("c2 c1", merge), known([receipt("c1", "c2", "c2")]))).toBe("tip,foreign");
  });

  it("without checks is never green, also where it takes something back", () => {
    const reverts = new Map([["rev-c2", "c1"]]);
    const of = (checks: Receipt["checks"]): string =>
      answers(line("c2 c1"), known([receipt("c1", "c2", "c2", { checks })], { reverts }));
    expect(of([])).toBe("unchecked,foreign");
    expect(of([{ name: "test", exit: 0 }])).toBe("reverted,foreign");
  });

  it("says who was flaky", () => {
    const one = receipt("c1", "c2", "c2");
    const members = one.members.map((member) => ({ ...member, flaky: true }));
    const { judged } = verify(line("c2 c1"), known([{ ...one, members }]), new Map());
    expect(judged[0]?.words).toBe("train 1, bead bead-c2, green: test, flaky");
  });
});

describe("a journal", () => {
  it("of every earlier version is read, and what it merged is from before receipts", () => {
    const files = readdirSync("test/golden").filter((name) => name.endsWith(".ndjson"));
    expect(files.length).toBeGreaterThan(3);
    for (const file of files) {
      const known = read(readFileSync(`test/golden/${file}`, "utf8").split("\n"));
      expect(known).toMatchObject({ rigId: "r1", branch: "main", gaps: [], receipts: [] });
      expect(known.merged.size).toBeGreaterThan(0);
    }
  });

  it("of today is read: every fact, in its version", () => {
    const reader = journalReader();
    reader.push(HEAD);
    for (const [n, type] of FACT_TYPES.entries())
      reader.push(JSON.stringify({ ...JSON.parse(fact(n + 1, type, rowOf(type).example)), v: factVersion(type) }));
    reader.push(END);
    expect(reader.end()).toMatchObject({ facts: FACT_TYPES.length, gaps: [] });
  });

  it("that begins again with another target keeps the rig's beginning", () => {
    const known = journal(fact(2, "rig.configured", { rigId: "r", gitUrl: "u", defaultBranch: "next" }));
    expect(known).toMatchObject({ began: 1_000, branch: "next", lastAt: 2_000 });
  });

  it("knows of no merge whose review went by train, or was claimed by nobody", () => {
    const merged = (seq: number) => fact(seq, "bead.merged", { beadId: "b", reviewId: "r", commitSha: "c" });
    const granted = fact(2, "review.granted", { reviewId: "r", claim: 1 });
    const boarded = (seq: number) => fact(seq, "review.boarded", { reviewId: "r", claim: 2, train: 1 });
    expect(journal(granted, merged(3)).merged.size).toBe(1);
    expect(journal(granted, boarded(3), merged(4)).merged.size).toBe(0);
    expect(journal(merged(2)).merged.size).toBe(0);
  });

  it("says which pushes have no end: until the next word of another, or its own last one", () => {
    const departed = (seq: number, train: number) => fact(seq, "train.departed", { train });
    const reported = (seq: number, train: number) =>
      fact(seq, "train.reported", { train, target: "t", pushed: null, stopped: null });
    expect(journal(departed(2, 1), reported(3, 1)).attempts).toEqual([]);
    expect(journal(departed(2, 1), departed(3, 2), reported(4, 2)).attempts).toEqual([
      { what: "train 1", since: 2_000, until: 4_000 },
    ]);
    expect(journal(departed(2, 1), fact(3, "TICK", {})).attempts).toEqual([
      { what: "train 1", since: 2_000, until: 3_000 },
    ]);
    const granted = (seq: number) => fact(seq, "review.granted", { reviewId: "r", claim: seq });
    const completed = fact(4, "review.completed", { reviewId: "r", claim: 3 });
    expect(journal(granted(2), granted(3), completed).attempts).toEqual([
      { what: "the merge of review r", since: 2_000, until: 3_000 },
    ]);
  });

  it("names the fact and the field that cannot be read", () => {
    const checked = { train: 1, from: "a", to: "b", tree: "t", checks: [{ name: "x", exit: "0" }], members: [] };
    expect(() => journal(fact(2, "review.checked", checked))).toThrow(
      "journal seq 2: review.checked, checks cannot be read: its exit is missing or of another kind",
    );
    expect(() => journal(fact(2, "review.checked", { ...checked, checks: {} }))).toThrow("its checks is missing");
    expect(() => journal(fact(2, "hand_in.accepted", { beadId: "b", base: null }))).toThrow("its commit is missing");
  });
});
