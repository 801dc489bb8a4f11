import { and, assign, not, setup, stateIn, type SnapshotFrom } from "xstate";
import { dispatchNumber } from "../events/dispatch-id.ts";
import type { Effect } from "../events/effects.ts";
import { DEFAULT_SETTINGS, type Settings } from "../events/settings.ts";
import { expect, type MachineEvent } from "./event.ts";
import { isOver, plus, type Time } from "./time.ts";

/** Version of the rig's stored snapshot. */
export const RIG_VERSION = 1;

export interface RigContext {
  /** What repository this is; null until the rig is configured. Credentials are never here. */
  readonly config: { readonly rigId: string; readonly townId: string; readonly userId: string; readonly name: string; readonly gitUrl: string; readonly defaultBranch: string } | null;
  readonly settings: Settings;
  /** Times (ms) of failed dispatches within the breaker's window, oldest first; at most breaker_failures of them. */
  readonly failures: readonly number[];
  /** When the breaker opened last. */
  readonly openedAt: number | null;
  /** The one dispatch that may prove that the rig works again. */
  readonly probe: string | null;
  readonly containerError: string | null;
}

const recentFailures = (context: RigContext, event: MachineEvent): number[] =>
  [...context.failures.filter((at) => at > event.at - context.settings.breaker_window_ms), event.at].slice(-context.settings.breaker_failures);

/** When the cool-down ends that began when the breaker opened, or null. */
export const cooldownEnd = ({ openedAt, settings }: RigContext): Time => plus(openedAt, settings.breaker_cooldown_ms);

const rigSetup = setup({
  types: { context: {} as RigContext, events: {} as MachineEvent },
  guards: {
    tooManyFailures: ({ context, event }) => recentFailures(context, event).length >= context.settings.breaker_failures,
    cooldownIsOver: ({ context, event }) => isOver(cooldownEnd(context), event.at),
    isProbe: ({ context, event }) => "dispatchId" in event && event.dispatchId !== null && context.probe === event.dispatchId,
    isProbesAgent: ({ context, event }) => {
      const agentId = "agentId" in event ? event.agentId : event.type === "actor.quarantined" && event.kind === "agent" ? event.id : null;
      return agentId !== null && context.probe !== null && dispatchNumber(agentId, context.probe) !== null;
    },
    /** Any other exit is reported as a dispatch.failed, and decides. */
    isNobodysFault: ({ event }) => event.type === "agent.exited" && (event.outcome === "evicted" || event.outcome === "rate_limited" || event.outcome === "over_budget"),
    isGrantedAsProbe: ({ event }) => expect(event, "dispatch.granted").probe,
    becomesActive: ({ event }) => expect(event, "rig.activity_changed").active,
    isGateOpen: stateIn({ gate: "open" }),
    /** Already told: one outage is one alert. */
    isContainerGone: stateIn({ container: "unreachable" }),
  },
  actions: {
    configure: assign(({ event }) => {
      const { rigId, townId, userId, name, gitUrl, defaultBranch } = expect(event, "rig.configured");
      return { config: { rigId, townId, userId, name, gitUrl, defaultBranch } };
    }),
    changeSettings: assign(({ context, event }) => ({ settings: { ...context.settings, ...expect(event, "rig.settings_changed").changes } })),
    countFailure: assign(({ context, event }) => ({ failures: recentFailures(context, event) })),
    openBreaker: assign(({ event }) => ({ openedAt: event.at, probe: null })),
    rememberProbe: assign(({ event }) => ({ probe: expect(event, "dispatch.granted").dispatchId })),
    forgetProbe: assign({ probe: null }),
    closeBreaker: assign({ failures: [], openedAt: null, probe: null }),
    rememberContainerError: assign(({ event }) => ({ containerError: expect(event, "container.unreachable").error })),
    forgetContainerError: assign({ containerError: null }),
    alertBreaker: ({ context, event }): Effect => ({
      kind: "notify",
      key: `${context.config?.rigId ?? "rig"}:breaker:${event.seq}`,
      severity: "critical",
      title: "dispatch is suspended",
      text: `${context.failures.length} dispatches failed within ${context.settings.breaker_window_ms / 60_000} min. After ${context.settings.breaker_cooldown_ms / 60_000} min one probe is tried.`,
      beadId: null,
    }),
    alertContainer: ({ context, event }): Effect => ({
      kind: "notify",
      key: `${context.config?.rigId ?? "rig"}:container:${event.seq}`,
      severity: "warning",
      title: "the container cannot be reached",
      text: expect(event, "container.unreachable").error,
      beadId: null,
    }),
  },
});

export const rigMachine = rigSetup.createMachine({
  id: "rig",
  description: "One repository and its agents: whether it may dispatch at all, and how often it looks.",
  context: { config: null, settings: DEFAULT_SETTINGS, failures: [], openedAt: null, probe: null, containerError: null },
  type: "parallel",
  on: {
    "rig.configured": { actions: ["configure"] },
    "rig.settings_changed": { actions: ["changeSettings"] },
  },
  states: {
    cadence: {
      description: "How often the alarm rings when nothing is due.",
      initial: "idle",
      states: {
        idle: { description: "Nobody has anything to do.", on: { "rig.activity_changed": { guard: "becomesActive", target: "active" } } },
        active: { description: "Somebody waits for time, or may have ended unheard.", on: { "rig.activity_changed": { guard: not("becomesActive"), target: "idle" } } },
      },
    },
    gate: {
      description: "The rig's circuit breaker: failures, not attempts.",
      initial: "open",
      states: {
        open: {
          description: "Dispatches are granted.",
          on: {
            "dispatch.failed": [
              { guard: and(["tooManyFailures", "isContainerGone"]), target: "suspended", actions: ["countFailure", "openBreaker"] },
              { guard: "tooManyFailures", target: "suspended", actions: ["countFailure", "openBreaker", "alertBreaker"] },
              { actions: ["countFailure"] },
            ],
          },
        },
        suspended: {
          description: "No dispatch until the cool-down is over.",
          on: { TICK: { guard: "cooldownIsOver", target: "halfOpen" } },
        },
        halfOpen: {
          description: "One probe may run; its fate decides.",
          on: {
            "dispatch.granted": { guard: "isGrantedAsProbe", actions: ["rememberProbe"] },
            "agent.heard": { guard: "isProbe", target: "open", actions: ["closeBreaker"] },
            "agent.progressed": { guard: "isProbe", target: "open", actions: ["closeBreaker"] },
            "agent.checkpointed": { guard: "isProbe", target: "open", actions: ["closeBreaker"] },
            "agent.done": { guard: "isProbe", target: "open", actions: ["closeBreaker"] },
            "dispatch.failed": { guard: "isProbe", target: "suspended", actions: ["openBreaker"] },
            "agent.asked_help": { guard: "isProbe", target: "open", actions: ["closeBreaker"] },
            "permission.asked": { guard: "isProbe", target: "open", actions: ["closeBreaker"] },
            "agent.exited": { guard: and(["isProbe", "isNobodysFault"]), actions: ["forgetProbe"] },
            "rig.draining": { actions: ["forgetProbe"] },
            "agent.unhooked": { guard: "isProbesAgent", actions: ["forgetProbe"] },
            "agent.deleted": { guard: "isProbesAgent", actions: ["forgetProbe"] },
            "actor.quarantined": { guard: "isProbesAgent", actions: ["forgetProbe"] },
          },
        },
      },
    },
    container: {
      description: "Whether the town's container answers. An edge, told once.",
      initial: "reachable",
      states: {
        reachable: {
          description: "It answers, or was not asked yet.",
          on: {
            "container.unreachable": [
              { guard: "isGateOpen", target: "unreachable", actions: ["rememberContainerError", "alertContainer"] },
              { target: "unreachable", actions: ["rememberContainerError"] },
            ],
          },
        },
        unreachable: { description: "It did not answer when it was asked last.", on: { "container.reachable": { target: "reachable", actions: ["forgetContainerError"] } } },
      },
    },
    life: {
      description: "Whether the rig works, hands back, or is over.",
      initial: "alive",
      states: {
        alive: {
          initial: "open",
          on: { "rig.draining": { target: "draining" }, "rig.destroyed": { target: "destroyed" } },
          states: {
            open: { description: "Work is dispatched.", on: { "rig.paused": { target: "paused" } } },
            paused: { description: "Nothing new is dispatched; what runs goes on.", on: { "rig.resumed": { target: "open" } } },
          },
        },
        draining: {
          description: "Work is handed back; nothing is dispatched.",
          on: { "rig.resumed": { target: "alive" }, "rig.destroyed": { target: "destroyed" } },
        },
        destroyed: { description: "No alarm, no effect, never again." },
      },
    },
  },
});

export type RigSnapshot = SnapshotFrom<typeof rigMachine>;

/** When the breaker's cool-down ends, or null. */
export const rigDeadline = (snapshot: RigSnapshot): number | null =>
  snapshot.matches({ gate: "suspended" }) ? cooldownEnd(snapshot.context) : null;

export type Gate = "open" | "probe" | "no_config" | "paused" | "draining" | "breaker_open" | "destroyed";

/** Whether the rig grants dispatches now: freely, one probe, or not at all and why. */
export function gateOf(snapshot: RigSnapshot): Gate {
  if (snapshot.matches({ life: "destroyed" })) return "destroyed";
  if (snapshot.context.config === null) return "no_config";
  if (snapshot.matches({ life: "draining" })) return "draining";
  if (snapshot.matches({ life: { alive: "paused" } })) return "paused";
  if (snapshot.matches({ gate: "suspended" })) return "breaker_open";
  if (snapshot.matches({ gate: "halfOpen" })) return snapshot.context.probe === null ? "probe" : "breaker_open";
  return "open";
}
