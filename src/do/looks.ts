import { readEntry, type JournalRow } from "../core/journal.ts";
import { within } from "../core/run-chain.ts";
import { RUN_FACTS, RunFold, runOf } from "../core/run.ts";
import { get } from "../core/world.ts";
import type { Recorded } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { placeOfOrder } from "../events/settings.ts";
import type { Diff } from "../wire/diff.ts";
import type { RunAnswer } from "../wire/run.ts";
import { factsBetween } from "./report.ts";
import { redactor, type Redact } from "./needs.ts";
import type { Sql } from "./ports.ts";
import type { Rig } from "./rig.ts";
import { secretsNamed } from "./secrets.ts";

/** What people look at closely: one bead's work and its story, and a time of the whole rig. Nothing here changes anything. */

/** A person waits for a diff. */
const DIFF_MS = 30_000;
const DAY_MS = 86_400_000;

export type Diffed =
  | Diff
  | { readonly result: "refused"; readonly status: 409 | 422 | 429 | 503; readonly error: string };

/** What a bead's work changes, as the container sees it now. */
export async function diff(rig: Rig, beadId: string): Promise<Diffed | null> {
  const { world, ports } = rig;
  const bead = get(world, "bead", beadId);
  if (bead === undefined) return null;
  const no = (status: 409 | 422 | 429 | 503, error: string): Diffed => ({ result: "refused", status, error });
  const { config, settings } = world.rig.context;
  if (config === null) return no(409, "the rig has no repository yet");
  const { rigId, townId, gitUrl, defaultBranch } = config;
  const container = ports.container(townId);
  const old = no(409, "the town's container is an old one that shows no diffs");
  if (container.diff === undefined) return old;
  const { branch, assignee, reviewId, commitSha } = bead.context;
  const agent = world.agents.get(assignee ?? "");
  const answer = await container.diff(
    {
      rigId,
      gitUrl,
      targetBranch: defaultBranch,
      beadId,
      branch: branch === "" ? null : branch,
      agentId: agent?.context.hook === beadId ? agent.context.id : null,
      commit: get(world, "review", reviewId ?? "")?.context.commit ?? null,
      merged: commitSha !== null && /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(commitSha) ? commitSha : null,
      envVars: Object.fromEntries(secretsNamed(rig, ["GIT_TOKEN", "GIT_USERNAME"])),
      ...placeOfOrder(settings),
    },
    DIFF_MS,
  );
  if (!("kind" in answer)) return redacted(answer, redactor(ports.sql));
  if (answer.kind === "unknown") return no(503, `the town's container does not answer: ${answer.error}`);
  if (answer.status === 404) return old;
  return no(answer.status === 429 ? 429 : 422, answer.error);
}

/** What an agent put into its work is no reason to show the rig's secrets. */
function redacted(diff: Diff, redact: Redact): Diff {
  if (diff.result === "none") return diff;
  return {
    ...diff,
    commits: diff.commits.map((commit) => ({ ...commit, subject: redact(commit.subject) })),
    files: diff.files.map((file) => ({
      ...file,
      hunks: file.hunks.map((hunk) => ({ ...hunk, section: redact(hunk.section), lines: hunk.lines.map(redact) })),
    })),
  };
}

const listed = (types: readonly string[]): string => types.map((type) => `'${type}'`).join(", ");

/** What is told of an agent alone, and belongs to the bead that it works on at that time. */
const TOLD_OF_AGENT = [
  "agent.heard",
  "agent.waiting",
  "agent.exited",
  "agent.asked",
  "agent.asked_help",
  "agent.answered",
  "agent.status_said",
  "permission.asked",
  "permission.answered",
  "answer.missed",
  "start.refused",
  "start.failed",
] as const satisfies readonly Recorded["type"][];
/** Not each of them is worth a row, and none of them says anything: what an agent saves may be large. */
const UNTOLD = ["agent.checkpointed", "spend.counted"] as const satisfies readonly Recorded["type"][];

type Held = { readonly agentId: string; readonly from: number; to: number };

/** @returns the newest facts that are about a bead, oldest first */
export function story(rig: Rig, beadId: string): { facts: Recorded[]; is_cut: boolean } | null {
  const { sql } = rig.ports;
  if (get(rig.world, "bead", beadId) === undefined) return null;
  const most = LIMITS.story_facts;
  const own = rowsOf(
    sql,
    `bead = ? AND type NOT IN (${listed(UNTOLD)}) ORDER BY seq DESC LIMIT ?`,
    beadId,
    most,
  ).toReversed();
  const reviews = new Set(own.flatMap((fact) => (fact.type === "review.opened" ? [fact.reviewId] : [])));
  const told = [
    ...heldBy(own).flatMap(({ agentId, from, to }) =>
      rowsOf(
        sql,
        `seq BETWEEN ? AND ? AND (
           (type IN (${listed(TOLD_OF_AGENT)}) AND json_extract(body, '$.agentId') = ?)
           OR (type = 'mail.sent' AND (json_extract(body, '$.to') = ? OR json_extract(body, '$.from') = ?))
         ) ORDER BY seq LIMIT ?`,
        from,
        to,
        agentId,
        agentId,
        agentId,
        most,
      ),
    ),
    ...ofReviews(sql, own, reviews),
  ];
  return newestOf([...own, ...told], own.length >= most);
}

/** Each once, the newest of them, oldest first. */
export function newestOf(facts: readonly Recorded[], isCut: boolean): { facts: Recorded[]; is_cut: boolean } {
  const all = [...new Map(facts.map((fact) => [fact.seq, fact])).values()].sort((a, b) => a.seq - b.seq);
  return { facts: all.slice(-LIMITS.story_facts), is_cut: isCut || all.length > LIMITS.story_facts };
}

/** Facts of a review name no bead, but they lie between its first and its last. */
function ofReviews(sql: Sql, own: readonly Recorded[], reviews: ReadonlySet<string>): Recorded[] {
  const opened = own.find(({ type }) => type === "review.opened");
  if (opened === undefined) return [];
  const ended = own.findLast(
    ({ type }) => type === "bead.merged" || type === "bead.failed" || type === "bead.cancelled",
  );
  return rowsOf(
    sql,
    "seq BETWEEN ? AND ? AND type LIKE 'review.%' ORDER BY seq LIMIT ?",
    opened.seq,
    (ended?.seq ?? Number.MAX_SAFE_INTEGER - 1) + 1,
    LIMITS.story_facts,
  ).filter((fact) =>
    "reviewId" in fact
      ? reviews.has(String(fact.reviewId))
      : fact.type === "review.checked" && fact.members.some(({ reviewId }) => reviews.has(reviewId)),
  );
}

/** Who had it, from which fact to which. */
function heldBy(facts: readonly Recorded[]): Held[] {
  const held: Held[] = [];
  for (const fact of facts) {
    const last = held.at(-1);
    const isOver = last === undefined || last.to !== Number.MAX_SAFE_INTEGER;
    if (fact.type === "agent.hooked" || fact.type === "dispatch.granted") {
      if (!isOver && last.agentId === fact.agentId) continue;
      if (!isOver) last.to = fact.seq;
      held.push({ agentId: fact.agentId, from: fact.seq, to: Number.MAX_SAFE_INTEGER });
    } else if (!isOver && ["agent.unhooked", "review.opened", "bead.failed", "bead.closed"].includes(fact.type))
      // Its end is told right after, in the same commit.
      last.to = fact.seq + TOLD_AFTER;
  }
  return held;
}

const TOLD_AFTER = 10;

const rowsOf = (sql: Sql, where: string, ...values: (string | number)[]): Recorded[] =>
  sql
    .exec<JournalRow>(`SELECT * FROM journal WHERE ${where}`, ...values)
    .toArray()
    .map((row) => readEntry(row).fact);

/**
 * A time of the rig as spans. What began up to a day before is known; what waits for longer is known from its next fact on.
 * @param from ms @param to ms; not in it any more
 */
export function run(rig: Rig, from: number, to: number): RunAnswer {
  const { sql, now } = rig.ports;
  const fold = new RunFold();
  for (const [id, { context }] of rig.world.agents) fold.agent(id, context.name);
  const { cutAt, ...all } = runOf(factsBetween(sql, Math.max(0, from - DAY_MS), to, RUN_FACTS), LIMITS.run_facts, fold);
  const until = cutAt ?? to;
  const end = Math.min(until, now());
  return { from, to: until, now: now(), is_cut: cutAt !== null, ...within(all, from, Math.max(from, end + 1)) };
}
