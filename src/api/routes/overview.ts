import { DOOR } from "../../events/limits.ts";
import { messageOf } from "../../events/message-of.ts";
import { type ActItem, type ActResult, ActResults, NeedsAct } from "../../wire/acts.ts";
import { Overview, OverviewQuery, waitOf } from "../../wire/overview.ts";
import { HttpError } from "../errors.ts";
import { found } from "../respond.ts";
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

export const overviewRoutes: Route[] = [
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
