import { and, assign, not, setup, type SnapshotFrom } from "xstate";
import type { Effect } from "../events/effects.ts";
import { clip, type Fact } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { NOTHING_KNOWN, type Boarded, type Knowledge, type StopClass } from "../events/train.ts";
import { numberAfterImport } from "./imported.ts";
import { expect, exponential, type MachineEvent } from "./event.ts";
import { isOver, leasesMovedBy, movedBy, moves } from "./time.ts";

/** Version of the queue's stored snapshot. */
export const QUEUE_VERSION = 1;

/** What is in the way, as one episode: told once, however often it is tried. */
export interface Trouble {
  readonly class: StopClass;
  readonly code: string;
  /** Git's own, or those of the check. */
  readonly words: string;
  readonly since: number;
  readonly tries: number;
  /** When it is tried again, ms; null: as soon as there is somebody to take along, or only when somebody acts. */
  readonly retryAt: number | null;
  readonly told: boolean;
}

export interface QueueContext {
  readonly id: string;
  readonly seq: number;
  readonly updatedAt: number;
  /** Number of the newest train; what an older one has to say is stale. */
  readonly train: number;
  /** The newest train that has reported. */
  readonly reported: number;
  /** Of the train that runs. */
  readonly members: readonly Boarded[];
  readonly gates: readonly number[];
  readonly again: Boarded | null;
  readonly departedAt: number | null;
  /** End of its lease, which every sign of life renews. */
  readonly until: number | null;
  readonly resendAt: number | null;
  readonly known: Knowledge;
  readonly trouble: Trouble | null;
}

type Stop = Pick<Trouble, "class" | "code" | "words">;

/** What stopped a train, in the words of whoever says so. */
function stopOf(event: MachineEvent): Stop | null {
  switch (event.type) {
    case "train.reported":
      return event.stopped;
    case "train.refused":
      return { class: "passing", code: "refused", words: clip(`HTTP ${event.status}: ${event.error}`) };
    case "train.unknown":
      return { class: "passing", code: "unknown", words: event.error };
    case "queue.blocked":
      return { class: "container", code: "no_trains", words: event.words };
    default:
      return { class: "passing", code: "silent", words: "nothing was heard of it within its lease" };
  }
}

const stopIs = (event: MachineEvent, of: StopClass): boolean => stopOf(event)?.class === of;

/** What passes by itself does not end what stands in the way: the same episode goes on. */
function troubleAfter({ trouble }: QueueContext, event: MachineEvent): Trouble | null {
  const stop = stopOf(event);
  if (stop === null) return null;
  const goesOn = trouble !== null && (trouble.class === stop.class || stop.class === "passing");
  const tries = goesOn ? trouble.tries + 1 : 1;
  const kind = goesOn ? trouble.class : stop.class;
  const { backoff_base_ms, backoff_max_ms } = event.settings;
  const wait_ms =
    kind === "passing"
      ? exponential(tries, backoff_base_ms, backoff_max_ms)
      : exponential(tries, LIMITS.queue_retry_ms, LIMITS.queue_retry_max_ms);
  return {
    ...(goesOn && trouble.class !== stop.class ? trouble : stop),
    class: kind,
    since: goesOn ? trouble.since : event.at,
    tries,
    retryAt: kind === "container" ? null : event.at + wait_ms,
    told: goesOn && trouble.told,
  };
}

const lasts = (context: QueueContext, event: MachineEvent): boolean => {
  const trouble = troubleAfter(context, event);
  return trouble !== null && !trouble.told && event.at - trouble.since >= LIMITS.queue_told_after_ms;
};

const TITLES: Record<StopClass, string> = {
  place: "nothing can be merged: the queue is parked",
  target: "the target is red: the queue is held",
  passing: "nothing is merged for a while already",
  container: "nothing is merged: this rig's checks need a container that can run them",
};

const alert = (context: QueueContext, event: MachineEvent): Effect => {
  const { class: of, code, words } = troubleAfter(context, event) ?? { class: "passing", code: "", words: "" };
  return {
    kind: "notify",
    key: `queue:${of}:${event.seq}`,
    severity: of === "passing" ? "warning" : "critical",
    title: TITLES[of],
    text: clip(
      `${code}: ${words}. Nobody is charged. ${of === "container" ? "" : "It is tried again by itself."}`.trim(),
    ),
    beadId: null,
  };
};

const LEASES = ["until"] as const;
const CLOCKS = ["departedAt", "resendAt"] as const;

const queueSetup = setup({
  types: { context: {} as QueueContext, events: {} as MachineEvent, input: {} as MachineEvent },
  guards: {
    hasClocks: ({ context }) => moves(context, LEASES) || moves(context, CLOCKS) || context.trouble !== null,
    isNextTrain: ({ context, event }) => expect(event, "train.departed").train === context.train + 1,
    isCurrentTrain: ({ context, event }) => "train" in event && event.train === context.train,
    isPlace: ({ event }) => stopIs(event, "place"),
    isTarget: ({ event }) => stopIs(event, "target"),
    isPassing: ({ event }) => stopIs(event, "passing"),
    /** A train that finds out whether what is in the way is gone, and was itself kept from it. */
    isParked: ({ context }) => context.trouble?.class === "place",
    isHeld: ({ context }) => context.trouble?.class === "target",
    isNotBlocked: ({ context }) => context.trouble?.class !== "container",
    hasTrouble: ({ context }) => context.trouble !== null,
    lastsTooLong: ({ context, event }) => lasts(context, event),
    leaseIsOver: ({ context, event }) => isOver(context.until, event.at),
    resendIsDue: ({ context, event }) => isOver(context.resendAt, event.at),
    retryIsDue: ({ context, event }) => isOver(context.trouble?.retryAt ?? null, event.at),
  },
  actions: {
    depart: assign(({ event }) => {
      const { train, members, gates, again } = expect(event, "train.departed");
      return {
        train,
        members,
        gates,
        again,
        departedAt: event.at,
        until: event.at + event.settings.review_lease_ms,
        resendAt: event.at + LIMITS.train_resend_ms,
        updatedAt: event.at,
      };
    }),
    moveClocks: assign(({ context, event }) => {
      const { by, at } = expect(event, "clock.jumped");
      const { trouble } = context;
      return {
        ...leasesMovedBy(context, LEASES, by, at),
        ...movedBy(context, CLOCKS, by),
        trouble: trouble && { ...trouble, ...movedBy(trouble, ["since", "retryAt"], by) },
      };
    }),
    fenceBefore: assign(({ context, event }) => ({ train: numberAfterImport(context.train, event) })),
    renewLease: assign(({ event }) => ({ until: event.at + event.settings.review_lease_ms })),
    resendLater: assign(({ event }) => ({ resendAt: event.at + LIMITS.train_resend_ms })),
    arrive: assign(({ event }) => ({
      members: [],
      gates: [],
      again: null,
      departedAt: null,
      until: null,
      resendAt: null,
      updatedAt: event.at,
    })),
    learn: assign(({ event }) => {
      const { train, known } = expect(event, "train.reported");
      return { reported: train, known };
    }),
    rememberTrouble: assign(({ context, event }) => ({
      trouble: troubleAfter(context, event),
      updatedAt: event.at,
    })),
    markTold: assign(({ context }) => ({ trouble: context.trouble && { ...context.trouble, told: true } })),
    forgetTrouble: assign(({ event }) => ({ trouble: null, updatedAt: event.at })),
    endWait: assign(({ context }) => ({ trouble: context.trouble && { ...context.trouble, retryAt: null } })),

    runTrain: ({ context, event }): Effect => {
      const { train, members, gates, again } = event.type === "train.departed" ? event : context;
      return {
        kind: "git.train",
        key: `train:${train}:git.train`,
        train,
        members: [...members],
        gates: [...gates],
        again,
      };
    },
    alert: ({ context, event }): Effect => alert(context, event),
    /** They go with a later train, at nobody's cost. */
    giveBack: ({ context, event }): Fact[] =>
      [...context.members, ...(context.again === null ? [] : [context.again])].map(({ reviewId, claim }) => ({
        type: "review.unboarded",
        reviewId,
        claim,
        why: clip(stopOf(event)?.words ?? "it goes with a later train"),
      })),
  },
});

type Guard = "isCurrentTrain" | "leaseIsOver";
/** Nothing came of a train. What it was to find out stays as it is. */
const comesToNothing = (guard: Guard) =>
  [
    { guard: and([guard, "isParked"]), target: "parked", actions: ["giveBack", "arrive", "rememberTrouble"] },
    { guard: and([guard, "isHeld"]), target: "held", actions: ["giveBack", "arrive", "rememberTrouble"] },
    {
      guard: and([guard, "lastsTooLong"]),
      target: "waiting",
      actions: ["giveBack", "alert", "arrive", "rememberTrouble", "markTold"],
    },
    { guard, target: "waiting", actions: ["giveBack", "arrive", "rememberTrouble"] },
  ] as const;

const arrived = ["learn", "arrive", "rememberTrouble"] as const;
const arrivedAndTold = ["alert", "learn", "arrive", "rememberTrouble", "markTold"] as const;
const departs = { guard: "isNextTrain", target: "running", actions: ["depart", "runTrain"] } as const;
const blocks = {
  guard: "isNotBlocked",
  target: "parked",
  actions: ["alert", "rememberTrouble", "markTold"],
} as const;
const resumes = { target: "waiting", actions: ["forgetTrouble"] } as const;

export const queueMachine = queueSetup.createMachine({
  id: "queue",
  description: "Reviews on their way to the target. One train at a time; what is in nobody's power is nobody's charge.",
  context: ({ input }) => {
    const { seq, at } = expect(input, "queue.opened");
    return {
      id: "queue",
      seq,
      updatedAt: at,
      train: 0,
      reported: 0,
      members: [],
      gates: [],
      again: null,
      departedAt: null,
      until: null,
      resendAt: null,
      known: NOTHING_KNOWN,
      trouble: null,
    };
  },
  initial: "waiting",
  on: {
    "clock.jumped": { guard: "hasClocks", actions: ["moveClocks"] },
    "rig.imported": { actions: ["fenceBefore"] },
  },
  states: {
    waiting: {
      description: "No train runs; the next one leaves with the next review, or when a pause is over.",
      on: {
        "train.departed": departs,
        "queue.blocked": blocks,
        "queue.resumed": { guard: "hasTrouble", actions: ["forgetTrouble"] },
        "rig.edited": { guard: "hasTrouble", actions: ["forgetTrouble"] },
        TICK: { guard: "retryIsDue", actions: ["endWait"] },
      },
    },
    running: {
      description: "The container has a train. It may take as long as it likes, as long as it is seen to run.",
      on: {
        "train.reported": [
          {
            guard: and(["isCurrentTrain", "isPlace", not("isParked")]),
            target: "parked",
            actions: [...arrivedAndTold],
          },
          { guard: and(["isCurrentTrain", "isPlace"]), target: "parked", actions: [...arrived] },
          { guard: and(["isCurrentTrain", "isTarget", not("isHeld")]), target: "held", actions: [...arrivedAndTold] },
          { guard: and(["isCurrentTrain", "isTarget"]), target: "held", actions: [...arrived] },
          { guard: and(["isCurrentTrain", "isPassing", "isParked"]), target: "parked", actions: [...arrived] },
          { guard: and(["isCurrentTrain", "isPassing", "isHeld"]), target: "held", actions: [...arrived] },
          {
            guard: and(["isCurrentTrain", "isPassing", "lastsTooLong"]),
            target: "waiting",
            actions: [...arrivedAndTold],
          },
          { guard: "isCurrentTrain", target: "waiting", actions: [...arrived] },
        ],
        "train.refused": [...comesToNothing("isCurrentTrain")],
        "train.unknown": [...comesToNothing("isCurrentTrain")],
        "train.seen": { guard: "isCurrentTrain", actions: ["renewLease"] },
        "train.lost": { guard: and(["isCurrentTrain", "resendIsDue"]), actions: ["resendLater", "runTrain"] },
        // What it was given died with the one before. If not, it knows the number and does nothing twice.
        "container.instance_changed": { actions: ["resendLater", "runTrain"] },
        // Who was on it is in the line again.
        "rig.imported": { target: "waiting", actions: ["arrive", "fenceBefore"] },
        TICK: [...comesToNothing("leaseIsOver")],
      },
    },
    parked: {
      description:
        "Nothing can be pushed, or nothing checked, until somebody mends it; the head alone is tried now and then.",
      on: {
        "train.departed": departs,
        "queue.blocked": blocks,
        "queue.resumed": resumes,
        // What was in the way may have been the address, or the name of the target.
        "rig.edited": resumes,
        TICK: { guard: "retryIsDue", actions: ["endWait"] },
      },
    },
    held: {
      description: "The target itself is red. The head may be what mends it, and is tried now and then.",
      on: {
        "train.departed": departs,
        "queue.blocked": blocks,
        "queue.resumed": resumes,
        // What was in the way may have been the address, or the name of the target.
        "rig.edited": resumes,
        TICK: { guard: "retryIsDue", actions: ["endWait"] },
      },
    },
  },
});

export type QueueSnapshot = SnapshotFrom<typeof queueMachine>;

/** The next time (ms) at which the queue must see a TICK, or null. */
export const queueDeadline = ({ value, context }: QueueSnapshot): number | null =>
  value === "running" ? context.until : (context.trouble?.retryAt ?? null);
