import type * as z from "zod";
import { dayOf, leftOf, NOTHING_SPENT, startOfDay } from "../events/budget.ts";
import type { RecordedOf } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { capsOn, leaseOf } from "../machines/budget.ts";
import { beadCaps, type BeadMoney } from "../machines/spend.ts";
import { budgetOf, isAnythingCapped } from "../events/settings.ts";
import type { BudgetOrder } from "../wire/container.ts";
import type { Amounts, Spend, SpendRow } from "../wire/spend.ts";
import { attemptsOf } from "./attempts.ts";
import type { Sql } from "./ports.ts";
import type { Rig } from "./rig.ts";
import { iso } from "./shapes.ts";

/** The ledger: what was counted, by day, dispatch, conversation and model, in rows of its own. All of it follows from `spend.counted`. */

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
  if (fact.seq % LOOK_EVERY === 0) dropOldest(sql);
}

/** Counting rows reads all of them; so a rig may have a few more for a while. */
const LOOK_EVERY = 256;

function dropOldest(sql: Sql): void {
  const rows = Number(sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM spend").toArray()[0]?.n ?? 0);
  if (rows > LIMITS.spend_rows) sql.exec("DELETE FROM spend WHERE day = (SELECT MIN(day) FROM spend)");
}

type Row = { key: string } & Record<keyof z.infer<typeof Amounts>, number>;

const SUMS = `COALESCE(SUM(input), 0) AS input_tokens, COALESCE(SUM(cached), 0) AS cached_tokens, COALESCE(SUM(output), 0) AS output_tokens,
  COALESCE(SUM(cost), 0) AS cost_microdollars, COALESCE(SUM(estimated), 0) AS estimated_microdollars, COALESCE(SUM(unpriced), 0) AS unpriced_tokens`;

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
    sql.exec<Row>(`SELECT '' AS key, ${SUMS} FROM spend WHERE day BETWEEN ? AND ?`, from, to).toArray()[0] as Row,
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
      `SELECT ${COLUMNS[by]} AS key, ${SUMS} FROM spend WHERE day BETWEEN ? AND ? GROUP BY 1 ORDER BY 5 DESC, 4 DESC, 1 LIMIT ?`,
      first,
      last,
      LIMITS.spend_rows_shown + 1,
    )
    .toArray();
  return {
    today: today(rig, now),
    total: total(sql, first, last),
    failures: failures(rig, first, last),
    rows: rows.slice(0, LIMITS.spend_rows_shown).map((row): z.infer<typeof SpendRow> => ({
      key: by === "day" ? iso(startOfDay(Number(row.key))).slice(0, 10) : row.key,
      ...amounts(row),
    })),
    is_cut: rows.length > LIMITS.spend_rows_shown,
  };
}

/** The day's budget, what of it is spent, and what is left. */
export function today(rig: Rig, now: number): z.infer<typeof Spend>["today"] {
  const { budget } = rig.world;
  const isOfToday = budget?.context.day === dayOf(now);
  const { settings } = rig.world.rig.context;
  const caps = capsOn(settings, budget?.context ?? {}, dayOf(now));
  const spent = isOfToday ? budget.context.today : NOTHING_SPENT;
  return {
    ...spent,
    caps,
    left: leftOf(spent, caps),
    state: isOfToday ? budget.value : "counting",
    ends_at: iso(startOfDay(dayOf(now) + 1)),
  };
}

/** What was spent on dispatches that failed. */
function failures(rig: Rig, first: number, last: number): z.infer<typeof Amounts> {
  const { sql } = rig.ports;
  const beads = sql
    .exec<{ bead: string }>(
      "SELECT DISTINCT bead FROM spend WHERE bead IS NOT NULL AND day BETWEEN ? AND ? LIMIT ?",
      first,
      last,
      LIMITS.spend_rows_shown,
    )
    .toArray();
  const failed = beads.flatMap(({ bead }) =>
    attemptsOf(rig, bead)
      .filter(({ status }) => status === "failed")
      .map(({ dispatch_id }) => dispatch_id),
  );
  return amounts(
    sql
      .exec<Row>(
        `SELECT '' AS key, ${SUMS} FROM spend WHERE day BETWEEN ? AND ? AND dispatch IN (SELECT value FROM json_each(?))`,
        first,
        last,
        JSON.stringify(failed),
      )
      .toArray()[0] as Row,
  );
}

/** What a bead has used over all its attempts, and what it may. */
export function spendOfBead(
  rig: Rig,
  beadId: string,
): { spent: z.infer<typeof Amounts>; caps: ReturnType<typeof beadCaps> } {
  const bead = rig.world.beads.get(beadId)?.context ?? {};
  const spent = amounts(
    rig.ports.sql.exec<Row>(`SELECT '' AS key, ${SUMS} FROM spend WHERE bead = ?`, beadId).toArray()[0] as Row,
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
          },
    answers_in_flight,
    prices,
  };
}

/** On which bead a dispatch of an agent was, asked of the journal; null: none is known. */
export const beadOfDispatch = (sql: Sql, dispatchId: string): string | null => grantOf(sql, dispatchId)?.bead ?? null;

/** The grant of a dispatch, as far as the journal still has it. It is looked for from the end: whoever ends was granted not long ago. */
export const grantOf = (sql: Sql, dispatchId: string): { seq: number; bead: string | null } | null =>
  sql
    .exec<{ seq: number; bead: string | null }>(
      "SELECT seq, bead FROM journal WHERE type = 'dispatch.granted' AND json_extract(body, '$.dispatchId') = ? ORDER BY seq DESC LIMIT 1",
      dispatchId,
    )
    .toArray()[0] ?? null;
