import { Hono } from "hono";
import type { Env } from "../do/env.ts";
import { DELETED } from "../do/rig-do.ts";
import { LIMITS } from "../events/limits.ts";
import { authenticate, authorize } from "./auth.ts";
import { HttpError } from "./errors.ts";
import type { Call, Route } from "./route.ts";
import { agentRoutes } from "./routes/agents.ts";
import { beadRoutes } from "./routes/beads.ts";
import { reviewRoutes } from "./routes/reviews.ts";
import { rigRoutes } from "./routes/rigs.ts";
import { systemRoutes } from "./routes/system.ts";
import { userRoutes } from "./routes/users.ts";
import { Id } from "./schemas.ts";

/** Every route of this Worker. */
export const ROUTES: readonly Route[] = [...systemRoutes, ...beadRoutes, ...agentRoutes, ...reviewRoutes, ...rigRoutes, ...userRoutes];

export const app = new Hono<{ Bindings: Env }>();

for (const entry of ROUTES) {
  app.on(entry.method, entry.path, async (c) => {
    const principal = await authenticate(c.req.raw, c.env);
    const params = checkedParams(c.req.param() as Record<string, string>);
    authorize(principal, entry.access, params);
    const call: Call<unknown, unknown> = {
      env: c.env,
      params,
      principal,
      body: entry.body === undefined ? undefined : checked(entry.body, await readJson(c.req.raw, entry.path), "body"),
      query: entry.query === undefined ? undefined : checked(entry.query, c.req.query(), "query"),
      rig: () => c.env.RIG.get(c.env.RIG.idFromName(params["rigId"] ?? "")),
      context: c,
    };
    const data = await entry.handle(call);
    if (data instanceof Response) return data;
    return c.json({ success: true, data }, entry.status ?? 200);
  });
}

app.notFound((c) => c.json({ success: false, error: "Not found" }, 404));

app.onError((error, c) => {
  const known = error instanceof HttpError ? error : error.message.includes(DELETED) ? new HttpError(404, DELETED) : null;
  if (known !== null) return c.json({ success: false, error: known.message, ...known.extra }, known.status as 400);
  console.error(JSON.stringify({ level: "error", message: "a request failed", method: c.req.method, path: c.req.path, error: error.message }));
  return c.json({ success: false, error: "Ticktown failed to answer this request; it is logged. Nothing was changed unless a journal entry says so." }, 500);
});

function checkedParams(params: Record<string, string>): Record<string, string> {
  for (const [name, value] of Object.entries(params)) {
    if (!Id.safeParse(value).success) throw new HttpError(name === "rigId" || name === "townId" || name === "userId" ? 400 : 404, `${name} is not an id: it must begin with a letter or digit and hold at most 128 of A-Z a-z 0-9 . _ : @ -`);
  }
  return params;
}

/** @throws HttpError 413 for a body over the limit, 400 for one that is not JSON. An absent body counts as {}. */
async function readJson(request: Request, path: string): Promise<unknown> {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > LIMITS.body_bytes) throw new HttpError(413, `a request body may have ${LIMITS.body_bytes} bytes, this one has ${declared}`);
  const text = await readText(request.body);
  if (text.trim() === "") return path.endsWith("/heartbeat") ? {} : undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    if (path.endsWith("/heartbeat")) return {};
    throw new HttpError(400, "the request body is not valid JSON", { issues: [{ path: [], message: "not valid JSON" }] });
  }
}

async function readText(body: ReadableStream<Uint8Array> | null): Promise<string> {
  if (body === null) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > LIMITS.body_bytes) throw new HttpError(413, `a request body may have ${LIMITS.body_bytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function checked(schema: NonNullable<Route["body"]>, value: unknown, what: string): unknown {
  const parsed = schema.safeParse(value ?? {});
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => ({ path: issue.path.map(String), message: issue.message }));
  const first = issues[0];
  throw new HttpError(400, `the ${what} is not valid${first === undefined ? "" : `: ${first.path.join(".") || "(root)"}: ${first.message}`}`, { issues });
}
