import * as z from "zod";
import { DIRECTORY } from "../../do/user-do.ts";
import type { Env } from "../../do/env.ts";
import type { Caller } from "../../core/decide/index.ts";
import { speaksFor } from "../auth.ts";
import { HttpError } from "../errors.ts";
import { accepted, agentOf, beadOf, page } from "../respond.ts";
import { route, type Call, type Route } from "../route.ts";
import { Agent, AgentQuery, Bead, BeadQuery, Id, MailCreate, RigInfo, Sling } from "../../wire/schemas.ts";
import { beadInput } from "./beads.ts";

/** What a mayor may do: work with every rig of its town, and no other. */

const access = ["mayor", "operator"] as const;
const tag = "mayor";

/** @throws HttpError 403 for a rig of another town. */
async function rigOf(env: Env, townId: string, rigId: string) {
  const enlisted = await env.USER.get(env.USER.idFromName(DIRECTORY)).whereIs(rigId);
  if (enlisted === null || enlisted.town_id !== townId)
    throw new HttpError(403, `rig ${rigId} is not of town ${townId}`);
  return env.RIG.get(env.RIG.idFromName(rigId));
}

/** Whoever owns one rig of a town owns the town, and knows all of it. */
async function rigsOf(env: Env, townId: string): Promise<RigInfo[]> {
  const [first] = await env.USER.get(env.USER.idFromName(DIRECTORY)).rigsOfTown(townId);
  if (first === undefined) return [];
  const owner = await env.RIG.get(env.RIG.idFromName(first.id)).owner();
  return owner === null ? [] : env.USER.get(env.USER.idFromName(owner)).rigs(townId);
}

/** In the rigs of its town a mayor is vouched for by its own; its dispatch fences nothing there. */
const speaker = ({ caller, principal }: Pick<Call<unknown, unknown>, "caller" | "principal">, rigId: string): Caller =>
  caller.kind === "agent"
    ? {
        ...caller,
        dispatchId: null,
        isAtHome: principal.kind === "agent" && principal.rigId === rigId,
        isExpired: false,
      }
    : caller;

export const mayorRoutes: Route[] = [
  route({
    method: "POST",
    path: "/api/mayor/:townId/tools/sling",
    summary: "Sling work to a rig of the town",
    tag,
    access,
    body: Sling.extend({ rig_id: Id }),
    answer: z.object({ bead: Bead, agent: Agent }),
    status: 201,
    handle: async ({ env, params, body, principal, caller, key }) => {
      const rig = await rigOf(env, params.townId, body.rig_id);
      const reply = await rig.execute(
        { type: "sling", bead: beadInput("issue", body) },
        speaker({ caller, principal }, body.rig_id),
        key,
      );
      return { bead: beadOf(reply), agent: agentOf(reply) };
    },
  }),
  route({
    method: "GET",
    path: "/api/mayor/:townId/tools/rigs",
    summary: "The town's rigs",
    tag,
    access,
    answer: z.array(RigInfo),
    handle: ({ env, params }) => rigsOf(env, params.townId),
  }),
  route({
    method: "GET",
    path: "/api/mayor/:townId/tools/rigs/:rig/beads",
    summary: "Beads of a rig of the town",
    tag,
    access,
    query: BeadQuery,
    answer: z.array(Bead),
    handle: async ({ env, params, query }) => {
      const { limit, offset, ...filter } = query;
      return (await rigOf(env, params.townId, params.rig)).beads(filter, page({ limit, offset }));
    },
  }),
  route({
    method: "GET",
    path: "/api/mayor/:townId/tools/rigs/:rig/agents",
    summary: "Agents of a rig of the town",
    tag,
    access,
    query: AgentQuery,
    answer: z.array(Agent),
    handle: async ({ env, params, query }) => {
      const { limit, offset } = page(query, 1_000);
      const rig = await rigOf(env, params.townId, params.rig);
      return (await rig.agents({ role: query.role, status: query.status })).slice(offset, offset + limit);
    },
  }),
  route({
    method: "POST",
    path: "/api/mayor/:townId/tools/mail",
    summary: "Send mail to an agent of a rig of the town",
    tag,
    access,
    body: MailCreate.extend({ rig_id: Id }),
    answer: z.object({ sent: z.literal(true) }),
    status: 201,
    handle: async ({ env, params, body, principal, caller, key }) => {
      speaksFor(principal, body.from_agent_id);
      const rig = await rigOf(env, params.townId, body.rig_id);
      accepted(
        await rig.execute(
          { type: "send_mail", from: body.from_agent_id, to: body.to_agent_id, subject: body.subject, body: body.body },
          speaker({ caller, principal }, body.rig_id),
          key,
        ),
      );
      return { sent: true };
    },
  }),
];
