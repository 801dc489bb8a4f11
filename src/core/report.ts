import type { Recorded } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { causeOf, failureOf } from "./causes.ts";

/** What a rig came to between two moments, from its facts: what was merged, failed and why, asked, and stuck; and how much went on in each hour. */

/** How many, and the newest of them. */
interface Listed {
  readonly count: number;
  /** Of beads, and where agents have asked or were stuck, of agents; oldest first, at most LIMITS.report_listed. */
  readonly ids: readonly string[];
}

export interface Cause extends Listed {
  /** The kind of failure, as `failureOf` tells it. */
  readonly code: string;
  /** Of the newest one. */
  readonly words: string;
}

export interface Hour {
  /** Its beginning, ms. */
  readonly at: number;
  readonly started: number;
  readonly merged: number;
  readonly failed: number;
}

export interface Report {
  readonly merged: Listed;
  readonly failed: Listed & { readonly causes: readonly Cause[] };
  /** Questions and permissions that agents have asked for. */
  readonly asked: Listed;
  /** Agents without progress of which somebody was told. */
  readonly stuck: Listed;
  readonly attempts: { readonly started: number; readonly failed: number };
  /** Those in which anything happened, in their order. */
  readonly hours: readonly Hour[];
}

const HOUR_MS = 3_600_000;

class List {
  count = 0;
  ids: string[] = [];

  add(id: string): void {
    this.count++;
    this.ids.push(id);
    if (this.ids.length > LIMITS.report_listed) this.ids.shift();
  }

  get listed(): Listed {
    return { count: this.count, ids: [...this.ids] };
  }
}

type Happening = Exclude<keyof Hour, "at">;

class Drafted {
  readonly merged = new List();
  readonly failed = new List();
  readonly asked = new List();
  readonly stuck = new List();
  readonly causes = new Map<string, { list: List; code: string; words: string }>();
  readonly hours = new Map<number, Record<Happening, number>>();
  readonly attempts = { started: 0, failed: 0 };

  take(fact: Recorded): void {
    switch (fact.type) {
      case "dispatch.granted":
        this.attempts.started++;
        return this.#inHour(fact.at, "started");
      case "dispatch.failed":
        this.attempts.failed++;
        return;
      case "bead.merged":
        this.merged.add(fact.beadId);
        return this.#inHour(fact.at, "merged");
      case "bead.failed":
        this.failed.add(fact.beadId);
        this.#cause(fact.beadId, fact.reason);
        return this.#inHour(fact.at, "failed");
      case "agent.asked_help":
      case "agent.asked":
      case "permission.asked":
        return this.asked.add(fact.agentId);
      case "bead.created":
        if (fact.beadType === "escalation" && fact.metadata["kind"] === "gupp")
          this.stuck.add(String(fact.metadata["agent_id"] ?? ""));
        return;
      default:
    }
  }

  #cause(beadId: string, reason: string): void {
    const { code, words } = failureOf({ reason });
    const key = `${code}:${causeOf(words)}`;
    const isFull = this.causes.size >= LIMITS.report_causes && !this.causes.has(key);
    const found = this.causes.get(isFull ? "" : key) ?? { list: new List(), code: isFull ? "other" : code, words };
    found.words = words;
    found.list.add(beadId);
    this.causes.set(isFull ? "" : key, found);
  }

  #inHour(at: number, what: Happening): void {
    const hour = Math.floor(at / HOUR_MS) * HOUR_MS;
    const counts = this.hours.get(hour) ?? { started: 0, merged: 0, failed: 0 };
    counts[what]++;
    this.hours.set(hour, counts);
  }
}

/** The facts that it is made of. */
export const REPORTED = [
  "dispatch.granted",
  "dispatch.failed",
  "bead.merged",
  "bead.failed",
  "agent.asked_help",
  "agent.asked",
  "permission.asked",
  "bead.created",
] as const satisfies readonly Recorded["type"][];

/**
 * @param facts those of the time that is asked for, in their order; read only as far as LIMITS.report_facts, and to the end of that moment
 * @returns `cutAt`: the time of the first fact that was not taken, ms; null: all were
 */
export function reportOf(facts: Iterable<Recorded>): Report & { readonly cutAt: number | null } {
  const drafted = new Drafted();
  let [taken, last, cutAt]: [number, number, number | null] = [0, 0, null];
  for (const fact of facts) {
    if (taken >= LIMITS.report_facts && fact.at > last) {
      cutAt = fact.at;
      break;
    }
    [taken, last] = [taken + 1, fact.at];
    drafted.take(fact);
  }
  const { merged, failed, asked, stuck, causes, hours, attempts } = drafted;
  return {
    cutAt,
    merged: merged.listed,
    failed: {
      ...failed.listed,
      causes: Array.from(causes.values(), ({ list, code, words }) => ({ ...list.listed, code, words })).sort(
        (a, b) => b.count - a.count,
      ),
    },
    asked: asked.listed,
    stuck: stuck.listed,
    attempts: { ...attempts },
    hours: Array.from(hours, ([at, counts]) => ({ at, ...counts })).sort((a, b) => a.at - b.at),
  };
}
