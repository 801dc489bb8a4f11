import type { Recorded } from "../events/facts.ts";
import { runOf, type Phase, type Span } from "./run.ts";
import { ERROR_TYPE, EXECUTE_TOOL, GEN_AI, INVOKE_AGENT, PROVIDERS, TICKTOWN } from "./trace-names.ts";

/**
 * A bead's life as a trace: the bead, in it each dispatch with what it waited for and the tools that it ran, the gate and the trains. Made of the
 * facts that are about it, so that nothing is measured for it; tools are no facts, and told of with the end of their dispatch. Ids, numbers, codes
 * and the names of agents, programs, models and tools only: no title, no prompt, no words.
 */

type Value = string | number;
export interface TraceSpan {
  /** What its id is made of; unlike that of any other span of the trace. */
  readonly key: string;
  /** Key of the span that it is part of; null: the bead's own. */
  readonly parent: string | null;
  readonly name: string;
  /** ms */
  readonly from: number;
  readonly to: number;
  readonly attributes: Readonly<Record<string, Value>>;
  readonly hasFailed: boolean;
}

/** What a dispatch has used, as the ledger has it. */
export interface UsedBy {
  readonly runtime: string;
  readonly model: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costMicrodollars: number;
}

export interface TraceOf {
  readonly rigId: string;
  readonly beadId: string;
  readonly usedBy: (dispatchId: string) => UsedBy | null;
}

/** Facts with which a bead has ended, whatever comes after. */
export const ENDS: ReadonlySet<Recorded["type"]> = new Set<Recorded["type"]>([
  "bead.merged",
  "bead.closed",
  "bead.no_change",
  "bead.cancelled",
  "bead.failed",
]);

const WAITS: Readonly<Record<Phase, string>> = {
  blocked: "wait for other work",
  queued: "wait for a slot",
  starting: "start",
  working: "work",
  person: "wait for a person",
  model: "wait for a model",
  backoff: "wait for the next try",
  gate: "gate",
  merging: "train",
};
const OF_DISPATCH: ReadonlySet<Phase> = new Set(["starting", "working", "person", "model"]);

interface Dispatch {
  readonly id: string;
  readonly agentId: string;
  readonly at: number;
  readonly attempt: number;
}

const dispatchesIn = (facts: readonly Recorded[], beadId: string): Dispatch[] =>
  facts
    .filter((fact) => fact.type === "dispatch.granted" && fact.beadId === beadId)
    .map((fact, n) => {
      const { dispatchId: id, agentId, at } = fact as Extract<Recorded, { type: "dispatch.granted" }>;
      return { id, agentId, at, attempt: n + 1 };
    });

/** @param facts those about a bead, in their order @returns the spans of its trace, the bead's first; none before its end */
export function traceOf(facts: readonly Recorded[], of: TraceOf): TraceSpan[] {
  const { beadId, rigId } = of;
  const { pieces, spans, marks, agents } = runOf(facts);
  const piece = pieces.find((one) => one.beadId === beadId);
  const own = spans.filter((span) => span.beadId === beadId);
  const to = piece?.endedAt ?? null;
  if (piece === undefined || to === null) return [];
  const outcome = marks.findLast((mark) => mark.beadId === beadId && mark.ends)?.kind ?? "closed";
  const from = Math.min(piece.createdAt ?? to, ...own.map((span) => span.from));
  const bead: TraceSpan = {
    key: "bead",
    parent: null,
    name: "bead",
    from,
    to,
    attributes: {
      [TICKTOWN.rig]: rigId,
      [TICKTOWN.bead]: beadId,
      [TICKTOWN.attempts]: piece.attempts,
      [TICKTOWN.outcome]: outcome,
    },
    hasFailed: outcome === "failed",
  };
  const dispatches = dispatchesIn(facts, beadId);
  const failed = new Set(facts.flatMap((fact) => (fact.type === "dispatch.failed" ? [fact.dispatchId] : [])));
  const nameOf = (agentId: string): string | null => agents.find(({ id }) => id === agentId)?.name ?? null;
  return [
    bead,
    ...dispatches.map((dispatch) => spanOf(dispatch, { own, to, nameOf, of, hasFailed: failed.has(dispatch.id) })),
    ...own.map((span) => ofPhase(span, to, dispatches)),
  ];
}

/** A tool that a dispatch has run, as its container tells of it. */
export interface Ran {
  readonly name: string;
  /** ms, by the container's clock */
  readonly from: number;
  readonly to: number;
  readonly ok: boolean;
}

/** What is told of a dispatch's tools: parts of its span. @param since ms: when it was granted @param now ms: nothing of it lies outside */
export function toolSpansOf(tools: readonly Ran[], dispatchId: string, since: number, now: number): TraceSpan[] {
  const within = (time: number): number => Math.min(Math.max(time, since), now);
  return tools.map(({ name, from, to, ok }, n) => ({
    key: `${dispatchId} tool ${n}`,
    parent: dispatchId,
    name: `${EXECUTE_TOOL} ${name}`,
    from: within(from),
    to: within(Math.max(from, to)),
    attributes: {
      [GEN_AI.operation]: EXECUTE_TOOL,
      [GEN_AI.toolName]: name,
      [TICKTOWN.dispatch]: dispatchId,
      ...(ok ? {} : { [ERROR_TYPE.name]: ERROR_TYPE.other }),
    },
    hasFailed: !ok,
  }));
}

interface About {
  readonly own: readonly Span[];
  readonly to: number;
  readonly nameOf: (agentId: string) => string | null;
  readonly of: TraceOf;
  readonly hasFailed: boolean;
}

function spanOf({ id, agentId, at, attempt }: Dispatch, { own, to, nameOf, of, hasFailed }: About): TraceSpan {
  const held = own.filter((span) => span.attempt === attempt && OF_DISPATCH.has(span.phase));
  const used = of.usedBy(id);
  const name = nameOf(agentId);
  return {
    key: id,
    parent: "bead",
    name: name === null ? INVOKE_AGENT : `${INVOKE_AGENT} ${name}`,
    from: at,
    to: Math.max(at, ...held.map((span) => span.to ?? to)),
    attributes: {
      [GEN_AI.operation]: INVOKE_AGENT,
      [GEN_AI.agentId]: agentId,
      ...(name === null ? {} : { [GEN_AI.agentName]: name }),
      [TICKTOWN.dispatch]: id,
      [TICKTOWN.attempt]: attempt,
      ...(used === null ? {} : usedAttributes(used)),
    },
    hasFailed,
  };
}

const usedAttributes = ({
  runtime,
  model,
  inputTokens,
  outputTokens,
  costMicrodollars,
}: UsedBy): TraceSpan["attributes"] => ({
  ...(runtime === "" ? {} : { [GEN_AI.provider]: PROVIDERS[runtime] ?? runtime }),
  ...(model === "" ? {} : { [GEN_AI.model]: model }),
  [GEN_AI.inputTokens]: inputTokens,
  [GEN_AI.outputTokens]: outputTokens,
  [TICKTOWN.cost]: costMicrodollars,
});

function ofPhase({ phase, from, to, attempt }: Span, end: number, dispatches: readonly Dispatch[]): TraceSpan {
  const dispatch = OF_DISPATCH.has(phase) ? dispatches[attempt - 1] : undefined;
  return {
    key: `${phase} ${from}`,
    parent: dispatch?.id ?? "bead",
    name: WAITS[phase],
    from,
    to: to ?? end,
    attributes: { [TICKTOWN.phase]: phase, ...(attempt === 0 ? {} : { [TICKTOWN.attempt]: attempt }) },
    hasFailed: false,
  };
}
