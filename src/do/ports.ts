import type {
  Capabilities,
  InspectAnswer,
  InspectRequest,
  SetAside,
  SyncAnswer,
  SyncRequest,
  TidyAnswer,
  TidyRequest,
  BudgetOrder,
} from "../wire/container.ts";
import type { Session, Usage } from "../wire/agent-reports.ts";
import type { LeaseAnswer, LeaseAsk } from "./town-money.ts";
import type { EffectOf } from "../events/effects.ts";
import type { Role } from "../events/facts.ts";
import type { JsonValue } from "../events/json.ts";
import type { Place } from "../events/place.ts";
import type { Diff, DiffRequest } from "../wire/diff.ts";
import type { ClearOrder } from "../events/strays.ts";
import type { Inventory } from "../wire/inventory.ts";
import type { TrainRequest, TrainState } from "../wire/train.ts";

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
  /** Stored bytes, where the storage tells. */
  readonly databaseSize?: number;
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
  readonly beadId?: string;
  /** Which agent program; absent: the container's own. */
  readonly runtime?: string;
  /** The conversation to go on with. */
  readonly session?: Session;
  readonly place?: Place;
  /** The rig wants what is left uncommitted to outlive a container. */
  readonly sealKey?: string;
  readonly budget?: BudgetOrder;
  /** A credential that is limited is tried all the same. */
  readonly holdAccounts?: false;
}

export interface MergeOrder {
  readonly rigId: string;
  readonly branch: string;
  /** Exactly what was handed in, where somebody looked. */
  readonly commit?: string;
  readonly targetBranch: string;
  readonly gitUrl: string;
  readonly entryId: string;
  readonly beadId: string;
  readonly agentId: string;
  readonly dispatchId: string;
  readonly envVars: Record<string, string>;
  readonly place?: Place;
}

/** What a container is asked to look at; see `InspectRequest`. */
export type InspectOrder = InspectRequest & { readonly agentId: string };

/** The three answers of anything that is asked of the container (design rule 2). */
export type Answer =
  | {
      readonly kind: "accepted";
      /** What a start found in the way and kept, or gave back. */
      readonly setAside?: readonly SetAside[];
      /** Of a start: there is no process yet, because its clone is being made. */
      readonly isPreparing?: true;
      /** Of a start: whether its answer names the dispatch. Undefined: it does not say what became of the agent at all. */
      readonly namesDispatch?: boolean;
      /** Of a message: it is kept until the turn that runs is over. */
      readonly isHeld?: true;
    }
  /** 4xx: known not to have happened. */
  | { readonly kind: "refused"; readonly status: number; readonly error: string; readonly code?: string }
  /** Timeout, 5xx, lost answer: it may have happened. */
  | {
      readonly kind: "unknown";
      readonly error: string;
      /** Of an answer that there was: its HTTP status. */
      readonly status?: number;
    };

/** What a heartbeat or a status says of an agent, each as far as its container knows it. Times as they were said, ms. */
export interface Seen {
  readonly lastActivityAt?: number | undefined;
  readonly messageCount?: number | undefined;
  readonly hasOpenTool?: boolean | undefined;
  readonly progressAt?: number | undefined;
  /** How many tools that it had not run like this before have ended. */
  readonly shown?: number | undefined;
  /** When it was started, by the container's clock; of a container that says so. */
  readonly startedAt?: number | undefined;
  readonly session?: Session | undefined;
  readonly usage?: Usage | undefined;
  readonly head?: string | undefined;
  /** Null: it waits for nothing. Undefined: not said. */
  readonly waiting?: { readonly since: number; readonly until: number | null } | null | undefined;
  readonly limited?: SeenLimit | undefined;
}

/** A credential that is limited, by a digest, and until when, ms. */
export interface SeenLimit {
  readonly account: string;
  readonly until: number;
}

/** What the container says of one agent's process. */
export interface Observed extends Seen {
  readonly agentId: string;
  readonly dispatchId: string | null;
  readonly status: "starting" | "running" | "stopping" | "exited" | "failed";
  readonly exitReason: string | null;
}

/** Which run of the control server answered; null from one that does not say (Gas Town's own). */
export interface Answered {
  readonly instance: string | null;
}

/** The town's container, as a rig sees it. No method throws for an answer that the protocol knows. */
export interface ContainerPort {
  start(order: StartOrder, timeout_ms: number): Promise<Answer>;
  stop(effect: EffectOf<"container.stop">, timeout_ms: number): Promise<Answer>;
  message(effect: EffectOf<"container.message">, timeout_ms: number): Promise<Answer>;
  /** An answer to something that was asked. Not there, or 404: nobody waits for it. */
  answer?(effect: EffectOf<"container.answer">, timeout_ms: number): Promise<Answer>;
  merge(order: MergeOrder, timeout_ms: number): Promise<Answer>;
  train(order: TrainRequest, timeout_ms: number): Promise<Answer>;
  /** A train that it was given, or null: it knows none by this id. @throws when the container does not answer */
  trainState(trainId: string, timeout_ms: number): Promise<TrainState | null>;
  /** Looks at what is handed in; what it answers when it cannot be asked is unknown. */
  inspect(order: InspectOrder, timeout_ms: number): Promise<InspectAnswer | Extract<Answer, { kind: "unknown" }>>;
  /**
   * What the container can do, or null: it knows no such question.
   * @throws when the container does not answer.
   */
  capabilities(timeout_ms: number): Promise<Capabilities | null>;
  /**
   * Whether what it lists names dispatches; null: it has nothing to list. Asked of one that does not say what it can do.
   * @throws when the container does not answer.
   */
  knowsDispatchIds?(timeout_ms: number): Promise<boolean | null>;
  /**
   * The processes of these agents, those unknown to the container left out.
   * @throws when the container does not answer.
   */
  statuses(agentIds: string[], timeout_ms: number): Promise<Answered & { readonly agents: Observed[] }>;
  /** What of the rig there still is. @returns null from a container that knows no such thing @throws when it does not answer */
  tidy?(rigId: string, order: TidyRequest, timeout_ms: number): Promise<TidyAnswer | null>;
  /** What it has of the rig. @returns null from a container that knows no such thing @throws when it does not answer */
  inventory?(rigId: string, timeout_ms: number): Promise<Inventory | null>;
  /** Stops and removes what nobody knows. Not there: an old container. */
  clear?(rigId: string, order: ClearOrder, timeout_ms: number): Promise<Answer>;
  /** Brings the `origin` of an agent's clone up to date. Not there, or refused with 404 without a code: an old container. */
  sync?(
    agentId: string,
    order: SyncRequest,
    timeout_ms: number,
  ): Promise<SyncAnswer | Exclude<Answer, { kind: "accepted" }>>;
  /** What a bead's work changes. Not there, or refused with 404: an old container. */
  diff?(order: DiffRequest, timeout_ms: number): Promise<Diff | Exclude<Answer, { kind: "accepted" }>>;
  /** Ends everything of the rig within seconds. @returns processes that are left, or null from a container that knows no such thing @throws when it does not answer */
  halt?(rigId: string, timeout_ms: number): Promise<number | null>;
  /** The rig is no more: its disk is given back. @throws when the container does not answer */
  forget?(rigId: string, timeout_ms: number): Promise<void>;
  /** @throws when the container does not answer. */
  health(timeout_ms: number): Promise<Answered>;
}

/** The town, as a rig sees it. */
export interface TownPort {
  /** @throws when the town's object does not answer. */
  lease(ask: LeaseAsk): Promise<LeaseAnswer>;
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
  /** The town's own object. Not there: no town is capped. */
  town?(townId: string): TownPort;
  /** The token and the address that an agent's process calls back with. */
  agentEnvironment(agent: {
    agentId: string;
    rigId: string;
    townId: string;
    userId: string;
    /** Null: a container that knows none would keep it in a process that outlives the dispatch. */
    dispatchId: string | null;
    role: Role;
    /** Of the order to merge it: what comes is the credential of this claim, and no agent's token. */
    reviewId?: string;
    /** The same of a train. */
    trainId?: string;
  }): Promise<Record<string, string>>;
  /** The rig's own key for what may leave a container, 32 bytes as hex: made when it is first asked for. */
  sealKey?(): string;
  /** Tells the operator. */
  notify(effect: EffectOf<"notify">): Promise<void>;
  /** Keeps the host alive until the promise settles. */
  background(work: Promise<unknown>): void;
  /** One structured line. Never given secrets. */
  log(level: "info" | "warn" | "error", message: string, data: Record<string, JsonValue>): void;
}
