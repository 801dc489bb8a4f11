/**
 * Is every commit that Ticktown put on the target covered by a receipt? Asked from git: each commit of the target's first-parent
 * line since the rig began gets an answer, whatever the journal's list of merges says. Pure; scripts/verify reads git.
 */
import type { Identity, Known, Receipt, ReceiptMember } from "./verify-journal.ts";

/** A commit as git has it. Times are seconds since epoch, as git counts. */
export interface Commit {
  readonly hash: string;
  readonly parents: readonly string[];
  readonly tree: string;
  readonly date: number;
  readonly author: Identity;
  readonly committer: Identity;
  readonly subject: string;
  /** Its `Bead:` trailers. */
  readonly beads: readonly string[];
  /** Its `Handed-In:` trailers. */
  readonly handedIn: readonly string[];
}

export const ANSWERS = [
  /** The tip of a push whose receipt is green. */
  "tip",
  /** Below such a tip, in the same push. */
  "member",
  /** Takes a bead back, in a push whose receipt is green. */
  "reverted",
  /** Has a receipt, and no check was run. */
  "unchecked",
  /** Pushed for somebody else, who merged it. */
  "handed over",
  /** From before receipts, or by a container that writes none. */
  "before receipts",
  "UNCOVERED",
  /** Nothing of Ticktown's. */
  "foreign",
] as const;
export type Answer = (typeof ANSWERS)[number];
const COVERED: ReadonlySet<Answer> = new Set<Answer>(["tip", "member", "reverted", "unchecked"]);

export interface Judged {
  readonly commit: Commit;
  readonly answer: Answer;
  readonly words: string;
}

export interface Verdict {
  /** The newest first. */
  readonly judged: readonly Judged[];
  readonly counts: Readonly<Record<Answer, number>>;
  readonly covered: number;
  /** Receipts of commits that are not on this line. */
  readonly elsewhere: readonly Receipt[];
}

/** Of the line, the newest first, so many commits are of the rig's time. In doubt more. */
export function sinceBegan(line: readonly Commit[], { began, receipts, targets }: Known): number {
  const landed = new Set(receipts.flatMap(({ to, members }) => [to, ...members.map(({ commit }) => commit)]));
  const before = new Set([...targets, ...receipts.map(({ from }) => from)]);
  let count = 0;
  for (const [n, { hash, date }] of line.entries()) {
    // A commit says when it was made, and may be wrong; but whatever is above one of the rig's time is so, too.
    if (date * 1_000 >= began || landed.has(hash)) count = n + 1;
    else if (before.has(hash)) count = n;
  }
  return count;
}

/** Whether the journal can be of this line: of all that it says of the target at least something is there. */
export function isOfThisLine(line: readonly Commit[], { receipts, targets, merged, bases }: Known): boolean {
  // What a container of old says of a merge may be no commit's full name.
  const full = [...merged.keys()].filter((hash) => /^[0-9a-f]{40,64}$/.test(hash));
  const said = new Set([...targets, ...full, ...receipts.flatMap(({ from, to }) => [from, to])]);
  const looked = said.size > 0 ? said : bases;
  return looked.size === 0 || line.some(({ hash }) => looked.has(hash));
}

/**
 * Which commit of the line brings in which of the wanted ones: the oldest from which it can be reached.
 * @param line hashes, the newest first
 */
export function carriers(line: readonly string[], wanted: ReadonlySet<string>) {
  const position = new Map(line.map((hash, n) => [hash, n]));
  /** The oldest of the line that reaches a commit which was not shown yet. */
  const reach = new Map<string, number>();
  const found = new Map<string, string[]>();
  return {
    found: found as ReadonlyMap<string, readonly string[]>,
    /** Children before their parents, as `git rev-list --topo-order --parents` has them. */
    push(hash: string, parents: readonly string[]): void {
      const oldest = position.get(hash) ?? reach.get(hash);
      reach.delete(hash);
      if (oldest === undefined) return;
      const carrier = line[oldest] as string;
      if (wanted.has(hash)) found.set(carrier, [...(found.get(carrier) ?? []), hash]);
      for (const parent of parents) reach.set(parent, Math.max(reach.get(parent) ?? -1, oldest));
    },
  };
}

/** @param line since the rig began, the newest first @param carried by commit of the line: what was handed in and came with it */
export function verify(
  line: readonly Commit[],
  known: Known,
  carried: ReadonlyMap<string, readonly string[]>,
): Verdict {
  const { covers, faults, elsewhere } = coversOf(line, known);
  const counts = Object.fromEntries(ANSWERS.map((answer) => [answer, 0])) as Record<Answer, number>;
  let covered = 0;
  const judged = line.map((commit): Judged => {
    const { answer, words } =
      covers.get(commit.hash) ??
      uncoveredBy(faults.get(commit.hash)) ??
      judge(commit, known, carried.get(commit.hash) ?? []);
    counts[answer]++;
    if (COVERED.has(answer)) covered++;
    return { commit, answer, words };
  });
  return { judged, counts, covered, elsewhere };
}

interface Said {
  readonly answer: Answer;
  readonly words: string;
}

const uncoveredBy = (words: string | undefined): Said | undefined =>
  words === undefined ? undefined : { answer: "UNCOVERED", words };

/** The answer for a commit that no receipt names. */
function judge(commit: Commit, known: Known, carried: readonly string[]): Said {
  const { hash } = commit;
  const bead = known.merged.get(hash);
  if (bead !== undefined) return { answer: "before receipts", words: `merged for bead ${bead}` };
  const over = carried.filter((source) => known.handedOver.has(source));
  const beads = new Set(over.map((source) => beadIn(known, source)));
  const isTicktowns = isCommitter(commit, known);
  if (over.length > 0 && carried.every((source) => beads.has(beadIn(known, source))) && !isTicktowns)
    return { answer: "handed over", words: `bead ${[...beads].join(", ")}, merged by ${commit.committer.name}` };
  const [source] = carried;
  if (source !== undefined)
    return {
      answer: "UNCOVERED",
      words: `brings in ${short(source)}, handed in for bead ${beadIn(known, source)}, without a receipt`,
    };
  if (isTicktowns) return { answer: "UNCOVERED", words: "Ticktown committed it, and there is no receipt" };
  const [named] = commit.beads;
  if (named !== undefined) return { answer: "UNCOVERED", words: `says Bead: ${named}, and there is no receipt` };
  const seen = known.handOversSeen.get(hash);
  if (seen !== undefined) return { answer: "handed over", words: `bead ${seen} was found merged here` };
  const attempt = known.attempts.find(({ since, until }) => isWithin(commit.date, since, until));
  if (attempt !== undefined)
    return { answer: "UNCOVERED", words: `made while ${attempt.what} was out, whose end nobody knows` };
  return { answer: "foreign", words: "" };
}

const beadIn = ({ handIns, handedOver }: Known, source: string): string =>
  handIns.get(source) ?? handedOver.get(source) ?? "";

/** git knows whole seconds. */
const isWithin = (date: number, since: number, until: number): boolean =>
  date >= Math.floor(since / 1_000) && date <= Math.ceil(until / 1_000);

export const TICKTOWN_EMAIL = "ticktown@ticktown.local";

const isCommitter = ({ committer: { name, email } }: Commit, { committers }: Known): boolean =>
  email === TICKTOWN_EMAIL || committers.some((one) => one.name === name && one.email === email);

const short = (hash: string): string => hash.slice(0, 12);

interface Covers {
  readonly covers: ReadonlyMap<string, Said>;
  /** Why a receipt that names a commit does not cover it. */
  readonly faults: ReadonlyMap<string, string>;
  readonly elsewhere: readonly Receipt[];
}

function coversOf(line: readonly Commit[], known: Known): Covers {
  const position = new Map(line.map(({ hash }, n) => [hash, n]));
  // The one before the first of the rig's time is where the first push began.
  const last = line.at(-1);
  if (last?.parents[0] !== undefined) position.set(last.parents[0], line.length);
  const covers = new Map<string, Said>();
  const faults = new Map<string, string>();
  const elsewhere: Receipt[] = [];
  for (const receipt of known.receipts) {
    const tip = position.get(receipt.to);
    if (tip === undefined || tip === line.length) {
      elsewhere.push(receipt);
      continue;
    }
    const from = position.get(receipt.from) ?? -1;
    const fault = faultOf(receipt, line[tip] as Commit, from > tip);
    if (fault === null) coverPush(line.slice(tip, from), receipt, known, { covers, faults });
    else for (const hash of [receipt.to, ...receipt.members.map(({ commit }) => commit)]) faults.set(hash, fault);
  }
  return { covers, faults, elsewhere };
}

/** Why a receipt proves nothing, or null. */
function faultOf({ train, tree, from, checks }: Receipt, tip: Commit, isAbove: boolean): string | null {
  const of = `the receipt of train ${train}`;
  if (tree !== tip.tree) return `${of} is for tree ${short(tree)}, and the commit has ${short(tip.tree)}`;
  if (!isAbove) return `${of} begins at ${short(from)}, which is not below it`;
  const red = checks.find(({ exit }) => exit !== 0);
  return red === undefined ? null : `${of} is red: ${red.name} ended with ${red.exit ?? "a signal"}`;
}

/** @param push the commits of one push, the newest first */
function coverPush(
  push: readonly Commit[],
  receipt: Receipt,
  known: Known,
  { covers, faults }: { covers: Map<string, Said>; faults: Map<string, string> },
): void {
  const members = new Map(receipt.members.map((member) => [member.commit, member]));
  let above: ReceiptMember | undefined;
  for (const [n, commit] of push.entries()) {
    const own = members.get(commit.hash);
    // A rebase brings several commits for one member, the last of which is named.
    const member = own ?? (above !== undefined && isPartOf(commit, above) ? above : undefined);
    const fault = member === undefined ? undefined : mismatch(commit, member, own !== undefined);
    if (member === undefined)
      faults.set(commit.hash, `came with train ${receipt.train}, whose receipt does not name it`);
    else if (fault !== undefined) faults.set(commit.hash, `the receipt of train ${receipt.train} says ${fault}`);
    else if (!covers.has(commit.hash)) covers.set(commit.hash, coverOf(receipt, member, known, n === 0));
    above = member;
  }
}

const isPartOf = ({ parents, beads }: Commit, { beadId }: ReceiptMember): boolean =>
  parents.length === 1 && beads.includes(beadId);

/** What a receipt says of a member that git says otherwise. */
function mismatch({ parents, beads, handedIn }: Commit, member: ReceiptMember, isNamed: boolean): string | undefined {
  const merged = parents.slice(1);
  if (merged.length > 0 && (merged.length > 1 || merged[0] !== member.handedIn))
    return `that ${short(member.handedIn)} was merged, and git has ${merged.map(short).join(", ")}`;
  if (isNamed && handedIn.length > 0 && !handedIn.includes(member.handedIn))
    return `that it is ${short(member.handedIn)}, and the commit says ${short(handedIn[0] ?? "")}`;
  if (beads.length > 0 && !beads.includes(member.beadId))
    return `that it is of bead ${member.beadId}, and the commit says ${beads[0]}`;
  return undefined;
}

function coverOf(
  { train, checks }: Receipt,
  { reviewId, beadId, flaky }: ReceiptMember,
  known: Known,
  isTip: boolean,
): Said {
  const ran = checks.map(({ name }) => name).join(", ");
  const takenBack = known.reverts.get(reviewId);
  const words = [
    `train ${train}, bead ${beadId}`,
    ...(takenBack === undefined ? [] : [`takes ${short(takenBack)} back`]),
    checks.length === 0 ? "no check was run" : `green: ${ran}`,
    ...(flaky ? ["flaky"] : []),
  ].join(", ");
  if (checks.length === 0) return { answer: "unchecked", words };
  if (takenBack !== undefined) return { answer: "reverted", words };
  return { answer: isTip ? "tip" : "member", words };
}
