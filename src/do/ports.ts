import type { EffectOf } from "../events/effects.ts";
import type { JsonValue } from "./json.ts";

/**
 * What a rig needs from the world outside: storage, a clock, an alarm, a container. The Durable Object gives it the
 * platform's; the simulation gives it its own; the code between is the same.
 */

export type SqlValue = string | number | null;

export interface SqlRows<Row> {
  toArray(): Row[];
}

/** The part of Durable Object SQLite that is used. */
export interface Sql {
  exec<Row extends Record<string, SqlValue>>(query: string, ...bindings: SqlValue[]): SqlRows<Row>;
}

/** Everything the container must know to start one dispatch. */
export interface StartOrder {
  readonly agentId: string;
  readonly dispatchId: string;
  readonly rigId: string;
  readonly townId: string;
  readonly role: string;
  readonly name: string;
  readonly identity: string;
  readonly prompt: string;
  readonly systemPrompt: string;
  readonly model: string;
  readonly gitUrl: string;
  readonly branch: string;
  readonly defaultBranch: string;
  readonly checkpoint: JsonValue | null;
  readonly envVars: Record<string, string>;
}

export interface MergeOrder {
  readonly rigId: string;
  readonly branch: string;
  readonly targetBranch: string;
  readonly gitUrl: string;
  readonly entryId: string;
  readonly beadId: string;
  readonly agentId: string;
  readonly dispatchId: string;
  readonly envVars: Record<string, string>;
}

/** The three answers of anything that is asked of the container (design rule 2). */
export type Answer =
  | { readonly kind: "accepted" }
  /** 4xx: known not to have happened. */
  | { readonly kind: "refused"; readonly status: number; readonly error: string }
  /** Timeout, 5xx, lost answer: it may have happened. */
  | { readonly kind: "unknown"; readonly error: string };

/** What the container says of one agent's process. */
export interface Observed {
  readonly agentId: string;
  readonly dispatchId: string | null;
  readonly status: "starting" | "running" | "stopping" | "exited" | "failed";
  readonly exitReason: string | null;
}

/** The town's container, as a rig sees it. No method throws for an answer that the protocol knows. */
export interface ContainerPort {
  start(order: StartOrder, timeout_ms: number): Promise<Answer>;
  stop(effect: EffectOf<"container.stop">, timeout_ms: number): Promise<Answer>;
  message(effect: EffectOf<"container.message">, timeout_ms: number): Promise<Answer>;
  merge(order: MergeOrder, timeout_ms: number): Promise<Answer>;
  /**
   * The processes of these agents, those unknown to the container left out.
   * @throws when the container does not answer.
   */
  statuses(agentIds: string[], timeout_ms: number): Promise<Observed[]>;
  /** @throws when the container does not answer. */
  health(timeout_ms: number): Promise<void>;
}

export interface RigPorts {
  readonly sql: Sql;
  /** Runs a synchronous function in one storage transaction; what it throws rolls everything back. */
  transaction<T>(run: () => T): T;
  /** ms since epoch. */
  now(): number;
  newId(kind: "bead" | "agent" | "mail"): string;
  /** The armed alarm, ms since epoch, or null. */
  getAlarm(): number | null;
  /** Inside `transaction` it is part of it. */
  setAlarm(at: number): void;
  deleteAlarm(): void;
  container(townId: string): ContainerPort;
  /** The token and the address that an agent's process calls back with. */
  agentEnvironment(agent: { agentId: string; rigId: string; townId: string; userId: string; dispatchId: string }): Promise<Record<string, string>>;
  /** Tells the operator. */
  notify(effect: EffectOf<"notify">): Promise<void>;
  /** Keeps the host alive until the promise settles. */
  background(work: Promise<unknown>): void;
  /** One structured line. Never given secrets. */
  log(level: "info" | "warn" | "error", message: string, data: Record<string, JsonValue>): void;
}
