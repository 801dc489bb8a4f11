/** What was found, for people and for programs. Bounded, however long the line is. */
import { ANSWERS, type Answer, type Judged } from "../../src/core/verify.ts";
import type { Looked } from "./run.ts";

/** Rows of one answer in the table: all that a person has to look at, and of the rest the newest. */
const ROWS_MAX: Readonly<Record<Answer, number>> = {
  tip: 50,
  member: 50,
  reverted: 50,
  unchecked: 50,
  "handed over": 50,
  "before receipts": 50,
  UNCOVERED: 1_000,
  foreign: 1_000,
};
const LISTED_MAX = 10_000;
const ELSEWHERE_MAX = 20;
const SUBJECT_CHARS = 60;

const short = (hash: string): string => hash.slice(0, 12);
const time = (ms: number): string => new Date(ms).toISOString();

/** @returns null: all is well; or why not, in words */
export function fault({ verdict, known }: Looked, isStrict: boolean): string | null {
  const { UNCOVERED: uncovered, foreign } = verdict.counts;
  if (uncovered > 0) return `${uncovered} ${uncovered === 1 ? "commit is" : "commits are"} not covered by a receipt`;
  if (known.gaps.length > 0) return "the journal is not whole";
  return isStrict && foreign > 0 ? `${foreign} foreign, and --strict allows none` : null;
}

export function* table(looked: Looked, folder: string): Generator<string> {
  const { known, target, verdict } = looked;
  yield `rig ${known.rigId}, ${known.facts} facts until ${time(known.lastAt)}`;
  yield `${target.ref} at ${short(target.tip)} of ${folder}, since ${time(known.began)}`;
  if (target.other !== null) yield `(${target.other}: --branch looks at another)`;
  yield "";
  yield* rows(looked);
  const { elsewhere } = verdict;
  for (const { train, to } of elsewhere.slice(-ELSEWHERE_MAX))
    yield `the receipt of train ${train} is of ${short(to)}, which is not on this line`;
  if (elsewhere.length > ELSEWHERE_MAX)
    yield `and ${elsewhere.length - ELSEWHERE_MAX} receipts more are of other commits`;
  if (elsewhere.length > 0) yield "(this clone is older than the journal, or the history was written anew)";
  for (const words of known.gaps) yield words;
}

function* rows({ verdict, noted, known }: Looked): Generator<string> {
  const shown = new Map<Answer, number>();
  for (const one of verdict.judged) {
    const n = (shown.get(one.answer) ?? 0) + 1;
    shown.set(one.answer, n);
    if (n <= ROWS_MAX[one.answer]) yield row(one, noted, known.lastAt);
  }
  for (const answer of ANSWERS) {
    const more = (shown.get(answer) ?? 0) - ROWS_MAX[answer];
    if (more > 0) yield `${answer.padEnd(16)}and ${more} more`;
  }
  if (verdict.judged.length > 0) yield "";
}

function row({ commit, answer, words }: Judged, noted: ReadonlySet<string>, lastAt: number): string {
  const { hash, author, subject, date } = commit;
  const isBad = answer === "UNCOVERED";
  const said = [
    ...(words === "" ? [] : [words]),
    ...(answer === "foreign" || isBad ? [`by ${author.name} <${author.email}>`] : []),
    ...(isBad && noted.has(hash) ? ["a git note claims a receipt, which is no proof"] : []),
    ...(isBad && date * 1_000 > lastAt ? ["newer than the journal"] : []),
  ];
  return `${answer.padEnd(16)}${short(hash)}  ${subject.slice(0, SUBJECT_CHARS)}  (${said.join("; ")})`;
}

/** The last line. */
export function summary({ verdict: { judged, counts, covered } }: Looked): string {
  const more = [
    [counts.UNCOVERED, "NOT COVERED"],
    [counts.unchecked, "of them unchecked"],
    [counts["handed over"], "handed over"],
    [counts["before receipts"], "from before receipts"],
    [counts.foreign, "foreign"],
  ] as const;
  const said = more.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`);
  return [`${judged.length} commits, ${covered} covered by receipts`, ...said].join(", ");
}

/** For programs: one JSON object. */
export function json(looked: Looked, why: string | null): string {
  const { known, target, verdict } = looked;
  const { judged, counts, covered, elsewhere } = verdict;
  const listed = (answer: Answer) => judged.filter((one) => one.answer === answer).slice(0, LISTED_MAX);
  return JSON.stringify({
    ok: why === null,
    why,
    rig: known.rigId,
    ref: target.ref,
    tip: target.tip,
    since: known.began,
    journalUntil: known.lastAt,
    commits: judged.length,
    covered,
    counts,
    uncovered: listed("UNCOVERED").map(forPrograms),
    foreign: listed("foreign").map(forPrograms),
    receiptsElsewhere: elsewhere.slice(-LISTED_MAX).map(({ train, to }) => ({ train, to })),
    journalGaps: known.gaps,
  });
}

const forPrograms = ({ commit: { hash, author, committer, date, subject }, words }: Judged) => ({
  hash,
  why: words,
  author,
  committer,
  date: date * 1_000,
  subject,
});
