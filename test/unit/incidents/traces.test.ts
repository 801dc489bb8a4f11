import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test, vi } from "vitest";
import { LIMITS } from "../../../src/events/limits.ts";
import { heartbeat } from "../../../src/do/rig.ts";
import { traceOf } from "../../../src/core/trace.ts";
import type { Recorded } from "../../../src/events/facts.ts";
import { headersIn, trace, type CollectorSet } from "../../../src/do/traces.ts";
import type { TestRig } from "../../support/node-rig.ts";
import { agentOf, as, beadOf, DAY, done, exits, MINUTE, SECOND, slung, town, verdict } from "./words.ts";

/** Traces, as a collector on the loopback gets them. */

interface Told {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: { key: string; value: { stringValue?: string; intValue?: string } }[];
  readonly status?: { code: number };
}

/** @param status null: it never answers */
async function collector(
  status: number | null = 200,
  location?: string,
): Promise<{ endpoint: string; told: Told[]; server: Server }> {
  const told: Told[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      told.push({ path: request.url ?? "", headers: request.headers, body });
      if (status !== null) response.writeHead(status, location === undefined ? {} : { location }).end("{}");
    });
  });
  await new Promise<void>((listens) => server.listen(0, "127.0.0.1", listens));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, told, server };
}

const envOf = (endpoint: string | undefined, headers?: string): CollectorSet => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  OTEL_EXPORTER_OTLP_HEADERS: headers,
});

const spansOf = ({ body }: Told): Span[] => JSON.parse(body).resourceSpans[0].scopeSpans[0].spans as Span[];
const of = ({ attributes }: Span, key: string): string | undefined => {
  const value = attributes.find((one) => one.key === key)?.value;
  return value?.stringValue ?? value?.intValue;
};

async function merged(rig: TestRig, title = "work"): Promise<string> {
  const { beadId, agentId } = await slung(rig, title);
  const usage = {
    session: "s",
    input_tokens: 100,
    cached_tokens: 0,
    output_tokens: 7,
    model: "claude-x",
    cost_microdollars: 9,
    runtime: "claude",
  };
  heartbeat(rig.rig, agentId, `${agentId}:1`, as(rig, agentId), { usage });
  rig.now += MINUTE;
  await exits(rig, agentId);
  rig.run({ type: "pause" });
  await rig.advance(rig.now + MINUTE);
  rig.run({ type: "resume" });
  await rig.advance(rig.now + MINUTE);
  heartbeat(rig.rig, agentId, `${agentId}:2`, as(rig, agentId));
  await done(rig, agentId, "a-branch");
  rig.now += MINUTE;
  await verdict(rig, beadOf(rig, beadId).context.reviewId ?? "", "merged");
  return beadId;
}

test("a bead that is merged is one trace: its dispatches, what it waited for, the gate and the train", async () => {
  const { endpoint, told } = await collector();
  const rig = town();
  trace(rig.rig, envOf(`${endpoint}/`, "authorization=Bearer%20abc,x-team = blue,odd"));
  const beadId = await merged(rig);
  expect(told).toHaveLength(1);
  const [first] = told as [Told];
  expect([first.path, first.headers["content-type"]]).toEqual(["/v1/traces", "application/json"]);
  expect([first.headers.authorization, first.headers["x-team"]]).toEqual(["Bearer abc", "blue"]);
  const spans = spansOf(first);
  const [bead, one, two] = spans as [Span, Span, Span];
  expect([bead.name, of(bead, "ticktown.bead.id"), of(bead, "ticktown.outcome")]).toEqual(["bead", beadId, "merged"]);
  expect([one, two].map((span) => [of(span, "ticktown.dispatch.attempt"), span.status?.code])).toEqual([
    ["1", 2],
    ["2", undefined],
  ]);
  const genAi = ["operation.name", "provider.name", "response.model", "usage.input_tokens", "usage.output_tokens"];
  expect(genAi.map((name) => of(one, `gen_ai.${name}`))).toEqual(["invoke_agent", "anthropic", "claude-x", "100", "7"]);
  expect(new Set(spans.map(({ name }) => name))).toEqual(
    new Set(["bead", one.name, "start", "work", "wait for the next try", "train"]),
  );
  // Each is part of another one, within its time, and has an id of its own.
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  expect([byId.size, new Set(spans.map(({ traceId }) => traceId)).size]).toEqual([spans.length, 1]);
  for (const span of spans) {
    expect([span.traceId.length, span.spanId.length]).toEqual([32, 16]);
    expect(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano)).toBe(true);
    if (span === bead) continue;
    const parent = byId.get(span.parentSpanId ?? "");
    expect(parent).toBeDefined();
    expect(BigInt(span.startTimeUnixNano) >= BigInt(parent?.startTimeUnixNano ?? 0)).toBe(true);
    expect(BigInt(span.endTimeUnixNano) <= BigInt(parent?.endTimeUnixNano ?? 0)).toBe(true);
  }
});

test("each phase is a span from when to when: the gate and the train the bead's, a wait for a model its dispatch's", () => {
  const fact = (at: number, fields: object): Recorded => ({ seq: at, at, ...fields }) as unknown as Recorded;
  const facts = [
    fact(0, { type: "bead.created", beadId: "b", beadType: "issue", title: "t", blockedBy: [] }),
    fact(10, { type: "dispatch.granted", agentId: "a", beadId: "b", dispatchId: "a:1" }),
    fact(20, { type: "agent.heard", agentId: "a", dispatchId: "a:1" }),
    fact(30, { type: "agent.waiting", agentId: "a", dispatchId: "a:1", for: "model", since: 30, until: null }),
    fact(40, { type: "agent.waiting", agentId: "a", dispatchId: "a:1", for: null, since: 40, until: null }),
    fact(50, { type: "work.handed_in", agentId: "a", beadId: "b" }),
    fact(60, { type: "review.opened", reviewId: "r", agentId: "a", beadId: "b" }),
    fact(70, { type: "review.boarded", reviewId: "r" }),
    fact(80, { type: "bead.merged", beadId: "b", commitSha: "c" }),
  ];
  const of = { rigId: "r", beadId: "b", usedBy: () => null };
  expect(traceOf(facts, of).map(({ name, parent, from, to }) => [name, parent, from, to])).toEqual([
    ["bead", null, 0, 80],
    ["invoke_agent", "bead", 10, 50],
    ["wait for a slot", "bead", 0, 10],
    ["start", "a:1", 10, 20],
    ["work", "a:1", 20, 30],
    ["wait for a model", "a:1", 30, 40],
    ["work", "a:1", 40, 50],
    ["gate", "bead", 50, 70],
    ["train", "bead", 70, 80],
  ]);
  expect(traceOf(facts.slice(0, -1), of)).toEqual([]);
});

test("TRACE-words no title, no body, no words and no secret of a bead are in its trace", async () => {
  const { endpoint, told } = await collector();
  const rig = town();
  trace(rig.rig, envOf(endpoint));
  const { beadId, agentId } = await slung(rig, "TITLE-OF-IT", { body: "BODY-OF-IT" });
  rig.run({ type: "cancel_bead", beadId });
  await rig.settled();
  expect(agentOf(rig, agentId).context.hook).toBe(null);
  expect(told).toHaveLength(1);
  expect(told[0]?.body).not.toMatch(/-OF-IT/);
  expect(of(spansOf(told[0] as Told)[0] as Span, "ticktown.outcome")).toBe("cancelled");
});

test("TRACE-off without an endpoint nothing listens and nobody is asked for tools, so that it costs nothing", async () => {
  const rig = town();
  const before = rig.rig.listeners.size;
  for (const endpoint of [undefined, ""]) trace(rig.rig, envOf(endpoint));
  expect([rig.rig.listeners.size, rig.rig.tracer]).toEqual([before, null]);
  await slung(rig);
  expect(rig.container.starts[0]).not.toHaveProperty("tellsTools");
});

test("TRACE-redirect a collector that leads elsewhere is followed by nobody: its headers are its own", async () => {
  const elsewhere = await collector();
  const { endpoint, told } = await collector(307, `${elsewhere.endpoint}/`);
  const rig = town();
  trace(rig.rig, envOf(endpoint, "authorization=key"));
  await merged(rig);
  expect([told.length, elsewhere.told]).toEqual([1, []]);
  expect(rig.rig.meter.counts.get("ticktown_traces_dropped_total ")?.value).toBe(1);
});

test("TRACE-lost a collector that refuses or never answers holds nothing: what it does not take is dropped and counted, and its address is not told", async () => {
  for (const status of [500, null]) {
    const { endpoint, told } = await collector(status);
    const rig = town();
    const asked: string[] = [];
    const patience = vi.spyOn(AbortSignal, "timeout");
    trace(rig.rig, envOf(endpoint), (url, init) => {
      asked.push(url);
      return status === null ? Promise.reject(new Error(`${url} did not answer`)) : fetch(url, init);
    });
    await merged(rig);
    expect(patience).toHaveBeenLastCalledWith(LIMITS.trace_timeout_ms);
    patience.mockRestore();
    expect([status, asked.length, told.length]).toEqual([status, 1, status === null ? 0 : 1]);
    expect(rig.rig.meter.counts.get("ticktown_traces_dropped_total ")?.value).toBe(1);
    expect(JSON.stringify(rig.logs)).not.toContain(endpoint);
  }
});

test("TRACE-limit as many beads wait to be told of as the limit says, and one more is dropped", async () => {
  const rig = town();
  let answer = (): void => undefined;
  const isAsked = new Promise<void>((resolve) => (answer = resolve));
  let sent = 0;
  trace(rig.rig, envOf("http://127.0.0.1:1"), async () => {
    sent += 1;
    await isAsked;
    return new Response("{}");
  });
  const hear = [...rig.rig.listeners].at(-1) as (entries: unknown) => void;
  const ended = (beadId: string): unknown => ({ fact: { type: "bead.merged", beadId } });
  const beadIds: string[] = [];
  for (let i = 0; i < 2; i++) beadIds.push((await slung(rig, `work ${i}`)).beadId);
  for (const beadId of beadIds) rig.run({ type: "cancel_bead", beadId });
  await expect.poll(() => sent, { timeout: 10_000 }).toBe(1);
  const dropped = (): number => rig.rig.meter.counts.get("ticktown_traces_dropped_total ")?.value ?? 0;
  // One is being sent, one waits.
  for (let i = 0; i < LIMITS.traces_waiting - 1; i++) hear([ended(`none ${i}`)]);
  expect(dropped()).toBe(0);
  hear([ended("one more")]);
  expect(dropped()).toBe(1);
  answer();
  await rig.settled();
  expect(sent).toBe(2);
});

test("TRACE-tools the tools of a dispatch are parts of its span, within its time, by name alone; what names no dispatch of it tells nothing", async () => {
  const { endpoint, told } = await collector();
  const rig = town();
  trace(rig.rig, envOf(endpoint));
  const { agentId, beadId } = await slung(rig, "TITLE-OF-IT");
  expect(rig.container.starts[0]).toMatchObject({ tellsTools: true });
  const since = rig.now;
  rig.now += MINUTE;
  const tools = [
    { name: "Bash", from: since - DAY, to: since + SECOND, ok: true },
    { name: "mcp__files__read", from: since + 2 * SECOND, to: since + DAY, ok: false },
    { name: "Edit", from: since + 5 * SECOND, to: since + 3 * SECOND, ok: true },
  ];
  rig.rig.tracer?.tools(agentId, `${agentId}:1`, tools);
  const other = await slung(rig, "another");
  for (const dispatch of [null, `${agentId}:2`, `${other.agentId}:1`, ""])
    rig.rig.tracer?.tools(agentId, dispatch, tools);
  rig.rig.tracer?.tools(agentId, `${agentId}:1`, []);
  await rig.settled();
  rig.run({ type: "cancel_bead", beadId });
  await rig.settled();
  expect(told).toHaveLength(2);
  const [ran, whole] = told.map(spansOf) as [Span[], Span[]];
  const at = (ms: number): string => `${ms}000000`;
  expect(ran.map((span) => [span.name, span.startTimeUnixNano, span.endTimeUnixNano, span.status?.code])).toEqual([
    ["execute_tool Bash", at(since), at(since + SECOND), undefined],
    ["execute_tool mcp__files__read", at(since + 2 * SECOND), at(since + MINUTE), 2],
    ["execute_tool Edit", at(since + 5 * SECOND), at(since + 5 * SECOND), undefined],
  ]);
  expect(ran[1]?.attributes).toEqual([
    { key: "gen_ai.operation.name", value: { stringValue: "execute_tool" } },
    { key: "gen_ai.tool.name", value: { stringValue: "mcp__files__read" } },
    { key: "ticktown.dispatch.id", value: { stringValue: `${agentId}:1` } },
    { key: "error.type", value: { stringValue: "_OTHER" } },
  ]);
  const dispatch = whole.find(
    (span) => of(span, "ticktown.dispatch.attempt") === "1" && span.name.startsWith("invoke"),
  );
  for (const span of ran) expect([span.traceId, span.parentSpanId]).toEqual([dispatch?.traceId, dispatch?.spanId]);
  expect(new Set([...ran, ...whole].map(({ spanId }) => spanId)).size).toBe(ran.length + whole.length);
});

test("headers are read as OpenTelemetry writes them", () => {
  expect(headersIn("a=1, b = x%20y ,=z,c,d=%")).toEqual({ a: "1", b: "x y", d: "%" });
});
