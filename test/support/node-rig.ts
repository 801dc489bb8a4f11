import type { EffectOf } from "../../src/events/effects.ts";
import type { Fact } from "../../src/events/facts.ts";
import type {
  Answer,
  ContainerPort,
  InspectOrder,
  MergeOrder,
  Observed,
  RigPorts,
  StartOrder,
} from "../../src/do/ports.ts";
import type { TrainRequest, TrainState } from "../../src/wire/train.ts";
import type { Capabilities, InspectAnswer } from "../../src/wire/container.ts";
import { commit } from "../../src/do/commit.ts";
import { execute, openRig, type Rig } from "../../src/do/rig.ts";
import type { TickReport } from "../../src/wire/schemas.ts";
import { onAlarm } from "../../src/do/tick.ts";
import type { BeadInput, Caller, Command, Decided } from "../../src/core/decide/index.ts";
import { nodeSql } from "./node-sql.ts";

/** A whole rig in memory: real journal, real outbox, real SQLite, a clock that tests drive, and a container they script. */

export interface ScriptedContainer {
  /** What happened to be asked, in order. */
  readonly calls: {
    kind:
      | "start"
      | "stop"
      | "message"
      | "merge"
      | "train"
      | "look"
      | "inspect"
      | "capabilities"
      | "statuses"
      | "health";
    id: string;
    detail?: unknown;
  }[];
  readonly starts: StartOrder[];
  readonly merges: MergeOrder[];
  readonly trains: TrainRequest[];
  onTrain: (order: TrainRequest) => Answer | Promise<Answer>;
  onTrainState: (trainId: string) => TrainState | null;
  /** What it says of trains that it knows; those that it accepted run until a test says otherwise. */
  readonly running: Map<string, TrainState>;
  /** Replaces the answer to the next calls; by default everything is accepted and every started agent runs. */
  onStart: (order: StartOrder) => Answer | Promise<Answer>;
  onStop: (agentId: string, dispatchId: string) => Answer | Promise<Answer>;
  onMessage: (agentId: string, prompt: string) => Answer | Promise<Answer>;
  onAnswer: (effect: EffectOf<"container.answer">) => Answer | Promise<Answer>;
  onMerge: (order: MergeOrder) => Answer | Promise<Answer>;
  /** What it can do; null: it is an old one, which knows no such question. */
  can: Capabilities | null;
  /** Whether it names dispatches in what it answers; null: nothing tells. */
  names: boolean | null;
  /** The dispatch in the token of each environment that was made. */
  readonly tokens: (string | null)[];
  onInspect: (order: InspectOrder) => InspectAnswer | Promise<InspectAnswer>;
  /** Thrown by every call when set: the container does not answer. */
  down: string | null;
  /** How the control server names itself; null: it is one that does not. */
  instance: string | null;
  /** Processes that the container knows, by agent id. */
  readonly processes: Map<string, Observed>;
}

export const ACCEPTED: Answer = { kind: "accepted" };
export const OPERATOR: Caller = { kind: "operator", id: "operator", dispatchId: null, scope: "operate" };

export interface TestRig {
  rig: Rig;
  readonly container: ScriptedContainer;
  readonly notified: { title: string; key: string }[];
  readonly logs: { level: string; message: string; data: unknown }[];
  readonly ports: RigPorts;
  now: number;
  alarm: number | null;
  /** Runs a command as the operator (or somebody else) and fails the test if it is refused. */
  run(command: Command, caller?: Caller): Decided;
  /** Root facts straight into the journal. */
  tell(...facts: Fact[]): void;
  /** Waits until the outbox has nothing due. */
  settled(): Promise<void>;
  /** Moves the clock, in time in which it was awake, and rings the alarm whether or not it is due, as an operator's tick does. */
  tickAt(at: number, scheduled?: number | null): Promise<TickReport>;
  /** Moves the clock to `until`, ringing the alarm every time it is due on the way; answers how often it rang. */
  advance(until: number): Promise<number>;
  /** Everything stands still for so long, or (negative) the clock is put back; the alarm does not ring meanwhile. */
  suspend(ms: number): void;
  /** Forgets the memory and opens the rig from its rows, as after an eviction of the object. */
  reopen(): void;
  close(): void;
}

export const bead = (title: string, more: Partial<BeadInput> = {}): BeadInput => ({
  type: "issue",
  title,
  body: null,
  priority: "medium",
  labels: [],
  metadata: {},
  convoyId: null,
  blockedBy: [],
  deferUntil: null,
  ...more,
});

export const START_MS = 1_800_000_000_000;

/** @param configured false: a rig that nobody has told its repository. */
export function testRig({ configured = true, now = START_MS }: { configured?: boolean; now?: number } = {}): TestRig {
  const storage = nodeSql();
  const background = new Set<Promise<unknown>>();
  const container: ScriptedContainer = {
    calls: [],
    starts: [],
    merges: [],
    onStart: () => ACCEPTED,
    onStop: () => ACCEPTED,
    onMessage: () => ACCEPTED,
    onAnswer: () => ACCEPTED,
    onMerge: () => ACCEPTED,
    trains: [],
    onTrain: () => ACCEPTED,
    onTrainState: (trainId) => container.running.get(trainId) ?? null,
    running: new Map(),
    can: null,
    names: null,
    tokens: [],
    onInspect: () => ({
      result: "accepted",
      branch: "b",
      commit: "c".repeat(40),
      base: "b".repeat(40),
      ahead: 1,
      files: 1,
      deletions: 0,
    }),
    down: null,
    instance: null,
    processes: new Map(),
  };
  const up = () => {
    if (container.down !== null) throw new Error(container.down);
  };
  const port: ContainerPort = {
    async start(order) {
      container.calls.push({ kind: "start", id: order.dispatchId, detail: order });
      container.starts.push(order);
      if (container.down !== null) return { kind: "unknown", error: container.down };
      const answer = await container.onStart(order);
      if (answer.kind !== "accepted") return answer;
      container.processes.set(order.agentId, {
        agentId: order.agentId,
        dispatchId: container.names === false ? null : order.dispatchId,
        status: "running",
        exitReason: null,
        ...(container.names === false ? { startedAt: test.now } : {}),
      });
      return container.names === null ? answer : { ...answer, namesDispatch: container.names };
    },
    async stop(effect) {
      container.calls.push({ kind: "stop", id: effect.dispatchId, detail: effect.reason });
      if (container.down !== null) return { kind: "unknown", error: container.down };
      const answer = await container.onStop(effect.agentId, effect.dispatchId);
      const known = container.processes.get(effect.agentId)?.dispatchId;
      if (answer.kind === "accepted" && (known === null || known === effect.dispatchId))
        container.processes.delete(effect.agentId);
      return answer;
    },
    async message(effect) {
      container.calls.push({ kind: "message", id: effect.dispatchId, detail: effect.prompt });
      if (container.down !== null) return { kind: "unknown", error: container.down };
      return container.onMessage(effect.agentId, effect.prompt);
    },
    async answer(effect) {
      up();
      return container.onAnswer(effect);
    },
    async merge(order) {
      container.calls.push({ kind: "merge", id: order.dispatchId, detail: order });
      container.merges.push(order);
      if (container.down !== null) return { kind: "unknown", error: container.down };
      return container.onMerge(order);
    },
    async train(order) {
      container.calls.push({ kind: "train", id: order.trainId, detail: order });
      container.trains.push(order);
      if (container.down !== null) return { kind: "unknown", error: container.down };
      const answer = await container.onTrain(order);
      if (answer.kind === "accepted" && !container.running.has(order.trainId))
        container.running.set(order.trainId, {
          trainId: order.trainId,
          state: "running",
          step: "checks on 1 of 1",
          report: null,
        });
      return answer;
    },
    async trainState(trainId) {
      container.calls.push({ kind: "look", id: trainId });
      up();
      return container.onTrainState(trainId);
    },
    async inspect(order) {
      container.calls.push({ kind: "inspect", id: order.dispatchId, detail: order });
      if (container.down !== null) return { kind: "unknown", error: container.down };
      return container.onInspect(order);
    },
    async capabilities() {
      container.calls.push({ kind: "capabilities", id: "" });
      up();
      return container.can;
    },
    async knowsDispatchIds() {
      up();
      return container.names;
    },
    async statuses(agentIds) {
      container.calls.push({ kind: "statuses", id: agentIds.join(",") });
      up();
      const agents = agentIds.map((id) => container.processes.get(id)).filter((status) => status !== undefined);
      return { agents, instance: container.instance };
    },
    async health() {
      container.calls.push({ kind: "health", id: "" });
      up();
      return { instance: container.instance };
    },
  };
  let ids = 0;
  const notified: TestRig["notified"] = [];
  const logs: TestRig["logs"] = [];
  const ports: RigPorts = {
    sql: storage.sql,
    transaction: storage.transaction,
    now: () => test.now,
    newId: (kind) => `${kind}-${++ids}`,
    getAlarm: () => test.alarm,
    setAlarm: (at) => {
      test.alarm = at;
    },
    deleteAlarm: () => {
      test.alarm = null;
    },
    container: () => port,
    agentEnvironment: async ({ agentId, dispatchId }) => {
      container.tokens.push(dispatchId);
      return { GASTOWN_SESSION_TOKEN: `token-of-${agentId}` };
    },
    notify: async (effect) => {
      notified.push({ title: effect.title, key: effect.key });
    },
    background: (work) => {
      const kept = work.finally(() => background.delete(kept));
      background.add(kept);
    },
    log: (level, message, data) => {
      logs.push({ level, message, data });
    },
  };
  let clock = now;
  const test: TestRig = {
    rig: undefined as unknown as Rig,
    container,
    notified,
    logs,
    ports,
    get now() {
      return clock;
    },
    set now(at) {
      // Time that a test lets pass is time in which the alarm would have rung.
      if (test.alarm !== null && test.alarm < at) test.alarm = at;
      clock = at;
    },
    suspend(ms) {
      clock += ms;
    },
    alarm: null,
    run(command, caller = OPERATOR) {
      const decision = execute(test.rig, command, caller);
      if (!decision.ok) throw new Error(`${command.type} was refused: ${decision.status} ${decision.error}`);
      return decision;
    },
    tell(...facts) {
      commit(test.rig, facts);
    },
    async settled() {
      do await test.rig.outbox.settle(test.rig);
      while (
        background.size > 0 &&
        (await Promise.race([Promise.all(background).then(() => true), Promise.resolve(false)])) === false &&
        test.rig.outbox.inFlight().length > 0
      );
      await Promise.all(background);
    },
    async tickAt(at, scheduled = at) {
      test.now = at;
      const report = await onAlarm(test.rig, scheduled);
      await test.settled();
      return report;
    },
    async advance(until) {
      let rang = 0;
      while (test.alarm !== null && test.alarm <= until) {
        const at = test.alarm;
        test.now = Math.max(test.now, at);
        // The platform clears the alarm before it calls the handler.
        test.alarm = null;
        rang++;
        await onAlarm(test.rig, at);
        await test.settled();
        if (rang > 200_000) throw new Error("the alarm rings without end");
      }
      test.now = until;
      return rang;
    },
    reopen() {
      test.rig = openRig(ports);
    },
    close: storage.close,
  };
  test.reopen();
  if (configured)
    test.run({
      type: "configure",
      rigId: "rig1",
      townId: "town1",
      userId: "user1",
      name: "rig",
      gitUrl: "file:///repo",
      defaultBranch: "main",
    });
  return test;
}
