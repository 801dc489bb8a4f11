import type * as z from "zod";
import { dayOf, leftOf, NOTHING_SPENT, startOfDay } from "../events/budget.ts";
import type { Ends } from "../core/report.ts";
import type { FactOf, RecordedOf } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { capsOn, leaseOf } from "../machines/budget.ts";
import { beadCaps, type BeadMoney } from "../machines/spend.ts";
import { budgetOf, isAnythingCapped } from "../events/settings.ts";
import type { BudgetOrder } from "../wire/container.ts";
import type { Amounts, Spend, SpendRow } from "../wire/spend.ts";
import type { Sql } from "./ports.ts";
import type { Rig } from "./rig.ts";
import { iso } from "./shapes.ts";

/**
 * The ledger: what was counted, by day, dispatch, conversation and model, in rows of its own; and of dispatches, which have failed, and which
 * ended without their last words. All of it follows from `spend.counted`, `dispatch.failed`, `spend.incomplete` and `spend.completed`.
 */

/** Adds what a fact counts. The oldest day goes when there are too many rows. */
export function keepSpend(sql: Sql, fact: RecordedOf<"spend.counted">): void {
  const { at, dispatchId, session, model, agentId, beadId, runtime, costMicrodollars, estimated } = fact;
  const { inputTokens, cachedTokens, outputTokens } = fact;
  const cost = costMicrodollars ?? 0;
  sql.exec(
    `INSERT INTO spend VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (day, dispatch, session, model) DO UPDATE SET input = input + excluded.input, cached = cached + excluded.cached,
       output = output + excluded.output, cost = cost + excluded.cost, estimated = estimated + excluded.estimated,
       unpriced = unpriced + excluded.unpriced`,
    dayOf(at),
    dispatchId,
    session,
    model ?? "",
    agentId,
    beadId,
    runtime ?? "",
    inputTokens,
    cachedTokens,
    outputTokens,
    cost,
    estimated ? cost : 0,
    costMicrodollars === null ? inputTokens + outputTokens : 0,
  );
  sql.exec("UPDATE spend_ends SET unsaid = NULL WHERE unsaid = ?", unsaidOf(agentId, session));
  if (fact.seq % LOOK_EVERY === 0) dropOldest(sql);
}

/** Conversations are each agent's own. */
const unsaidOf = (agentId: string, session: string): string => `${agentId} ${session}`;

/** What it has used went into nothing. */
export function keepFailed(sql: Sql, { at, dispatchId, seq }: RecordedOf<"dispatch.failed">): void {
  sql.exec(
    "INSERT INTO spend_ends VALUES (?, ?, 1, NULL) ON CONFLICT (dispatch) DO UPDATE SET failed = 1",
    dispatchId,
    dayOf(at),
  );
  if (seq % LOOK_EVERY === 0) dropOldestEnds(sql);
}

/** What it has used is more than was counted, until its conversation tells again. */
export function keepUnsaid(sql: Sql, fact: RecordedOf<"spend.incomplete">): void {
  const { at, agentId, dispatchId, beadId, session, runtime } = fact;
  sql.exec(
    "INSERT INTO spend_ends VALUES (?, ?, 0, ?) ON CONFLICT (dispatch) DO UPDATE SET unsaid = excluded.unsaid",
    dispatchId,
    dayOf(at),
    unsaidOf(agentId, session),
  );
  const isCounted = sql.exec("SELECT 1 FROM spend WHERE dispatch = ? LIMIT 1", dispatchId).toArray().length > 0;
  if (isCounted) return;
  sql.exec(
    "INSERT OR IGNORE INTO spend VALUES (?, ?, ?, '', ?, ?, ?, 0, 0, 0, 0, 0, 0)",
    dayOf(at),
    dispatchId,
    session,
    agentId,
    beadId,
    runtime ?? "",
  );
}

/** Its end was told after all: what was counted is all of it. */
export function keepSaid(sql: Sql, { dispatchId }: RecordedOf<"spend.completed">): void {
  sql.exec("UPDATE spend_ends SET unsaid = NULL WHERE dispatch = ?", dispatchId);
}

/** What the ledger has counted of a conversation of an agent; undefined: it knows none of it. */
export function countedOf(sql: Sql, agentId: string, session: string): FactOf<"agent.usage">["counted"] {
  type Sums = { n: number; input: number; cached: number; output: number; cost: number; unpriced: number };
  const row = sql
    .exec<Sums>(
      `SELECT COUNT(*) AS n, COALESCE(SUM(input), 0) AS input, COALESCE(SUM(cached), 0) AS cached, COALESCE(SUM(output), 0) AS output,
         COALESCE(SUM(cost), 0) AS cost, COALESCE(SUM(unpriced), 0) AS unpriced FROM spend WHERE agent = ? AND session = ?`,
      agentId,
      session,
    )
    .toArray()[0];
  if (row === undefined || row.n === 0) return undefined;
  const { input: inputTokens, cached: cachedTokens, output: outputTokens, cost } = row;
  return { inputTokens, cachedTokens, outputTokens, costMicrodollars: cost === 0 && row.unpriced > 0 ? null : cost };
}

/** Whether a dispatch has more to tell of what it has used, as far as the ledger knows. */
export const isIncomplete = (sql: Sql, dispatchId: string): boolean =>
  sql.exec("SELECT 1 FROM spend_ends WHERE dispatch = ? AND unsaid IS NOT NULL", dispatchId).toArray().length > 0;

/** What became of dispatches, each asked for once. */
export function endsIn(sql: Sql): Ends {
  type Row = { failed: number; unsaid: string | null };
  const known = new Map<string, ReturnType<Ends>>();
  return (dispatchId) => {
    let found = known.get(dispatchId);
    if (found === undefined) {
      const row = sql.exec<Row>("SELECT failed, unsaid FROM spend_ends WHERE dispatch = ?", dispatchId).toArray()[0];
      found = { hasFailed: row?.failed === 1, isUnsaid: (row?.unsaid ?? null) !== null };
      known.set(dispatchId, found);
    }
    return found;
  };
}

/** Counting rows reads all of them; so a rig may have a few more for a while. */
const LOOK_EVERY = 256;

function dropOldest(sql: Sql): void {
  const rows = Number(sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM spend").toArray()[0]?.n ?? 0);
  if (rows > LIMITS.spend_rows) sql.exec("DELETE FROM spend WHERE day = (SELECT MIN(day) FROM spend)");
  dropOldestEnds(sql);
}

/** Of what is in no row of the ledger any more nobody asks how it ended. */
function dropOldestEnds(sql: Sql): void {
  const rows = Number(sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM spend_ends").toArray()[0]?.n ?? 0);
  if (rows > LIMITS.spend_rows) sql.exec("DELETE FROM spend_ends WHERE day = (SELECT MIN(day) FROM spend_ends)");
}

type Row = { key: string } & Record<keyof z.infer<typeof Amounts>, number>;

const SUMS = `COALESCE(SUM(input), 0) AS input_tokens, COALESCE(SUM(cached), 0) AS cached_tokens, COALESCE(SUM(output), 0) AS output_tokens,
  COALESCE(SUM(cost), 0) AS cost_microdollars, COALESCE(SUM(estimated), 0) AS estimated_microdollars, COALESCE(SUM(unpriced), 0) AS unpriced_tokens,
  COALESCE(SUM(CASE WHEN failed = 1 THEN input + output END), 0) AS failed_tokens,
  COALESCE(SUM(CASE WHEN failed = 1 THEN cost END), 0) AS failed_microdollars,
  COUNT(DISTINCT CASE WHEN unsaid IS NOT NULL THEN dispatch END) AS incomplete`;
const SPEND =
  "(SELECT spend.*, spend_ends.failed, spend_ends.unsaid FROM spend LEFT JOIN spend_ends USING (dispatch)) AS spend";

/** By what sums may be asked for, and the column of each. */
const COLUMNS = {
  day: "day",
  bead: "COALESCE(bead, '')",
  agent: "agent",
  runtime: "runtime",
  model: "model",
  attempt: "dispatch",
} as const;
export type SpendBy = keyof typeof COLUMNS;

const amounts = ({ key: _, ...sums }: Row): z.infer<typeof Amounts> => sums;

const total = (sql: Sql, from: number, to: number): z.infer<typeof Amounts> =>
  amounts(
    sql.exec<Row>(`SELECT '' AS key, ${SUMS} FROM ${SPEND} WHERE day BETWEEN ? AND ?`, from, to).toArray()[0] as Row,
  );

/**
 * What was spent within days of UTC, both included.
 * @param from ms, and `to`; null: the first, and today
 */
export function spend(rig: Rig, by: SpendBy, from: number | null, to: number | null): z.infer<typeof Spend> {
  const { sql } = rig.ports;
  const now = rig.ports.now();
  const first = from === null ? 0 : dayOf(from);
  const last = to === null ? dayOf(now) : dayOf(to);
  const rows = sql
    .exec<Row>(
      `SELECT ${COLUMNS[by]} AS key, ${SUMS} FROM ${SPEND} WHERE day BETWEEN ? AND ? GROUP BY 1 ORDER BY 5 DESC, 4 DESC, 1 LIMIT ?`,
      first,
      last,
      LIMITS.spend_rows_shown + 1,
    )
    .toArray();
  return {
    today: today(rig, now),
    total: total(sql, first, last),
    failures: failures(sql, first, last),
    rows: rows.slice(0, LIMITS.spend_rows_shown).map((row): z.infer<typeof SpendRow> => ({
      key: by === "day" ? iso(startOfDay(Number(row.key))).slice(0, 10) : row.key,
      ...amounts(row),
    })),
    is_cut: rows.length > LIMITS.spend_rows_shown,
    bound: boundOf(rig),
  };
}

/** By what a cap may be passed by those that run now. Who has told nothing yet is not known to be at the door. */
function boundOf({ world }: Rig): z.infer<typeof Spend>["bound"] {
  if (!isAnythingCapped(world.rig.context.settings) || world.index.slots.size === 0) return null;
  const isAtDoor = (agentId: string): boolean => world.agents.get(agentId)?.context.atDoor === true;
  return [...world.index.slots].every(isAtDoor) ? "answers_in_flight" : "unmetered_ms";
}

/** The day's budget, what of it is spent, and what is left. */
export function today(rig: Rig, now: number): z.infer<typeof Spend>["today"] {
  const { budget } = rig.world;
  // A clock that was put back begins no day anew: it goes on with the one that it was in.
  const day = Math.max(dayOf(now), budget?.context.day ?? 0);
  const isOfToday = budget?.context.day === day;
  const { settings } = rig.world.rig.context;
  const caps = capsOn(settings, budget?.context ?? {}, day);
  const spent = isOfToday ? budget.context.today : NOTHING_SPENT;
  return {
    ...spent,
    caps,
    left: leftOf(spent, caps),
    state: isOfToday ? budget.value : "counting",
    ends_at: iso(startOfDay(day + 1)),
  };
}

/** What was spent on dispatches that failed. */
const failures = (sql: Sql, first: number, last: number): z.infer<typeof Amounts> =>
  amounts(
    sql
      .exec<Row>(`SELECT '' AS key, ${SUMS} FROM ${SPEND} WHERE failed = 1 AND day BETWEEN ? AND ?`, first, last)
      .toArray()[0] as Row,
  );

/** What a bead has used over all its attempts, and what it may. */
export function spendOfBead(
  rig: Rig,
  beadId: string,
): { spent: z.infer<typeof Amounts>; caps: ReturnType<typeof beadCaps> } {
  const bead = rig.world.beads.get(beadId)?.context ?? {};
  const spent = amounts(
    rig.ports.sql.exec<Row>(`SELECT '' AS key, ${SUMS} FROM ${SPEND} WHERE bead = ?`, beadId).toArray()[0] as Row,
  );
  return { spent, caps: beadCaps(bead, rig.world.rig.context.settings) };
}

/**
 * What an agent of the rig may spend yet, for its container; undefined where nothing is capped. What the day has left is of the whole rig.
 * @param agentId whose newest dispatch is asked about
 */
export function budgetOrder(rig: Rig, agentId: string): BudgetOrder | undefined {
  const { settings } = rig.world.rig.context;
  const { answers_in_flight, prices } = budgetOf(settings);
  const agent = rig.world.agents.get(agentId)?.context;
  const bead: BeadMoney = rig.world.beads.get(agent?.hook ?? "")?.context ?? {};
  const caps = beadCaps(bead, settings);
  const { left, ends_at } = today(rig, rig.ports.now());
  if (!isAnythingCapped(settings)) return undefined;
  const session = agent?.usage?.sessions.at(-1)?.session;
  const counted = agent?.counted?.find((one) => one.session === session);
  return {
    as_of: rig.world.seq,
    bead: leftOf(bead.spent ?? NOTHING_SPENT, caps),
    day: left,
    day_ends_at: ends_at,
    // More may be leased at any time: nobody is to wait for the end of the day.
    ...(leaseOf(settings, {}, 0) === null ? {} : { day_retry_ms: LIMITS.lease_retry_ms }),
    counted:
      counted === undefined
        ? null
        : {
            session: counted.session,
            tokens: counted.inputTokens + counted.outputTokens,
            microdollars: counted.costMicrodollars ?? 0,
            input_tokens: counted.inputTokens,
            cached_tokens: counted.cachedTokens,
            output_tokens: counted.outputTokens,
          },
    answers_in_flight,
    prices,
  };
}

/** On which bead a dispatch of an agent was, asked of the journal; null: none is known. */
export const beadOfDispatch = (sql: Sql, dispatchId: string): string | null => grantOf(sql, dispatchId)?.bead ?? null;

/** The grant of a dispatch, as far as the journal still has it. It is looked for from the end: whoever ends was granted not long ago. */
export const grantOf = (sql: Sql, dispatchId: string): { seq: number; at: number; bead: string | null } | null =>
  sql
    .exec<{ seq: number; at: number; bead: string | null }>(
      "SELECT seq, at, bead FROM journal WHERE type = 'dispatch.granted' AND json_extract(body, '$.dispatchId') = ? ORDER BY seq DESC LIMIT 1",
      dispatchId,
    )
    .toArray()[0] ?? null;
