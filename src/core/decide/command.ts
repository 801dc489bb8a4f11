import type { BeadStatus, BeadType, Fact, FactOf, Outcome, Priority, Role } from "../../events/facts.ts";
import type { Ending } from "../../events/ending.ts";
import type { Ask } from "../../machines/agent/driver.ts";
import type { HandInDecision, Resolution } from "../../events/hand-in.ts";
import type { TrainReport } from "../train/report.ts";
import type { SettingsPatch } from "../../events/settings.ts";
import type { Kind, Stored } from "../step.ts";
import type { World } from "../world.ts";
import type { Rule } from "./authority.ts";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export interface BeadInput {
  readonly type: BeadType;
  readonly title: string;
  readonly body: string | null;
  readonly priority: Priority;
  readonly labels: string[];
  readonly metadata: Record<string, Json>;
  readonly convoyId: string | null;
  readonly blockedBy: string[];
  /** ms since epoch. */
  readonly deferUntil: number | null;
  readonly runtime?: string | undefined;
  readonly model?: string | undefined;
  /** An agent that is busy without progress for longer is stopped and tries again, ms. */
  readonly expectMs?: number | undefined;
  /** It is not dispatched before somebody puts it on an agent's hook. */
  readonly hold?: boolean | undefined;
}

interface Speaker {
  /** Who it is, as it stands in the journal. */
  readonly id: string;
  /** The dispatch (of a container: the claim) that the token names. It fences the speaker. */
  readonly dispatchId: string | null;
}
/** A person or a program of theirs. Not fenced: speaks of the newest dispatch. */
export interface OperatorCaller extends Speaker {
  readonly kind: "operator";
  readonly dispatchId: null;
  readonly scope: "read" | "operate" | "admin";
}
export interface AgentCaller extends Speaker {
  readonly kind: "agent";
  /** The role that its token says, if it says one; the rig knows better. */
  readonly role: Role | null;
  readonly townId: string;
  /** Its token is for this rig. False only for a mayor that its own rig has vouched for. */
  readonly isAtHome: boolean;
  /** The token is past its end; it counts while the dispatch is the live one. */
  readonly isExpired: boolean;
  /** When it was made, ms; not known of every token. */
  readonly madeAt?: number;
}
/** A container with the credential of one claim of one review, which comes with the order to merge. */
export interface ContainerCaller extends Speaker {
  readonly kind: "container";
  readonly dispatchId: string;
  /** Empty for one of a train. */
  readonly reviewId: string;
  /** The credential of one train, which comes with the order to run it. */
  readonly trainId?: string;
}
/** Ticktown's own doing: the patrol, the making of a rig. */
export interface SystemCaller extends Speaker {
  readonly kind: "system";
  readonly dispatchId: null;
}
/** Who speaks. */
export type Caller = OperatorCaller | AgentCaller | ContainerCaller | SystemCaller;

export type Command =
  | {
      type: "configure";
      rigId: string;
      townId: string;
      userId: string;
      name: string;
      gitUrl: string;
      defaultBranch: string;
    }
  | { type: "set_settings"; settings: SettingsPatch }
  /** What its town says of its money; null: the town is not capped. */
  | { type: "set_town_cap"; onCap: "stop" | "finish_answer" | null }
  | { type: "edit_rig"; changes: FactOf<"rig.edited">["changes"] }
  | { type: "pause" }
  | { type: "resume" }
  | { type: "drain" }
  /** All that runs is ended within seconds. */
  | { type: "stop" }
  | { type: "destroy" }
  /** It has just been brought back from a file, which names the secrets that it had. */
  | { type: "restore"; by: string; secrets: string[] }
  | { type: "repair"; kind: Kind; id: string }
  | { type: "create_bead"; bead: BeadInput; assignTo: string | null }
  | { type: "sling"; bead: BeadInput }
  | { type: "set_bead_status"; beadId: string; status: BeadStatus }
  | { type: "close_bead"; beadId: string }
  | { type: "cancel_bead"; beadId: string }
  | { type: "edit_bead"; beadId: string; changes: FactOf<"bead.edited">["changes"] }
  | { type: "raise_budget"; beadId: string; tokens: number; microdollars: number }
  | { type: "delete_bead"; beadId: string }
  | {
      type: "escalate";
      title: string;
      body: string | null;
      priority: Priority;
      metadata: Record<string, Json>;
      agentId: string | null;
    }
  | { type: "register_agent"; role: Role; name: string; identity: string }
  | { type: "get_or_create_agent"; role: Role }
  | { type: "delete_agent"; agentId: string }
  | { type: "hook"; agentId: string; beadId: string }
  | { type: "unhook"; agentId: string }
  /** Nothing new is started with it until it is released; what runs goes on. */
  | { type: "hold_agent"; agentId: string; reason: string }
  | { type: "release_agent"; agentId: string }
  /** `option`: id of one of the answers that the agent gives to choose from. */
  | { type: "answer"; agentId: string; answer: string | null; option?: string | null }
  | {
      type: "done";
      agentId: string;
      branch: string;
      prUrl: string | null;
      summary: string | null;
      resolution?: Resolution;
      /** Why there is nothing to change, in words. */
      note?: string | null;
    }
  /** A person ends the back and forth of a hand-in that was refused too often. */
  | { type: "settle_hand_in"; beadId: string; decision: HandInDecision; note: string | null }
  | {
      type: "exited";
      agentId: string;
      dispatchId: string | null;
      outcome: Outcome;
      reason: string;
      resetAt: number | null;
      ending?: Ending | undefined;
      runtime?: string | undefined;
      /** The credential that was limited, by a digest, and until when, ms. */
      limited?: { readonly account: string; readonly until: number } | undefined;
      /** What was left in a container whose disk does not last, and what became of it. */
      setAside?: readonly LeftBehind[];
      /** Nobody has heard its last words. */
      isUnheard?: boolean;
    }
  | { type: "heard"; agentId: string; dispatchId: string | null }
  | { type: "progressed"; agentId: string; what: string }
  | { type: "checkpoint"; agentId: string; data: Json }
  | { type: "say_status"; agentId: string; line: string }
  | {
      type: "asked";
      agentId: string;
      dispatchId: string | null;
      ask: Ask;
    }
  | { type: "permission_asked"; agentId: string; prompt: string }
  | { type: "permission_answered"; agentId: string }
  | { type: "send_mail"; from: string; to: string; subject: string; body: string }
  | { type: "read_mail"; agentId: string; mailIds: string[] }
  | {
      type: "submit_review";
      agentId: string;
      beadId: string;
      branch: string;
      prUrl: string | null;
      summary: string | null;
    }
  /** A person keeps a review back, lets it go on, or puts it in front of the others. */
  | { type: "hold_review"; reviewId: string }
  | { type: "release_review"; reviewId: string }
  | { type: "jump_review"; reviewId: string }
  /** Takes it out of the queue, and its bead with it. */
  | { type: "remove_review"; reviewId: string }
  /** A person says yes to protected files; `tree`: what was looked at, where it is named. */
  | { type: "approve_review"; reviewId: string; tree: string | null }
  | { type: "resume_queue" }
  /** What a container did with a train. */
  | { type: "complete_train"; trainId: string; report: TrainReport }
  | { type: "retry_bead"; beadId: string }
  | { type: "retry_beads"; beadIds: readonly string[] }
  /** Takes back what a bead has put on the target, through the same gate; `redo`: and makes a bead that does it again. */
  | { type: "revert_bead"; beadId: string; why: string; redo: boolean; title: string }
  | {
      type: "complete_review";
      reviewId: string;
      claimId: string | null;
      verdict: "merged" | "conflict" | "failed";
      permanent: boolean;
      /** The remote was away or too slow: nothing is said of the work, and nothing is charged. */
      passing?: boolean;
      message: string;
      commitSha: string | null;
    };

export interface LeftBehind {
  /** At the remote, sealed; null: it is lost with the container. */
  readonly ref: string | null;
  readonly files: number;
  readonly sentence: string;
}
export type CommandType = Command["type"];

export interface Refusal {
  readonly ok: false;
  /** HTTP status: 401 a dead token, 403 not for this caller, 404 unknown, 409 the chart refuses, 413/422/429 a limit or a contradiction. */
  readonly status: 401 | 403 | 404 | 409 | 413 | 422 | 429;
  readonly error: string;
  /** The state that refuses. */
  readonly state?: string;
  /** The facts that the state would take. */
  readonly allowed?: string[];
}
export interface Decided {
  readonly ok: true;
  readonly facts: Fact[];
  /** Ids that the answer is about. */
  readonly beadId?: string;
  readonly agentId?: string;
  readonly reviewId?: string;
  /** The report was of an older dispatch: recorded, changes nothing. */
  readonly stale?: boolean;
}
export type Decision = Decided | Refusal;

export interface OpenBeads {
  readonly escalations: number;
  /** All the others. */
  readonly others: number;
}

/** What a decision may look at besides the world. */
export interface Surroundings {
  /** ms since epoch. */
  readonly at: number;
  readonly caller: Caller;
  newId(kind: "bead" | "agent" | "mail"): string;
  undeliveredMail(agentId: string): number;
  openBeads(): number;
  /** Of these, what an agent has made itself. */
  openBeadsBy(agentId: string): OpenBeads;
  /** The container is known to look at nothing that is handed in: a done is believed, and shown as not looked at. */
  readonly isUnseeing?: boolean;
  /** The newest commit of its own that the container has seen of an agent's newest dispatch. */
  headOf?(agentId: string): string | undefined;
  /**
   * Of a damaged actor: the state before its row was lost, null when it is held and only threw, undefined when nothing
   * tells it any more.
   */
  stateBefore(kind: Kind, id: string): Stored | null | undefined;
}

export type CommandOf<T extends CommandType> = Extract<Command, { type: T }>;

/** What Ticktown does with one kind of command. Every kind has exactly one row; a missing one does not compile. */
export interface Row<T extends CommandType> {
  /** Who may do it. */
  readonly may: Rule<CommandOf<T>>;
  /** Turns the command into root facts or a refusal. Reads the world; changes nothing. */
  readonly run: (world: World, command: CommandOf<T>, around: Surroundings) => Decision;
}
export type Rows<T extends CommandType> = { readonly [K in T]: Row<K> };
