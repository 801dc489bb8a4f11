/** One request of an agent to a model and its answer, byte for byte and as they come, with the real key in place of the dispatch's token. */
import { type ClientRequest, type IncomingMessage, type ServerResponse, request as overHttp } from "node:http";
import { request as overHttps } from "node:https";
import type { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { MODEL_ERROR_MAX_BYTES, MODEL_HEAD_MAX_BYTES, MODEL_NAME_MAX_CHARS } from "../../limits.ts";
import { messageOf } from "../../log.ts";
import { type Accounts, type Asking, type Came, accountOf } from "./accounts.ts";
import { type AnswerReader, createAnswerReader, outermostString } from "./answer.ts";
import { type Trouble, troubleInStream, troubleOf } from "./classify.ts";
import { type Asked, askedFor, costOf } from "./cost.ts";
import { errorBody } from "./errors.ts";
import { requestHeaders, responseHeaders } from "./headers.ts";
import type { DoorLimits, Pass } from "./pass.ts";
import type { ModelRoute } from "./routes.ts";
import type { Upstream } from "./upstreams.ts";
import { createVeil, veiled } from "./veil.ts";
import { type Watch, watchOver } from "./watch.ts";

export interface Agents {
  readonly http: import("node:http").Agent;
  readonly https: import("node:https").Agent;
}

export interface ForwardOptions {
  readonly agents: Agents;
  readonly limits: DoorLimits;
  readonly accounts: Accounts;
  readonly now: () => number;
}

interface Exchange extends ForwardOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly pass: Pass;
  readonly route: ModelRoute;
  readonly upstream: Upstream & { readonly key: string };
  readonly account: string;
  /** What came of it, for the account. The first word counts. */
  readonly came: (what: Came) => void;
}

/** Resolves when it is over, however. Never throws. */
export async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  pass: Pass,
  route: ModelRoute,
  options: ForwardOptions,
): Promise<void> {
  const { limits } = options;
  const upstream = pass.dispatch.upstreams[route.provider];
  const refuse = (status: number, message: string): Promise<void> =>
    refuseWhole(request, response, route, { status, message, limits });
  if (upstream === undefined) return refuse(404, `this dispatch has no models of ${route.provider}`);
  if (!hasKey(upstream)) {
    pass.tell({ type: "unauthorized", status: 401, key: upstream.keyName });
    return refuse(401, `Ticktown has no ${upstream.keyName}: set it where Ticktown runs, or as a secret of the rig`);
  }
  const inFlight = Math.min(limits.inFlight, pass.dispatch.inFlight?.() ?? limits.inFlight);
  if (pass.counts.models >= inFlight)
    return refuse(429, `${inFlight} requests of this dispatch are with a model; wait for one of them`);
  if (Number(request.headers["content-length"] ?? 0) > limits.body_bytes)
    return refuseModel(response, route, 413, tooLarge(limits));
  pass.counts.models += 1;
  try {
    const account = accountOf(route.provider, upstream.key);
    await exchange({ ...options, request, response, pass, route, upstream, account, came: () => {} });
  } finally {
    pass.counts.models -= 1;
  }
}

const hasKey = (upstream: Upstream): upstream is Upstream & { readonly key: string } => upstream.key !== null;
const tooLarge = ({ body_bytes }: DoorLimits): string => `a request may have ${body_bytes} bytes`;

/** Answers in the words of the API, on which a CLI need not try again. */
export function refuseModel(
  response: ServerResponse,
  { api }: Pick<ModelRoute, "api">,
  status: number,
  message: string,
  after_ms = 1000,
): void {
  if (response.headersSent) return void response.destroy();
  const body = errorBody(api, { status, message });
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    // What both makers' own clients look at first.
    ...(status === 429
      ? { "retry-after": String(Math.max(1, Math.ceil(after_ms / 1000))) }
      : { "x-should-retry": "false" }),
    // What is left of a body that nobody reads would be taken for the next request.
    connection: "close",
  });
  response.end(body);
}

interface Refused {
  readonly status: number;
  readonly message: string;
  readonly limits: DoorLimits;
  /** When it may be tried again. */
  readonly after_ms?: number;
}

/** Hears the request out first: a client that is still speaking when its connection is closed never reads why. */
async function refuseWhole(
  request: IncomingMessage,
  response: ServerResponse,
  route: ModelRoute,
  { status, message, limits, after_ms }: Refused,
): Promise<void> {
  let size = 0;
  if (!request.readableEnded)
    await new Promise<void>((resolve) => {
      request.on("data", (chunk: Buffer) => (size += chunk.length) > limits.body_bytes && resolve());
      request.once("end", resolve).once("close", resolve);
      request.resume();
    });
  refuseModel(response, route, status, message, after_ms);
}

async function exchange(given: Exchange): Promise<void> {
  const { request, response, pass, route, limits } = given;
  const head = await readHead(request);
  if (head === null) return void response.destroy();
  const model = route.model ?? outermostString(head.toString("utf8"), "model");
  const asked = { provider: route.provider, api: route.api, model, usage: pass.usage() };
  const refusal = route.generates ? (pass.dispatch.mayAnswer?.(asked) ?? null) : null;
  if (!pass.isOpen()) return void response.destroy();
  if (refusal !== null) {
    pass.tell({ type: "over_budget", message: refusal.says, until: refusal.until });
    return refuseWhole(request, response, route, { status: 400, message: refusal.says, limits });
  }
  const { until, came } = askAccount(given);
  if (until !== null) return refuseLimited(given, until);
  const name = (model ?? "unknown").slice(0, MODEL_NAME_MAX_CHARS);
  await new Promise<void>((resolve) => sendOn({ ...given, came }, head, name, resolve));
  came({ kind: "unknown" });
}

function askAccount({ accounts, account, pass, now }: Exchange): Asking {
  if (pass.dispatch.holdsAccounts === false) return { until: null, came: () => {} };
  const { until, came } = accounts.ask(account, now());
  let isSaid = false;
  const once = (what: Came): void => {
    if (!isSaid) came(what);
    isSaid = true;
  };
  return { until, came: once };
}

/** The credential is limited: what its provider would say is said here, and nothing is sent. */
function refuseLimited(
  { request, response, pass, route, limits, account, now }: Exchange,
  until: number,
): Promise<void> {
  pass.tell({ type: "limited", kind: "rate", status: 429, until, account });
  pass.tell({ type: "waiting", since: now(), until });
  const message = `this account is limited until ${new Date(until).toISOString()}`;
  return refuseWhole(request, response, route, { status: 429, message, limits, after_ms: until - now() });
}

/** The beginning of the body, or all of it. @returns null when it was cut off */
function readHead(request: IncomingMessage): Promise<Buffer | null> {
  if (request.method === "GET") return Promise.resolve(Buffer.alloc(0));
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (head: Buffer | null): void => {
      request.off("data", onData).off("end", onEnd).off("close", onClose);
      request.pause();
      resolve(head);
    };
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= MODEL_HEAD_MAX_BYTES) settle(Buffer.concat(chunks));
    };
    const onEnd = (): void => settle(Buffer.concat(chunks));
    const onClose = (): void => settle(request.complete ? Buffer.concat(chunks) : null);
    request.on("data", onData).on("end", onEnd).on("close", onClose);
  });
}

/** Sends the request and passes its answer back. @param over called once, when nothing of it is left */
function sendOn(given: Exchange, head: Buffer, model: string, over: () => void): void {
  const { request, response, pass, route, upstream, agents, limits, now } = given;
  const url = new URL(`${upstream.baseUrl}${route.path}`);
  const isSecure = url.protocol === "https:";
  const outgoing = (isSecure ? overHttps : overHttp)(url, {
    agent: isSecure ? agents.https : agents.http,
    method: request.method,
    headers: requestHeaders(request, upstream),
  });
  const watch = watchOver(given);
  const asked = { bytes: 0 };
  let isOver = false;
  let isAnswered = false;
  const finish = (failure: string | null): void => {
    if (isOver) return;
    isOver = true;
    watch.end();
    release();
    // It was asked in full, and whoever asked did not wait for the answer: its provider may have begun it.
    if (failure === null && !isAnswered && route.generates && outgoing.writableFinished)
      pass.note(route.provider, model, askedFor(asked), false);
    outgoing.destroy();
    if (failure !== null) {
      const message = `no answer from ${url.host}: ${veiled(failure, upstream.key)}`;
      pass.tell({ type: "provider_failed", status: null, message });
      refuseModel(response, route, 502, message);
    }
    over();
  };
  const release = pass.hold(() => {
    finish(null);
    response.destroy();
  });
  response.once("close", () => finish(null));
  watch.onLate((what) => finish(what));
  outgoing.on("error", (error) => {
    // Once there is an answer, its own end says what came of it: some providers answer before they have heard all.
    if (!isAnswered) finish(messageOf(error) || String((error as { code?: unknown }).code));
  });
  outgoing.once("response", (answer) => {
    isAnswered = true;
    passBack(given, answer, { model, asked, watch, finish });
  });
  sendBody(request, outgoing, { head, asked, max_bytes: limits.body_bytes }, () => {
    refuseModel(response, route, 413, tooLarge(limits));
    finish(null);
  });
  if (route.generates) watch.waitFrom(now());
}

/** The rest of the body as it comes, no faster than it is taken. */
function sendBody(
  request: IncomingMessage,
  outgoing: ClientRequest,
  { head, asked, max_bytes }: { readonly head: Buffer; readonly asked: Asked; readonly max_bytes: number },
  onTooLarge: () => void,
): void {
  asked.bytes = head.length;
  if (request.readableEnded) return void outgoing.end(head);
  if (head.length > 0) outgoing.write(head);
  request.on("data", (chunk: Buffer) => {
    asked.bytes += chunk.length;
    if (asked.bytes > max_bytes) return onTooLarge();
    if (outgoing.destroyed || outgoing.write(chunk)) return;
    request.pause();
    outgoing.once("drain", () => request.resume());
  });
  request.on("end", () => outgoing.end());
  request.resume();
}

interface Sent {
  readonly asked: Asked;
  /** As it was asked for. */
  readonly model: string;
  readonly watch: Watch;
  readonly finish: (failure: string | null) => void;
}

function passBack(given: Exchange, answer: IncomingMessage, { model, asked, watch, finish }: Sent): void {
  const { response, pass, route, upstream, limits } = given;
  const status = answer.statusCode ?? 502;
  if (status < 200 || (status >= 300 && status < 400))
    return finish(`it answered with ${status}, which is followed nowhere`);
  const source = plain(answer);
  if (source === null) return finish(`its answer is ${answer.headers["content-encoding"]}, which cannot be read`);
  const isError = status >= 400;
  if (!isError && route.generates) given.came({ kind: "answered" });
  if (isError) watch.isError();
  const isStream = /^text\/event-stream\b/i.test(answer.headers["content-type"] ?? "");
  const reader = createAnswerReader(route.api, isStream && !isError);
  const veil = createVeil(upstream.key);
  response.writeHead(status, responseHeaders(answer, source === answer, upstream.key));

  let size = 0;
  let isRead = false;
  const note = (isWhole: boolean): void => {
    if (isRead) return;
    isRead = true;
    noteAnswer(given, { status, answer, reader, model, asked, isWhole });
  };
  // Also of an answer that is cut off: what it has cost until then is paid for.
  watch.onEnd(() => note(false));
  const cutOff = (): void => {
    // Not ended: half an answer must not look like a whole one.
    response.destroy();
    finish(null);
  };
  source.on("data", (chunk: Buffer) => {
    watch.heard();
    size += chunk.length;
    if (size > limits.answer_bytes) return cutOff();
    if (!isError || size <= MODEL_ERROR_MAX_BYTES) reader.push(chunk);
    if (response.write(veil.push(chunk))) return;
    source.pause();
    response.once("drain", () => source.resume());
  });
  source.once("end", () => {
    if (!answer.complete) return cutOff();
    note(true);
    response.end(veil.end(), () => finish(null));
  });
  for (const broken of ["error", "aborted"]) source.once(broken, cutOff);
  if (source !== answer) for (const broken of ["error", "aborted"]) answer.once(broken, cutOff);
  watch.onLate((what) => {
    pass.tell({ type: "provider_failed", status, message: what });
    cutOff();
  });
}

/** The answer as it is without an encoding, which was not asked for. @returns null for one that is not known */
function plain(answer: IncomingMessage): Readable | null {
  switch (answer.headers["content-encoding"]?.trim().toLowerCase() || "identity") {
    case "identity":
      return answer;
    case "gzip":
    case "x-gzip":
      return answer.pipe(createGunzip());
    case "br":
      return answer.pipe(createBrotliDecompress());
    case "deflate":
      return answer.pipe(createInflate());
    default:
      return null;
  }
}

interface Answered {
  readonly status: number;
  readonly answer: IncomingMessage;
  readonly reader: AnswerReader;
  readonly model: string;
  readonly asked: Asked;
  readonly isWhole: boolean;
}

/** What an answer has cost, and what it means for the dispatch. */
function noteAnswer(given: Exchange, answered: Answered): void {
  const { status, answer, reader, model } = answered;
  const { pass, route, upstream, now } = given;
  const read = reader.end();
  if (status < 400) {
    if (route.generates)
      pass.note(
        route.provider,
        read.model ?? model,
        costOf(read, answered.asked, answered.isWhole),
        read.tokens !== null,
      );
    const trouble = read.error === null ? null : troubleInStream(read.error, upstream, now());
    if (trouble !== null) tellTrouble(given, trouble);
    return;
  }
  const trouble = troubleOf(status, answer.headers, read.error, upstream, now());
  if (trouble !== null) tellTrouble(given, trouble);
}

function tellTrouble({ pass, upstream, account, came, now }: Exchange, trouble: Trouble): void {
  const { redact } = pass.dispatch;
  if (trouble.type === "limited") {
    if (trouble.until !== null) came({ kind: "limited", until: trouble.until });
    pass.tell({ ...trouble, account });
  } else {
    pass.tell("message" in trouble ? { ...trouble, message: redact(veiled(trouble.message, upstream.key)) } : trouble);
  }
  // The CLI tries again by itself, and says nothing meanwhile.
  if (trouble.type === "limited" || trouble.type === "provider_failed")
    pass.tell({ type: "waiting", since: now(), until: trouble.type === "limited" ? trouble.until : null });
}
