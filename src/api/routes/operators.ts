import * as z from "zod";
import { DIRECTORY } from "../../do/user-do.ts";
import { HttpError } from "../errors.ts";
import { route, type Route } from "../route.ts";

/** Operators' tokens: shown once, kept as a hash, revocable. The first one is the secret TICKTOWN_OPERATOR_TOKEN. */

const access = ["operator"] as const;
const tag = "operators";
const Token = z.object({ id: z.string(), name: z.string(), created_at: z.string(), revoked_at: z.string().nullable() });

export const operatorRoutes: Route[] = [
  route({
    method: "POST",
    path: "/api/operator-tokens",
    summary: "Make an operator's token; its text is shown only here",
    answersSecret: true,
    tag,
    access,
    body: z.object({ name: z.string().min(1).max(200) }),
    answer: Token.extend({ token: z.string() }),
    status: 201,
    handle: async ({ env, body }) => {
      const made = await env.USER.get(env.USER.idFromName(DIRECTORY)).createOperatorToken(body.name);
      if (!made.ok) throw new HttpError(made.status, made.error);
      return made.value;
    },
  }),
  route({ method: "GET", path: "/api/operator-tokens", summary: "List operators' tokens", tag, access, answer: z.array(Token), handle: ({ env }) => env.USER.get(env.USER.idFromName(DIRECTORY)).operatorTokens() }),
  route({
    method: "DELETE",
    path: "/api/operator-tokens/:tokenId",
    summary: "Revoke an operator's token",
    tag,
    access,
    answer: z.object({ revoked: z.literal(true) }),
    handle: async ({ env, params }) => {
      if (!(await env.USER.get(env.USER.idFromName(DIRECTORY)).revokeOperatorToken(params["tokenId"] ?? ""))) throw new HttpError(404, `no token ${params["tokenId"]}`);
      return { revoked: true };
    },
  }),
];
