import type { Context } from "hono";
import type { ZodType } from "zod";
import type { Env } from "../do/env.ts";
import type { IdempotencyKey } from "../do/idempotency.ts";
import type { Reply } from "../do/rig-do.ts";
import type { Caller, Command } from "../core/decide/index.ts";
import type { Scope } from "../do/operators.ts";
import type { TextRule } from "../wire/text.ts";
import type { Principal } from "./auth.ts";

/**
 * Who may call a route. `agent`: with a token whose ids match the route. `self`: with the token of the agent that `:id` names.
 * `mayor`: with the token of a mayor of the town. `container`: with the credential of the claim of the review that is named. `ticket`: the ticket in the query.
 */
export type Access = "public" | "ticket" | "agent" | "self" | "container" | "mayor" | "operator";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** The names of a path's `:param` parts. */
type NamesIn<Path extends string> = Path extends `${infer Head}/${infer Rest}`
  ? NamesIn<Head> | NamesIn<Rest>
  : Path extends `:${infer Name}`
    ? Name
    : never;

/** What a path's parameters are, each an id; of any path, perhaps. */
export type Params<Path extends string = string> = string extends Path
  ? Readonly<Record<string, string>>
  : { readonly [Name in NamesIn<Path>]: string };

/** What a handler is given: everything is checked already. */
export interface Call<Body, Query, Path extends string = string> {
  readonly env: Env;
  readonly params: Params<Path>;
  readonly body: Body;
  readonly query: Query;
  readonly principal: Principal;
  /** The principal as the rig knows it. */
  readonly caller: Caller;
  /** What the client sent as Idempotency-Key, if anything. */
  readonly key: IdempotencyKey | null;
  /** Runs a command on it, in the caller's name (an operator may speak for an agent, and both are named), once per key. */
  execute(command: Command, inTheNameOf?: string): Promise<Reply>;
  /** The stub of the rig that the route names. */
  rig(): ReturnType<Env["RIG"]["get"]>;
  readonly context: Context;
}

/** One route, declared once: the router, the access table and the OpenAPI document are made from it. */
export interface Route<Body = unknown, Query = unknown, Path extends string = string> {
  readonly method: Method;
  /** With `:param` parts. */
  readonly path: Path;
  readonly summary: string;
  readonly tag: string;
  readonly access: readonly Access[];
  /** The least that an operator's token must be good for; a GET needs `read`, everything else `operate`. */
  readonly scope?: Scope;
  /** The call that the handler makes to the rig asks whether the agent's token is good; without this one more call does. */
  readonly isCheckedByRig?: true;
  readonly body?: ZodType<Body>;
  /** The body is a file of this content type, and the handler reads it as it comes. */
  readonly file?: "application/x-ndjson";
  /** What is done with texts that hold control characters; `written`, unless said. */
  readonly text?: TextRule;
  readonly query?: ZodType<Query>;
  /** Schema of `data` in the success envelope. */
  readonly answer?: ZodType;
  /** What may stand in the success envelope beside `data`; the handler answers with a whole Response then. */
  readonly beside?: Readonly<Record<string, ZodType>>;
  /** The answer holds a secret that is not kept. */
  readonly answersSecret?: boolean;
  /**
   * Where the answer to an Idempotency-Key is kept. Not said: by the rig, with the command that the handler runs. `registry`: beside the
   * work, which is no rig's command. `nowhere`: asked twice, it changes nothing twice.
   */
  readonly once?: "registry" | "nowhere";
  /** Answers without the envelope. */
  readonly bare?: boolean;
  readonly status?: 200 | 201;
  /** Answers with data, or with a whole Response where there is no envelope. */
  handle(call: Call<Body, Query, Path>): Promise<unknown>;
}

/** Keeps the types of path, body and query together with the handler, and lets routes of all types live in one list. */
export const route = <const Path extends string, Body = undefined, Query = undefined>(
  spec: Route<Body, Query, Path>,
): Route => spec as unknown as Route;

/** What an operator's token must be good for to call a route. */
export const scopeOf = ({ method, scope }: Route): Scope => scope ?? (method === "GET" ? "read" : "operate");
