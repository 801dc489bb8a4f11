import { digestOf } from "../../do/sha256.ts";
import { unavailableCode } from "../../do/unavailable.ts";
import * as z from "zod";
import type { IdempotencyKey } from "../../do/idempotency.ts";
import type { NewId } from "../../do/user-do.ts";
import type { Env } from "../../do/env.ts";
import { LookWarning } from "../../wire/container.ts";
import { splitCredentials } from "../../wire/git-url.ts";
import { HttpError } from "../errors.ts";
import { found, page, time } from "../respond.ts";
import { route, type Params, type Route } from "../route.ts";
import { BeadEvent, EventQuery, RigCreate, RigInfo, Town, TownCreate } from "../../wire/schemas.ts";
import { RigEdit } from "../../wire/edits.ts";
import { lookAt } from "./container.ts";

const access = ["operator"] as const;
const tag = "towns and rigs";

const user = (env: Env, params: Params<"/:userId">) => env.USER.get(env.USER.idFromName(params.userId));

/** What somebody meant who named no address. */
function hintFor(named: string): string {
  if (/^~(\/|$)/.test(named)) return "the ~ is known to your shell alone, so write the whole path; ";
  if (/^[\w.-]+\/[\w.-]+$/.test(named) && !named.startsWith("."))
    return `for a repository on a forge write its whole address, such as https://github.com/${named}.git; `;
  return "";
}

/** The plain address of a repository, and what it held of a login. */
function repositoryOf(gitUrl: string): NonNullable<ReturnType<typeof splitCredentials>> {
  const repository = splitCredentials(gitUrl);
  if (repository === null)
    throw new HttpError(
      400,
      `git_url is not the plain address of a repository: ${hintFor(gitUrl)}use https://host/path without a query, ssh://, git://, file://, user@host:path or an absolute path, and put a token into \`secrets\` as GIT_TOKEN`,
    );
  return repository;
}

/** What git logs in with, and nothing else of what the rig has. */
const loginOf = (secrets: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(secrets).filter(([name]) => name === "GIT_TOKEN" || name === "GIT_USERNAME"));

const value = <T>(made: { ok: true; value: T } | { ok: false; status: number; error: string }): T => {
  if (!made.ok) throw new HttpError(made.status, made.error);
  return made.value;
};

/** Of a request with an Idempotency-Key the same each time: whoever asks again goes on with what was begun. */
async function newId(kind: "town" | "rig", key: IdempotencyKey | null): Promise<NewId> {
  if (key === null) return { id: `${kind}-${crypto.randomUUID()}`, isAskedAgain: false };
  const digest = await digestOf(`${key.key}\n${key.fingerprint}`);
  return { id: `${kind}-${digest.slice(0, ID_CHARS)}`, isAskedAgain: true };
}

const ID_CHARS = 32;

export const userRoutes: Route[] = [
  route({
    method: "POST",
    path: "/api/users/:userId/towns",
    summary: "Create a town",
    tag,
    access,
    once: "registry",
    body: TownCreate,
    answer: Town,
    status: 201,
    handle: async ({ env, params, body, key }) =>
      value(await user(env, params).createTown(body.name, (await newId("town", key)).id)),
  }),
  route({
    method: "GET",
    path: "/api/users/:userId/towns",
    summary: "List towns",
    tag,
    access,
    answer: z.array(Town),
    handle: ({ env, params }) => user(env, params).towns(),
  }),
  route({
    method: "GET",
    path: "/api/users/:userId/towns/:townId",
    summary: "Read a town",
    tag,
    access,
    answer: Town,
    handle: async ({ env, params }) => found(await user(env, params).town(params.townId), `town ${params.townId}`),
  }),
  route({
    method: "DELETE",
    path: "/api/users/:userId/towns/:townId",
    summary: "Delete a town with its rigs",
    tag,
    access,
    scope: "admin",
    answer: z.object({ deleted: z.literal(true) }),
    handle: async ({ env, params, caller }) => {
      if (!(await user(env, params).deleteTown(params.townId, caller.id)))
        throw new HttpError(404, `no town ${params.townId}`);
      return { deleted: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/users/:userId/rigs",
    summary:
      "Create a rig for a repository, which the town's container looks at first: 422 where no agent could work on it; beside `data`, `warnings` of what may keep work from being merged",
    tag,
    access,
    once: "registry",
    body: RigCreate,
    answer: RigInfo,
    beside: { warnings: z.array(LookWarning) },
    status: 201,
    handle: async ({ env, params, body, caller, context, key }) => {
      // What its processes get in their environment decides what they run, as with PUT secrets.
      if (Object.keys(body.secrets ?? {}).length > 0 && caller.kind === "operator" && caller.scope !== "admin")
        throw new HttpError(403, "a rig with `secrets` is made with an operator's token of scope admin");
      const repository = repositoryOf(body.git_url);
      const secrets = {
        ...repository.secrets,
        ...body.secrets,
        ...(body.kilocode_token == null ? {} : { KILOCODE_TOKEN: body.kilocode_token }),
      };
      // No container is woken for a town that nobody has.
      found(await user(env, params).town(body.town_id), `town ${body.town_id}`);
      const seen = await lookAt(env, body.town_id, {
        gitUrl: repository.url,
        targetBranch: body.default_branch,
        envVars: loginOf(secrets),
      });
      if (seen.result === "refused") throw new HttpError(422, seen.sentence, { code: seen.code });
      const rig = value(
        await user(env, params).createRig(
          {
            townId: body.town_id,
            name: body.name,
            gitUrl: repository.url,
            defaultBranch: body.default_branch,
            secrets,
          },
          await newId("rig", key),
          caller.id,
        ),
      );
      const { warnings } = seen;
      return warnings.length === 0 ? rig : context.json({ success: true, data: rig, warnings }, 201);
    },
  }),
  route({
    method: "GET",
    path: "/api/users/:userId/rigs/:rigId",
    summary: "Read a rig",
    tag,
    access,
    answer: RigInfo,
    handle: async ({ env, params }) => found(await user(env, params).rig(params.rigId), `rig ${params.rigId}`),
  }),
  route({
    method: "PATCH",
    path: "/api/users/:userId/rigs/:rigId",
    summary:
      "Change a rig's name, repository or target branch: only what is named. The town's container looks at a new place first, as when a rig is made; whoever waited for the old one goes on",
    tag,
    access,
    body: RigEdit,
    answer: RigInfo,
    beside: { warnings: z.array(LookWarning) },
    handle: async ({ env, params, body, caller, context }) => {
      const rigId = params.rigId;
      const known = found(await user(env, params).rig(rigId), `rig ${rigId}`);
      const repository = body.git_url === undefined ? null : repositoryOf(body.git_url);
      const seen =
        body.git_url === undefined && body.default_branch === undefined
          ? null
          : await lookAt(env, known.town_id, {
              gitUrl: repository?.url ?? known.git_url,
              targetBranch: body.default_branch ?? known.default_branch,
              envVars: loginOf({
                ...(await env.RIG.get(env.RIG.idFromName(rigId)).login()),
                ...repository?.secrets,
              }),
            });
      if (seen?.result === "refused") throw new HttpError(422, seen.sentence, { code: seen.code });
      const changes = {
        ...(body.name === undefined ? {} : { name: body.name }),
        ...(repository === null ? {} : { gitUrl: repository.url }),
        ...(body.default_branch === undefined ? {} : { defaultBranch: body.default_branch }),
      };
      const rig = value(await user(env, params).editRig(rigId, changes, repository?.secrets ?? {}, caller));
      const warnings = seen?.warnings ?? [];
      return warnings.length === 0 ? rig : context.json({ success: true, data: rig, warnings }, 200);
    },
  }),
  route({
    method: "DELETE",
    path: "/api/users/:userId/rigs/:rigId",
    summary: "Delete a rig: its processes, its alarm and its storage",
    tag,
    access,
    scope: "admin",
    answer: z.object({ deleted: z.literal(true) }),
    handle: async ({ env, params, caller }) => {
      if (!(await user(env, params).deleteRig(params.rigId, caller.id)))
        throw new HttpError(404, `no rig ${params.rigId}`);
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
      found(await user(env, params).town(params.townId), `town ${params.townId}`);
      return user(env, params).rigs(params.townId);
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
      found(await user(env, params).town(params.townId), `town ${params.townId}`);
      const since = time("since", query.since);
      const { limit } = page(query);
      const rigs = await user(env, params).rigs(params.townId);
      const events = await Promise.all(
        rigs.map(async (rig) => {
          const stub = env.RIG.get(env.RIG.idFromName(rig.id));
          try {
            return await stub.beadEvents({ limit, ...(since === undefined ? {} : { since }) });
          } catch (error) {
            // The town's other rigs go on; calls to this one are told why it does not.
            if (unavailableCode(error) === null) throw error;
            return [];
          }
        }),
      );
      return events
        .flat()
        .sort((a, b) => (a.created_at < b.created_at ? -1 : a.created_at > b.created_at ? 1 : 0))
        .slice(0, limit);
    },
  }),
];
