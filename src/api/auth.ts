import { verify } from "hono/jwt";
import * as z from "zod";
import type { Env } from "../do/env.ts";
import { DIRECTORY } from "../do/user-do.ts";
import type { Caller } from "../machines/decide.ts";
import { HttpError } from "./errors.ts";
import type { Access } from "./route.ts";

/** Who speaks. An operator may do everything; an agent speaks for itself, in its own rig and town. */
export type Principal =
  | { readonly kind: "anonymous" }
  | { readonly kind: "operator"; readonly id: string }
  | { readonly kind: "agent"; readonly agentId: string; readonly rigId: string; readonly townId: string; readonly userId: string; readonly dispatchId: string | null };

const Claims = z.object({
  agentId: z.string().min(1).max(200),
  rigId: z.string().min(1).max(200),
  townId: z.string().min(1).max(200),
  userId: z.string().max(200).default(""),
  dispatchId: z.string().max(200).nullish(),
  exp: z.number(),
  iat: z.number().optional(),
});

/** No token lives longer, whatever it says of itself. */
const MAX_AGE_S = 86_400;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Finds out who sent a request.
 * @throws HttpError 401 for a missing or bad token.
 */
export async function authenticate(request: Request, env: Env, { developmentPass = true } = {}): Promise<Principal> {
  const header = request.headers.get("authorization") ?? socketToken(request);
  if (header === null) {
    const isDevelopment = env.ENVIRONMENT === "development" && LOOPBACK.test(new URL(request.url).hostname);
    if (developmentPass && isDevelopment) return { kind: "operator", id: "development" };
    return { kind: "anonymous" };
  }
  const token = /^Bearer ([^\s]{1,8192})$/.exec(header)?.[1];
  if (token === undefined) throw new HttpError(401, "the Authorization header must be `Bearer <token>`");
  if (!token.includes(".")) return operator(token, env);
  return agent(token, env);
}

/** A browser cannot give a WebSocket a header; it can offer the protocol `bearer.<token>` beside `ticktown`. */
function socketToken(request: Request): string | null {
  const offered = request.headers.get("sec-websocket-protocol")?.split(",").map((protocol) => protocol.trim());
  const token = offered?.find((protocol) => protocol.startsWith("bearer."))?.slice("bearer.".length);
  return token === undefined ? null : `Bearer ${token}`;
}

async function operator(token: string, env: Env): Promise<Principal> {
  if (env.TICKTOWN_OPERATOR_TOKEN !== undefined && env.TICKTOWN_OPERATOR_TOKEN !== "" && (await isSame(token, env.TICKTOWN_OPERATOR_TOKEN))) return { kind: "operator", id: "operator" };
  const id = await env.USER.get(env.USER.idFromName(DIRECTORY)).operatorOf(token);
  if (id !== null) return { kind: "operator", id };
  throw new HttpError(401, "the token is not known");
}

async function agent(token: string, env: Env): Promise<Principal> {
  if (env.GASTOWN_JWT_SECRET === undefined || env.GASTOWN_JWT_SECRET === "") throw new HttpError(401, "this Ticktown has no GASTOWN_JWT_SECRET, so it accepts no agent tokens");
  let payload: unknown;
  try {
    payload = await verify(token, env.GASTOWN_JWT_SECRET, "HS256");
  } catch {
    throw new HttpError(401, "the token is invalid or has expired");
  }
  const claims = Claims.safeParse(payload);
  if (!claims.success) throw new HttpError(401, "the token lacks a claim: agentId, rigId, townId and exp are needed");
  const now = Date.now() / 1_000;
  if (claims.data.exp - now > MAX_AGE_S + 60 || (claims.data.iat !== undefined && now - claims.data.iat > MAX_AGE_S)) throw new HttpError(401, "the token is valid for more than 24 hours");
  const { agentId, rigId, townId, userId, dispatchId } = claims.data;
  return { kind: "agent", agentId, rigId, townId, userId, dispatchId: dispatchId ?? null };
}

/** Compares two secrets in a time that does not tell where they differ: their digests have one length. */
export async function isSame(a: string, b: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const [x, y] = await Promise.all([crypto.subtle.digest("SHA-256", encoder.encode(a)), crypto.subtle.digest("SHA-256", encoder.encode(b))]);
  return crypto.subtle.timingSafeEqual(x, y);
}

/**
 * Whether the principal may call a route with these path parameters.
 * @throws HttpError 401 when nobody is known, 403 when somebody else is.
 */
export function authorize(principal: Principal, access: readonly Access[], params: Record<string, string>): void {
  if (access.includes("public")) return;
  if (principal.kind === "anonymous") throw new HttpError(401, "a token is needed: send `Authorization: Bearer <token>`");
  if (principal.kind === "operator") {
    if (access.includes("operator")) return;
    throw new HttpError(403, "this route is not for operators");
  }
  const isOurs = (["rigId", "townId", "agentId", "userId"] as const).every((name) => params[name] === undefined || params[name] === principal[name]);
  if (access.includes("agent") && isOurs) return;
  if (access.includes("mayor") && params["townId"] === principal.townId) return;
  throw new HttpError(403, isOurs ? "this route is for operators" : "the token is for another rig, town or agent");
}

/** @throws HttpError 403 when an agent names somebody else in a body. */
export function speaksFor(principal: Principal, agentId: string): void {
  if (principal.kind === "agent" && principal.agentId !== agentId) throw new HttpError(403, `the token is of agent ${principal.agentId}, the body speaks for ${agentId}`);
}

/** The caller as the rig knows it. An operator may say in whose name it acts; nobody else may. */
export function callerOf(principal: Principal, inTheNameOf?: string): Caller {
  if (principal.kind === "agent") return { id: principal.agentId, dispatchId: principal.dispatchId };
  return { id: inTheNameOf ?? (principal.kind === "operator" ? principal.id : "anonymous"), dispatchId: null };
}
