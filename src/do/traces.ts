import type { Entry } from "../core/fold.ts";
import { ENDS, toolSpansOf, traceOf, type Ran, type TraceSpan, type UsedBy } from "../core/trace.ts";
import { CONVENTIONS, SCHEMA_URL } from "../core/trace-names.ts";
import { dispatchNumber } from "../events/dispatch-id.ts";
import { LIMITS } from "../events/limits.ts";
import { messageOf } from "../events/message-of.ts";
import { TICKTOWN_VERSION } from "../events/rules.ts";
import { story } from "./looks.ts";
import { count } from "./metrics.ts";
import type { Rig } from "./rig.ts";
import { grantOf } from "./spend.ts";
import { digestOf } from "./sha256.ts";

/**
 * Tells a collector of each bead that has ended, as a trace (OTLP over HTTP, JSON), where an endpoint is set; without one nothing of this is
 * there. It is made of the journal after the commit, and sent beside everything else: a collector that is slow or dead holds nothing, and what
 * it does not take is dropped and counted.
 */

export interface Collector {
  /** Base address; traces go to `/v1/traces` below it. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
}

/** What is set of it (src/do/env.ts). */
export interface CollectorSet {
  readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined;
  readonly OTEL_EXPORTER_OTLP_HEADERS?: string | undefined;
}

/** `name=value,name=value`, values as in a URL, as OpenTelemetry writes them. */
export const headersIn = (text = ""): Record<string, string> =>
  Object.fromEntries(
    text.split(",").flatMap((pair) => {
      const at = pair.indexOf("=");
      return at < 1 ? [] : [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())]];
    }),
  );

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** Has a rig tell the collector that is set; without one it has no listener for it at all. */
export function trace(
  rig: Rig,
  env: CollectorSet,
  fetchIt: Collector["fetch"] = (url, init) => fetch(url, init),
): void {
  const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined || endpoint === "") return;
  const headers = headersIn(env.OTEL_EXPORTER_OTLP_HEADERS);
  const tracer = createTracer(rig, { endpoint, headers, fetch: fetchIt });
  rig.tracer = tracer;
  rig.listeners.add((entries) => tracer.hear(entries));
}

export interface Tracer {
  readonly hear: (entries: readonly Entry[]) => void;
  /** A dispatch has ended, with the tools that it has run. They are parts of its span, and may come before or after it. */
  readonly tools: (agentId: string, dispatchId: string | null, tools: readonly Ran[]) => void;
}

/** What is made of something when its turn has come; null: there is nothing to tell. */
type Make = () => Promise<unknown>;

export function createTracer(rig: Rig, collector: Collector): Tracer {
  const due = new Map<string, Make>();
  let isSending = false;
  const sendAll = async (): Promise<void> => {
    for (const [key, make] of due) {
      due.delete(key);
      await send(rig, make, collector);
    }
    isSending = false;
  };
  const add = (key: string, make: Make): void => {
    if (due.size >= LIMITS.traces_waiting) drop(rig);
    else due.set(key, make);
  };
  const go = (): void => {
    if (due.size === 0 || isSending) return;
    isSending = true;
    rig.ports.background(sendAll());
  };
  return {
    hear: (entries) => {
      for (const { fact } of entries) {
        if (!ENDS.has(fact.type) || !("beadId" in fact)) continue;
        const beadId = String(fact.beadId);
        add(beadId, () => bodyFor(rig, beadId));
      }
      go();
    },
    tools: (agentId, dispatchId, tools) => {
      const isIts = dispatchId !== null && dispatchNumber(agentId, dispatchId) !== null;
      if (tools.length === 0 || !isIts) return;
      add(`tools of ${dispatchId}`, () => toolsFor(rig, dispatchId, tools));
      go();
    },
  };
}

const drop = (rig: Rig): void => count(rig.meter, "ticktown_traces_dropped_total");

/** Never throws: what goes wrong here is nobody's trouble but the trace's. */
async function send(rig: Rig, make: Make, { endpoint, headers, fetch }: Collector): Promise<void> {
  try {
    // Whoever commits is not held up by it.
    await Promise.resolve();
    const body = await make();
    if (body === null) return;
    const response = await fetch(`${endpoint.replace(/\/+$/, "")}/v1/traces`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(body),
      // workerd knows no "error": an answer that leads elsewhere is none that was taken.
      redirect: "manual",
      signal: AbortSignal.timeout(LIMITS.trace_timeout_ms),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    count(rig.meter, "ticktown_traces_total");
  } catch (error) {
    drop(rig);
    rig.ports.log("warn", "a trace was not taken", { error: messageOf(error).replaceAll(endpoint, "the collector") });
  }
}

async function bodyFor(rig: Rig, beadId: string): Promise<unknown> {
  const rigId = rig.world.rig.context.config?.rigId ?? "";
  const used = usedByDispatch(rig, beadId);
  const usedBy = (dispatchId: string): UsedBy | null => used.get(dispatchId) ?? null;
  const spans = traceOf(story(rig, beadId)?.facts ?? [], { rigId, beadId, usedBy });
  return spans.length === 0 ? null : otlp(spans, await idsFor(`${rigId} ${beadId}`, spans));
}

/** Of which bead it is says the journal. */
async function toolsFor(rig: Rig, dispatchId: string, tools: readonly Ran[]): Promise<unknown> {
  const grant = grantOf(rig.ports.sql, dispatchId);
  if (grant === null || grant.bead === null) return null;
  const rigId = rig.world.rig.context.config?.rigId ?? "";
  const spans = toolSpansOf(tools, dispatchId, grant.at, rig.ports.now());
  return otlp(spans, await idsFor(`${rigId} ${grant.bead}`, spans));
}

/** What each dispatch of a bead has used; of several models the one that used most. */
function usedByDispatch(rig: Rig, beadId: string): ReadonlyMap<string, UsedBy> {
  type Used = { dispatch: string; runtime: string; model: string; input: number; output: number; cost: number };
  const found = new Map<string, UsedBy>();
  const rows = rig.ports.sql.exec<Used>(
    `SELECT dispatch, MAX(runtime) AS runtime, model, SUM(input) AS input, SUM(output) AS output, SUM(cost) AS cost
     FROM spend WHERE bead = ? GROUP BY dispatch, model ORDER BY SUM(input) + SUM(output) DESC`,
    beadId,
  );
  for (const { dispatch, runtime, model, input, output, cost } of rows.toArray()) {
    const most = found.get(dispatch) ?? { runtime, model, inputTokens: 0, outputTokens: 0, costMicrodollars: 0 };
    found.set(dispatch, {
      ...most,
      inputTokens: most.inputTokens + input,
      outputTokens: most.outputTokens + output,
      costMicrodollars: most.costMicrodollars + cost,
    });
  }
  return found;
}

interface Ids {
  readonly trace: string;
  readonly spans: ReadonlyMap<string, string>;
}

/** From what they are of: the same trace told twice is one. */
async function idsFor(of: string, spans: readonly TraceSpan[]): Promise<Ids> {
  const keys = new Set(spans.flatMap(({ key, parent }) => (parent === null ? [key] : [key, parent])));
  const ids = await Promise.all(Array.from(keys, async (key) => [key, await digest(`${of} ${key}`, 8)] as const));
  return { trace: await digest(of, 16), spans: new Map(ids) };
}

const digest = async (text: string, bytes: number): Promise<string> => (await digestOf(text)).slice(0, bytes * 2);

const SPAN_KIND_INTERNAL = 1;
const STATUS_ERROR = 2;

const nano = (ms: number): string => `${ms}000000`;

function otlp(spans: readonly TraceSpan[], { trace, spans: ids }: Ids): unknown {
  const attributesOf = (of: TraceSpan["attributes"]): unknown[] =>
    Object.entries(of).map(([key, value]) => ({
      key,
      value: typeof value === "number" ? { intValue: String(value) } : { stringValue: value },
    }));
  return {
    resourceSpans: [
      {
        resource: { attributes: attributesOf({ "service.name": "ticktown", "service.version": TICKTOWN_VERSION }) },
        schemaUrl: SCHEMA_URL,
        scopeSpans: [
          {
            scope: { name: "ticktown", version: CONVENTIONS },
            schemaUrl: SCHEMA_URL,
            spans: spans.map(({ key, parent, name, from, to, attributes, hasFailed }) => ({
              traceId: trace,
              spanId: ids.get(key),
              ...(parent === null ? {} : { parentSpanId: ids.get(parent) }),
              name,
              kind: SPAN_KIND_INTERNAL,
              startTimeUnixNano: nano(from),
              endTimeUnixNano: nano(to),
              attributes: attributesOf(attributes),
              ...(hasFailed ? { status: { code: STATUS_ERROR } } : {}),
            })),
          },
        ],
      },
    ],
  };
}
