import type { RigDO } from "./rig-do.ts";
import type { UserDO } from "./user-do.ts";

/** A Durable Object class as its callers see it: every method answers with a promise. */
export type Stub<T> = {
  [K in keyof T]: T[K] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
} & { fetch(request: Request): Promise<Response> };

/** The platform's own stub type unfolds every argument; recursive JSON makes that endless. */
export interface Namespace<T> {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId): Stub<T>;
}

/** What the Worker is given. Secrets come from the platform's secret store, never from wrangler.toml. */
export interface Env {
  RIG: Namespace<Omit<RigDO, "fetch" | "alarm">>;
  USER: Namespace<Omit<UserDO, "fetch" | "alarm">>;
  TOWN_CONTAINER: DurableObjectNamespace;
  /** Signs and checks every agent's token (HS256). */
  GASTOWN_JWT_SECRET?: string;
  /** The first operator's token; more are made through the API. */
  TICKTOWN_OPERATOR_TOKEN?: string;
  /** Names, with or without a port, by which clients may call this Worker, separated by commas; unset: any. */
  ALLOWED_HOSTS?: string;
  /** Where agents and containers reach this Worker. */
  GASTOWN_API_URL?: string;
  /** A control server that is running already, instead of a Cloudflare container. */
  CONTAINER_URL?: string;
  /** The same as a service binding. */
  CONTAINER?: { fetch(request: Request): Promise<Response> };
  /** The pages' files, where no platform serves them: on one machine (src/api/pages.ts). */
  PAGES?: { fetch(request: Request): Promise<Response> };
  /** Shared with the control server. */
  CONTROL_TOKEN?: string;
  /** What the container runs as an agent, unless its image says so. */
  AGENT_COMMAND?: string;
  /** Takes the oldest facts of long-lived rigs, if bound. */
  ARCHIVE?: R2Bucket;
  /** Told about alerts by POST, if set. */
  NOTIFY_WEBHOOK_URL?: string;
  /** Told of each bead that has ended, as a trace, if set: the base address of an OTLP/HTTP collector, and `name=value,…` for its requests. */
  OTEL_EXPORTER_OTLP_ENDPOINT?: string;
  OTEL_EXPORTER_OTLP_HEADERS?: string;
  /** `json`, `slack` or `ntfy`; and the least severity that is sent: `info`, `warning` or `critical`. */
  NOTIFY_FORMAT?: string;
  NOTIFY_LEAST?: string;
  /** `1`: what users are told by may lie within the machine or its network. */
  NOTIFY_ALLOW_LOCAL?: string;
}
