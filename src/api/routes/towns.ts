import type * as z from "zod";
import type { Env } from "../../do/env.ts";
import { isTownCapped, townObject } from "../../do/town-money.ts";
import { DIRECTORY } from "../../do/user-do.ts";
import { dayOf, startOfDay } from "../../events/budget.ts";
import { LIMITS } from "../../events/limits.ts";
import { Amounts, TownBudget, TownSpend, TownSpendQuery, type Spend } from "../../wire/spend.ts";
import { HttpError } from "../errors.ts";
import { time } from "../respond.ts";
import { route, type Route } from "../route.ts";

/** The money of a town: what its rigs have used together, and what they may. */

const access = ["operator"] as const;
const tag = "towns";

type OfRig = { readonly id: string; readonly spend: z.infer<typeof Spend> };
type Row = z.infer<typeof TownSpend>["rows"][number];

const moneyOf = (env: Env, townId: string) => env.USER.get(env.USER.idFromName(townObject(townId)));
const rigsOf = (env: Env, townId: string) => env.USER.get(env.USER.idFromName(DIRECTORY)).rigsOfTown(townId);
const rigStub = (env: Env, id: string) => env.RIG.get(env.RIG.idFromName(id));
const iso = (at: number): string => new Date(at).toISOString();

const NOTHING: z.infer<typeof Amounts> = Amounts.parse(
  Object.fromEntries(Object.keys(Amounts.shape).map((name) => [name, 0])),
);
const plus = <T extends z.infer<typeof Amounts>>(a: T, b: z.infer<typeof Amounts>): T => ({
  ...a,
  ...Object.fromEntries(
    (Object.keys(Amounts.shape) as (keyof typeof NOTHING)[]).map((name) => [name, a[name] + b[name]]),
  ),
});

/** Of beads, agents and attempts each is of one rig; days, programs and models are of all. */
const OF_ONE_RIG: ReadonlySet<string> = new Set(["bead", "agent", "attempt"]);

/** The rows of all rigs as those of one town, the dearest first. */
export function townRows(rigs: readonly OfRig[], by: z.infer<typeof TownSpendQuery>["by"], townId: string): Row[] {
  if (by === "rig") return sorted(rigs.map(({ id, spend }) => ({ key: id, ...spend.total })));
  if (by === "town") return [rigs.reduce((sum: Row, { spend }) => plus(sum, spend.total), { key: townId, ...NOTHING })];
  if (OF_ONE_RIG.has(by))
    return sorted(rigs.flatMap(({ id, spend }) => spend.rows.map((row) => ({ ...row, rig_id: id }))));
  const byKey = new Map<string, Row>();
  for (const { spend } of rigs)
    for (const row of spend.rows) {
      const known = byKey.get(row.key);
      byKey.set(row.key, known === undefined ? row : plus(known, row));
    }
  return sorted([...byKey.values()]);
}

const sorted = (rows: Row[]): Row[] =>
  rows.sort(
    (a, b) =>
      b.cost_microdollars - a.cost_microdollars || b.output_tokens - a.output_tokens || (a.key < b.key ? -1 : 1),
  );

async function spendOfTown(
  env: Env,
  townId: string,
  query: z.infer<typeof TownSpendQuery>,
): Promise<z.infer<typeof TownSpend>> {
  const { by } = query;
  const [from, to] = [time("from", query.from) ?? null, time("to", query.to) ?? null];
  const [rigs, day] = await Promise.all([rigsOf(env, townId), moneyOf(env, townId).townDay()]);
  const asked = await Promise.allSettled(
    rigs.map(async ({ id }) => ({
      id,
      spend: await rigStub(env, id).spend(by === "rig" || by === "town" ? "day" : by, from, to),
    })),
  );
  const answered = asked.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const rows = townRows(answered, by, townId);
  const now = Date.now();
  return {
    today: {
      ...answered.reduce(
        (sum, { spend }) => ({
          tokens: sum.tokens + spend.today.tokens,
          microdollars: sum.microdollars + spend.today.microdollars,
        }),
        { tokens: 0, microdollars: 0 },
      ),
      leased: day.leased,
      caps: day.caps,
      ends_at: iso(startOfDay(dayOf(now) + 1)),
    },
    total: answered.reduce((sum, { spend }) => plus(sum, spend.total), NOTHING),
    failures: answered.reduce((sum, { spend }) => plus(sum, spend.failures), NOTHING),
    rows: rows.slice(0, LIMITS.spend_rows_shown),
    is_cut: rows.length > LIMITS.spend_rows_shown || answered.some(({ spend }) => spend.is_cut),
    missing: rigs.map(({ id }) => id).filter((id) => !answered.some((one) => one.id === id)),
    accounts: day.accounts.map(({ account, until, rig }) => ({ account, until: iso(until), rig_id: rig })),
    changes: day.lines.map(({ at, by: who, body }) => ({
      at: iso(at),
      by: who,
      what: body as z.infer<ReturnType<typeof z.json>>,
    })),
  };
}

async function tellCap(
  env: Env,
  rigId: string,
  onCap: z.infer<typeof TownBudget>["on_cap"] | null,
  by: string,
): Promise<void> {
  const reply = await rigStub(env, rigId).execute(
    { type: "set_town_cap", onCap },
    { kind: "system", id: by, dispatchId: null },
  );
  if (!reply.ok) throw new Error(reply.error);
}

export const townRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/towns/:townId/spend",
    summary:
      "What the rigs of a town have used, by day of UTC, rig, bead, agent, runtime, model, attempt, or all in one; and what the town may in a day",
    tag,
    access,
    query: TownSpendQuery,
    answer: TownSpend,
    handle: ({ env, params, query }) => spendOfTown(env, params.townId, query),
  }),
  route({
    method: "PUT",
    path: "/api/towns/:townId/budget",
    summary:
      "What a town may spend in a day of UTC: its rigs lease it in pieces, so that all of them together never spend more; who changed it is kept",
    tag,
    access,
    scope: "admin",
    once: "nowhere",
    body: TownBudget,
    answer: TownBudget,
    handle: async ({ env, params, body, caller }) => {
      await moneyOf(env, params.townId).setTownCaps(body, caller.id);
      const rigs = await rigsOf(env, params.townId);
      const onCap = isTownCapped(body) ? body.on_cap : null;
      const told = await Promise.allSettled(rigs.map(({ id }) => tellCap(env, id, onCap, caller.id)));
      const untold = rigs.filter((_, n) => told[n]?.status === "rejected").map(({ id }) => id);
      if (untold.length === 0) return body;
      throw new HttpError(
        502,
        `the town's budget is set, and ${untold.length} of its rigs could not be told (${untold.slice(0, 5).join(", ")}): say it again, so that they lease what they spend`,
      );
    },
  }),
];
