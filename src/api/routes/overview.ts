import { DOOR } from "../../events/limits.ts";
import { messageOf } from "../../events/message-of.ts";
import { type ActItem, type ActResult, ActResults, NeedsAct } from "../../wire/acts.ts";
import { Overview, OverviewQuery, waitOf } from "../../wire/overview.ts";
import { HttpError } from "../errors.ts";
import { sumOf } from "../../core/reports.ts";
import { NotifyEdit, NotifyShown } from "../../wire/notify.ts";
import { ReportQuery, Reports } from "../../wire/report.ts";
import { found, spanOf } from "../respond.ts";
import { route, type Call, type Route } from "../route.ts";
import type * as z from "zod";

/** What is read of all rigs of a town, or of a user, at once: from what they have told, so that none of them is woken. */

const access = ["operator"] as const;
const tag = "overview";

const summary = (whose: string): string =>
  `Who needs a person in all rigs of a ${whose}, most urgent first, and how each rig stands: as they have told it, so that none is woken. With \`after\`, the \`version\` that is known, it waits for a newer one, at most \`wait_s\` seconds (${DOOR.overview_wait_s})`;

async function overview(
  { env, query }: Pick<Call<undefined, z.infer<typeof OverviewQuery>>, "env" | "query">,
  userId: string,
  townId: string | null,
): Promise<Overview> {
  const after = query.after === undefined ? null : Number(query.after);
  const answer = await env.USER.get(env.USER.idFromName(userId)).overview(townId, after, waitOf(query.wait_s));
  if (!answer.ok) throw new HttpError(answer.status, answer.error);
  return answer.value;
}

/** In the order of the items, whatever rigs they are of. */
async function actOnAll(
  { env, body, caller }: Pick<Call<NeedsAct, undefined>, "env" | "body" | "caller">,
  userId: string,
): Promise<ActResult[]> {
  const { items, ...order } = body;
  const known = new Set((await env.USER.get(env.USER.idFromName(userId)).rigs()).map(({ id }) => id));
  const byRig = new Map<string, ActItem[]>();
  for (const item of items) byRig.set(item.rig_id, [...(byRig.get(item.rig_id) ?? []), item]);
  const failed = (of: readonly ActItem[], result: ActResult["result"], sentence: string): ActResult[] =>
    of.map(({ rig_id, key }) => ({ rig_id, key, result, sentence, agents: [], beads: [] }));
  const answers = await Promise.all(
    Array.from(byRig, async ([rigId, of]): Promise<[string, ActResult[]]> => {
      if (!known.has(rigId)) return [rigId, failed(of, "gone", `user ${userId} has no rig ${rigId}`)];
      const rig = env.RIG.get(env.RIG.idFromName(rigId));
      return [
        rigId,
        await rig.actOnNeeds(of, order, caller).catch((error: unknown) => failed(of, "unavailable", messageOf(error))),
      ];
    }),
  );
  const left = new Map(answers.map(([rigId, results]) => [rigId, results.values()]));
  return items.flatMap(({ rig_id }) => left.get(rig_id)?.next().value ?? []);
}

/** Rigs that are asked at the same time. */
const ASKED_AT_ONCE = 20;

async function reports(
  { env, query }: Pick<Call<undefined, z.infer<typeof ReportQuery>>, "env" | "query">,
  userId: string,
  townId?: string,
): Promise<Reports> {
  const { from, to } = spanOf(query);
  const known = await env.USER.get(env.USER.idFromName(userId)).rigs(townId);
  const rigs: Reports["rigs"] = [];
  while (rigs.length < known.length) {
    const next = known.slice(rigs.length, rigs.length + ASKED_AT_ONCE);
    const answers = await Promise.allSettled(
      next.map(({ id }) => env.RIG.get(env.RIG.idFromName(id)).report(from, to)),
    );
    for (const [n, answer] of answers.entries()) {
      const { id, name, town_id } = next[n] as (typeof next)[number];
      const isThere = answer.status === "fulfilled";
      const report = isThere ? answer.value : null;
      rigs.push({ id, name, town_id, report, error: isThere ? null : messageOf(answer.reason) });
    }
  }
  const found = rigs.flatMap(({ report }) => report ?? []);
  return {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    is_cut: found.some(({ is_cut }) => is_cut),
    total: sumOf(found),
    rigs,
  };
}

const reportSummary = (whose: string): string =>
  `What all rigs of a ${whose} came to between two moments, and each of them: merged, failed by cause, asked, stuck, spent, and places held in each hour. Asks each rig, so it wakes those that sleep`;

export const overviewRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/users/:userId/notify",
    summary: "Of which needs a user is told, and when; of the address only the host",
    tag,
    access,
    answer: NotifyShown,
    handle: ({ env, params }) => env.USER.get(env.USER.idFromName(params.userId)).notifySettings(),
  }),
  route({
    method: "PUT",
    path: "/api/users/:userId/notify",
    summary:
      "Have a user told of needs by a webhook (Slack, ntfy, or JSON): each once, of the kinds that are wanted, and not in quiet hours, whose needs are told in one message at their end. What is not named stays",
    tag,
    access,
    scope: "admin",
    body: NotifyEdit,
    answer: NotifyShown,
    handle: async ({ env, params, body }) => {
      const made = await env.USER.get(env.USER.idFromName(params.userId)).setNotify(body);
      if (!made.ok) throw new HttpError(made.status, made.error);
      return made.value;
    },
  }),
  route({
    method: "GET",
    path: "/api/users/:userId/report",
    summary: reportSummary("user"),
    tag,
    access,
    query: ReportQuery,
    answer: Reports,
    handle: (call) => reports(call, call.params.userId),
  }),
  route({
    method: "GET",
    path: "/api/users/:userId/towns/:townId/report",
    summary: reportSummary("town"),
    tag,
    access,
    query: ReportQuery,
    answer: Reports,
    handle: async (call) => {
      const { userId, townId } = call.params;
      found(await call.env.USER.get(call.env.USER.idFromName(userId)).town(townId), `town ${townId}`);
      return reports(call, userId, townId);
    },
  }),
  route({
    method: "POST",
    path: "/api/users/:userId/needs/act",
    summary:
      "Answer, allow, deny or try again many needs at once, each as it was told: the result of each, in the order they are named. With `preview` nothing is done. The same again does nothing twice",
    tag,
    access,
    once: "nowhere",
    body: NeedsAct,
    answer: ActResults,
    handle: (call) => actOnAll(call, call.params.userId),
  }),
  route({
    method: "GET",
    path: "/api/users/:userId/needs",
    summary: summary("user"),
    tag,
    access,
    query: OverviewQuery,
    answer: Overview,
    handle: (call) => overview(call, call.params.userId, null),
  }),
  route({
    method: "GET",
    path: "/api/users/:userId/towns/:townId/needs",
    summary: summary("town"),
    tag,
    access,
    query: OverviewQuery,
    answer: Overview,
    handle: async (call) => {
      const { userId, townId } = call.params;
      found(await call.env.USER.get(call.env.USER.idFromName(userId)).town(townId), `town ${townId}`);
      return overview(call, userId, townId);
    },
  }),
];
