import { expect, onTestFinished } from "vitest";
import type { Fact, FactType, RecordedOf } from "../../../src/events/facts.ts";
import { execute, heartbeat } from "../../../src/do/rig.ts";
import { readJournal, storedActors } from "../../../src/do/store.ts";
import type { JournalEntry } from "../../../src/core/journal.ts";
import {
  stateName,
  type BeadInput,
  type Caller,
  type Command,
  type Decided,
  type Refusal,
} from "../../../src/core/decide/index.ts";
import type { AgentSnapshot } from "../../../src/machines/agent.ts";
import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import type { ReviewSnapshot } from "../../../src/machines/review.ts";
import { highest, violations, type Highest } from "../../../src/core/invariants.ts";
import { whyAgent, whyBead, type Reason } from "../../../src/core/why.ts";
import { get } from "../../../src/core/world.ts";
import { agentCaller } from "../../support/callers.ts";
import { bead, OPERATOR, testRig, type TestRig } from "../../support/node-rig.ts";

/** The words in which incidents, thresholds and commands are told. */

export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;

/** A rig that is closed when its test ends, and whose invariants must have held after each of its commits. */
export function town(options: Parameters<typeof testRig>[0] = {}): TestRig {
  const made = testRig(options);
  const broken = new Set<string>();
  let seen: Highest | undefined;
  const watch = () => {
    const { world, listeners } = made.rig;
    listeners.add(() => {
      // A crowd is looked at by nobody: that test is about a limit, and a look costs as much as the crowd is large.
      if (world.agents.size > 1_000) return;
      seen = highest(world, seen);
      for (const { rule, actor, text } of violations(world, seen)) broken.add(`${rule}: ${actor} ${text}`);
    });
  };
  watch();
  const { reopen } = made;
  made.reopen = () => {
    reopen();
    watch();
  };
  onTestFinished(() => {
    made.close();
    expect([...broken]).toEqual([]);
  });
  return made;
}

/** Slings one bead and waits until its start was answered. */
export async function slung(
  rig: TestRig,
  title = "work",
  more: Partial<BeadInput> = {},
): Promise<{ beadId: string; agentId: string }> {
  const { beadId = "", agentId = "" } = rig.run({ type: "sling", bead: bead(title, more) });
  await rig.settled();
  return { beadId, agentId };
}

/** A bead that its agent has finished, submitted under a branch of its own. */
export async function submitted(
  rig: TestRig,
  title = "work",
  branch = `feature/${title}`,
): Promise<{ beadId: string; agentId: string; reviewId: string }> {
  const made = await slung(rig, title);
  await done(rig, made.agentId, branch);
  return { ...made, reviewId: beadOf(rig, made.beadId).context.reviewId ?? "" };
}

export async function done(rig: TestRig, agentId: string, branch: string): Promise<void> {
  rig.run({ type: "done", agentId, branch, prUrl: null, summary: null }, as(rig, agentId));
  await rig.settled();
}

/** What the container reports of the newest claim of a review. */
export async function verdict(
  rig: TestRig,
  reviewId: string,
  how: "merged" | "conflict" | "failed",
  permanent = false,
): Promise<void> {
  const claim = reviewOf(rig, reviewId).context.claim;
  rig.run({
    type: "complete_review",
    reviewId,
    claimId: `${reviewId}:${claim}`,
    verdict: how,
    permanent,
    message: `it ${how}`,
    commitSha: how === "merged" ? "abc123" : null,
  });
  await rig.settled();
}

/** A rig whose breaker is half open, and the agent that is its probe. */
export async function probing(): Promise<{ rig: TestRig; agentId: string }> {
  const rig = town();
  rig.run({ type: "set_settings", settings: { breaker_failures: 1 } });
  const { agentId } = await slung(rig);
  await exits(rig, agentId);
  await rig.advance(rig.now + 5 * MINUTE + SECOND);
  expect(rig.rig.world.rig.context.probe).toBe(`${agentId}:2`);
  return { rig, agentId };
}

export const agentOf = (rig: TestRig, agentId: string): AgentSnapshot =>
  found(rig.rig.world.agents.get(agentId), agentId);
export const beadOf = (rig: TestRig, beadId: string): BeadSnapshot => found(get(rig.rig.world, "bead", beadId), beadId);
export const reviewOf = (rig: TestRig, reviewId: string): ReviewSnapshot =>
  found(get(rig.rig.world, "review", reviewId), reviewId);
export const stateOf = (rig: TestRig, agentId: string): string => stateName(agentOf(rig, agentId));

export function found<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null) throw new Error(`there is no ${what}`);
  return value;
}

/** The newest dispatch of an agent, as the one who speaks. */
export const as = (rig: TestRig, agentId: string, n = agentOf(rig, agentId).context.dispatchN): Caller =>
  agentCaller(agentId, `${agentId}:${n}`, rig.rig.world.rig.context.config?.townId);

/** All journalled facts of one type, oldest first. */
export const journal = (rig: TestRig): JournalEntry[] => readJournal(rig.ports.sql, 0, 1_000_000);

export const facts = <T extends FactType>(rig: TestRig, type: T): RecordedOf<T>[] =>
  journal(rig)
    .map((entry) => entry.fact)
    .filter((fact): fact is RecordedOf<T> => fact.type === type);

export const journalLength = (rig: TestRig): number =>
  Number(rig.ports.sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM journal").toArray()[0]?.n);
export const outboxLength = (rig: TestRig): number =>
  Number(rig.ports.sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM outbox").toArray()[0]?.n);

export const escalations = (rig: TestRig) =>
  facts(rig, "bead.created").filter((fact) => fact.beadType === "escalation");
export const guppMails = (rig: TestRig) => facts(rig, "mail.sent").filter((fact) => fact.subject === "GUPP_CHECK");
export const startsOf = (rig: TestRig, beadId: string): number =>
  facts(rig, "dispatch.granted").filter((fact) => fact.beadId === beadId).length;
export const calls = (rig: TestRig, kind: TestRig["container"]["calls"][number]["kind"]): string[] =>
  rig.container.calls.filter((call) => call.kind === kind).map((call) => call.id);

/** Everything that a rig stores and holds, as one text: equal texts, nothing changed. */
export function everything(rig: TestRig): string {
  const { world } = rig.rig;
  return JSON.stringify({
    journal: journalLength(rig),
    outbox: rig.ports.sql.exec("SELECT * FROM outbox ORDER BY key").toArray(),
    rows: [...storedActors(rig.ports.sql)],
    mail: rig.ports.sql.exec("SELECT * FROM mail ORDER BY seq").toArray(),
    content: rig.ports.sql.exec("SELECT * FROM content ORDER BY kind, id").toArray(),
    seq: world.seq,
    at: world.at,
    rig: [world.rig.value, world.rig.context],
    agents: [...world.agents.values()].map(({ value, context }) => [value, context]),
    beads: [...world.beads.values()].map(({ value, context }) => [value, context]),
    reviews: [...world.reviews.values()].map(({ value, context }) => [value, context]),
    index: Object.fromEntries(Object.entries(world.index).map(([name, index]) => [name, [...index]])),
  });
}

/** Runs a command that must be refused, and fails when anything changed although it was. */
export function refused(rig: TestRig, command: Command, caller: Caller = OPERATOR): Refusal {
  const before = everything(rig);
  const decision = execute(rig.rig, command, caller);
  if (decision.ok) throw new Error(`${command.type} was not refused`);
  if (everything(rig) !== before) throw new Error(`${command.type} was refused, and changed something all the same`);
  return decision;
}

/** Runs a command that must be accepted and change nothing. */
export function unchanged(rig: TestRig, command: Command, caller: Caller = OPERATOR): Decided {
  const before = everything(rig);
  const decided = rig.run(command, caller);
  if (everything(rig) !== before) throw new Error(`${command.type} changed something`);
  return decided;
}

/** From now on every started process is found dead when the container is asked. */
export function everyProcessDies(rig: TestRig, exitReason = "boom"): void {
  rig.container.processes.set = (agentId, observed) =>
    Map.prototype.set.call(rig.container.processes, agentId, {
      ...observed,
      status: "failed",
      exitReason,
    }) as typeof rig.container.processes;
}
export function processesLive(rig: TestRig): void {
  delete (rig.container.processes as { set?: unknown }).set;
}

/** The agent's process reports its own end. */
export async function exits(
  rig: TestRig,
  agentId: string,
  outcome:
    | "completed"
    | "failed"
    | "rate_limited"
    | "evicted"
    | "over_budget"
    | "place"
    | "not_authorized"
    | "gone"
    | "full" = "failed",
  resetAt: number | null = null,
  reason = `it ended: ${outcome}`,
): Promise<void> {
  rig.container.processes.delete(agentId);
  rig.run({ type: "exited", agentId, dispatchId: null, outcome, reason, resetAt }, as(rig, agentId));
  await rig.settled();
}

/** Advances the clock with a heartbeat of every given agent each 30 s, as the container sends them. */
export async function advanceWithHeartbeats(rig: TestRig, until: number, ...agentIds: string[]): Promise<number> {
  let rang = 0;
  while (rig.now < until) {
    for (const agentId of agentIds)
      heartbeat(rig.rig, agentId, `${agentId}:${agentOf(rig, agentId).context.dispatchN}`, as(rig, agentId));
    rang += await rig.advance(Math.min(until, rig.now + 30 * SECOND));
  }
  return rang;
}

/** Makes statements that match fail until `mend` is called. */
export function breakSql(rig: TestRig, matches: (query: string) => boolean, error = "disk is full"): { mend(): void } {
  const sql = rig.ports.sql as { exec: typeof rig.ports.sql.exec };
  const { exec } = sql;
  sql.exec = ((query: string, ...bindings: (string | number | null)[]) => {
    if (matches(query)) throw new Error(error);
    return exec(query, ...bindings);
  }) as typeof exec;
  return {
    mend() {
      sql.exec = exec;
    },
  };
}

export const isWrite = (query: string): boolean => /^\s*(insert|update|delete)/i.test(query);

/** Counts the statements that write while something runs. */
export async function writesDuring(rig: TestRig, run: () => Promise<unknown> | unknown): Promise<number> {
  let writes = 0;
  const counting = breakSql(rig, (query) => {
    if (isWrite(query)) writes++;
    return false;
  });
  await run();
  counting.mend();
  return writes;
}

/** The reason that is shown for what a bead or an agent does, or does not do. */
export const reasonOfBead = (rig: TestRig, beadId: string): Reason =>
  whyBead(rig.rig.world, beadOf(rig, beadId)).reason;
export const reasonOfAgent = (rig: TestRig, agentId: string): Reason =>
  whyAgent(rig.rig.world, agentOf(rig, agentId)).reason;

export const configure = (rigId: string): Command => ({
  type: "configure",
  rigId,
  townId: `town-of-${rigId}`,
  userId: "user1",
  name: rigId,
  gitUrl: `file:///${rigId}`,
  defaultBranch: "main",
});

export const tickFact: Fact = { type: "TICK", container: "unasked" };
