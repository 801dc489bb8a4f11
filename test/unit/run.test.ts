import * as fc from "fast-check";
import { expect, test } from "vitest";
import { chainOf, longestChain, partsOf, slotsIn, sumOf, within } from "../../src/core/run-chain.ts";
import { PHASES, RunFold, runOf, type Run } from "../../src/core/run.ts";
import { newestOf } from "../../src/do/looks.ts";
import type { Recorded } from "../../src/events/facts.ts";
import { LIMITS } from "../../src/events/limits.ts";

/** A run is the journal as spans: every moment of a piece of work is in exactly one of them. */

const MIN = 60_000;
let seq = 0;
const fact = (at: number, type: string, of: object = {}): Recorded =>
  ({ seq: ++seq, cause: null, at: at * MIN, type, ...of }) as unknown as Recorded;
const created = (at: number, beadId: string, blockedBy: string[] = []) =>
  fact(at, "bead.created", { beadId, beadType: "issue", title: `Work ${beadId}`, blockedBy });
const granted = (at: number, beadId: string, agentId: string) =>
  fact(at, "dispatch.granted", { beadId, agentId, dispatchId: `${agentId}:1` });

/** One piece through everything that can happen to it. */
const LIFE = [
  fact(0, "agent.registered", { agentId: "a", name: "polecat-1" }),
  created(0, "b", ["x"]),
  fact(10, "bead.unblocked", { beadId: "b", blockerId: "x" }),
  fact(12, "agent.hooked", { agentId: "a", beadId: "b" }),
  granted(12, "b", "a"),
  fact(13, "agent.heard", { agentId: "a" }),
  fact(20, "agent.exited", { agentId: "a", outcome: "failed" }),
  fact(20, "dispatch.failed", { agentId: "a", beadId: "b", reason: "exit 1" }),
  granted(25, "b", "a"),
  fact(26, "agent.progressed", { agentId: "a" }),
  // Told a minute late: it has waited since 30.
  fact(31, "agent.waiting", { agentId: "a", for: "model", since: 30 * MIN }),
  fact(40, "agent.waiting", { agentId: "a", for: null, since: 40 * MIN }),
  fact(45, "agent.asked", { agentId: "a" }),
  fact(55, "agent.answered", { agentId: "a" }),
  fact(60, "work.handed_in", { agentId: "a", beadId: "b" }),
  fact(61, "hand_in.refused", { agentId: "a", beadId: "b" }),
  fact(65, "work.handed_in", { agentId: "a", beadId: "b" }),
  fact(66, "review.opened", { reviewId: "r", beadId: "b", agentId: "a" }),
  fact(70, "review.boarded", { reviewId: "r" }),
  fact(75, "bead.rejected", { beadId: "b", reviewId: "r", check: "unit" }),
  granted(76, "b", "a"),
  fact(77, "agent.heard", { agentId: "a" }),
  fact(80, "work.handed_in", { agentId: "a", beadId: "b" }),
  fact(81, "review.boarded", { reviewId: "r" }),
  fact(90, "bead.merged", { beadId: "b", commitSha: "abc" }),
];

test("each thing that happens to a piece of work ends one span and begins the next, told late or not", () => {
  const { spans, marks, pieces, agents, cutAt } = runOf(LIFE);
  expect(cutAt).toBeNull();
  expect(spans.map(({ phase, from, to, attempt }) => [phase, from / MIN, (to ?? -MIN) / MIN, attempt])).toEqual([
    ["blocked", 0, 10, 0],
    ["queued", 10, 12, 0],
    ["starting", 12, 13, 1],
    ["working", 13, 20, 1],
    ["backoff", 20, 25, 1],
    ["starting", 25, 26, 2],
    ["working", 26, 30, 2],
    ["model", 30, 40, 2],
    ["working", 40, 45, 2],
    ["person", 45, 55, 2],
    ["working", 55, 60, 2],
    ["gate", 60, 61, 2],
    ["working", 61, 65, 2],
    ["gate", 65, 70, 2],
    ["merging", 70, 75, 2],
    ["queued", 75, 76, 2],
    ["starting", 76, 77, 3],
    ["working", 77, 80, 3],
    ["gate", 80, 81, 3],
    ["merging", 81, 90, 3],
  ]);
  expect(marks.map(({ at, kind, ends, words }) => [at / MIN, kind, ends, words])).toEqual([
    [20, "failed", false, "exit 1"],
    [75, "sent_back", false, "unit"],
    [90, "merged", true, "abc"],
  ]);
  expect(pieces[0]).toMatchObject({ title: "Work b", endedAt: 90 * MIN, attempts: 3, releasedBy: { beadId: "x" } });
  expect(agents).toEqual([{ id: "a", name: "polecat-1" }]);
});

test("what goes on has no end; a limit of a model, money and an approval have their own phase; a retry begins again", () => {
  const phase = (...facts: Recorded[]) => runOf([created(0, "b"), granted(1, "b", "a"), ...facts]).spans.at(-1);
  expect(phase(fact(2, "agent.heard", { agentId: "a" }))).toMatchObject({ phase: "working", to: null });
  expect(phase(fact(2, "agent.exited", { agentId: "a", outcome: "rate_limited" }))).toMatchObject({ phase: "model" });
  expect(phase(fact(2, "agent.exited", { agentId: "a", outcome: "over_budget" }))).toMatchObject({ phase: "person" });
  expect(phase(fact(2, "agent.exited", { agentId: "a", outcome: "place" }))).toMatchObject({ phase: "backoff" });
  expect(phase(fact(2, "start.refused", { agentId: "a" }))).toMatchObject({ phase: "backoff" });
  expect(phase(fact(2, "agent.unhooked", { agentId: "a", beadId: "b" }))).toMatchObject({ phase: "queued" });
  const opened = fact(3, "review.opened", { reviewId: "r", beadId: "b", agentId: "a" });
  expect(phase(opened, fact(4, "review.protected", { reviewId: "r" }))).toMatchObject({ phase: "person" });
  expect(
    phase(opened, fact(4, "review.held", { reviewId: "r" }), fact(5, "review.released", { reviewId: "r" })),
  ).toMatchObject({ phase: "gate", from: 5 * MIN });
  const failed = [fact(2, "bead.failed", { beadId: "b", reason: "no" })];
  expect(phase(...failed)).toMatchObject({ phase: "starting", to: 2 * MIN });
  expect(phase(...failed, fact(9, "bead.retried", { beadId: "b", blockedBy: [] }))).toMatchObject({
    phase: "queued",
    from: 9 * MIN,
    to: null,
  });
  expect(runOf([fact(0, "bead.created", { beadId: "e", beadType: "escalation", blockedBy: [] })]).spans).toEqual([]);
});

/** a, then b behind it, then c behind both: b is merged last. d is on its own. */
const CHAIN = [
  created(0, "a"),
  created(0, "b", ["a"]),
  created(0, "c", ["a", "b"]),
  created(0, "d"),
  granted(5, "a", "p1"),
  fact(6, "agent.heard", { agentId: "p1" }),
  granted(6, "d", "p4"),
  fact(6, "agent.heard", { agentId: "p4" }),
  fact(30, "bead.merged", { beadId: "a", commitSha: null }),
  fact(30, "bead.unblocked", { beadId: "b", blockerId: "a" }),
  fact(30, "bead.unblocked", { beadId: "c", blockerId: "a" }),
  granted(35, "b", "p2"),
  fact(40, "agent.heard", { agentId: "p2" }),
  fact(50, "agent.asked", { agentId: "p2" }),
  fact(80, "agent.answered", { agentId: "p2" }),
  fact(90, "bead.merged", { beadId: "b", commitSha: null }),
  fact(90, "bead.unblocked", { beadId: "c", blockerId: "b" }),
  granted(92, "c", "p1"),
  fact(93, "agent.heard", { agentId: "p1" }),
];

test("the longest chain goes back over what released each piece last, and its parts add up to exactly its time", () => {
  const run = runOf(CHAIN);
  const now = 120 * MIN;
  const chain = longestChain(run, 0, now);
  expect(chain?.links.map(({ beadId, from, to, isOpen }) => [beadId, from / MIN, to / MIN, isOpen])).toEqual([
    ["a", 0, 30, false],
    ["b", 30, 90, false],
    ["c", 90, 120, true],
  ]);
  expect(chain === null ? 0 : sumOf(chain.parts)).toBe(120 * MIN);
  // Nobody's wait behind the others is counted twice.
  expect(chain?.parts).toMatchObject({ blocked: 0, person: 30 * MIN, working: (24 + 20 + 27) * MIN, queued: 12 * MIN });
  expect(chainOf(run, "d", now)?.links).toHaveLength(1);
  expect(chainOf(run, "nobody", now)).toBeNull();
  // What was over before the time that is asked about is not its longest chain.
  expect(
    longestChain(runOf(CHAIN.filter((one) => !("beadId" in one) || one.beadId !== "c")), 100 * MIN, now)?.links[0],
  ).toMatchObject({ beadId: "d" });
  expect(longestChain(runOf([created(0, "a")]), 0, now)).toBeNull();
});

test("two pieces that say they released each other end a chain, and do not hang it", () => {
  const run = runOf([
    created(0, "a"),
    created(0, "b"),
    fact(1, "bead.unblocked", { beadId: "a", blockerId: "b" }),
    fact(2, "bead.unblocked", { beadId: "b", blockerId: "a" }),
    granted(3, "a", "p"),
  ]);
  expect(longestChain(run, 0, 10 * MIN)?.links.length).toBeLessThan(3);
});

const KINDS = LIFE.map(({ type }) => type);
const shuffled = fc
  .array(fc.tuple(fc.constantFrom(...LIFE), fc.constantFrom("b", "c"), fc.nat(500)), { maxLength: 80 })
  .map((steps) =>
    steps
      .toSorted(([, , a], [, , b]) => a - b)
      .map(
        ([of, beadId, at]) => ({ ...of, ...("beadId" in of ? { beadId } : {}), at: at * MIN, seq: ++seq }) as Recorded,
      ),
  );

test("whatever the facts are: no two spans of a piece overlap, none is turned round, and only the last is open", () => {
  expect(KINDS.length).toBeGreaterThan(10);
  fc.assert(
    fc.property(shuffled, (facts) => {
      const { spans, pieces } = runOf(facts);
      for (const { beadId, createdAt, endedAt } of pieces) {
        const own = spans.filter((span) => span.beadId === beadId);
        for (const [n, { from, to }] of own.entries()) {
          expect(to ?? Infinity).toBeGreaterThanOrEqual(from);
          if (n > 0) expect(own[n - 1]?.to ?? Infinity).toBeLessThanOrEqual(from);
        }
        expect(own.filter(({ to }) => to === null).length).toBeLessThanOrEqual(1);
        const [from, to] = [createdAt ?? 0, endedAt ?? 600 * MIN];
        if (to > from) expect(sumOf(partsOf(own, from, to))).toBe(to - from);
      }
    }),
    { numRuns: 300 },
  );
});

test("a part of a run is cut at both ends, and leaves out what has nothing in it", () => {
  const cut = within(runOf([...LIFE, created(91, "later")]), 15 * MIN, 50 * MIN);
  expect(cut.spans[0]).toMatchObject({ phase: "working", from: 15 * MIN, to: 20 * MIN });
  expect(cut.spans.at(-1)).toMatchObject({ phase: "person", from: 45 * MIN, to: 50 * MIN });
  expect(cut.marks.map(({ kind }) => kind)).toEqual(["failed"]);
  expect(cut.pieces.map(({ beadId }) => beadId)).toEqual(["b"]);
});

test("the slots in use are the time that agents had one, and their sum is that time", () => {
  const { spans }: Run = runOf(CHAIN);
  const used = slotsIn(spans, 0, 120 * MIN, 12);
  const inSlot = spans
    .filter(({ phase }) => ["starting", "working", "person", "model"].includes(phase))
    .reduce((sum, { from, to }) => sum + (to ?? 120 * MIN) - from, 0);
  expect(used.reduce((sum, one) => sum + one, 0) * 10 * MIN).toBeCloseTo(inSlot, 0);
  expect(used[0]).toBeCloseTo((5 + 4) / 10, 5);
  expect(slotsIn(spans, 0, 0, 3)).toEqual([0, 0, 0]);
  expect(PHASES).toHaveLength(9);
});

test("fifty agents for twelve hours are folded, cut and searched for the longest chain in a moment", () => {
  const fold = new RunFold();
  for (let minute = 0; minute < 720; minute++)
    for (let a = 0; a < 50; a++) {
      const [agentId, n] = [`a${a}`, Math.floor((minute + a) / 24)];
      const beadId = `b${a}-${n}`;
      const step = (minute + a) % 24;
      if (step === 0) fold.take(created(minute, beadId, n > 1 ? [`b${a}-${n - 1}`] : []));
      if (step === 0 && n > 1) fold.take(fact(minute, "bead.unblocked", { beadId, blockerId: `b${a}-${n - 1}` }));
      if (step === 1) fold.take(granted(minute, beadId, agentId));
      if (step > 1 && step < 20) fold.take(fact(minute, "agent.progressed", { agentId }));
      if (step === 23) fold.take(fact(minute, "bead.merged", { beadId, commitSha: null }));
    }
  const { run } = fold;
  expect(run.pieces.length).toBeGreaterThan(1_400);
  expect(longestChain(within(run, 0, 720 * MIN), 0, 720 * MIN)?.links.length).toBeGreaterThan(25);
});

test("a run reads as many facts as it may, to the end of that moment, and says where it stopped; a story keeps the newest", () => {
  const merged = (at: number): Recorded => fact(at, "bead.merged", { beadId: `b${at}`, commitSha: null });
  function* endless(): Generator<Recorded> {
    for (let at = 1; ; at++) yield merged(Math.min(at, LIMITS.run_facts) + (at > LIMITS.run_facts + 2 ? 1 : 0));
  }
  const { marks, cutAt } = runOf(endless(), LIMITS.run_facts);
  // Two more are of the very moment at which there are enough, and one bead ends once.
  expect(cutAt).toBe((LIMITS.run_facts + 1) * MIN);
  expect(marks).toHaveLength(LIMITS.run_facts);
  const story = Array.from({ length: LIMITS.story_facts }, (_, at) => merged(at));
  expect(newestOf([...story, ...story.slice(0, 9)], false)).toEqual({ facts: story, is_cut: false });
  const more = [...story, merged(1)];
  expect(newestOf(more, false)).toEqual({ facts: more.slice(1), is_cut: true });
});
