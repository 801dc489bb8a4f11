import { Hono } from "hono";
import type { Env } from "../do/env.ts";
import type { IdempotencyKey } from "../do/idempotency.ts";
import { DELETED } from "../do/rig-do.ts";
import { LIMITS } from "../events/limits.ts";
import { authenticate, authorize, callerOf, type Principal } from "./auth.ts";
import { HttpError } from "./errors.ts";
import type { Call, Route } from "./route.ts";
import { isOnceInRegistry, onceInRegistry } from "./once.ts";
import { takeTurn } from "./rate-limit.ts";
import { ROUTES } from "./routes/index.ts";
import { Id } from "./schemas.ts";

const ANONYMOUS: Principal = { kind: "anonymous" };

export const app = new Hono<{ Bindings: Env }>();

for (const entry of ROUTES) {
  app.on(entry.method, entry.path, async (c) => {
    const principal = entry.access.includes("public") ? ANONYMOUS : await authenticate(c.req.raw, c.env, { developmentPass: entry.needsToken !== true });
    const params = checkedParams(c.req.param() as Record<string, string>);
    authorize(principal, entry.access, params);
    takeTurn(principal, Date.now());
    const text = entry.body === undefined ? "" : await readText(c.req.raw);
    const key = await keyOf(c.req.raw, entry, text);
    const rig = () => c.env.RIG.get(c.env.RIG.idFromName(params["rigId"] ?? ""));
    const call: Call<unknown, unknown> = {
      env: c.env,
      params,
      principal,
      caller: callerOf(principal),
      key,
      execute: (command, inTheNameOf) => rig().execute(command, callerOf(principal, inTheNameOf), key),
      body: entry.body === undefined ? undefined : checked(entry.body, parseJson(text, entry.path), "body"),
      query: entry.query === undefined ? undefined : checked(entry.query, c.req.query(), "query"),
      rig,
      context: c,
    };
    const answer = async () => {
      const data = await entry.handle(call);
      return data instanceof Response ? data : c.json({ success: true, data }, entry.status ?? 200);
    };
    return key !== null && isOnceInRegistry(entry) ? onceInRegistry(c.env, principal, key, answer) : answer();
  });
}

app.notFound((c) => c.json({ success: false, error: "Not found" }, 404));

app.onError((error, c) => {
  const known = error instanceof HttpError ? error : error.message.includes(DELETED) ? new HttpError(404, DELETED) : null;
  if (known !== null) {
    if (known.status === 429) c.header("retry-after", "1");
    return c.json({ success: false, error: known.message, ...known.extra }, known.status as 400);
  }
  console.error(JSON.stringify({ level: "error", message: "a request failed", method: c.req.method, path: c.req.path, error: error.message }));
  return c.json({ success: false, error: "Ticktown failed to answer this request; it is logged. Nothing was changed unless a journal entry says so." }, 500);
});

function checkedParams(params: Record<string, string>): Record<string, string> {
  for (const [name, value] of Object.entries(params)) {
    if (!Id.safeParse(value).success) throw new HttpError(name === "rigId" || name === "townId" || name === "userId" ? 400 : 404, `${name} is not an id: it must begin with a letter or digit and hold at most 128 of A-Z a-z 0-9 . _ : @ -`);
  }
  return params;
}

/** @throws HttpError 413 for a body over the limit, whatever its length header says. */
async function readText(request: Request): Promise<string> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > LIMITS.body_bytes) throw new HttpError(413, `a request body may have ${LIMITS.body_bytes} bytes, this one has ${declared}`);
  if (request.body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > LIMITS.body_bytes) throw new HttpError(413, `a request body may have ${LIMITS.body_bytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** An absent body counts as {}; a heartbeat's is ignored if it makes no sense. @throws HttpError 400. */
function parseJson(text: string, path: string): unknown {
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    if (path.endsWith("/heartbeat")) return {};
    throw new HttpError(400, "the request body is not valid JSON", { issues: [{ path: [], message: "not valid JSON" }] });
  }
}

/** @throws HttpError 400 for a key that is too long to remember. */
async function keyOf(request: Request, entry: Route, text: string): Promise<IdempotencyKey | null> {
  const key = request.headers.get("idempotency-key");
  if (key === null || entry.method !== "POST") return null;
  if (entry.answersSecret === true) throw new HttpError(400, "no Idempotency-Key here: the answer is a secret that is shown once and not kept, so it cannot be given again");
  if (key.length === 0 || key.length > 255) throw new HttpError(400, "an Idempotency-Key must have 1 to 255 characters");
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${new URL(request.url).pathname}\n${text}`));
  return { key, fingerprint: Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("") };
}

function checked(schema: NonNullable<Route["body"]>, value: unknown, what: string): unknown {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => ({ path: issue.path.map(String), message: issue.message }));
  const first = issues[0];
  throw new HttpError(400, `the ${what} is not valid${first === undefined ? "" : `: ${first.path.join(".") || "(root)"}: ${first.message}`}`, { issues });
}
