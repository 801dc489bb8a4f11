import type { Context } from "hono";
import type { ZodType } from "zod";
import type { Env } from "../do/env.ts";
import type { IdempotencyKey } from "../do/idempotency.ts";
import type { Reply } from "../do/rig-do.ts";
import type { Caller, Command } from "../machines/decide.ts";
import type { Principal } from "./auth.ts";

/** Who may call a route. `agent`: with a token whose ids match the route. `mayor`: any agent of the town. */
export type Access = "public" | "agent" | "mayor" | "operator";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What a handler is given: everything is checked already. */
export interface Call<Body, Query> {
  readonly env: Env;
  readonly params: Record<string, string>;
  readonly body: Body;
  readonly query: Query;
  readonly principal: Principal;
  /** The principal as the rig knows it. */
  readonly caller: Caller;
  /** What the client sent as Idempotency-Key, if anything. */
  readonly key: IdempotencyKey | null;
  /** Runs a command on it, in the caller's name (or, for an operator, in the name given), once per key. */
  execute(command: Command, inTheNameOf?: string): Promise<Reply>;
  /** The stub of the rig that the route names. */
  rig(): ReturnType<Env["RIG"]["get"]>;
  readonly context: Context;
}

/** One route, declared once: the router, the access table and the OpenAPI document are made from it. */
export interface Route<Body = unknown, Query = unknown> {
  readonly method: Method;
  /** With `:param` parts. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  readonly access: readonly Access[];
  /** No development pass here: a token is needed everywhere. */
  readonly needsToken?: boolean;
  readonly body?: ZodType<Body>;
  readonly query?: ZodType<Query>;
  /** Schema of `data` in the success envelope. */
  readonly answer?: ZodType;
  /** The answer holds a secret that is not kept. */
  readonly answersSecret?: boolean;
  /** Answers without the envelope. */
  readonly bare?: boolean;
  readonly status?: 200 | 201;
  /** Answers with data, or with a whole Response where there is no envelope. */
  handle(call: Call<Body, Query>): Promise<unknown>;
}

/** Keeps the body's and query's types together with the handler, and lets routes of all types live in one list. */
export const route = <Body = undefined, Query = undefined>(spec: Route<Body, Query>): Route => spec as unknown as Route;
