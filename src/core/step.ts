import type { Effect } from "../events/effects.ts";
import type { Fact } from "../events/facts.ts";
import type { Kind } from "../events/row.ts";
import { NewerError } from "../events/upcast.ts";
import type { Settings } from "../events/settings.ts";
import { AGENT_VERSION, agentDeadline, agentMachine, type AgentSnapshot } from "../machines/agent.ts";
import { BEAD_VERSION, beadMachine, type BeadSnapshot } from "../machines/bead.ts";
import type { MachineEvent } from "../machines/event.ts";
import {
  checkChart,
  firstSnapshot,
  hears,
  macrostep,
  saidBy,
  snapshotIn,
  type Executable,
  type Machine,
  type Taken,
} from "../machines/xstate.ts";
import { ACCOUNTS_VERSION, accountsMachine, type AccountsSnapshot } from "../machines/accounts.ts";
import { BUDGET_VERSION, budgetMachine, type BudgetSnapshot } from "../machines/budget.ts";
import { QUEUE_VERSION, queueMachine, type QueueSnapshot } from "../machines/queue.ts";
import { REVIEW_VERSION, reviewMachine, type ReviewSnapshot } from "../machines/review.ts";
import { RIG_VERSION, rigMachine, type RigSnapshot } from "../machines/rig.ts";

/** The kinds of actor and their snapshots. */
export interface Snapshots {
  agent: AgentSnapshot;
  bead: BeadSnapshot;
  review: ReviewSnapshot;
  rig: RigSnapshot;
  queue: QueueSnapshot;
  budget: BudgetSnapshot;
  accounts: AccountsSnapshot;
}
export type { Kind };
export type AnySnapshot = Snapshots[Kind];

export const MACHINES = {
  agent: agentMachine,
  bead: beadMachine,
  review: reviewMachine,
  rig: rigMachine,
  queue: queueMachine,
  budget: budgetMachine,
  accounts: accountsMachine,
} as const;
export const VERSIONS: Record<Kind, number> = {
  agent: AGENT_VERSION,
  bead: BEAD_VERSION,
  review: REVIEW_VERSION,
  rig: RIG_VERSION,
  queue: QUEUE_VERSION,
  budget: BUDGET_VERSION,
  accounts: ACCOUNTS_VERSION,
};

/** What a transition said: effects to run, facts to derive. In the order of the chart's actions. */
export type Emission = Effect | Fact;
export const isEffect = (emission: Emission): emission is Effect => "kind" in emission && "key" in emission;

export interface Step<S> {
  /** The same reference as before when the event was ignored: nothing to write. */
  readonly snapshot: S;
  readonly emissions: Emission[];
}

for (const machine of Object.values(MACHINES)) checkChart(machine as unknown as Machine);

let collected: Emission[] = [];

/** Named actions that are not assigns are functions from (context, event) to effects or facts; calling one does nothing else. */
export const emitted = (action: Executable): Emission[] => asList(saidBy(action));

const say = (said: unknown): void => {
  for (const emission of asList(said)) collected.push(emission);
};
const asList = (said: unknown): Emission[] =>
  said === undefined ? [] : ((Array.isArray(said) ? said : [said]) as Emission[]);

/** Feeds one fact to one actor. Pure: same snapshot and event, same step. Throws what a guard or action throws. */
export function step<K extends Kind>(kind: K, snapshot: Snapshots[K], event: MachineEvent): Step<Snapshots[K]> {
  collected = [];
  // The machines have one signature up to their snapshot type, which K fixes on both sides.
  const next = macrostep(
    MACHINES[kind] as unknown as Machine,
    snapshot as unknown as Taken,
    event,
    say,
  ) as unknown as Snapshots[K];
  return { snapshot: next, emissions: collected };
}

/** When an agent must see a TICK next. */
export interface Wake {
  readonly snapshot: AgentSnapshot;
  readonly settings: Settings;
  /** ms, or null when only a fact can move it. */
  readonly deadline: number | null;
  /** Before this time, ms, a TICK leaves it as it is. */
  readonly quietUntil: number;
}

/**
 * Found out once per snapshot. A TICK goes to every agent; one that is quiet answers it by this, without its chart being asked
 * (test/unit/cost/quiet.test.ts holds it against the chart in every state).
 */
export function wakeOf(snapshot: AgentSnapshot, settings: Settings): Wake {
  const deadline = agentDeadline(snapshot, settings);
  return { snapshot, settings, deadline, quietUntil: quietUntil(snapshot, deadline, settings) };
}

function quietUntil(
  snapshot: AgentSnapshot,
  deadline: number | null,
  { gupp_check_ms, gupp_escalate_ms, gupp_restart_ms }: Settings,
): number {
  // Whoever exited takes the next TICK, whenever it comes; and thresholds that are out of order have no nearest one.
  if (
    (typeof snapshot.value === "object" && "exited" in snapshot.value) ||
    gupp_check_ms > gupp_escalate_ms ||
    gupp_escalate_ms > gupp_restart_ms
  )
    return Number.NEGATIVE_INFINITY;
  if (deadline !== null) return deadline;
  return hears(snapshot as unknown as Taken, "TICK") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** The first snapshot of an actor, from the fact that created it (the rig has none). */
export function initial<K extends Kind>(kind: K, event?: MachineEvent): Snapshots[K] {
  collected = [];
  return firstSnapshot(MACHINES[kind] as unknown as Machine, event, say) as unknown as Snapshots[K];
}

/** What is stored of a snapshot. */
export interface Stored {
  readonly v: number;
  readonly value: unknown;
  readonly context: unknown;
}

/**
 * Written migrations of stored snapshots: `MIGRATIONS[kind][v]` turns version v into v + 1. A change of machine that
 * needs none (it can be folded again from the journal) still gets a new version, so that an old row is never guessed at.
 */
export type Migrations = Partial<Record<Kind, Record<number, (old: Stored) => Stored>>>;
const MIGRATIONS: Migrations = {};

export const store = (kind: Kind, snapshot: AnySnapshot): Stored => ({
  v: VERSIONS[kind],
  value: snapshot.value,
  context: snapshot.context,
});

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/**
 * Restores a stored snapshot.
 * @throws Error when the version is unknown, or when the row is not a state of this machine.
 */
export function restore<K extends Kind>(kind: K, stored: Stored, migrations: Migrations = MIGRATIONS): Snapshots[K] {
  let row = stored;
  if (!isObject(row) || typeof row.v !== "number" || !isObject(row.context)) {
    throw new Error(`a stored ${kind} is not { v, value, context }`);
  }
  if (row.v > VERSIONS[kind])
    throw new NewerError(
      `a stored ${kind} has version ${row.v}, but this Ticktown knows only up to ${VERSIONS[kind]}: use a newer one`,
    );
  while (row.v < VERSIONS[kind]) {
    const migrate = migrations[kind]?.[row.v];
    if (!migrate) throw new Error(`a stored ${kind} of version ${row.v} has no migration: replay the journal`);
    row = { ...migrate(row), v: row.v + 1 };
  }
  // A state is a name, or names by the region that they are of; the machine itself would take anything else for nothing.
  if (typeof row.value !== "string" && !isObject(row.value))
    throw new Error(`a stored ${kind} is in no state: ${JSON.stringify(row.value)}`);
  return snapshotIn(MACHINES[kind] as unknown as Machine, row.value, row.context as object) as unknown as Snapshots[K];
}
