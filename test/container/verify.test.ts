import { expect, test } from "vitest";
import path from "node:path";
import { TICKTOWN_IDENTITY } from "../../container/git/git.ts";
import { TICKTOWN_EMAIL } from "../../src/core/verify.ts";
import { git, tempDir } from "./world.ts";
import {
  ALL,
  departed,
  type Fact,
  handedIn,
  history,
  journal,
  linesOf,
  merged,
  onTop,
  receipt,
  rows,
  spawned,
  verify,
  work,
} from "./verify-world.ts";

test("VERIFY-all what trains merged, squashed, rebased and took back is covered, in a bare clone and in a working one, and what was not checked is said", async () => {
  const { url, facts, pushed } = await history();
  const said = await verify(url, facts);
  expect(said).toMatchObject({ code: 0, error: "", last: ALL });
  expect(rows(said, "tip")).toHaveLength(3);
  expect(rows(said, "member")).toHaveLength(2);
  expect(rows(said, "reverted")[0]).toContain(`takes ${pushed[0]?.members[0]?.commit.slice(0, 12)} back, green: test`);
  expect(rows(said, "unchecked")[0]).toContain("no check was run");
  const clone = path.join(tempDir(), "clone");
  git(path.dirname(clone), "clone", "--quiet", url, clone);
  expect(await verify(clone, facts)).toMatchObject({ code: 0, last: ALL });
  expect(spawned([clone, journal(linesOf(facts)), "--strict"])).toMatchObject({ code: 0, error: "", last: ALL });
});

test("VERIFY-json says the same for programs", async () => {
  const { url, facts } = await history();
  const foreign = onTop(url);
  const said = JSON.parse((await verify(url, facts, "--json", "--strict")).out) as Record<string, unknown>;
  expect(said).toMatchObject({ ok: false, rig: "rig1", ref: "refs/heads/main", tip: foreign, commits: 8, covered: 7 });
  expect(said).toMatchObject({ counts: { tip: 3, member: 2, reverted: 1, unchecked: 1, foreign: 1, UNCOVERED: 0 } });
  expect(said["foreign"]).toMatchObject([{ hash: foreign, author: { name: "Jo", email: "jo@x.example" } }]);
});

test("VERIFY-stripped without its receipt a commit is not covered, although the journal says that its bead was merged", async () => {
  const { url, facts, pushed } = await history();
  const index = facts.findIndex(({ type }) => type === "review.checked");
  const said = await verify(url, facts.toSpliced(index, 1));
  expect(said).toMatchObject({ code: 1, last: "7 commits, 5 covered by receipts, 2 NOT COVERED, 1 of them unchecked" });
  expect(rows(said, "UNCOVERED").join()).toContain(pushed[0]?.to.slice(0, 12));
  expect(rows(said, "UNCOVERED")[0]).toMatch(/brings in \w{12}, handed in for bead bead-b, without a receipt/);
  for (const n of [1, 2, 3, 4]) {
    const at = facts.indexOf(facts.filter(({ type }) => type === "review.checked")[n] as Fact);
    expect(await verify(url, facts.toSpliced(at, 1))).toMatchObject({ code: 1 });
  }
});

test("VERIFY-tree a receipt is for one tree, and covers no other", async () => {
  const { url, facts, pushed } = await history();
  receipt(facts, 1)["tree"] = pushed[0]?.tree;
  const said = await verify(url, facts);
  expect(said.code).toBe(1);
  expect(rows(said, "UNCOVERED")).toHaveLength(1);
  expect(rows(said, "UNCOVERED")[0]).toContain(`is for tree ${pushed[0]?.tree.slice(0, 12)}, and the commit has`);
});

test("VERIFY-red a receipt with a check that failed covers nothing", async () => {
  for (const exit of [1, null]) {
    const { url, facts } = await history();
    receipt(facts, 0)["checks"] = [
      { name: "test", exit: 0 },
      { name: "lint", exit },
    ];
    const said = await verify(url, facts);
    expect(said.code).toBe(1);
    expect(rows(said, "UNCOVERED")).toHaveLength(2);
    expect(rows(said, "UNCOVERED")[0]).toContain(`is red: lint ended with ${exit ?? "a signal"}`);
  }
});

test("VERIFY-from a receipt covers what it was pushed onto the target with, and begins below it", async () => {
  const { url, facts, pushed } = await history();
  receipt(facts, 1)["from"] = pushed[2]?.to;
  const said = await verify(url, facts);
  expect(said.code).toBe(1);
  expect(rows(said, "UNCOVERED")[0]).toContain("which is not below it");
  // Nor does one that begins further down cover what came with other pushes.
  const wide = await history();
  receipt(wide.facts, 1)["from"] = wide.pushed[0]?.from;
  const without = wide.facts.filter(({ body }) => body !== receipt(wide.facts, 0));
  expect(rows(await verify(wide.url, without), "UNCOVERED")).toHaveLength(2);
});

test("VERIFY-named a receipt covers the members that it names", async () => {
  const { url, facts } = await history();
  receipt(facts, 0)["members"].shift();
  const said = await verify(url, facts);
  expect(said.code).toBe(1);
  expect(rows(said, "UNCOVERED")).toHaveLength(1);
  expect(rows(said, "UNCOVERED")[0]).toContain("came with train 1, whose receipt does not name it");
});

test("VERIFY-maps a receipt says which hand-in became which commit, and git must say the same: of a merge, of a squash, and of its bead", async () => {
  const other = "1".repeat(40);
  const changes = [
    [0, { handedIn: other }, "that 111111111111 was merged, and git has"],
    [1, { handedIn: other }, "that it is 111111111111, and the commit says"],
    [2, { beadId: "bead-x" }, "that it is of bead bead-x, and the commit says bead-d"],
  ] as const;
  for (const [n, change, words] of changes) {
    const { url, facts } = await history();
    Object.assign(receipt(facts, n)["members"][0], change);
    const said = await verify(url, facts);
    expect(said.code).toBe(1);
    expect(rows(said, "UNCOVERED").join()).toContain(words);
  }
});

test("VERIFY-committer what Ticktown committed needs a receipt, also under the name that the settings give it", async () => {
  expect(TICKTOWN_EMAIL).toBe(TICKTOWN_IDENTITY.email);
  const { url, facts, began } = await history();
  const own = onTop(url, { name: "Somebody", email: TICKTOWN_EMAIL });
  const bot = onTop(url, { name: "bot", email: "bot@x.example" });
  const plain = await verify(url, facts);
  expect(rows(plain, "UNCOVERED").map((row) => row.slice(16, 28))).toEqual([own.slice(0, 12)]);
  expect(rows(plain, "UNCOVERED")[0]).toContain("Ticktown committed it, and there is no receipt");
  expect(plain).toMatchObject({
    code: 1,
    last: "9 commits, 7 covered by receipts, 1 NOT COVERED, 1 of them unchecked, 1 foreign",
  });
  const committer = { name: "bot", email: "bot@x.example" };
  const named = await verify(url, [
    ...facts,
    { at: began, type: "rig.settings_changed", body: { changes: { committer } } },
  ]);
  expect(rows(named, "UNCOVERED")[0]).toContain(bot.slice(0, 12));
  expect(rows(named, "UNCOVERED")).toHaveLength(2);
});

test("VERIFY-bead who says that a commit is a bead's needs a receipt", async () => {
  const { url, facts } = await history();
  onTop(url, { message: "A title\n\nBead: bead-z" });
  const said = await verify(url, facts);
  expect(said.code).toBe(1);
  expect(rows(said, "UNCOVERED")[0]).toContain("says Bead: bead-z, and there is no receipt");
  expect(rows(said, "UNCOVERED")[0]).toContain("by Jo <jo@x.example>");
});

test("VERIFY-carried who brings in what an agent handed in needs a receipt, however it came: under others, in an octopus, by itself", async () => {
  const { url, facts, began } = await history();
  const handed = (commit: string): Fact => handedIn({ beadId: "bead-h", entryId: "r", commit }, began)[0] as Fact;
  const [one, two] = [work(url), work(url)];
  const above = work(url, two);
  const octopus = onTop(url, { parents: [one, above] });
  onTop(url);
  for (const commit of [one, two]) {
    const said = await verify(url, [...facts, handed(commit)]);
    expect(said.code).toBe(1);
    expect(rows(said, "UNCOVERED")).toHaveLength(1);
    expect(rows(said, "UNCOVERED")[0]).toContain(octopus.slice(0, 12));
    expect(rows(said, "UNCOVERED")[0]).toContain(`brings in ${commit.slice(0, 12)}, handed in for bead bead-h`);
  }
  const itself = onTop(url);
  expect(rows(await verify(url, [...facts, handed(itself)]), "UNCOVERED")[0]).toContain(itself.slice(0, 12));
  expect(await verify(url, [...facts, handed("2".repeat(40))])).toMatchObject({ code: 0 });
});

test("VERIFY-attempt what was committed while a push was out whose end nobody knows is not taken for somebody else's", async () => {
  const { url, facts, began } = await history();
  const at = began - 1 + 3_600_000;
  const next = { ...(facts.find(({ type }) => type === "train.reported") as Fact), at: at + 60_000 };
  const lost = [...facts, ...departed(8, [], at), { ...next, body: { ...next.body, train: 9 } }];
  for (const [seconds, count] of [
    [-1, 0],
    [0, 1],
    [60, 1],
    [61, 0],
  ] as const) {
    const copy = await history();
    onTop(copy.url, { date: at / 1_000 + seconds });
    const said = await verify(copy.url, lost);
    expect([seconds, rows(said, "UNCOVERED").length, said.code]).toEqual([seconds, count, count]);
    if (count > 0) expect(rows(said, "UNCOVERED")[0]).toContain("made while train 8 was out, whose end nobody knows");
  }
  onTop(url, { date: at / 1_000 + 1 });
  const report = (code: string | null): Fact[] => [
    ...facts,
    ...departed(8, [], at),
    {
      at: at + 60_000,
      type: "train.reported",
      body: {
        train: 8,
        target: null,
        pushed: null,
        stopped: code === null ? null : { class: "passing", code, words: "" },
      },
    },
  ];
  expect(await verify(url, report("remote_unreachable"))).toMatchObject({ code: 1 });
  expect(await verify(url, report("target_moves"))).toMatchObject({ code: 0 });
  expect(await verify(url, report(null))).toMatchObject({ code: 0 });
  const granted = { at, type: "review.granted", body: { reviewId: "r", claim: 1 } };
  expect(await verify(url, [...facts, granted, { ...granted, at: at + 60_000 }])).toMatchObject({ code: 1 });
});

test("VERIFY-foreign the rest is listed with its author, and is a fault only when nobody else may commit", async () => {
  const { url, facts } = await history();
  onTop(url, { message: "Fix \u001B[2Ja typo" });
  const said = await verify(url, facts);
  expect(said).toMatchObject({ code: 0, last: `8 commits, 7 covered by receipts, 1 of them unchecked, 1 foreign` });
  expect(rows(said, "foreign")[0]).toContain("Fix  [2Ja typo  (by Jo <jo@x.example>)");
  const strict = await verify(url, facts, "--strict");
  expect(strict.code).toBe(1);
  expect(strict.out).toContain("NOT VERIFIED: 1 foreign, and --strict allows none");
});

test("VERIFY-handed_over what was handed over is somebody else's to merge, whoever did; Ticktown itself and another bead are not excused by it", async () => {
  const { url, facts, began } = await history();
  const first = work(url);
  const commit = work(url, first);
  const review = { beadId: "bead-h", entryId: "rev-h", commit };
  const over: Fact[] = [
    ...handedIn({ ...review, commit: first }, began),
    ...handedIn(review, began),
    ...departed(6, [review], began),
    { at: began, type: "review.handed_over", body: { reviewId: "rev-h", claim: 1, commit } },
  ];
  const other = work(url);
  const hash = onTop(url, { parents: [commit], message: "Merge pull request 7\n\nBead: bead-h" });
  const said = await verify(url, [...facts, ...over]);
  expect(said.code).toBe(0);
  expect(rows(said, "handed over")[0]).toContain("bead bead-h, merged by Jo");
  const squash = onTop(url, { message: "Pull request 8, squashed" });
  const seen = await verify(url, [...facts, ...over, ...merged("rev-h", "bead-h", squash, began)]);
  expect(rows(seen, "handed over")).toHaveLength(2);
  git(url, "update-ref", "refs/heads/main", `${hash}^`);
  onTop(url, { parents: [commit], email: TICKTOWN_EMAIL });
  expect(await verify(url, [...facts, ...over])).toMatchObject({ code: 1 });
  git(url, "update-ref", "refs/heads/main", `${hash}^`);
  onTop(url, { parents: [commit, other] });
  const both = [...facts, ...over, ...handedIn({ beadId: "bead-o", entryId: "rev-o", commit: other }, began)];
  expect(await verify(url, both)).toMatchObject({ code: 1 });
});

test("VERIFY-before what was merged without a train is counted apart, and not as covered", async () => {
  const { url, facts, began } = await history();
  const commit = work(url);
  const hash = onTop(url, { parents: [commit], message: "Merge x (bead-o)", email: TICKTOWN_EMAIL });
  const old = [
    ...facts,
    ...handedIn({ beadId: "bead-o", entryId: "rev-o", commit }, began),
    { at: began, type: "review.granted", body: { reviewId: "rev-o", claim: 1 } },
  ];
  const said = await verify(url, [...old, ...merged("rev-o", "bead-o", hash, began)]);
  expect(said).toMatchObject({
    code: 0,
    last: "8 commits, 7 covered by receipts, 1 of them unchecked, 1 from before receipts",
  });
  expect(await verify(url, old)).toMatchObject({ code: 1 });
});

test("VERIFY-began the line is looked at since the rig began, also where a commit says that it is older", async () => {
  const { url, facts, began } = await history();
  const second = Math.ceil(began / 1_000);
  const old = onTop(url, { date: second - 1_000_000, email: TICKTOWN_EMAIL });
  onTop(url, { date: second });
  expect(rows(await verify(url, facts), "UNCOVERED")[0]).toContain(old.slice(0, 12));
  const fresh = path.join(tempDir(), "fresh.git");
  git(path.dirname(fresh), "init", "--quiet", "--bare", "--initial-branch=main", fresh);
  const first = git(url, "rev-list", "--max-parents=0", "main");
  git(url, "push", "--quiet", fresh, `${first}:refs/heads/main`);
  for (const [date, count] of [
    [second - 1, 0],
    [second, 1],
  ] as const) {
    git(fresh, "update-ref", "refs/heads/main", first);
    onTop(fresh, { date });
    const { last } = await verify(fresh, facts.slice(0, 1));
    expect(last).toBe(count === 0 ? "0 commits, 0 covered by receipts" : "1 commits, 0 covered by receipts, 1 foreign");
  }
});

test("VERIFY-elsewhere receipts of commits that are not on the line are told: the clone is older, or history was written anew", async () => {
  const { url, facts, pushed } = await history();
  git(url, "update-ref", "refs/heads/main", pushed[3]?.to as string);
  const said = await verify(url, facts);
  expect(said).toMatchObject({ code: 0, last: "6 commits, 6 covered by receipts" });
  expect(said.out).toContain(`the receipt of train 5 is of ${pushed[4]?.to.slice(0, 12)}, which is not on this line`);
});

test("VERIFY-older who brings in what an agent handed in needs a receipt, also before any train and with a date of before the rig", async () => {
  const { url, facts, began, pushed } = await history();
  const base = pushed[0]?.from as string;
  const before = Math.floor(began / 1_000) - 1_000;
  git(url, "update-ref", "refs/heads/main", base);
  const commit = work(url);
  const body = { agentId: "a1", dispatchId: "a1:1", beadId: "bead-x", commit, base };
  const known = [...facts.slice(0, 1), { at: began + 1_000, type: "hand_in.accepted", body }];
  expect(await verify(url, known)).toMatchObject({ code: 0, last: "0 commits, 0 covered by receipts" });
  onTop(url, { date: before });
  const merge = onTop(url, { date: before, parents: [commit] });
  onTop(url, { date: before });
  const said = await verify(url, known);
  expect(said).toMatchObject({ code: 1, last: "2 commits, 0 covered by receipts, 1 NOT COVERED, 1 foreign" });
  expect(rows(said, "UNCOVERED")[0]).toContain(merge.slice(0, 12));
});
