import { verify } from "hono/jwt";
import * as z from "zod";
import type { Env } from "../do/env.ts";
import { DIRECTORY } from "../do/user-do.ts";
import type { Caller } from "../core/decide/index.ts";
import { inTheNameOf } from "../events/by.ts";
import { Role } from "../events/facts.ts";
import { DOOR } from "../events/limits.ts";
import { FIRST, type Operator } from "../do/operators.ts";
import { Scope } from "../wire/schemas.ts";
import type { Admission } from "../do/rig-do.ts";
import { unavailableCode } from "../do/unavailable.ts";
import { refused } from "./respond.ts";
import { isSame } from "./same.ts";
import { HttpError, WrongKey } from "./errors.ts";
import { scopeOf, type Route } from "./route.ts";

/** Who speaks. An operator may do what the scope of its token allows; an agent speaks for itself, in its own rig and town. */
export type Principal =
  | { readonly kind: "anonymous" }
  | ({ readonly kind: "operator" } & Operator)
  | {
      readonly kind: "agent";
      readonly agentId: string;
      readonly rigId: string;
      readonly townId: string;
      readonly userId: string;
      readonly dispatchId: string | null;
      /** As the token says; the rig knows better. */
      readonly role: Role | null;
      /** Set in the credential of one claim of one review, which a container gets with the order to merge. */
      readonly reviewId: string | null;
      /** The same of one train. */
      readonly trainId: string | null;
      /** Past its end: it counts while its dispatch is the live one. */
      readonly isExpired: boolean;
      /** ms; of one that does not say it, the earliest that it can be. */
      readonly madeAt: number;
    };
export type AgentPrincipal = Extract<Principal, { kind: "agent" }>;

/** From the least to the most. */
const SCOPES = Scope.options;

const Claims = z.object({
  agentId: z.string().min(1).max(200),
  rigId: z.string().min(1).max(200),
  townId: z.string().min(1).max(200),
  userId: z.string().max(200).default(""),
  dispatchId: z.string().max(200).nullish(),
  role: Role.nullish(),
  reviewId: z.string().min(1).max(200).nullish(),
  trainId: z.string().min(1).max(200).nullish(),
  exp: z.number(),
  iat: z.number().optional(),
});

/** No token is good by itself for longer, whatever it says. */
const MAX_AGE_S = 86_400;

/**
 * Finds out who sent a request.
 * @throws HttpError 401 for a missing or bad token.
 */
export async function authenticate(request: Request, env: Env): Promise<Principal> {
  const header = socketToken(request) ?? request.headers.get("authorization");
  if (header === null) return { kind: "anonymous" };
  const token = /^Bearer ([^\s]{1,8192})$/.exec(header)?.[1];
  if (token === undefined) throw new WrongKey("the Authorization header must be `Bearer <token>`");
  if (!token.includes(".")) return operator(token, env);
  return agent(token, env);
}

/**
 * What opens a WebSocket often cannot give it a header. A browser can offer the protocol `bearer.<token>` beside `ticktown`;
 * a receiver that takes an address alone (Stately's) sends the `token:<token>@` in it as `Basic`. No page can do that: browsers
 * send no password to a socket, and the guard has looked at who asks.
 */
function socketToken(request: Request): string | null {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") return null;
  const basic = /^Basic ([A-Za-z0-9+/=]{1,12000})$/.exec(request.headers.get("authorization") ?? "")?.[1];
  if (basic !== undefined) return basicToken(basic);
  const offered = request.headers
    .get("sec-websocket-protocol")
    ?.split(",")
    .map((protocol) => protocol.trim());
  const token = offered?.find((protocol) => protocol.startsWith("bearer."))?.slice("bearer.".length);
  return token === undefined ? null : `Bearer ${token}`;
}

function basicToken(encoded: string): string | null {
  try {
    const [name, token] = atob(encoded).split(/:(.*)/s);
    return name === "token" && token !== undefined ? `Bearer ${token}` : null;
  } catch {
    return null;
  }
}

async function operator(token: string, env: Env): Promise<Principal> {
  if (
    env.TICKTOWN_OPERATOR_TOKEN !== undefined &&
    env.TICKTOWN_OPERATOR_TOKEN !== "" &&
    (await isSame(token, env.TICKTOWN_OPERATOR_TOKEN))
  )
    return { kind: "operator", ...FIRST };
  const known = await env.USER.get(env.USER.idFromName(DIRECTORY)).operatorOf(token);
  if (known !== null) return { kind: "operator", ...known };
  throw new WrongKey("the token is not known");
}

async function agent(token: string, env: Env): Promise<Principal> {
  if (env.GASTOWN_JWT_SECRET === undefined || env.GASTOWN_JWT_SECRET === "")
    throw new HttpError(401, "this Ticktown has no GASTOWN_JWT_SECRET, so it accepts no agent tokens");
  let payload: unknown;
  try {
    payload = await verify(token, env.GASTOWN_JWT_SECRET, { alg: "HS256", exp: false });
  } catch {
    throw new WrongKey("the token is invalid");
  }
  const claims = Claims.safeParse(payload);
  if (!claims.success) throw new HttpError(401, "the token lacks a claim: agentId, rigId, townId and exp are needed");
  const now = Date.now() / 1_000;
  const { agentId, rigId, townId, userId, dispatchId, role, exp, iat } = claims.data;
  if (exp - now > MAX_AGE_S + 60) throw new HttpError(401, "the token is valid for more than 24 hours");
  const made_s = iat ?? exp - MAX_AGE_S;
  const age_s = now - made_s;
  const isExpired = exp <= now || (iat !== undefined && age_s > MAX_AGE_S);
  // The rig says whether the dispatch is the live one.
  if (isExpired && age_s * 1_000 > DOOR.live_token_ms) throw new HttpError(401, "the token has expired");
  return {
    kind: "agent",
    agentId,
    rigId,
    townId,
    userId,
    dispatchId: dispatchId ?? null,
    role: role ?? null,
    reviewId: claims.data.trainId == null ? (claims.data.reviewId ?? claimedReview(agentId, dispatchId)) : null,
    trainId: claims.data.trainId ?? null,
    isExpired,
    madeAt: Math.floor(made_s) * 1_000,
  };
}

/** Orders to merge of an earlier version came with a token of "refinery" that names the claim and nothing else. */
const claimedReview = (agentId: string, dispatchId: string | null | undefined): string | null =>
  agentId === "refinery" && dispatchId != null && !dispatchId.startsWith("refinery:")
    ? dispatchId.replace(/:\d+$/, "")
    : null;

/**
 * Whether the principal may call a route with these path parameters.
 * @throws HttpError 401 when nobody is known, 403 when somebody else is.
 */
function authorize(principal: Principal, entry: Route, params: Record<string, string>): void {
  const { access } = entry;
  if (access.includes("public") || access.includes("ticket")) return;
  if (principal.kind === "anonymous")
    throw new HttpError(401, "a token is needed: send `Authorization: Bearer <token>`");
  if (principal.kind === "operator") {
    if (!access.includes("operator")) throw new HttpError(403, "this route is not for operators");
    const needed = scopeOf(entry);
    if (SCOPES.indexOf(principal.scope) >= SCOPES.indexOf(needed)) return;
    throw new HttpError(403, `the token "${principal.name}" is good for ${principal.scope}, this needs ${needed}`);
  }
  if (principal.trainId !== null) {
    const isIts = params["rigId"] === principal.rigId && params["trainId"] === principal.trainId;
    if (access.includes("container") && isIts && !principal.isExpired) return;
    throw new HttpError(403, `the token is good for the report of train ${principal.trainId}, and for nothing else`);
  }
  if (principal.reviewId !== null) {
    const isIts = params["rigId"] === principal.rigId && params["entryId"] === principal.reviewId;
    if (access.includes("container") && isIts && !principal.isExpired) return;
    throw new HttpError(403, `the token is good for the verdict of review ${principal.reviewId}, and for nothing else`);
  }
  const isOurs = (["rigId", "townId", "agentId", "userId"] as const).every(
    (name) => params[name] === undefined || params[name] === principal[name],
  );
  if (access.includes("agent") && isOurs) return;
  if (access.includes("self") && isOurs && params["id"] === principal.agentId) return;
  // Whether it is a mayor, its rig says: see `admitted`.
  if (access.includes("mayor") && params["townId"] === principal.townId) return;
  throw new HttpError(403, isOurs ? "this route is for operators" : "the token is for another rig, town or agent");
}

/** @throws HttpError 403 when an agent names somebody else in a body. */
export function speaksFor(principal: Principal, agentId: string): void {
  if (principal.kind === "agent" && principal.agentId !== agentId)
    throw new HttpError(403, `the token is of agent ${principal.agentId}, the body speaks for ${agentId}`);
}

const isAgents = (principal: Principal): principal is AgentPrincipal =>
  principal.kind === "agent" && principal.reviewId === null && principal.trainId === null;

/** What the rig of a token says of it. One call. */
const askHome = (principal: AgentPrincipal, env: Env): Promise<Admission> => {
  const home = env.RIG.get(env.RIG.idFromName(principal.rigId)) as unknown as {
    admit(caller: Caller): Promise<Admission>;
  };
  return home.admit(callerOf(principal));
};

/**
 * The caller, if it may call the route: by its token, and by what its rig says of it, namely that agent and rig exist and
 * the role is right. The call to the rig is spared where the route's own call asks the same.
 * @throws HttpError 401 for a token that is none or died with its agent or rig, 403 for somebody else's route.
 */
export async function admitted(
  principal: Principal,
  entry: Route,
  params: Record<string, string>,
  env: Env,
): Promise<Caller> {
  try {
    authorize(principal, entry, params);
  } catch (error) {
    throw await afterTheEnd(principal, env, error);
  }
  const caller = callerOf(principal);
  if (!isAgents(principal) || caller.kind !== "agent" || entry.isCheckedByRig === true) return caller;
  const home = await askHome(principal, env);
  if (!home.ok) throw refused(home);
  if (params["townId"] !== undefined && home.townId !== principal.townId)
    throw new HttpError(403, `rig ${principal.rigId} is not of town ${principal.townId}`);
  const isOwn = entry.access.includes("agent") || (entry.access.includes("self") && params["id"] === principal.agentId);
  if (isOwn || home.role === "mayor") return { ...caller, role: home.role };
  throw new HttpError(
    403,
    `agent ${principal.agentId} is a ${home.role ?? "nobody"}; this is for mayors and operators`,
  );
}

/**
 * The error that a caller is told: a token that died with its agent or its rig is told so and nothing else, wherever it
 * knocks (F-602).
 */
export async function afterTheEnd(principal: Principal, env: Env, error: unknown): Promise<unknown> {
  if (principal.kind !== "agent") return error;
  if (unavailableCode(error) === "rig_deleted") return new HttpError(401, "the token has ended with its rig");
  if (!isAgents(principal) || !(error instanceof HttpError) || error.status !== 403) return error;
  const home = await askHome(principal, env);
  return home.ok ? error : refused(home);
}

/**
 * The caller as the rig knows it.
 * @param agentId in whose name an operator acts, who stands beside it in the journal; nobody else may act for another.
 */
export function callerOf(principal: Principal, agentId?: string): Caller {
  if (principal.kind === "operator") {
    const id = agentId === undefined ? nameOf(principal) : inTheNameOf(nameOf(principal, BESIDE_AN_ID_CHARS), agentId);
    return { kind: "operator", id, dispatchId: null, scope: principal.scope };
  }
  if (principal.kind === "anonymous") return { kind: "operator", id: "anonymous", dispatchId: null, scope: "read" };
  const { dispatchId, townId, role, reviewId, trainId, isExpired, madeAt } = principal;
  if (trainId !== null)
    return { kind: "container", id: "container", dispatchId: dispatchId ?? "", reviewId: "", trainId };
  if (reviewId !== null) return { kind: "container", id: "container", dispatchId: dispatchId ?? "", reviewId };
  return { kind: "agent", id: principal.agentId, dispatchId, role, townId, isAtHome: true, isExpired, madeAt };
}

/** What of a name is kept beside an agent's id, so that both are within the length of an id in the journal. */
const BESIDE_AN_ID_CHARS = 40;

/** Whose token it was, for the journal: names are for people and may be given twice, so the id stands beside it. */
const nameOf = ({ id, name }: Operator, chars: number = DOOR.operator_name_chars): string =>
  id === FIRST.id ? name : `${name.slice(0, chars)} (${id})`;
