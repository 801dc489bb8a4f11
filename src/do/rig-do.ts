import { DurableObject } from "cloudflare:workers";
import { sign } from "hono/jwt";
import { containerGateway, type Fetcher } from "../container/gateway.ts";
import type { Fact, Role } from "../events/facts.ts";
import type { Settings } from "../events/settings.ts";
import type { Kind } from "../machines/step.ts";
import { whyAgent, whyBead, type Why } from "../machines/why.ts";
import type { Caller, Command, Refusal } from "../machines/decide.ts";
import { get, type World } from "../machines/world.ts";
import type { Env } from "./env.ts";
import { health, type Health } from "./health.ts";
import { once, type IdempotencyKey } from "./idempotency.ts";
import type { JsonValue } from "./json.ts";
import { outcomeOf } from "./patrol.ts";
import type { RigPorts } from "./ports.ts";
import { board, pending, type Board, type Pending } from "./board.ts";
import { possible, whatIf, type Possibility, type WhatIf } from "./debug.ts";
import { inspection, type Inspection } from "./inspect.ts";
import { beadEvents } from "./bead-events.ts";
import * as queries from "./queries.ts";
import { isDestroyed, reasonOf, wake } from "./alarm.ts";
import { archive, eraseArchive, replayFromArchive, stateAsOf } from "./archive.ts";
import { execute, heartbeat, openRig, type Rig } from "./rig.ts";
import { actorLine, entryLine, headerLine, resume, type Cut, type Replayed } from "./replay.ts";
import { actorsAfter, readJournal, storedActors, type JournalEntry } from "./store.ts";
import { encodeFeed, eventStream, pumpAll, type Attachment, type Socket } from "./streams.ts";
import { onAlarm, tick, type TickReport } from "./tick.ts";
import type { WireAgent, WireAgentEvent, WireBead, WireBeadEvent, WireMail } from "./wire.ts";

/** Agents' tokens are valid for this long (wire protocol: at most 24 h). */
const TOKEN_S = 86_400;

/** What a command answered: the refusal, or the bead and agent that it was about as they are now. */
export type Reply = ({ ok: true; stale: boolean } & { bead: WireBead | null; agent: WireAgent | null }) | Refusal;

/** Commands by which an agent shows progress (design rule 3). An escalation is none: it waits for its answer. */
const PROGRESS: ReadonlySet<Command["type"]> = new Set(["send_mail", "set_bead_status", "close_bead", "create_bead", "submit_review"]);

/** Where an export goes on: first the facts, then the stored actors. */
export type ExportCursor = { readonly part: "facts" | "actors"; readonly after: number };

/** Lines of an export per call: a few megabytes at most. */
const EXPORT_PAGE = 1_000;

/** What a call gets that comes after the rig's end. */
export const DELETED = "this rig was deleted";

/** To one socket; one that has gone is told so by the platform. */
const sendAll = (socket: WebSocket, messages: readonly string[]): void => {
  try {
    for (const message of messages) socket.send(message);
  } catch {
    socket.close(1011, "the line failed; connect again");
  }
};

/** One rig. A table of contents: every method is one line of somebody else's work. */
export class RigDO extends DurableObject<Env> {
  /** Not a method, so no caller from outside can reach it; tests can. */
  rig: Rig | null = null;
  #alarm: number | null = null;
  #inspection: Inspection | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    void ctx.blockConcurrencyWhile(async () => {
      if (ctx.storage.kv.get("destroyed") === true) return;
      this.#alarm = await ctx.storage.getAlarm();
      const rig = openRig(this.#ports());
      if (ctx.getWebSockets("inspect").length > 0) this.#inspection = inspection(rig);
      rig.listeners.add((entries) => {
        const inspectors = ctx.getWebSockets("inspect");
        if (inspectors.length === 0) this.#inspection = null;
        const messages = this.#inspection?.committed(entries) ?? [];
        for (const socket of inspectors) sendAll(socket, messages);
        for (const socket of ctx.getWebSockets("feed")) ctx.waitUntil(pumpAll(rig, socket as unknown as Socket, encodeFeed));
      });
      this.rig = rig;
    });
  }

  /** The rig, awake. */
  get #open(): Rig {
    if (this.rig === null) throw new Error(DELETED);
    wake(this.rig);
    return this.rig;
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    const scheduled = info?.scheduledTime === undefined ? this.#alarm : Number(info.scheduledTime);
    this.#alarm = null;
    if (this.rig === null) return;
    await onAlarm(this.rig, scheduled);
    this.#archive(this.rig);
  }

  /** Moves what is old out of the object, where a bucket is bound. A failure leaves everything as it is, and the next alarm tries again. */
  #archive(rig: Rig): void {
    this.#withArchive(rig, "the journal could not be archived", (bucket, rigId) => archive(rig, bucket, rigId));
  }

  #withArchive(rig: Rig, failure: string, what: (bucket: R2Bucket, rigId: string) => Promise<unknown>): void {
    const { ARCHIVE } = this.env;
    const rigId = rig.world.rig.context.config?.rigId;
    if (ARCHIVE === undefined || rigId === undefined) return;
    this.ctx.waitUntil(what(ARCHIVE, rigId).catch((error: unknown) => rig.ports.log("error", failure, { error: reasonOf(error) })));
  }

  /** Runs a command for somebody. With a key, the same command again answers as the first time and changes nothing. */
  execute(command: Command, caller: Caller, key: IdempotencyKey | null = null): Reply {
    const rig = this.#open;
    return key === null ? this.#reply(command, caller) : once(rig, key, () => this.#reply(command, caller));
  }

  #reply(command: Command, caller: Caller): Reply {
    const rig = this.#open;
    const decision = execute(rig, command, caller);
    if (!decision.ok) return decision;
    if (caller.dispatchId !== null && decision.stale !== true && PROGRESS.has(command.type)) execute(rig, { type: "progressed", agentId: caller.id, what: command.type }, caller);
    return {
      ok: true,
      stale: decision.stale ?? false,
      bead: decision.beadId === undefined ? null : queries.bead(rig, decision.beadId),
      agent: decision.agentId === undefined ? null : queries.agent(rig, decision.agentId),
    };
  }

  heartbeat(agentId: string, dispatchId: string | null, caller: Caller): void {
    heartbeat(this.#open, agentId, dispatchId, caller);
  }

  completed(agentId: string, report: { status: "completed" | "failed"; reason: string | null; resetAt: number | null; dispatchId: string | null }, caller: Caller, key: IdempotencyKey | null = null): Reply {
    const { outcome, resetAt } = outcomeOf(report.status, report.reason, report.resetAt);
    return this.execute({ type: "exited", agentId, dispatchId: report.dispatchId, outcome, reason: report.reason ?? report.status, resetAt }, caller, key);
  }

  appendEvent(agentId: string, type: string, data: JsonValue, caller: Caller, key: IdempotencyKey | null = null): Reply {
    return key === null ? this.#append(agentId, type, data, caller) : once(this.#open, key, () => this.#append(agentId, type, data, caller));
  }

  #append(agentId: string, type: string, data: JsonValue, caller: Caller): Reply {
    const rig = this.#open;
    if (!rig.world.agents.has(agentId)) return { ok: false, status: 404, error: `no agent ${agentId} in this rig` };
    queries.appendAgentEvent(rig, agentId, type, data);
    const command: Command = /^permission\.(asked|updated|requested)$/.test(type)
      ? { type: "permission_asked", agentId, prompt: JSON.stringify(data).slice(0, 500) }
      : /^permission\.(replied|answered|granted|denied)$/.test(type)
        ? { type: "permission_answered", agentId }
        : { type: "progressed", agentId, what: type };
    return this.#reply(command, caller);
  }

  /** Reading mail delivers it. */
  readMail(agentId: string, caller: Caller): WireMail[] | Refusal {
    const rig = this.#open;
    const mail = queries.undeliveredMail(rig, agentId);
    const reply = this.execute({ type: "read_mail", agentId, mailIds: mail.map(({ id }) => id) }, caller);
    if (!reply.ok) return reply;
    // An older dispatch must not read away what the newer one is meant to see.
    if (reply.stale) return [];
    const now = new Date(rig.world.at).toISOString();
    return mail.map((letter) => ({ ...letter, delivered: true, delivered_at: now }));
  }

  bead(id: string): WireBead | null {
    return queries.bead(this.#open, id);
  }
  beads(filter: queries.BeadFilter, page: queries.Page): WireBead[] {
    return queries.beads(this.#open, filter, page);
  }
  agent(id: string): WireAgent | null {
    return queries.agent(this.#open, id);
  }
  agents(filter: { role?: Role; status?: WireAgent["status"] }): WireAgent[] {
    return queries.agents(this.#open, filter);
  }
  prime(agentId: string): queries.Prime | null {
    return queries.prime(this.#open, agentId);
  }
  agentEvents(agentId: string, after: number, limit: number): WireAgentEvent[] | null {
    return this.#open.world.agents.has(agentId) ? queries.agentEvents(this.#open, agentId, after, limit) : null;
  }
  beadEvents(filter: { since?: number; beadId?: string; limit: number }): WireBeadEvent[] {
    return beadEvents(this.#open, filter);
  }
  settings(): Settings {
    return this.#open.world.rig.context.settings;
  }
  health(): Health {
    return health(this.#open);
  }
  tick(): Promise<TickReport> {
    return tick(this.#open);
  }
  journal(after: number, limit: number): JournalEntry[] {
    return readJournal(this.#open.ports.sql, after, limit);
  }
  /** The journal as a file, page by page; the stored actors follow the last fact. */
  exportPage(from: ExportCursor): { lines: string[]; next: ExportCursor | null } {
    const rig = this.#open;
    if (from.part === "actors") {
      const { rows, last } = actorsAfter(rig.ports.sql, from.after, EXPORT_PAGE);
      return { lines: rows.map(actorLine), next: last === null ? null : { part: "actors", after: last } };
    }
    const { after } = from;
    const entries = readJournal(rig.ports.sql, after, EXPORT_PAGE);
    const head = after === 0 ? [headerLine(this.ctx.id.name ?? null)] : [];
    const last = entries.at(-1)?.fact.seq ?? after;
    return { lines: [...head, ...entries.map(entryLine)], next: entries.length === 0 ? { part: "actors", after: -1 } : { part: "facts", after: last } };
  }
  /** Folds the whole journal again and compares it with what was recorded and with the rows of now. */
  replay(): Replayed {
    const rig = this.#open;
    return replayFromArchive(rig);
  }
  /** Every actor's state as of a seq, by replay; without one, as it is stored now. */
  state(seq: number | null): Cut | null {
    const rig = this.#open;
    if (seq === null) return { seq: rig.world.seq, at: rig.world.at, actors: [...storedActors(rig.ports.sql)], broken: [...rig.world.broken] };
    return stateAsOf(rig, seq);
  }
  /** The world as of a seq, by replay; without one, the live one. */
  #worldAt(seq: number | null): World | null {
    const rig = this.#open;
    if (seq === null) return rig.world;
    const past = stateAsOf(rig, seq);
    return past === null ? null : resume(past);
  }
  board(): Board {
    return board(this.#open);
  }
  pending(): Pending[] {
    return pending(this.#open);
  }
  possible(kind: Kind, id: string, seq: number | null): Possibility[] | null {
    const world = this.#worldAt(seq);
    return world === null ? null : possible(world, kind, id, seq === null ? Date.now() : world.at);
  }
  whatIf(fact: Fact, seq: number | null, at: number | null): WhatIf | null {
    const world = this.#worldAt(seq);
    return world === null ? null : whatIf(world, fact, at ?? (seq === null ? Date.now() : world.at));
  }
  whyBead(id: string): Why | null {
    const { world } = this.#open;
    const bead = get(world, "bead", id);
    return bead === undefined ? null : whyBead(world, bead);
  }
  whyAgent(id: string): Why | null {
    const { world } = this.#open;
    const agent = world.agents.get(id);
    return agent === undefined ? null : whyAgent(world, agent);
  }

  /** Sockets and event streams: the only calls that are not plain methods. */
  override async fetch(request: Request): Promise<Response> {
    const rig = this.#open;
    const { pathname, searchParams } = new URL(request.url);
    const after = Math.min(Number(searchParams.get("after") ?? request.headers.get("last-event-id") ?? 0) || 0, rig.world.seq);
    if (pathname.endsWith("/feed") && request.headers.get("upgrade") !== "websocket") {
      return new Response(eventStream(rig, after), { headers: { "content-type": "text/event-stream", "cache-control": "no-store" } });
    }
    const { 0: client, 1: server } = new WebSocketPair();
    const kind = pathname.endsWith("/inspect") ? "inspect" : "feed";
    this.ctx.acceptWebSocket(server, [kind]);
    const attachment: Attachment = { kind, after };
    server.serializeAttachment(attachment);
    if (kind === "feed") {
      this.ctx.waitUntil(pumpAll(rig, server as unknown as Socket, encodeFeed));
    } else {
      this.#inspection ??= inspection(rig);
      sendAll(server, this.#inspection.hello());
    }
    const protocol = request.headers.get("sec-websocket-protocol")?.split(",")[0]?.trim();
    return new Response(null, { status: 101, webSocket: client, headers: protocol === undefined ? {} : { "sec-websocket-protocol": protocol } });
  }

  /** Clients have nothing to say; a ping keeps a proxy from closing the line. */
  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (message === "ping") socket.send("pong");
  }
  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
  }

  /** Credentials and model keys: beside the journal, never in it. They reach only the environment of processes. */
  setSecrets(secrets: Record<string, string | null>): void {
    const { sql } = this.#open.ports;
    for (const [name, value] of Object.entries(secrets)) {
      if (value === null) sql.exec("DELETE FROM secrets WHERE name = ?", name);
      else sql.exec("INSERT OR REPLACE INTO secrets VALUES (?, ?)", name, value);
    }
  }

  /** Names of the secrets; their values leave only into the environment of processes. */
  secretNames(): string[] {
    return this.#open.ports.sql.exec<{ name: string }>("SELECT name FROM secrets ORDER BY name").toArray().map(({ name }) => name);
  }

  /** Ends the rig: processes are asked to stop, the storage and the archived segments are deleted, a tombstone keeps late calls from making a new one. */
  async destroy(caller: Caller): Promise<void> {
    const rig = this.#open;
    if (!isDestroyed(rig)) execute(rig, { type: "destroy" }, caller);
    await rig.outbox.settle(rig);
    this.rig = null;
    this.#alarm = null;
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.ctx.storage.kv.put("destroyed", true);
    this.#withArchive(rig, "the archived journal could not be deleted", eraseArchive);
  }

  #ports(): RigPorts {
    const { ctx, env } = this;
    const log: RigPorts["log"] = (level, message, data) => console[level](JSON.stringify({ level, rig: ctx.id.name ?? ctx.id.toString(), message, ...data }));
    return {
      sql: ctx.storage.sql as RigPorts["sql"],
      transaction: (run) => ctx.storage.transactionSync(run),
      now: () => Date.now(),
      newId: (kind) => `${kind}-${crypto.randomUUID()}`,
      getAlarm: () => this.#alarm,
      setAlarm: (at) => {
        if (this.#alarm === at) return;
        this.#alarm = at;
        void ctx.storage.setAlarm(at);
      },
      deleteAlarm: () => {
        this.#alarm = null;
        void ctx.storage.deleteAlarm();
      },
      container: (townId) => containerGateway(env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName(townId)) as unknown as Fetcher),
      agentEnvironment: async (agent) => {
        const { agentId, rigId, townId, userId, dispatchId } = agent;
        const now = Math.floor(Date.now() / 1_000);
        const environment: Record<string, string> = {};
        for (const { name, value } of ctx.storage.sql.exec<{ name: string; value: string }>("SELECT name, value FROM secrets").toArray()) environment[name] = value;
        if (env.GASTOWN_API_URL !== undefined) environment["GASTOWN_API_URL"] = env.GASTOWN_API_URL;
        if (env.GASTOWN_JWT_SECRET !== undefined) {
          const claims = { agentId, rigId, townId, userId, dispatchId, iat: now, exp: now + TOKEN_S };
          environment["GASTOWN_SESSION_TOKEN"] = await sign(claims, env.GASTOWN_JWT_SECRET, "HS256");
        }
        return environment;
      },
      notify: async (effect) => {
        log("warn", "alert", { title: effect.title, text: effect.text, severity: effect.severity, bead: effect.beadId });
        if (env.NOTIFY_WEBHOOK_URL === undefined) return;
        const response = await fetch(env.NOTIFY_WEBHOOK_URL, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(effect), signal: AbortSignal.timeout(10_000) });
        await response.body?.cancel();
        if (!response.ok) throw new Error(`the webhook answered HTTP ${response.status}`);
      },
      background: (work) => ctx.waitUntil(work),
      log,
    };
  }
}
