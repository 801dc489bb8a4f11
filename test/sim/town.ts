import { stopsAs } from "../../src/events/facts.ts";
import type { Answer, MergeOrder, Observed, StartOrder } from "../../src/do/ports.ts";
import { answerDriven, DRIVEN_MOVES, isDrivenMove, isOccupied, moveDriven, newDriven, seenOf } from "./drivers.ts";
import { inspection, type Inspection } from "./inspection.ts";
import { mergesOf } from "./merges.ts";
import { outcomeOf } from "../../src/do/patrol.ts";
import type { Command } from "../../src/core/decide/index.ts";
import type { Process } from "./process.ts";
import { providerOf, type Provider } from "./provider.ts";
import { trainsOf, type Trains } from "./trains.ts";
import { callerOf, type Simulation } from "./requests.ts";
import type { SimRig } from "./stage.ts";

/**
 * A town's container and the network before it: processes that do what agents do, well and badly, and a git that merges.
 * Judges starts as the control server does: the same dispatch once, an older one never, a newer one replaces the process.
 */

export interface Town extends Inspection, Trains {
  readonly id: string;
  readonly processes: Map<string, Process>;
  /** Calls do not arrive, callbacks do not leave. */
  unreachableUntil: number;
  /** Every call takes this much longer. */
  slow_ms: number;
  /** Most starts are refused: something is wrong with the repository, or a key has expired. */
  badDay: boolean;
  readonly provider: Provider;
  start(rig: SimRig, order: StartOrder): Answer;
  stop(
    agentId: string,
    dispatchId: string,
    reason: string,
  ): { kind: "accepted" } | { kind: "refused"; status: number; error: string };
  answer(agentId: string, askId: string): Answer;
  message(agentId: string): { kind: "accepted" } | { kind: "refused"; status: number; error: string };
  merge(rig: SimRig, order: MergeOrder): { kind: "accepted" } | { kind: "refused"; status: number; error: string };
  statuses(agentIds: readonly string[]): Observed[];
  /** How this run of the control server names itself. */
  instance(): string | null;
  /** Ends every process of a rig, whatever it does. */
  halt(rig: SimRig): void;
  /** As a look at its list tells. */
  namesDispatches(): boolean | null;
  /** The container is taken away: what ran is gone and forgotten. */
  evict(politely: boolean): void;
}

const LIVE: ReadonlySet<Observed["status"]> = new Set(["starting", "running", "stopping"]);
export const isLive = (process: Process): boolean => LIVE.has(process.status);

export function createTown(sim: Simulation, id: string): Town {
  const { queue } = sim;
  const processes = new Map<string, Process>();
  const luck = sim.random(`town:${id}`);
  const merges = mergesOf(sim, luck);
  const isOld = sim.options.old === true;
  const accepted = isOld ? ({ kind: "accepted", namesDispatch: false } as const) : ({ kind: "accepted" } as const);
  /** What the first process of an agent was given, and every later one has. */
  const tokens = new Map<string, string>();
  let runs = 1;

  const isCurrent = (process: Process): boolean => processes.get(process.agentId) === process;

  /** Something the process tells its rig, fenced by its dispatch. */
  const tell = (process: Process, command: Command, importance: "once" | "retried" = "once"): void =>
    sim.callback(
      process.rig,
      command,
      callerOf(process.rig, process.agentId, process.token),
      importance,
      `${process.dispatchId} ${command.type}`,
    );

  const end = (process: Process, status: "exited" | "failed", reason: string, callback: boolean): void => {
    if (!isLive(process)) return;
    process.status = status;
    process.exitReason = reason;
    sim.trace(() => `container: ${process.dispatchId} ${status}: ${reason}${callback ? "" : " (tells nobody)"}`);
    if (callback) {
      const { outcome, resetAt } = outcomeOf(status === "exited" ? "completed" : "failed", reason, null);
      tell(
        process,
        { type: "exited", agentId: process.agentId, dispatchId: process.token, outcome, reason, resetAt },
        "retried",
      );
    }
  };

  const endKeyless = (process: Process): void => {
    const { agentId, token: dispatchId } = process;
    process.status = "failed";
    process.exitReason = "not_authorized: the key was not taken";
    const ended = { ending: "not_authorized", runtime: "sim", reason: process.exitReason } as const;
    const exited = { type: "exited", agentId, dispatchId, outcome: "not_authorized", resetAt: null } as const;
    tell(process, { ...exited, ...ended }, "retried");
  };

  const heartbeats = (process: Process): void => {
    queue.after(30_000, () => {
      if (!isCurrent(process) || !isLive(process)) return;
      if (process.mood !== "mute")
        sim.heartbeat(process.rig, process.agentId, process.token, seenOf(process, queue.now));
      heartbeats(process);
    });
  };

  const finish = (process: Process): void => {
    const { random, agentId, branch } = process;
    process.rig.repository.branches.add(branch);
    process.handedIn = true;
    const done: Command = { type: "done", agentId, branch, prUrl: null, summary: "did it" };
    const manner = sim.has("agents")
      ? random.weighted({ well: 12, twice: 2, late: 2, without: 1, crash_after: 1, crash_before: 1, lingers: 1 })
      : "well";
    sim.trace(() => `agent ${process.dispatchId} finishes: ${manner}`);
    switch (manner) {
      case "well":
        tell(process, done, "retried");
        queue.after(random.between(100, 5_000), () => end(process, "exited", "completed", true));
        return;
      case "twice":
        tell(process, done, "retried");
        queue.after(random.between(0, 120_000), () => tell(process, done, "retried"));
        queue.after(random.between(100, 5_000), () => end(process, "exited", "completed", true));
        return;
      case "late":
        end(process, "exited", "completed", true);
        queue.after(random.between(100, 300_000), () => tell(process, done, "retried"));
        return;
      case "without":
        end(process, "exited", "completed", random.chance(0.7));
        return;
      case "crash_after":
        tell(process, done, "retried");
        end(process, "failed", "signal SIGSEGV", random.chance(0.5));
        return;
      case "crash_before":
        end(process, "failed", "signal SIGKILL", random.chance(0.5));
        return;
      case "lingers":
        tell(process, done, "retried");
        process.mood = "stuck";
    }
  };

  const act = (process: Process): void => {
    const { random, agentId, beadId } = process;
    queue.after(random.around(120_000), () => {
      if (!isCurrent(process) || process.status !== "running") return;
      if (isOccupied(process, queue.now)) {
        act(process);
        return;
      }
      if (process.mood === "works") {
        if (queue.now >= process.finishAt) {
          finish(process);
          return;
        }
        const what = random.weighted({
          progress: 60,
          checkpoint: 20,
          mail: 2,
          ...(sim.has("agents")
            ? {
                help: 3,
                prompt: 3,
                stuck: 1.5,
                mute: 1,
                crash: 3,
                vanish: 1,
                rate_limited: 1,
                over_budget: 0.5,
                chatty: 2,
              }
            : {}),
          ...(sim.has("drivers") && process.driven !== undefined ? DRIVEN_MOVES : {}),
        });
        if (isDrivenMove(what)) {
          const says = {
            tell: (command: Command) => tell(process, command, "retried"),
            endKeyless: () => endKeyless(process),
          };
          if (moveDriven(sim, process, what, says)) return;
        }
        switch (what) {
          case "progress":
            tell(process, { type: "progressed", agentId, what: "tool" });
            break;
          case "chatty":
            for (let i = 0; i < 5; i++) tell(process, { type: "progressed", agentId, what: "tool" });
            break;
          case "checkpoint":
            tell(process, { type: "checkpoint", agentId, data: { beadId, step: random.between(1, 3) } });
            break;
          case "mail":
            sim.readMail(process.rig, agentId, process.token);
            break;
          case "help":
            process.mood = "asks";
            tell(
              process,
              {
                type: "escalate",
                title: "which way?",
                body: null,
                priority: "high",
                metadata: { bead_id: beadId },
                agentId,
              },
              "retried",
            );
            break;
          case "prompt":
            process.mood = "prompted";
            tell(process, { type: "permission_asked", agentId, prompt: "may I?" }, "retried");
            if (random.chance(0.6)) {
              queue.after(random.around(1_200_000), () => {
                if (!isCurrent(process) || process.mood !== "prompted") return;
                process.mood = "works";
                tell(process, { type: "permission_answered", agentId });
              });
            }
            break;
          case "stuck":
          case "mute":
            process.mood = what;
            sim.trace(() => `agent ${process.dispatchId} is ${what} from now on`);
            break;
          case "crash":
            end(process, "failed", "exit 1", random.chance(0.7));
            return;
          case "vanish":
            process.status = "failed";
            processes.delete(agentId);
            return;
          case "rate_limited":
          case "over_budget":
            end(process, "failed", what, true);
            return;
        }
      } else if ((process.mood === "asks" || process.mood === "prompted") && random.chance(0.02)) {
        // A process may end while it waits, or find its own way.
        if (random.chance(0.5)) {
          end(process, "failed", "exit 1 while waiting", random.chance(0.7));
          return;
        }
        process.mood = "works";
      }
      act(process);
    });
  };

  return {
    id,
    processes,
    unreachableUntil: 0,
    slow_ms: 0,
    badDay: false,
    provider: providerOf(sim, luck, processes, (process) => {
      if (isCurrent(process)) end(process, "failed", "exit 1", luck.chance(0.9));
    }),

    start(rig, order) {
      const n = Number(order.dispatchId.slice(order.dispatchId.lastIndexOf(":") + 1));
      const last = processes.get(order.agentId);
      if (last !== undefined && last.n === n) return accepted;
      if (last !== undefined && last.n > n)
        return { kind: "refused", status: 409, error: "a newer dispatch was started" };
      if (isOld && last !== undefined && isLive(last)) return accepted;
      const lie =
        sim.has("start") && this.badDay && luck.chance(0.8)
          ? "refused"
          : sim.has("start")
            ? luck.weighted({
                no: 86,
                refused: 5,
                unknown_but_runs: 4,
                accepted_but_dies: 2,
                accepted_but_vanishes: 1,
                unknown_and_does_not: 2,
              })
            : "no";
      if (lie !== "no") sim.trace(() => `container: start of ${order.dispatchId}: ${lie}`);
      if (lie === "refused") return { kind: "refused", status: 422, error: "the repository cannot be cloned" };
      if (lie === "unknown_and_does_not") return { kind: "unknown", error: "HTTP 503" };
      if (lie === "accepted_but_vanishes") return accepted;
      if (last !== undefined && isLive(last)) {
        sim.counts.replaced++;
        end(last, "failed", "replaced by a newer dispatch", luck.chance(0.5));
      }
      const beadId = /bead (\S+):/.exec(order.prompt)?.[1] ?? "";
      if (!isOld || !tokens.has(order.agentId)) tokens.set(order.agentId, order.dispatchId);
      const process: Process = {
        rig,
        token: tokens.get(order.agentId) ?? order.dispatchId,
        startedAt: queue.now,
        agentId: order.agentId,
        dispatchId: order.dispatchId,
        n,
        beadId,
        branch: order.branch,
        random: sim.random(`process:${order.dispatchId}`),
        status: "starting",
        exitReason: null,
        mood: "works",
        handedIn: false,
        ...(sim.has("drivers") ? { driven: newDriven() } : {}),
        finishAt: 0,
      };
      process.finishAt = queue.now + process.random.around(900_000) + 30_000;
      processes.set(order.agentId, process);
      sim.counts.starts++;
      if (lie === "accepted_but_dies") {
        end(process, "failed", "died at once", luck.chance(0.5));
        return accepted;
      }
      if (this.provider.fails(process)) return accepted;
      queue.after(process.random.between(1_000, 20_000), () => {
        if (!isCurrent(process) || process.status !== "starting") return;
        process.status = "running";
        sim.heartbeat(rig, process.agentId, process.token, seenOf(process, queue.now));
        heartbeats(process);
        act(process);
      });
      return lie === "unknown_but_runs" ? { kind: "unknown", error: "no answer within 60000 ms" } : accepted;
    },

    stop(agentId, dispatchId, reason) {
      const process = processes.get(agentId);
      if (process === undefined) return { kind: "refused", status: 404, error: `no agent ${agentId}` };
      const n = Number(dispatchId.slice(dispatchId.lastIndexOf(":") + 1));
      if ((process.n > n && !isOld) || !isLive(process)) return { kind: "accepted" };
      if (isOld) {
        end(process, "failed", "stopped", true);
        return { kind: "accepted" };
      }
      process.status = "stopping";
      queue.after(luck.between(200, sim.has("container") && luck.chance(0.1) ? 120_000 : 5_000), () => {
        if (stopsAs(reason) === "evicted") end(process, "failed", "evicted", true);
        else end(process, "failed", "stopped", true);
      });
      return { kind: "accepted" };
    },

    halt(rig) {
      for (const process of processes.values())
        if (process.rig === rig) end(process, "failed", "stopped", luck.chance(0.5));
    },

    answer: (agentId, askId) => answerDriven(processes.get(agentId), askId),

    message(agentId) {
      const process = processes.get(agentId);
      if (process === undefined || !isLive(process))
        return { kind: "refused", status: 404, error: `no agent ${agentId} runs` };
      // It is told what was wrong with its work.
      if (process.handedIn)
        queue.after(process.random.between(1_000, 60_000), () => isLive(process) && finish(process));
      if (process.mood === "asks" || process.mood === "prompted") process.mood = "works";
      if (process.mood === "stuck" && process.random.chance(0.4)) process.mood = "works";
      return { kind: "accepted" };
    },

    merge: merges.merge,

    ...inspection(sim, luck),
    ...trainsOf(sim, sim.random(`trains:${id}`)),

    statuses(agentIds) {
      const seen: Observed[] = [];
      for (const agentId of agentIds) {
        const process = processes.get(agentId);
        if (process)
          seen.push({
            agentId,
            dispatchId: isOld ? null : process.dispatchId,
            status: process.status,
            exitReason: process.exitReason,
            ...seenOf(process, queue.now),
            ...(isOld ? { startedAt: process.startedAt } : {}),
          });
      }
      return seen;
    },

    instance: () => (isOld ? null : `${id}:${runs}`),
    namesDispatches: () => (isOld ? false : null),

    evict(politely) {
      for (const process of processes.values()) {
        if (isLive(process)) end(process, "failed", "evicted: the container goes", politely && luck.chance(0.8));
      }
      processes.clear();
      merges.forget();
      this.forgetTrains();
      runs++;
    },
  };
}
