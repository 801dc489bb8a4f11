import * as z from "zod";
import type { Env } from "../../do/env.ts";
import { HttpError } from "../errors.ts";
import { found, page, time } from "../respond.ts";
import { route, type Route } from "../route.ts";
import { BeadEvent, EventQuery, RigCreate, RigInfo, Town, TownCreate } from "../schemas.ts";

const access = ["operator"] as const;
const tag = "towns and rigs";

const user = (env: Env, params: Record<string, string>) => env.USER.get(env.USER.idFromName(params["userId"] ?? ""));

const value = <T>(made: { ok: true; value: T } | { ok: false; status: number; error: string }): T => {
  if (!made.ok) throw new HttpError(made.status, made.error);
  return made.value;
};

export const userRoutes: Route[] = [
  route({
    method: "POST",
    path: "/api/users/:userId/towns",
    summary: "Create a town",
    tag,
    access,
    body: TownCreate,
    answer: Town,
    status: 201,
    handle: async ({ env, params, body }) => value(await user(env, params).createTown(body.name)),
  }),
  route({ method: "GET", path: "/api/users/:userId/towns", summary: "List towns", tag, access, answer: z.array(Town), handle: ({ env, params }) => user(env, params).towns() }),
  route({
    method: "GET",
    path: "/api/users/:userId/towns/:townId",
    summary: "Read a town",
    tag,
    access,
    answer: Town,
    handle: async ({ env, params }) => found(await user(env, params).town(params["townId"] ?? ""), `town ${params["townId"]}`),
  }),
  route({
    method: "DELETE",
    path: "/api/users/:userId/towns/:townId",
    summary: "Delete a town with its rigs",
    tag,
    access,
    answer: z.object({ deleted: z.literal(true) }),
    handle: async ({ env, params }) => {
      if (!(await user(env, params).deleteTown(params["townId"] ?? ""))) throw new HttpError(404, `no town ${params["townId"]}`);
      return { deleted: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/users/:userId/rigs",
    summary: "Create a rig for a repository",
    tag,
    access,
    body: RigCreate,
    answer: RigInfo,
    status: 201,
    handle: async ({ env, params, body }) => {
      const secrets = { ...body.secrets, ...(body.kilocode_token == null ? {} : { KILOCODE_TOKEN: body.kilocode_token }) };
      return value(await user(env, params).createRig({ townId: body.town_id, name: body.name, gitUrl: body.git_url, defaultBranch: body.default_branch, secrets }));
    },
  }),
  route({
    method: "GET",
    path: "/api/users/:userId/rigs/:rigId",
    summary: "Read a rig",
    tag,
    access,
    answer: RigInfo,
    handle: async ({ env, params }) => found(await user(env, params).rig(params["rigId"] ?? ""), `rig ${params["rigId"]}`),
  }),
  route({
    method: "DELETE",
    path: "/api/users/:userId/rigs/:rigId",
    summary: "Delete a rig: its processes, its alarm and its storage",
    tag,
    access,
    answer: z.object({ deleted: z.literal(true) }),
    handle: async ({ env, params }) => {
      if (!(await user(env, params).deleteRig(params["rigId"] ?? ""))) throw new HttpError(404, `no rig ${params["rigId"]}`);
      return { deleted: true };
    },
  }),
  route({
    method: "GET",
    path: "/api/users/:userId/towns/:townId/rigs",
    summary: "List the rigs of a town",
    tag,
    access,
    answer: z.array(RigInfo),
    handle: async ({ env, params }) => {
      found(await user(env, params).town(params["townId"] ?? ""), `town ${params["townId"]}`);
      return user(env, params).rigs(params["townId"] ?? "");
    },
  }),
  route({
    method: "GET",
    path: "/api/users/:userId/towns/:townId/events",
    summary: "Bead events of all rigs of a town, oldest first",
    tag,
    access,
    query: EventQuery,
    answer: z.array(BeadEvent),
    handle: async ({ env, params, query }) => {
      found(await user(env, params).town(params["townId"] ?? ""), `town ${params["townId"]}`);
      const since = time("since", query.since);
      const { limit } = page(query);
      const rigs = await user(env, params).rigs(params["townId"] ?? "");
      const events = await Promise.all(rigs.map(async (rig) => env.RIG.get(env.RIG.idFromName(rig.id)).beadEvents({ limit, ...(since === undefined ? {} : { since }) })));
      return events
        .flat()
        .sort((a, b) => (a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : 0))
        .slice(0, limit);
    },
  }),
];
