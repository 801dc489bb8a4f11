import * as z from "zod";
import { DIRECTORY } from "../../do/user-do.ts";
import type { Env } from "../../do/env.ts";
import { OperatorCode, OperatorToken, OperatorTokenCreate, Session, SessionCreate } from "../../wire/schemas.ts";
import { HttpError, WrongKey } from "../errors.ts";
import { route, type Route } from "../route.ts";

/** Operators' tokens: shown once, kept as a digest, revocable. The first one is the secret TICKTOWN_OPERATOR_TOKEN. */

const access = ["operator"] as const;
const tag = "operators";

const directory = (env: Env) => env.USER.get(env.USER.idFromName(DIRECTORY));

export const operatorRoutes: Route[] = [
  route({
    method: "POST",
    path: "/api/operator-tokens",
    summary: "Make an operator's token for a scope (read, operate, admin); its text is shown only here",
    answersSecret: true,
    tag,
    access,
    scope: "admin",
    body: OperatorTokenCreate,
    answer: OperatorToken.extend({ token: z.string() }),
    status: 201,
    handle: async ({ env, body }) => {
      const made = await directory(env).createOperatorToken(body.name, body.scope);
      if (!made.ok) throw new HttpError(made.status, made.error);
      return made.value;
    },
  }),
  route({
    method: "GET",
    path: "/api/operator-tokens",
    summary: "List operators' tokens",
    tag,
    access,
    scope: "admin",
    answer: z.array(OperatorToken),
    handle: ({ env }) => directory(env).operatorTokens(),
  }),
  route({
    method: "DELETE",
    path: "/api/operator-tokens/:tokenId",
    summary: "Revoke an operator's token, and every browser that it let in",
    tag,
    access,
    scope: "admin",
    answer: z.object({ revoked: z.literal(true) }),
    handle: async ({ env, params }) => {
      if (!(await directory(env).revokeOperatorToken(params.tokenId)))
        throw new HttpError(404, `no token ${params.tokenId}`);
      return { revoked: true };
    },
  }),
  route({
    method: "POST",
    path: "/api/operators/codes",
    summary: "Make a one-time code, good for five minutes, that a page trades for a token of the caller's scope",
    answersSecret: true,
    tag,
    access,
    scope: "read",
    answer: OperatorCode,
    status: 201,
    handle: async ({ env, principal }) => {
      if (principal.kind !== "operator") throw new HttpError(403, "codes are for operators");
      const made = await directory(env).createCode(principal.id);
      if (!made.ok) throw new HttpError(made.status, made.error);
      return made.value;
    },
  }),
  route({
    method: "POST",
    path: "/api/session",
    summary: "Trade a one-time code for an operator's token, which ends when it was not used for 30 days",
    answersSecret: true,
    tag,
    access: ["public"],
    body: SessionCreate,
    answer: Session,
    status: 201,
    handle: async ({ env, body }) => {
      const session = await directory(env).tradeCode(body.code);
      if (session === null)
        throw new WrongKey("the code is not good: it was used, or is over; ask for a new link with `npm run open`");
      return session;
    },
  }),
];
