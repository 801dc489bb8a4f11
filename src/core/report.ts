import type { Recorded, RecordedOf } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import { causeOf, failureOf } from "./causes.ts";
import { SLOT_FACTS, Slots, type Held } from "./slots.ts";

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
  /** For how long places of the capacity were held in it, all of them together, ms: by an hour of 3,600,000 it is how many on average. */
  readonly slot_ms: number;
  readonly tokens: number;
  readonly microdollars: number;
}

/** What was counted of models' use. */
export interface Spent {
  readonly input_tokens: number;
  readonly cached_tokens: number;
  readonly output_tokens: number;
  readonly cost_microdollars: number;
  readonly estimated_microdollars: number;
  readonly unpriced_tokens: number;
  readonly failed_tokens: number;
  readonly failed_microdollars: number;
  readonly incomplete: number;
}

export const NO_AMOUNTS: { -readonly [K in keyof Spent]: Spent[K] } = {
  input_tokens: 0,
  cached_tokens: 0,
  output_tokens: 0,
  cost_microdollars: 0,
  estimated_microdollars: 0,
  unpriced_tokens: 0,
  failed_tokens: 0,
  failed_microdollars: 0,
  incomplete: 0,
};

export interface Report {
  readonly merged: Listed;
  readonly failed: Listed & { readonly causes: readonly Cause[] };
  /** Questions and permissions that agents have asked for. */
  readonly asked: Listed;
  /** Agents without progress of which somebody was told. */
  readonly stuck: Listed;
  readonly attempts: { readonly started: number; readonly failed: number };
  readonly slot_ms: number;
  readonly spent: Spent;
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

/** The span of time that is reported of, ms; `to` is not in it any more. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const NOTHING: Record<Happening, number> = { started: 0, merged: 0, failed: 0, slot_ms: 0, tokens: 0, microdollars: 0 };

/** What became of a dispatch, whenever that was: it failed; its last words were lost, and nothing has made up for them so far. */
export type Ends = (dispatchId: string) => { readonly hasFailed: boolean; readonly isUnsaid: boolean };
const NOT_KNOWN: Ends = () => ({ hasFailed: false, isUnsaid: false });

class Drafted {
  readonly merged = new List();
  readonly failed = new List();
  readonly asked = new List();
  readonly stuck = new List();
  readonly causes = new Map<string, { list: List; code: string; words: string }>();
  readonly hours = new Map<number, Record<Happening, number>>();
  readonly attempts = { started: 0, failed: 0 };
  slot_ms = 0;
  readonly spent = { ...NO_AMOUNTS };
  readonly #ends: Ends;

  constructor(ends: Ends) {
    this.#ends = ends;
  }

  take(fact: Recorded): void {
    switch (fact.type) {
      case "spend.counted":
        return this.#spend(fact);
      case "dispatch.granted":
        this.attempts.started++;
        return this.#inHour(fact.at, "started");
      case "dispatch.failed":
        this.attempts.failed++;
        return;
      case "spend.incomplete":
        if (this.#ends(fact.dispatchId).isUnsaid) this.spent.incomplete++;
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

  /** Each hour's share of the time that a place was held. */
  hold({ from, to }: Held, span: Span): void {
    const end = Math.min(to, span.to);
    for (let at = Math.max(from, span.from); at < end;) {
      const next = Math.min((Math.floor(at / HOUR_MS) + 1) * HOUR_MS, end);
      this.slot_ms += next - at;
      this.#inHour(at, "slot_ms", next - at);
      at = next;
    }
  }

  #spend({
    at,
    dispatchId,
    inputTokens,
    cachedTokens,
    outputTokens,
    costMicrodollars,
    estimated,
  }: RecordedOf<"spend.counted">): void {
    const { spent } = this;
    const cost = costMicrodollars ?? 0;
    spent.input_tokens += inputTokens;
    spent.cached_tokens += cachedTokens;
    spent.output_tokens += outputTokens;
    spent.cost_microdollars += cost;
    spent.estimated_microdollars += estimated ? cost : 0;
    spent.unpriced_tokens += costMicrodollars === null ? inputTokens + outputTokens : 0;
    if (this.#ends(dispatchId).hasFailed) {
      spent.failed_tokens += inputTokens + outputTokens;
      spent.failed_microdollars += cost;
    }
    this.#inHour(at, "tokens", inputTokens + outputTokens);
    this.#inHour(at, "microdollars", cost);
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

  #inHour(at: number, what: Happening, count = 1): void {
    const hour = Math.floor(at / HOUR_MS) * HOUR_MS;
    const counts = this.hours.get(hour) ?? { ...NOTHING };
    counts[what] += count;
    this.hours.set(hour, counts);
  }
}

/** The facts that it is made of. */
export const REPORTED = [
  ...SLOT_FACTS,
  "spend.counted",
  "spend.incomplete",
  "bead.merged",
  "bead.failed",
  "agent.asked",
  "permission.asked",
  "bead.created",
] as const satisfies readonly Recorded["type"][];

/**
 * @param facts those of the time that is asked for, in their order; read only as far as LIMITS.report_facts, and to the end of that moment
 * @param before those of what held a place that came before; only they are read of them
 * @param ends by which the price of failures is told, so that parts of a span add up to the whole
 * @returns `cutAt`: the time of the first fact that was not taken, ms; null: all were
 */
export function reportOf(
  facts: Iterable<Recorded>,
  span: Span,
  before: Iterable<Recorded> = [],
  ends: Ends = NOT_KNOWN,
): Report & { readonly cutAt: number | null } {
  const drafted = new Drafted(ends);
  const slots = new Slots();
  for (const fact of before) slots.take(fact);
  let [taken, last, cutAt]: [number, number, number | null] = [0, 0, null];
  const held: Held[] = [];
  for (const fact of facts) {
    if (taken >= LIMITS.report_facts && fact.at > last) {
      cutAt = fact.at;
      break;
    }
    [taken, last] = [taken + 1, fact.at];
    drafted.take(fact);
    held.push(...slots.take(fact));
  }
  const reported = { from: span.from, to: cutAt ?? span.to };
  for (const one of [...held, ...slots.until(reported.to)]) drafted.hold(one, reported);
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
    slot_ms: drafted.slot_ms,
    spent: { ...drafted.spent },
    hours: Array.from(hours, ([at, counts]) => ({ at, ...counts })).sort((a, b) => a.at - b.at),
  };
}
