/** The routes of the control server, and nothing but the routes. */
import { Hono, type Context } from "hono";
import { bodyLimit } from "hono/body-limit";
import type * as z from "zod";
import { type ControlError, type Health, MergeRequest, MessageRequest, StartAgentRequest, StopRequest } from "../src/container/contract.ts";
import type { Agents } from "./agents.ts";
import { isAuthorized } from "./auth.ts";
import { BODY_MAX_BYTES } from "./limits.ts";
import { type Log, messageOf } from "./log.ts";
import type { Merges } from "./merges.ts";
import { Refusal } from "./refusal.ts";
import type { Tickets } from "./tickets.ts";

export interface AppOptions {
  readonly agents: Agents;
  readonly merges: Merges;
  readonly tickets: Tickets;
  readonly health: () => Health;
  readonly controlToken: string | null;
  readonly log: Log;
}

export function createApp({ agents, merges, tickets, health, controlToken, log }: AppOptions): Hono {
  const app = new Hono();

  app.get("/health", (c) => c.json(health()));

  app.use(async (c, next) => {
    if (isAuthorized(c.req.header("authorization"), controlToken)) return next();
    return c.json({ error: "the control token is missing or wrong", code: "unauthorized" } satisfies ControlError, 401);
  });
  app.use(
    bodyLimit({
      maxSize: BODY_MAX_BYTES,
      onError: (c) => c.json({ error: `the body is larger than ${BODY_MAX_BYTES} bytes`, code: "body_too_large" } satisfies ControlError, 413),
    }),
  );

  app.get("/agents", (c) => c.json({ agents: agents.statuses() }));

  app.post("/agents/start", async (c) => {
    const { created, status } = await agents.start(await read(c, StartAgentRequest));
    return c.json(status, created ? 201 : 200);
  });

  app.post("/agents/:id/stop", async (c) => c.json({ stopped: agents.stop(c.req.param("id"), await read(c, StopRequest)) }));

  app.post("/agents/:id/message", async (c) => {
    agents.message(c.req.param("id"), await read(c, MessageRequest));
    return c.json({ sent: true });
  });

  app.get("/agents/:id/status", (c) => c.json(agents.status(c.req.param("id"))));

  app.get("/agents/:id/events", (c) => {
    const after = Number(c.req.query("after") ?? 0);
    if (!Number.isSafeInteger(after) || after < 0) throw new Refusal(400, "after_refused", "after must be a non-negative integer");
    return c.json({ events: agents.events(c.req.param("id"), after) });
  });

  app.post("/agents/:id/stream-ticket", (c) => {
    const { agentId } = agents.status(c.req.param("id"));
    return c.json(tickets.issue(agentId));
  });

  app.post("/git/merge", async (c) => {
    await merges.accept(await read(c, MergeRequest));
    return c.json({ status: "accepted" }, 202);
  });

  app.notFound((c) => c.json({ error: "Not found" }, 404));
  app.onError((error, c) => {
    if (error instanceof InvalidBody) return c.json({ error: error.message, issues: error.issues } satisfies ControlError, 400);
    if (error instanceof Refusal) return c.json({ error: error.message, code: error.code } satisfies ControlError, error.httpStatus);
    log(`${c.req.method} ${c.req.path} failed: ${messageOf(error)}`);
    return c.json({ error: "the control server failed; its log says why", code: "internal" } satisfies ControlError, 500);
  });
  return app;
}

class InvalidBody extends Error {
  readonly issues: NonNullable<ControlError["issues"]>;

  constructor(message: string, issues: NonNullable<ControlError["issues"]>) {
    super(message);
    this.name = "InvalidBody";
    this.issues = issues;
  }
}

/** @throws InvalidBody (400) with one issue per field. An empty body counts as `{}`. */
async function read<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const text = await c.req.text();
  let body: unknown;
  try {
    body = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new InvalidBody("the body is not valid JSON", [{ path: "", message: "not valid JSON" }]);
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
  throw new InvalidBody(`the body is not valid: ${issues.map(({ path, message }) => `${path || "body"}: ${message}`).join("; ")}`, issues);
}
