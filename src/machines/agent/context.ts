import { dispatchId, type AgentId } from "../../events/dispatch-id.ts";
import type { Ending } from "../../events/ending.ts";
import type { Outcome, Role } from "../../events/facts.ts";
import type { Resolution } from "../../events/hand-in.ts";
import type { RefusalCode } from "../../events/refusal-code.ts";
import type { Settings } from "../../events/settings.ts";
import type { Ask, Used } from "./driver.ts";
import type { Counted, Stretch } from "./spend.ts";
import { expect, exponential, type MachineEvent } from "../event.ts";

/** What was handed in and waits for an answer, or for a person. */
export interface HandIn {
  readonly branch: string;
  readonly prUrl: string | null;
  readonly summary: string | null;
  readonly resolution: Resolution;
  readonly note: string | null;
  /** The commit that a person takes as it is. */
  readonly asIs: string | null;
  /** When it is asked about again. */
  readonly askAt: number;
  /** Nobody answered: somebody was told. */
  readonly isUnanswered: boolean;
  /** Refused; for the last time: a person decides. */
  readonly refused: { readonly code: RefusalCode; readonly commit: string | null; readonly isLast: boolean } | null;
}

/** It was refused for the last time, and a person is to decide what becomes of it. */
export const isUndecided = ({ handIn }: AgentContext): boolean => handIn?.refused?.isLast === true;

export interface AgentContext {
  readonly id: AgentId;
  readonly role: Role;
  readonly name: string;
  readonly identity: string;
  readonly seq: number;
  readonly createdAt: number;
  /** The one bead this agent is bound to. */
  readonly hook: string | null;
  /** Crashes charged to the hooked bead; the bead holds the same number and survives this agent. */
  readonly attempts: number;
  /** Number of the newest dispatch ever granted to this agent; 0 before the first. Fences all older ones. */
  readonly dispatchN: number;
  /** The bead of the newest dispatch; a late report of it must not speak for another bead. */
  readonly dispatchBead: string | null;
  /** Whether the newest dispatch has been heard from. */
  readonly heard: boolean;
  /** Until then a start may stay unheard of. */
  readonly leaseUntil: number | null;
  /** Last proof of progress of a running dispatch; null while the clock stands still. */
  readonly progressAt: number | null;
  /** Until then a process that was asked to stop may take its time. */
  readonly stopUntil: number | null;
  /** Why it was asked to stop: its own stall is charged, an eviction is not. */
  readonly stopReason: "stalled" | "evicted" | "capped" | "unmetered" | null;
  /** No new dispatch before this. */
  readonly backoffUntil: number | null;
  /** Failures in a row that were not the agent's fault; they only lengthen the wait. */
  readonly uncharged: number;
  readonly exit: {
    readonly outcome: Outcome | "refused" | "lease_over";
    readonly reason: string;
    readonly at: number;
    /** Refused for what was asked. */
    readonly input?: true;
    /** What kind of end it was, and what ran, as its driver says. */
    readonly ending?: Ending;
    readonly runtime?: string;
  } | null;
  /** The newest checkpoint: whose it is and what it looks like; its data is kept beside. */
  readonly checkpoint: { readonly seq: number; readonly beadId: string; readonly digest: string } | null;
  readonly branch: string | null;
  /** Beads given up in a row without any proven progress. */
  readonly exhausted: number;
  readonly quarantinedUntil: number | null;
  /** When it began to wait for a person. */
  readonly blockedAt: number | null;
  /** What it said last of itself, for people; not there before it ever said something. */
  readonly said?: { readonly line: string; readonly dispatchN: number };
  /** A person keeps it from new dispatches; not there where nobody does. What runs goes on. */
  readonly held?: { readonly by: string; readonly reason: string; readonly at: number } | undefined;
  /** Its newest dispatch has a clone that can be looked at. Those of earlier versions have none, and are believed as they were. */
  readonly isLookedAt?: true;
  /** Since when its container makes its clone; absent once there is a process, or where the container does not say so. */
  readonly preparing?: number | undefined;
  /** It has proved progress in its newest dispatch. From rules 2 on. */
  readonly hasProgressed?: true | undefined;
  /** Last activity that its container told of, where it decided something: it was busy, whatever came of it. */
  readonly activeAt?: number | undefined;
  /** A person was told that it is busy without progress, or that it has said nothing since its start. */
  readonly told?: "busy" | "silent" | undefined;
  /** It waits for its model: since when, and until when its clocks stand still for it. */
  readonly waiting?: { readonly since: number; readonly until: number; readonly isOver: boolean } | undefined;
  /** Its conversation on its newest bead, which its next dispatch there goes on with. */
  readonly session?: { readonly driver: string; readonly id: string; readonly beadId: string | null } | undefined;
  /** What its conversations on its newest bead have used. */
  readonly usage?: { readonly beadId: string | null; readonly at: number; readonly sessions: readonly Used[] };
  /** The most that was ever told of each of its newest conversations, on whichever bead. */
  readonly counted?: readonly Counted[] | undefined;
  /** What it has used on its bead since it last had something to show. From rules 2 on. */
  readonly stretch?: Stretch | undefined;
  /** When it was last told what its newest dispatch uses, or since when that is waited for; only where something is capped. */
  readonly meteredAt?: number | undefined;
  /** What it uses is counted at Ticktown's door. */
  readonly atDoor?: true | undefined;
  /** What waits for an answer, oldest first; and everything that its newest dispatch asked. */
  readonly asks?: readonly Ask[] | undefined;
  readonly asked?: readonly string[] | undefined;
  /** By what the attempts of its bead were reset so far. */
  readonly resets?: { readonly notes: number; readonly head: string | null } | undefined;
  /** Rate limits in a row, without anything to show between them; absent: none. From rules 2 on. */
  readonly limited?: number | undefined;
  /** Its bead's own limit for being busy without progress, ms. */
  readonly expectMs?: number | undefined;
  /** The container said that its start has failed, and in what words. From rules 2 on. */
  readonly failedStart?: string | undefined;
  /** Its newest dispatch takes no messages. From rules 2 on. */
  readonly takesNoMessages?: true | undefined;
  /** How often in a row its dispatches on its bead ended in the same way before they had anything to show. From rules 2 on. */
  readonly ends?: { readonly reason: string; readonly count: number; readonly dispatchN: number } | undefined;
  /** What its newest dispatch was given to run, where its rig has several to choose from. */
  readonly program?: string | undefined;
  /** Absent until something is handed in. */
  readonly handIn?: HandIn | undefined;
}

export const newest = (context: AgentContext): string => dispatchId(context.id, context.dispatchN);
/** How long ago it was last seen doing anything, ms; -1 while its clocks stand still. */
export const idleFor = (context: AgentContext, event: MachineEvent): number =>
  context.progressAt === null || context.waiting?.isOver === false
    ? -1
    : event.at - Math.max(context.progressAt, context.activeAt ?? 0);
/** How long it has been busy without progress, ms; -1 while its clocks stand still, or where nobody knows that it was busy. */
export const busyFor = (context: AgentContext, event: MachineEvent): number =>
  context.progressAt === null || context.activeAt === undefined || context.waiting !== undefined
    ? -1
    : event.at - context.progressAt;

/** Wait before restart number `attempts`: none after the first crash, then 30 s x 2 up to 10 min (design rule 5). */
export const restartBackoff = (failures: number, settings: Settings): number =>
  exponential(failures - 1, settings.backoff_base_ms, settings.backoff_max_ms);

/** What an agent without a hook remembers of one. */
export const forgotten = {
  hook: null,
  attempts: 0,
  leaseUntil: null,
  progressAt: null,
  stopUntil: null,
  stopReason: null,
  backoffUntil: null,
  uncharged: 0,
  exit: null,
  checkpoint: null,
  branch: null,
  blockedAt: null,
  handIn: undefined,
  asks: undefined,
  resets: undefined,
  ends: undefined,
  stretch: undefined,
} satisfies Partial<AgentContext>;

/** Who holds it from now on, or that nobody does any more. */
export function heldBy(event: MachineEvent): AgentContext["held"] {
  return event.type === "agent.held" ? { by: event.by, reason: event.reason, at: event.at } : undefined;
}

/** What it says of itself from now on. */
export const saidIn = ({ dispatchN }: AgentContext, event: MachineEvent): NonNullable<AgentContext["said"]> => ({
  line: expect(event, "agent.status_said").line,
  dispatchN,
});
