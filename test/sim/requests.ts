import { agentCaller } from "../support/callers.ts";
import { readMail } from "../../src/do/read-mail.ts";
import { execute, heartbeat } from "../../src/do/rig.ts";
import { tick } from "../../src/do/tick.ts";
import type { Caller, Command } from "../../src/core/decide/index.ts";
import type { World } from "../../src/core/world.ts";
import type { Seen } from "../../src/do/ports.ts";
import { expected, speak, touch } from "./host.ts";
import type { Queue } from "./queue.ts";
import type { Random } from "./random.ts";
import { OPERATOR, type Counts, type Fault, type Options, type SimRig, type Stage } from "./stage.ts";

/** How often something is said: once; until it was heard, a while; or kept on disk and said until it was heard. */
export type Importance = "once" | "retried" | "kept";

/** Everything that people, processes and the platform say to a rig. */

export interface Simulation {
  readonly options: Options;
  readonly queue: Queue;
  readonly counts: Counts;
  readonly healed: boolean;
  has(fault: Fault): boolean;
  random(name: string): Random;
  trace(line: () => string): void;
  /** An operator's request, at once. */
  request(rig: SimRig, command: Command): void;
  /** What a process or the container tells the rig, through the network. */
  callback(rig: SimRig, command: Command, caller: Caller, importance: Importance, name: string): void;
  heartbeat(rig: SimRig, agentId: string, dispatchId: string, seen: Seen): void;
  /** A process reads its letters, or (null) a person looks at them. */
  readMail(rig: SimRig, agentId: string, dispatchId: string | null): void;
  tickNow(rig: SimRig): void;
  /** Any call that wakes the rig. */
  poke(rig: SimRig): void;
  /** A rule that must hold was broken in the world outside of the rig. */
  broken(rig: SimRig, rule: string, text: string): void;
  peek<T>(rig: SimRig, look: (world: World) => T): T | undefined;
}

/** An agent by the token of a dispatch. */
export const callerOf = (r: SimRig, agentId: string, dispatchId: string): Caller => ({
  ...agentCaller(agentId, dispatchId, r.town.id),
  madeAt: r.tokens.get(dispatchId) ?? 0,
});

export function createSimulation(stage: Stage): Simulation {
  const { options, queue, counts, has, random, trace } = stage;
  return {
    options,
    queue,
    counts,
    get healed() {
      return stage.healed;
    },
    has,
    random,
    trace,
    broken: (r, rule, text) => stage.fail(r, rule, text),
    request(r, command) {
      stage.trace(() => `operator -> ${r.id}: ${JSON.stringify(command).slice(0, 300)}`);
      speak(stage, r, (rig) => {
        const decision = execute(rig, command, OPERATOR);
        if (!decision.ok) {
          stage.counts.refused++;
          stage.trace(() => `refused: ${decision.status} ${decision.error}`);
          if (decision.error.length === 0) stage.fail(r, "silent_refusal", JSON.stringify(command));
        }
      });
    },
    callback: (r, command, caller, importance, name) => callback(stage, { r, command, caller, importance, name }),
    heartbeat(r, agentId, dispatchId, seen) {
      if (stage.queue.now < r.town.unreachableUntil || (stage.has("network") && stage.luck.chance(0.04))) return;
      stage.queue.after(
        stage.luck.between(1, 200),
        () =>
          void speak(stage, r, (rig) => heartbeat(rig, agentId, dispatchId, callerOf(r, agentId, dispatchId), seen)),
      );
    },
    readMail(r, agentId, dispatchId) {
      speak(
        stage,
        r,
        (rig) => void readMail(rig, agentId, dispatchId === null ? OPERATOR : callerOf(r, agentId, dispatchId)),
      );
    },
    tickNow(r) {
      speak(stage, r, (rig) => {
        tick(rig).catch((error: unknown) => {
          if (!expected(error)) stage.fail(r, "tick_threw", String(error));
        });
      });
    },
    poke(r) {
      speak(stage, r, () => {});
    },
    peek(r, look) {
      const rig = touch(stage, r);
      if (rig === null) return undefined;
      try {
        return look(rig.world);
      } catch (error) {
        if (!expected(error)) stage.fail(r, "request_threw", String(error));
        return undefined;
      }
    },
  };
}

interface Said {
  readonly r: SimRig;
  readonly command: Command;
  readonly caller: Caller;
  readonly importance: Importance;
  readonly name: string;
}

/** What a process says, through the network: lost, late or doubled; what matters is said again until it was heard. */
function callback(stage: Stage, said: Said): void {
  const { r, command, caller, importance, name } = said;
  const send = (tries: number): void => {
    const how = stage.has("network") ? stage.luck.weighted({ fine: 90, lost: 4, late: 3, doubled: 3 }) : "fine";
    const again = (): void => {
      if (importance === "kept" || (importance === "retried" && tries < 8))
        stage.queue.after(1_000 * 2 ** Math.min(tries, 9), () => send(tries + 1));
    };
    const arrive = (): void => {
      if (stage.queue.now < r.town.unreachableUntil) return again();
      stage.trace(() => `-> ${r.id}: ${name}`);
      if (!speak(stage, r, (rig) => void execute(rig, command, caller))) again();
    };
    if (how === "lost") {
      stage.counts.lost++;
      return again();
    }
    stage.queue.after(how === "late" ? stage.luck.around(120_000) : stage.luck.between(1, 200), arrive);
    if (how === "doubled") {
      stage.counts.doubled++;
      stage.queue.after(stage.luck.around(60_000), arrive);
    }
  };
  send(0);
}
