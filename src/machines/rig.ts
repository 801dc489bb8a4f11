import { and, assign, not, setup, stateIn, type SnapshotFrom } from "xstate";
import { dispatchNumber } from "../events/dispatch-id.ts";
import type { Effect } from "../events/effects.ts";
import type { Fact } from "../events/facts.ts";
import { DEFAULT_PLACE } from "../events/place.ts";
import { rulesAtLeast, rulesOf, type Ruled } from "../events/rules.ts";
import { DEFAULT_SETTINGS } from "../events/settings.ts";
import { expect, type MachineEvent } from "./event.ts";
import { alertBreaker, alertClock, alertContainer, alertOutage, alertPlace } from "./rig/alerts.ts";
import { containerMet, importedBy, recentFailures, type RigContext } from "./rig/context.ts";
import {
  afterShown,
  alsoFailed,
  begun,
  changesBlame,
  forgiven,
  goesOn,
  isCommon,
  NOBODYS_FAULT,
  outageDeadline,
  outageMovedBy,
  probeSurvives,
  probing,
  rememberCharge,
  suspectsAfter,
} from "./rig/outage.ts";
import { clearing, straysAlert, straysOf } from "./rig/strays.ts";
import { earliest, isOver, movedBy, plus, type Time } from "./time.ts";

export type { RigContext } from "./rig/context.ts";
export { type Fence, fenceOf, type Gate, gateOf, isHeldBack } from "./rig/gate.ts";

/** Version of the rig's stored snapshot. */
export const RIG_VERSION = 1;

const ruled = (context: RigContext, rules: number | undefined): Ruled =>
  rules === undefined || rules <= rulesOf(context) ? {} : { rules };

/** When the cool-down ends that began when the breaker opened, or null. */
export const cooldownEnd = ({ openedAt, settings }: RigContext): Time => plus(openedAt, settings.breaker_cooldown_ms);

const rigSetup = setup({
  types: { context: {} as RigContext, events: {} as MachineEvent },
  guards: {
    tooManyFailures: ({ context, event }) => recentFailures(context, event).length >= context.settings.breaker_failures,
    cooldownIsOver: ({ context, event }) => isOver(cooldownEnd(context), event.at),
    isProbe: ({ context, event }) =>
      "dispatchId" in event && event.dispatchId !== null && context.probe === event.dispatchId,
    isProbesAgent: ({ context, event }) => {
      const agentId =
        "agentId" in event
          ? event.agentId
          : event.type === "actor.quarantined" && event.kind === "agent"
            ? event.id
            : null;
      return agentId !== null && context.probe !== null && dispatchNumber(agentId, context.probe) !== null;
    },
    isCommon: ({ context, event }) => isCommon(context, event),
    changesBlame: ({ context, event }) => changesBlame(context, event),
    probeSurvives: ({ context, event }) => probeSurvives(context, event),
    probeIsDue: ({ context, event }) => isOver(context.outage?.nextAt ?? null, event.at),
    /** One bead that is refused again and again says nothing of the others (zeroshot#621). */
    isSameInput: ({ event }) => expect(event, "dispatch.failed").sameInput === true,
    /** Any other exit is reported as a dispatch.failed, and decides. */
    isNobodysFault: ({ event }) => event.type === "agent.exited" && NOBODYS_FAULT.has(event.outcome),
    isAtOnce: ({ event }) => expect(event, "rig.draining").atOnce === true,
    isStopped: ({ context }) => context.stopped === true,
    hasNoRoom: ({ context }) => context.full !== undefined,
    isFull: ({ event }) => expect(event, "agent.exited").outcome === "full",
    fullIsOver: ({ context, event }) => isOver(context.full?.until ?? null, event.at),
    wasPutBack: ({ event }) => expect(event, "clock.jumped").by < 0,
    hasClocks: ({ context }) =>
      context.failures.length > 0 ||
      context.openedAt !== null ||
      (context.charges?.length ?? 0) > 0 ||
      context.outage !== undefined,
    isSetUp: ({ context }) => context.config !== null,
    isGrantedAsProbe: ({ event }) => expect(event, "dispatch.granted").probe,
    isNewsOfContainer: ({ context, event }) => {
      const { inspects, ephemeral, trains = false, dispatchIds = true, runtime } = expect(event, "container.met");
      const { container } = context;
      return (
        container?.inspects !== inspects ||
        container.ephemeral !== ephemeral ||
        (container.trains ?? false) !== trains ||
        (container.dispatchIds ?? true) !== dispatchIds ||
        container.runtime !== runtime
      );
    },
    becomesActive: ({ event }) => expect(event, "rig.activity_changed").active,
    isGateOpen: stateIn({ gate: "open" }),
    /** Already told: one outage is one alert. */
    isNewInstance: ({ context, event }) => context.instance !== expect(event, "container.instance_changed").instance,
    /** Told once: whoever starts next finds the same. */
    isPlaceTrouble: ({ context, event }) =>
      event.type === "agent.exited" && event.outcome === "place" && (context.place ?? null) === null,
    changesPlace: ({ event }) =>
      rulesAtLeast(event.ruleSet, 2) &&
      Object.keys(expect(event, "rig.settings_changed").changes).some((name) => name in DEFAULT_PLACE),
    hadPlaceTrouble: ({ context }) => (context.place ?? null) !== null,
    isContainerGone: stateIn({ container: "unreachable" }),
    hasStrays: ({ context }) => context.strays !== undefined,
    isHeld: ({ context }) => context.imported?.isHeld === true,
  },
  actions: {
    configure: assign(({ context, event }) => {
      const { rigId, townId, userId, name, gitUrl, defaultBranch, rules } = expect(event, "rig.configured");
      return { config: { rigId, townId, userId, name, gitUrl, defaultBranch }, ...ruled(context, rules) };
    }),
    moveClocks: assign(({ context, event }) => {
      const { by } = expect(event, "clock.jumped");
      return {
        failures: context.failures.map((at) => at + by),
        ...movedBy(context, ["openedAt"], by),
        ...outageMovedBy(context, by),
      };
    }),
    editConfig: assign(({ context, event }) => ({
      config: context.config && { ...context.config, ...expect(event, "rig.edited").changes },
    })),
    upgrade: assign(({ context, event }) => ruled(context, expect(event, "rig.upgraded").rules)),
    rememberContainer: assign(({ event }) => ({ container: containerMet(event) })),
    rememberImport: assign(({ context, event }) => importedBy(context, event)),
    letGo: assign(({ context }) => ({ imported: context.imported && { ...context.imported, isHeld: false } })),
    changeSettings: assign(({ context, event }) => ({
      settings: { ...context.settings, ...expect(event, "rig.settings_changed").changes },
    })),
    tellPlaceChanged: (): Fact => ({ type: "place.changed" }),
    countFailure: assign(({ context, event }) => ({
      failures: recentFailures(context, event),
      ...rememberCharge(context, event),
    })),
    beginOutage: assign(({ context, event }) => ({ outage: begun(context, event), probe: null })),
    goOn: assign(({ context, event }) => ({ outage: goesOn(context.outage, event), probe: null })),
    probeNow: assign(({ context }) => ({ outage: context.outage && { ...context.outage, nextAt: null } })),
    markProbe: assign(({ context, event }) => ({ outage: probing(context.outage, event) })),
    failToo: assign(({ context, event }) => ({ outage: alsoFailed(context.outage, event) })),
    endOutage: assign(({ context, event }) => ({
      outage: undefined,
      charges: [],
      failures: [],
      probe: null,
      suspects: suspectsAfter(context, event),
    })),
    noteWork: assign(({ context, event }) => afterShown(context, event)),
    forgive: ({ context, event }): Fact[] =>
      forgiven(context, event).map((one) => ({ ...one, type: "charge.forgiven" }) as Fact),
    alertOutage: ({ context, event }): Effect => alertOutage(context, event),
    openBreaker: assign(({ event }) => ({ openedAt: event.at, probe: null })),
    rememberProbe: assign(({ event }) => ({ probe: expect(event, "dispatch.granted").dispatchId })),
    forgetProbe: assign({ probe: null }),
    closeBreaker: assign({ failures: [], openedAt: null, probe: null }),
    rememberContainerError: assign(({ event }) => ({ containerError: expect(event, "container.unreachable").error })),
    forgetContainerError: assign({ containerError: null }),
    rememberInstance: assign(({ event }) => ({ instance: expect(event, "container.instance_changed").instance })),
    rememberPlace: assign(({ event }) => ({ place: expect(event, "agent.exited").reason })),
    forgetPlace: assign({ place: null }),
    rememberFull: assign(({ event }) => ({
      full: { until: event.at + event.settings.cadence_active_ms, words: expect(event, "agent.exited").reason },
    })),
    forgetFull: assign({ full: undefined }),
    rememberStrays: assign(({ context, event }) => ({
      strays: straysOf(context.strays, expect(event, "strays.found")),
    })),
    forgetStrays: assign({ strays: undefined }),
    clearStrays: ({ context, event }): Effect => clearing(context, expect(event, "strays.found")),
    alertStrays: ({ context, event }): Effect => straysAlert(context, expect(event, "strays.found")),
    rememberStop: assign({ stopped: true as const }),
    forgetStop: assign({ stopped: undefined }),
    alertClock: ({ context, event }): Effect => alertClock(context, event),
    alertPlace: ({ context, event }): Effect => alertPlace(context, event),
    alertBreaker: ({ context, event }): Effect => alertBreaker(context, event),
    alertContainer: ({ context, event }): Effect => alertContainer(context, event),
  },
});

export const rigMachine = rigSetup.createMachine({
  id: "rig",
  description: "One repository and its agents: whether it may dispatch at all, and how often it looks.",
  context: {
    config: null,
    settings: DEFAULT_SETTINGS,
    failures: [],
    openedAt: null,
    probe: null,
    containerError: null,
  },
  type: "parallel",
  on: {
    "rig.configured": { actions: ["configure"] },
    "rig.upgraded": { actions: ["upgrade"] },
    "clock.jumped": [
      { guard: "wasPutBack", actions: ["moveClocks", "alertClock"] },
      { guard: "hasClocks", actions: ["moveClocks"] },
    ],
    "rig.edited": { guard: "isSetUp", actions: ["editConfig", "tellPlaceChanged"] },
    "rig.settings_changed": [
      { guard: "changesPlace", actions: ["changeSettings", "tellPlaceChanged"] },
      { actions: ["changeSettings"] },
    ],
    "container.met": { guard: "isNewsOfContainer", actions: ["rememberContainer"] },
  },
  states: {
    cadence: {
      description: "How often the alarm rings when nothing is due.",
      initial: "idle",
      states: {
        idle: {
          description: "Nobody has anything to do.",
          on: { "rig.activity_changed": { guard: "becomesActive", target: "active" } },
        },
        active: {
          description: "Somebody waits for time, or may have ended unheard.",
          on: { "rig.activity_changed": { guard: not("becomesActive"), target: "idle" } },
        },
      },
    },
    gate: {
      description: "The rig's circuit breaker: failures, not attempts.",
      initial: "open",
      on: {
        "rig.imported": { actions: ["rememberImport"] },
        "rig.resumed": { guard: "isHeld", actions: ["letGo"] },
      },
      states: {
        open: {
          description: "Dispatches are granted.",
          on: {
            "dispatch.failed": [
              { guard: "isSameInput" },
              {
                guard: "isCommon",
                target: "outage",
                actions: ["forgive", "beginOutage", "alertOutage"],
              },
              {
                guard: and(["tooManyFailures", "isContainerGone"]),
                target: "suspended",
                actions: ["countFailure", "openBreaker"],
              },
              {
                guard: "tooManyFailures",
                target: "suspended",
                actions: ["countFailure", "openBreaker", "alertBreaker"],
              },
              { actions: ["countFailure"] },
            ],
            "agent.progressed": { guard: "changesBlame", actions: ["noteWork"] },
            "agent.checkpointed": { guard: "changesBlame", actions: ["noteWork"] },
            "agent.done": { guard: "changesBlame", actions: ["noteWork"] },
            "work.handed_in": { guard: "changesBlame", actions: ["noteWork"] },
          },
        },
        outage: {
          description:
            "Several agents failed at once: for something that is none of their work's. Nobody is charged; one probe at a time, until somebody makes progress.",
          on: {
            "dispatch.granted": { guard: "isGrantedAsProbe", actions: ["rememberProbe", "markProbe"] },
            "dispatch.failed": [{ guard: "isProbe", actions: ["goOn"] }, { actions: ["failToo"] }],
            "agent.progressed": { target: "open", actions: ["endOutage"] },
            "agent.checkpointed": { target: "open", actions: ["endOutage"] },
            "agent.done": { target: "open", actions: ["endOutage"] },
            "work.handed_in": { target: "open", actions: ["endOutage"] },
            "agent.exited": { guard: and(["isProbe", "isNobodysFault"]), actions: ["goOn"] },
            "rig.draining": { actions: ["forgetProbe"] },
            "agent.unhooked": { guard: "isProbesAgent", actions: ["forgetProbe"] },
            "agent.deleted": { guard: "isProbesAgent", actions: ["forgetProbe"] },
            "actor.quarantined": { guard: "isProbesAgent", actions: ["forgetProbe"] },
            TICK: [
              { guard: "probeSurvives", target: "open", actions: ["endOutage"] },
              { guard: "probeIsDue", actions: ["probeNow"] },
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
            "work.handed_in": { guard: "isProbe", target: "open", actions: ["closeBreaker"] },
            "dispatch.failed": [
              { guard: and(["isProbe", "isSameInput"]), actions: ["forgetProbe"] },
              { guard: "isProbe", target: "suspended", actions: ["openBreaker"] },
            ],
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
      on: {
        "container.instance_changed": { guard: "isNewInstance", actions: ["rememberInstance"] },
        "agent.exited": [
          { guard: "isPlaceTrouble", actions: ["rememberPlace", "alertPlace"] },
          { guard: "isFull", actions: ["rememberFull"] },
        ],
        TICK: { guard: "fullIsOver", actions: ["forgetFull"] },
        // What found no room while everything was being stopped says nothing of now.
        "rig.resumed": { guard: "hasNoRoom", actions: ["forgetFull"] },
        // What stays although it was told once is told to the container alone.
        "strays.found": [
          { guard: "hasStrays", actions: ["rememberStrays", "clearStrays"] },
          { actions: ["rememberStrays", "clearStrays", "alertStrays"] },
        ],
        "strays.gone": { guard: "hasStrays", actions: ["forgetStrays"] },
        "agent.heard": { guard: "hadPlaceTrouble", actions: ["forgetPlace"] },
        "agent.done": { guard: "hadPlaceTrouble", actions: ["forgetPlace"] },
      },
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
        unreachable: {
          description: "It did not answer when it was asked last.",
          on: { "container.reachable": { target: "reachable", actions: ["forgetContainerError"] } },
        },
      },
    },
    life: {
      description: "Whether the rig works, hands back, or is over.",
      initial: "alive",
      states: {
        alive: {
          initial: "open",
          on: {
            "rig.draining": [
              { guard: "isAtOnce", target: "draining", actions: ["rememberStop"] },
              { target: "draining" },
            ],
            "rig.destroyed": { target: "destroyed" },
            "rig.imported": { target: ".paused" },
          },
          states: {
            open: { description: "Work is dispatched.", on: { "rig.paused": { target: "paused" } } },
            paused: {
              description: "Nothing new is dispatched; what runs goes on.",
              on: { "rig.resumed": { target: "open" } },
            },
          },
        },
        draining: {
          description: "Work is handed back; nothing is dispatched.",
          on: {
            "rig.draining": { guard: and(["isAtOnce", not("isStopped")]), actions: ["rememberStop"] },
            "rig.resumed": [{ guard: "isStopped", target: "alive", actions: ["forgetStop"] }, { target: "alive" }],
            "rig.destroyed": { target: "destroyed" },
            "rig.imported": [
              { guard: "isStopped", target: "#rig.life.alive.paused", actions: ["forgetStop"] },
              { target: "#rig.life.alive.paused" },
            ],
          },
        },
        destroyed: { description: "No alarm, no effect, never again." },
      },
    },
  },
});

export type RigSnapshot = SnapshotFrom<typeof rigMachine>;

/** When the breaker's cool-down ends, or the next probe of an outage is due, or null. */
export function rigDeadline(snapshot: RigSnapshot): number | null {
  const { outage, settings, full } = snapshot.context;
  return earliest([
    full?.until ?? null,
    outage === undefined ? null : outageDeadline(outage, settings.gupp_check_ms),
    snapshot.matches({ gate: "suspended" }) ? cooldownEnd(snapshot.context) : null,
  ]);
}
