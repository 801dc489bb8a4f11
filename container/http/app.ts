/** The routes of the control server, and nothing but the routes. */
import { Hono, type Context, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import type * as z from "zod";
import {
  type AgentStatusList,
  type AnswerAnswer,
  AnswerRequest,
  type Capabilities,
  type ControlError,
  type Health,
  Id,
  InspectRequest,
  LookRequest,
  MergeRequest,
  type MessageAnswer,
  MessageRequest,
  StartAgentRequest,
  StopRequest,
  SyncRequest,
  TidyRequest,
} from "../../src/wire/container.ts";
import { DiffRequest } from "../../src/wire/diff.ts";
import { ClearRequest } from "../../src/wire/inventory.ts";
import { TrainRequest } from "../../src/wire/train.ts";
import type { Agents } from "../agents/agents.ts";
import type { Apis } from "../reports/apis.ts";
import { isAuthorized } from "./auth.ts";
import type { Halt } from "../halt.ts";
import { BODY_MAX_BYTES } from "../limits.ts";
import { type Log, messageOf } from "../log.ts";
import type { Diffs } from "../git/diff.ts";
import type { HandIns } from "../git/hand-ins.ts";
import type { Merges } from "../git/merges.ts";
import type { Repositories } from "../git/repositories.ts";
import type { Trains } from "../train/trains.ts";
import { Refusal } from "../refusal.ts";
import type { Places } from "../place/places.ts";
import type { Tickets } from "./tickets.ts";

export interface AppOptions {
  readonly apis: Pick<Apis, "note">;
  readonly agents: Agents;
  readonly merges: Merges;
  readonly trains: Trains;
  readonly handIns: HandIns;
  readonly diffs: Diffs;
  readonly capabilities: Capabilities;
  readonly places: Places;
  readonly halt: Halt;
  readonly repositories: Repositories;
  readonly tickets: Tickets;
  readonly health: () => Health;
  /** Names this run of the server in its answers. */
  readonly instance: string;
  readonly controlToken: string | null;
  readonly log: Log;
}

export function createApp(options: AppOptions): Hono {
  const { agents, repositories, tickets, health, instance, controlToken, log } = options;
  const app = new Hono();

  app.use(keptByNobody);

  app.get("/health", (c) => c.json(health()));

  app.use(async (c, next) => {
    if (isAuthorized(c.req.header("authorization"), controlToken)) return next();
    return c.json({ error: "the control token is missing or wrong", code: "unauthorized" } satisfies ControlError, 401);
  });
  app.use(
    bodyLimit({
      maxSize: BODY_MAX_BYTES,
      onError: (c) =>
        c.json(
          { error: `the body is larger than ${BODY_MAX_BYTES} bytes`, code: "body_too_large" } satisfies ControlError,
          413,
        ),
    }),
  );

  app.get("/agents", (c) => c.json({ agents: agents.statuses(), instance } satisfies AgentStatusList));

  app.post("/agents/start", async (c) => {
    const request = await read(c, StartAgentRequest);
    noteApi(options, request);
    const { created, status } = await agents.start(request);
    return c.json(status, created ? 201 : 200);
  });

  app.post("/agents/:id/stop", async (c) =>
    c.json({ stopped: agents.stop(c.req.param("id"), await read(c, StopRequest)) }),
  );

  app.post("/agents/:id/message", async (c) => {
    const sent = agents.message(c.req.param("id"), await read(c, MessageRequest));
    return c.json({ sent } satisfies MessageAnswer);
  });

  app.post("/agents/:id/answer", async (c) => {
    agents.answer(c.req.param("id"), await read(c, AnswerRequest));
    return c.json({ answered: true } satisfies AnswerAnswer);
  });

  app.get("/agents/:id/status", (c) => c.json(agents.status(c.req.param("id"))));

  app.get("/agents/:id/events", (c) => {
    const after = Number(c.req.query("after") ?? 0);
    if (!Number.isSafeInteger(after) || after < 0)
      throw new Refusal(400, "after_refused", "after must be a non-negative integer");
    return c.json({ events: agents.events(c.req.param("id"), after) });
  });

  app.post("/agents/:id/stream-ticket", (c) => {
    const { agentId } = agents.status(c.req.param("id"));
    return c.json(tickets.issue(agentId));
  });

  routeGit(app, options);
  routeHandIns(app, options);
  routePlaces(app, options);
  routeRepositories(app, repositories);

  app.notFound((c) => c.json({ error: "Not found" }, 404));
  app.onError((error, c) => {
    if (error instanceof InvalidBody)
      return c.json({ error: error.message, issues: error.issues } satisfies ControlError, 400);
    if (error instanceof Refusal)
      return c.json({ error: error.message, code: error.code } satisfies ControlError, error.httpStatus);
    log(`${c.req.method} ${c.req.path} failed: ${messageOf(error)}`);
    return c.json(
      { error: "the control server failed; its log says why", code: "internal" } satisfies ControlError,
      500,
    );
  });
  return app;
}

/** No answer is kept by a cache, or taken for something else than it says. */
const keptByNobody: MiddlewareHandler = async (c, next) => {
  await next();
  c.header("x-content-type-options", "nosniff");
  c.header("cache-control", "no-store");
};

/** Each order says where the rig's API is, to which goes what is reported of this one and of those before it. */
function noteApi({ apis }: AppOptions, { rigId, envVars }: Pick<StartAgentRequest, "rigId" | "envVars">): void {
  apis.note(rigId, envVars?.["GASTOWN_API_URL"]);
}

function routeGit(app: Hono, options: AppOptions): void {
  const { merges, trains, diffs } = options;
  app.post("/git/diff", async (c) => c.json(await diffs.diff(await read(c, DiffRequest))));
  app.post("/git/merge", async (c) => {
    const request = await read(c, MergeRequest);
    noteApi(options, request);
    await merges.accept(request);
    return c.json({ status: "accepted" }, 202);
  });
  app.post("/git/train", async (c) => {
    const request = await read(c, TrainRequest);
    noteApi(options, request);
    await trains.accept(request);
    return c.json({ status: "accepted" }, 202);
  });
  app.get("/git/train/:id", (c) => c.json(trains.state(c.req.param("id"))));
}

function routeHandIns(app: Hono, { agents, handIns, capabilities }: AppOptions): void {
  app.get("/capabilities", (c) => c.json(capabilities));
  app.post("/agents/:id/inspect", async (c) => {
    const request = await read(c, InspectRequest);
    agents.noteHandIn(c.req.param("id"), request.dispatchId);
    return c.json(await handIns.inspect(c.req.param("id"), request));
  });
}

function routePlaces(app: Hono, { places, halt }: AppOptions): void {
  app.post("/halt", async (c) => c.json(await halt(null)));
  app.post("/rigs/:id/halt", async (c) => c.json(await halt(idOf("rig", c.req.param("id")))));
  app.post("/rigs/:id/tidy", async (c) =>
    c.json(await places.tidy(idOf("rig", c.req.param("id")), await read(c, TidyRequest))),
  );
  app.get("/rigs/:id/inventory", (c) => c.json(places.inventory(idOf("rig", c.req.param("id")))));
  app.post("/rigs/:id/clear", async (c) =>
    c.json(await places.clear(idOf("rig", c.req.param("id")), await read(c, ClearRequest))),
  );
  app.post("/rigs/:id/forget", (c) => {
    places.forget(idOf("rig", c.req.param("id")));
    return c.json({ forgotten: true }, 202);
  });
}

function routeRepositories(app: Hono, repositories: Repositories): void {
  app.post("/repositories/look", async (c) => c.json(await repositories.look(await read(c, LookRequest))));
  app.post("/agents/:id/sync", async (c) =>
    c.json(await repositories.sync(idOf("agent", c.req.param("id")), await read(c, SyncRequest))),
  );
}

/** It names a folder. @throws Refusal 400 */
function idOf(of: "rig" | "agent", text: string): string {
  const id = Id.safeParse(text);
  if (!id.success) throw new Refusal(400, `${of}_id_refused`, `the ${of}'s id ${id.error.issues[0]?.message}`);
  return id.data;
}

class InvalidBody extends Error {
  readonly issues: NonNullable<ControlError["issues"]>;

  constructor(message: string, issues: NonNullable<ControlError["issues"]>) {
    super(message);
    this.name = "InvalidBody";
    this.issues = issues;
  }
}

/**
 * @throws InvalidBody (400) with one issue per field. An empty body counts as `{}`.
 * @throws Refusal 415 for a body that does not say that it is JSON, as that of a form on a web page.
 */
async function read<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const text = await c.req.text();
  if (text !== "" && !/^application\/json *(;|$)/i.test(c.req.header("content-type") ?? ""))
    throw new Refusal(415, "not_json", "a body must say `content-type: application/json`; nothing was done");
  let body: unknown;
  try {
    body = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new InvalidBody("the body is not valid JSON", [{ path: "", message: "not valid JSON" }]);
  }
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message }));
  throw new InvalidBody(
    `the body is not valid: ${issues.map(({ path, message }) => `${path || "body"}: ${message}`).join("; ")}`,
    issues,
  );
}
