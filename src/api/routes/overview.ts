import { DOOR } from "../../events/limits.ts";
import { Overview, OverviewQuery } from "../../wire/overview.ts";
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
  const wait_s = Math.min(Number(query.wait_s ?? DOOR.overview_wait_s), DOOR.overview_wait_s);
  const after = query.after === undefined ? null : Number(query.after);
  const answer = await env.USER.get(env.USER.idFromName(userId)).overview(townId, after, wait_s * 1_000);
  if (!answer.ok) throw new HttpError(answer.status, answer.error);
  return answer.value;
}

export const overviewRoutes: Route[] = [
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
