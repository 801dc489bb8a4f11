import type { Fact, Recorded } from "../events/facts.ts";

/** A time of a rig as spans: what each piece of work did from when to when, by which agent. Made of facts alone, as the report is. */

/**
 * `blocked`: behind other work. `queued`: nothing is in its way but a slot, a time or a pause. `person`: an answer, a permission, an approval or
 * money. `model`: its model, or the limit of one. `gate`: handed in. `merging`: on a train.
 */
export const PHASES = [
  "blocked",
  "queued",
  "starting",
  "working",
  "person",
  "model",
  "backoff",
  "gate",
  "merging",
] as const;
export type Phase = (typeof PHASES)[number];

/** Phases in which an agent holds a slot. */
export const IN_SLOT: ReadonlySet<Phase> = new Set(["starting", "working", "person", "model"]);

export interface Span {
  readonly phase: Phase;
  /** ms. */
  readonly from: number;
  /** Null: it goes on. */
  readonly to: number | null;
  readonly beadId: string;
  readonly agentId: string | null;
  /** The dispatch of its piece that it is part of, counted from 1; 0: before the first. */
  readonly attempt: number;
}

export interface Mark {
  readonly at: number;
  /** `sent_back`: by a check or a conflict. `failed`: one attempt, or with `ends` the piece. */
  readonly kind: "merged" | "closed" | "failed" | "sent_back" | "cancelled";
  readonly ends: boolean;
  readonly beadId: string;
  readonly agentId: string | null;
  readonly attempt: number;
  readonly words: string;
}

export interface Piece {
  readonly beadId: string;
  readonly title: string | null;
  /** Null: before what was read. */
  readonly createdAt: number | null;
  readonly endedAt: number | null;
  /** What it waited for last. */
  readonly releasedBy: { readonly beadId: string; readonly at: number } | null;
  readonly attempts: number;
}

export interface Run {
  readonly spans: readonly Span[];
  readonly marks: readonly Mark[];
  readonly pieces: readonly Piece[];
  readonly agents: readonly { readonly id: string; readonly name: string | null }[];
}

type Open = { -readonly [K in keyof Piece]: Piece[K] } & {
  phase: Phase | null;
  since: number;
  agentId: string | null;
  readonly blockers: Set<string>;
};

/** Phases of a dispatch, which its end ends. */
const RUNNING: ReadonlySet<Phase> = new Set(["starting", "working", "person", "model"]);

/** What an end leaves its piece in until it is tried again. */
const AFTER: Readonly<Partial<Record<string, Phase>>> = {
  rate_limited: "model",
  over_budget: "person",
  not_authorized: "person",
};

export class RunFold {
  readonly #pieces = new Map<string, Open>();
  readonly #ofReview = new Map<string, string>();
  readonly #hooks = new Map<string, string>();
  readonly #agents = new Map<string, string | null>();
  readonly #spans: Span[] = [];
  readonly #marks: Mark[] = [];

  /** @param fact in their order */
  take(fact: Recorded): void {
    const take = (TAKES as Takes)[fact.type] as ((this: RunFold, fact: Recorded) => void) | undefined;
    take?.call(this, fact);
  }

  get run(): Run {
    const pieces = [...this.#pieces.values()];
    return {
      spans: [...this.#spans, ...pieces.flatMap((piece) => this.#spanOf(piece, null))],
      marks: [...this.#marks],
      pieces: pieces.map(({ phase: _p, since: _s, agentId: _a, blockers: _b, ...piece }) => piece),
      agents: Array.from(this.#agents, ([id, name]) => ({ id, name })),
    };
  }

  agent(id: string, name: string | null): void {
    this.#agents.set(id, name ?? this.#agents.get(id) ?? null);
  }

  hook(agentId: string, beadId: string | null): void {
    if (beadId === null) this.#hooks.delete(agentId);
    else this.#hooks.set(agentId, beadId);
  }

  review(reviewId: string, beadId: string): void {
    this.#ofReview.set(reviewId, beadId);
  }

  /** Of an agent's bead, of a review's, or by its own id. */
  piece(of: { beadId?: string; agentId?: string; reviewId?: string }, at: number): Open | null {
    const beadId = of.beadId ?? this.#ofReview.get(of.reviewId ?? "") ?? this.#hooks.get(of.agentId ?? "");
    if (beadId === undefined) return null;
    const found = this.#pieces.get(beadId);
    if (found !== undefined) return found;
    const made: Open = {
      beadId,
      title: null,
      createdAt: null,
      endedAt: null,
      releasedBy: null,
      attempts: 0,
      phase: null,
      since: at,
      agentId: null,
      blockers: new Set(),
    };
    this.#pieces.set(beadId, made);
    return made;
  }

  to(piece: Open | null, at: number, phase: Phase | null, agentId = piece?.agentId ?? null): void {
    if (piece === null || (piece.phase === phase && piece.agentId === agentId)) return;
    this.#spans.push(...this.#spanOf(piece, at));
    piece.phase = phase;
    // What is said later than it began, as a wait, begins no earlier than what was before it.
    piece.since = Math.max(piece.since, at);
    piece.agentId = agentId;
    if (phase !== null) piece.endedAt = null;
  }

  #spanOf({ phase, since, beadId, agentId, attempts }: Open, to: number | null): Span[] {
    if (phase === null || (to !== null && to <= since)) return [];
    return [{ phase, from: since, to, beadId, agentId, attempt: attempts }];
  }

  mark(piece: Open | null, at: number, kind: Mark["kind"], ends: boolean, words = ""): void {
    if (piece === null) return;
    const { beadId, agentId, attempts: attempt } = piece;
    this.#marks.push({ at, kind, ends, beadId, agentId, attempt, words });
  }

  end(of: { beadId: string }, at: number, kind: Mark["kind"], words = ""): void {
    const piece = this.piece(of, at);
    if (piece === null || (piece.phase === null && piece.endedAt !== null)) return;
    this.mark(piece, at, kind, true, words);
    this.to(piece, at, null);
    piece.endedAt = at;
  }

  /** Its agent does something. */
  works(agentId: string, at: number, from: readonly Phase[]): void {
    const piece = this.piece({ agentId }, at);
    if (piece !== null && piece.phase !== null && from.includes(piece.phase)) this.to(piece, at, "working");
  }

  waits(agentId: string, at: number, phase: "person" | "model"): void {
    const piece = this.piece({ agentId }, at);
    if (piece?.phase === "starting" || piece?.phase === "working" || piece?.phase === "model")
      this.to(piece, at, phase);
  }

  /** Nobody is at work on it. */
  rests(piece: Open | null, at: number): void {
    if (piece === null || piece.phase === null) return;
    this.to(piece, at, piece.blockers.size > 0 ? "blocked" : "queued", null);
  }
}

type Takes = { readonly [K in Fact["type"]]?: (this: RunFold, fact: Extract<Recorded, { type: K }>) => void };

const STIRS = ["starting", "model"] as const;
const GOES_ON = ["starting", "model", "person"] as const;

const TAKES = {
  "agent.registered"({ agentId, name }) {
    this.agent(agentId, name);
  },
  "bead.created"({ beadId, beadType, title, blockedBy, at }) {
    if (beadType !== "issue") return;
    const piece = this.piece({ beadId }, at) as Open;
    Object.assign(piece, { title, createdAt: at });
    for (const blocker of blockedBy) piece.blockers.add(blocker);
    this.to(piece, at, blockedBy.length > 0 ? "blocked" : "queued");
  },
  "bead.edited"({ beadId, changes, at }) {
    const piece = this.piece({ beadId }, at) as Open;
    piece.title = changes.title ?? piece.title;
    if (changes.blockedBy === undefined) return;
    piece.blockers.clear();
    for (const blocker of changes.blockedBy) piece.blockers.add(blocker);
    if (piece.phase === "blocked" || piece.phase === "queued") this.rests(piece, at);
  },
  "bead.unblocked"({ beadId, blockerId, at }) {
    const piece = this.piece({ beadId }, at) as Open;
    piece.blockers.delete(blockerId);
    piece.releasedBy = { beadId: blockerId, at };
    if (piece.phase === "blocked" && piece.blockers.size === 0) this.to(piece, at, "queued");
  },
  "agent.hooked"({ agentId, beadId, at }) {
    this.agent(agentId, null);
    this.hook(agentId, beadId);
    this.piece({ beadId }, at);
  },
  "agent.unhooked"({ agentId, beadId, at }) {
    this.hook(agentId, null);
    this.rests(this.piece({ beadId }, at), at);
  },
  "dispatch.granted"({ agentId, beadId, at }) {
    this.agent(agentId, null);
    this.hook(agentId, beadId);
    const piece = this.piece({ beadId }, at) as Open;
    this.to(piece, at, "starting", agentId);
    piece.attempts++;
  },
  "agent.heard"({ agentId, at }) {
    this.works(agentId, at, ["starting"]);
  },
  "agent.progressed"({ agentId, at }) {
    this.works(agentId, at, GOES_ON);
  },
  "agent.checkpointed"({ agentId, at }) {
    this.works(agentId, at, STIRS);
  },
  "agent.waiting"({ agentId, since, at, for: what }) {
    if (what === null) this.works(agentId, at, ["model"]);
    else this.waits(agentId, Math.min(since, at), "model");
  },
  "agent.asked"({ agentId, at }) {
    this.waits(agentId, at, "person");
  },
  "agent.asked_help"({ agentId, at }) {
    this.waits(agentId, at, "person");
  },
  "permission.asked"({ agentId, at }) {
    this.waits(agentId, at, "person");
  },
  "agent.answered"({ agentId, at }) {
    this.works(agentId, at, ["person"]);
  },
  "permission.answered"({ agentId, at }) {
    this.works(agentId, at, ["person"]);
  },
  "bead.capped"({ agentId, at }) {
    this.waits(agentId, at, "person");
  },
  "bead.uncapped"({ agentId, at }) {
    const piece = this.piece({ agentId }, at);
    if (piece?.phase === "person") this.to(piece, at, "queued");
  },
  "agent.exited"({ agentId, outcome, at }) {
    const piece = this.piece({ agentId }, at);
    if (piece?.phase != null && RUNNING.has(piece.phase)) this.to(piece, at, AFTER[outcome] ?? "backoff");
  },
  "start.refused"({ agentId, at }) {
    const piece = this.piece({ agentId }, at);
    if (piece?.phase === "starting") this.to(piece, at, "backoff");
  },
  "dispatch.failed"({ beadId, reason, at }) {
    const piece = this.piece({ beadId }, at) as Open;
    this.mark(piece, at, "failed", false, reason);
    if (piece.phase !== null && RUNNING.has(piece.phase)) this.to(piece, at, "backoff");
  },
  "work.handed_in"({ beadId, at }) {
    this.to(this.piece({ beadId }, at), at, "gate");
  },
  "hand_in.refused"({ beadId, at }) {
    this.to(this.piece({ beadId }, at), at, "working");
  },
  "hand_in.settled"({ beadId, decision, at }) {
    if (decision === "send_back") this.to(this.piece({ beadId }, at), at, "working");
  },
  "review.opened"({ reviewId, beadId, agentId, at }) {
    this.review(reviewId, beadId);
    this.hook(agentId, null);
    const piece = this.piece({ beadId }, at) as Open;
    this.to(piece, at, "gate", piece.agentId ?? agentId);
  },
  "review.boarded"({ reviewId, at }) {
    this.to(this.piece({ reviewId }, at), at, "merging");
  },
  "review.granted"({ reviewId, at }) {
    this.to(this.piece({ reviewId }, at), at, "merging");
  },
  "review.unboarded"({ reviewId, at }) {
    this.to(this.piece({ reviewId }, at), at, "gate");
  },
  "merge.refused"({ reviewId, at }) {
    this.to(this.piece({ reviewId }, at), at, "gate");
  },
  "merge.unknown"({ reviewId, at }) {
    this.to(this.piece({ reviewId }, at), at, "gate");
  },
  "review.held"({ reviewId, at }) {
    this.to(this.piece({ reviewId }, at), at, "person");
  },
  "review.protected"({ reviewId, at }) {
    this.to(this.piece({ reviewId }, at), at, "person");
  },
  "review.released"({ reviewId, at }) {
    this.to(this.piece({ reviewId }, at), at, "gate");
  },
  "review.approved"({ reviewId, at }) {
    this.to(this.piece({ reviewId }, at), at, "gate");
  },
  "bead.merged"({ beadId, commitSha, at }) {
    this.end({ beadId }, at, "merged", commitSha ?? "");
  },
  "bead.closed"({ beadId, at }) {
    this.end({ beadId }, at, "closed");
  },
  "bead.no_change"({ beadId, at }) {
    this.end({ beadId }, at, "closed", "nothing had to be changed");
  },
  "bead.cancelled"({ beadId, by, at }) {
    this.end({ beadId }, at, "cancelled", by);
  },
  "bead.failed"({ beadId, reason, at }) {
    this.end({ beadId }, at, "failed", reason);
  },
  "bead.deleted"({ beadId, at }) {
    this.end({ beadId }, at, "cancelled", "deleted");
  },
  "bead.status_set"({ beadId, status, at }) {
    if (status === "closed") this.end({ beadId }, at, "closed");
    else if (status === "failed") this.end({ beadId }, at, "failed");
  },
  "bead.conflicted"({ beadId, message, at }) {
    const piece = this.piece({ beadId }, at);
    this.mark(piece, at, "sent_back", false, message);
    this.rests(piece, at);
  },
  "bead.rejected"({ beadId, check, at }) {
    const piece = this.piece({ beadId }, at);
    this.mark(piece, at, "sent_back", false, check);
    this.rests(piece, at);
  },
  "bead.retried"({ beadId, blockedBy, at }) {
    const piece = this.piece({ beadId }, at) as Open;
    piece.blockers.clear();
    for (const blocker of blockedBy) piece.blockers.add(blocker);
    this.to(piece, at, blockedBy.length > 0 ? "blocked" : "queued", null);
  },
} satisfies Takes;

/** The facts that it is made of. */
export const RUN_FACTS = Object.keys(TAKES) as readonly Recorded["type"][];

/**
 * @param facts in their order; read only as far as so many, and to the end of that moment
 * @returns `cutAt`: the time of the first fact that was not taken, ms; null: all were
 */
export function runOf(
  facts: Iterable<Recorded>,
  most = Infinity,
  fold = new RunFold(),
): Run & { readonly cutAt: number | null } {
  let [taken, last, cutAt]: [number, number, number | null] = [0, 0, null];
  for (const fact of facts) {
    if (taken >= most && fact.at > last) {
      cutAt = fact.at;
      break;
    }
    [taken, last] = [taken + 1, fact.at];
    fold.take(fact);
  }
  return { ...fold.run, cutAt };
}
