import { packBoard } from "../wire/board.ts";
import type { PackedBoard, PackedEnded } from "../wire/packed-board.ts";
import type { HandInAnswer, Pending, TickReport } from "../wire/schemas.ts";
import { DurableObject } from "cloudflare:workers";
import { halt, type Halted } from "./halt.ts";
import { handInOf } from "./hand-in.ts";
import type { Fact, Role } from "../events/facts.ts";
import type { Settings } from "../events/settings.ts";
import type { Kind } from "../core/step.ts";
import { admit, type AgentCaller, type Caller, type Command, type Refusal } from "../core/decide/index.ts";
import type { World } from "../core/world.ts";
import type { Env } from "./env.ts";
import { health, type Health } from "./health.ts";
import { once, type IdempotencyKey } from "./idempotency.ts";
import { tooMuch } from "./growth.ts";
import type { JsonValue } from "../events/json.ts";
import { exitedBy, type Completion } from "./completed.ts";
import { board, ended, pending } from "./board.ts";
import { possible, whatIf, type Possibility, type WhatIf } from "../core/explain.ts";
import { actOnNeeds } from "./acts.ts";
import { announce } from "./announce.ts";
import { createAudience, type Audience } from "./audience.ts";
import { exportHead, exportPage, type ExportCursor, type ExportPage } from "./export.ts";
import { bringBack, takeBack, wasInterrupted, type ImportAnswer } from "./import-rig.ts";
import { rigPorts, type AlarmSlot } from "./platform.ts";
import { beadEvents } from "./bead-events.ts";
import { readMail } from "./read-mail.ts";
import { metrics } from "./metrics.ts";
import { needs } from "./needs.ts";
import type { Sample } from "../wire/metrics.ts";
import { budgetOrder, spend, type SpendBy } from "./spend.ts";
import { report } from "./report.ts";
import * as looks from "./looks.ts";
import * as queries from "./queries.ts";
import { reviewQueue } from "./review-queue.ts";
import { append } from "./append.ts";
import { attemptsOf, keepAttempt } from "./attempts.ts";
import type { Attempt } from "../wire/attempts.ts";
import type { ActItem, ActResult, NeedsAct } from "../wire/acts.ts";
import { isDestroyed, reasonOf, wake } from "./alarm.ts";
import { archive, eraseArchive, replayFromArchive, stateAsOf, storedState } from "./archive.ts";
import { deleted, newer, type Unavailable } from "./unavailable.ts";
import { NewerError } from "../events/upcast.ts";
import { sync, type Synced } from "./sync.ts";
import { forget } from "./tidy.ts";
import { execute, heartbeat, openRig, showsProgress, type Heard, type Rig } from "./rig.ts";
import type { Seen } from "./ports.ts";
import { tellLastUsage } from "./sightings.ts";
import { trace } from "./traces.ts";
import { whyOfAgent, whyOfBead, type WhyBecause } from "./why.ts";
import { secretNames, secretsNamed, setSecrets } from "./secrets.ts";
import type { Replayed } from "../core/replay.ts";
import { resume, type Cut } from "../core/cut.ts";
import { readJournal } from "./store.ts";
import type { JournalEntry } from "../core/journal.ts";
import { onAlarm, tick } from "./tick.ts";
import type { WireAgent, WireAgentEvent, WireBead, WireBeadEvent, WireMail } from "./shapes.ts";

/** What a command answered: the refusal, or the bead and agent that it was about as they are now. */
export type Reply = ({ ok: true; stale: boolean } & { bead: WireBead | null; agent: WireAgent | null }) | Refusal;

/** What a rig says of an agent's token. `townId` is null in a rig that is not set up. */
export type Admission = { ok: true; role: Role | null; townId: string | null } | Refusal;

/** One rig. A table of contents: every method is one line of somebody else's work. */
export class RigDO extends DurableObject<Env> {
  /** Not a method, so no caller from outside can reach it; tests can. */
  rig: Rig | null = null;
  /** Why there is no rig, when there is none. */
  #closed: () => Unavailable = deleted;
  readonly #alarm: AlarmSlot = { at: null };
  readonly #audience: Audience;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#audience = createAudience(ctx);
    void ctx.blockConcurrencyWhile(async () => {
      if (wasInterrupted(ctx)) await takeBack(ctx);
      if (ctx.storage.kv.get("destroyed") === true) return;
      this.#alarm.at = await ctx.storage.getAlarm();
      const rig = this.#opened();
      if (rig === null) return;
      this.#audience.follow(rig);
      announce(rig, this.env);
      trace(rig, this.env);
      this.rig = rig;
    });
  }

  /** The rig, awake. */
  get #open(): Rig {
    if (this.rig === null) throw this.#closed();
    wake(this.rig);
    return this.rig;
  }

  /** Null for a rig that a newer Ticktown wrote: it is left as it is, and the other rigs go on. */
  #opened(): Rig | null {
    const ports = rigPorts(this.ctx, this.env, this.#alarm);
    try {
      return openRig(ports);
    } catch (error) {
      if (!(error instanceof NewerError)) throw error;
      const { message } = error;
      this.#closed = () => newer(message);
      ports.log("error", "the rig is left alone, because a newer Ticktown wrote it", { error: message });
      return null;
    }
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    const scheduled = info?.scheduledTime === undefined ? this.#alarm.at : Number(info.scheduledTime);
    this.#alarm.at = null;
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
    this.ctx.waitUntil(
      what(ARCHIVE, rigId).catch((error: unknown) => rig.ports.log("error", failure, { error: reasonOf(error) })),
    );
  }

  /** Whose it is; null: nobody has set it up. */
  owner(): string | null {
    return this.#open.world.rig.context.config?.userId ?? null;
  }

  /** Runs a command for somebody. With a key, the same command again answers as the first time and changes nothing. */
  execute(command: Command, caller: Caller, key: IdempotencyKey | null = null): Reply {
    const rig = this.#open;
    // What was answered to a living agent is not told to whoever holds its token afterwards.
    const dead = admit(rig.world, caller);
    if (dead !== null) return dead;
    return key === null ? this.#reply(command, caller) : once(rig, key, () => this.#reply(command, caller));
  }

  #reply(command: Command, caller: Caller): Reply {
    const rig = this.#open;
    const decision = tooMuch(rig, command) ?? execute(rig, command, caller);
    if (!decision.ok) return decision;
    if (decision.stale !== true && showsProgress(rig, command, caller))
      execute(rig, { type: "progressed", agentId: caller.id, what: command.type }, caller);
    return {
      ok: true,
      stale: decision.stale ?? false,
      bead: decision.beadId === undefined ? null : queries.bead(rig, decision.beadId),
      agent: decision.agentId === undefined ? null : queries.agent(rig, decision.agentId),
    };
  }

  /** Whether an agent's token is good here, and what it is good for. */
  admit(caller: AgentCaller): Admission {
    if (this.rig === null) {
      const closed = this.#closed();
      // A rig that cannot be opened has not gone, and its tokens have not ended.
      if (closed.code !== "rig_deleted") throw closed;
      return { ok: false, status: 401, error: "the token has ended with its rig" };
    }
    const { world } = this.rig;
    return (
      admit(world, caller) ?? {
        ok: true,
        role: world.agents.get(caller.id)?.context.role ?? null,
        townId: world.rig.context.config?.townId ?? null,
      }
    );
  }

  sync(agentId: string): Promise<Synced> {
    return sync(this.#open, agentId);
  }

  /** What came of an agent's newest hand-in, waited for. */
  handIn(agentId: string, wait_ms: number): Promise<HandInAnswer> {
    return handInOf(this.#open, agentId, wait_ms);
  }

  /** Ends what runs now, without waiting for its own stop. */
  halt(): Promise<Halted> {
    return halt(this.#open);
  }

  /** @returns what the agent may spend yet, where anything is capped */
  heartbeat(agentId: string, dispatchId: string | null, caller: Caller, seen: Seen = {}): Heard {
    const rig = this.#open;
    return heartbeat(rig, agentId, dispatchId, caller, seen) ?? { ok: true, budget: budgetOrder(rig, agentId) ?? null };
  }

  completed(agentId: string, report: Completion, caller: Caller, key: IdempotencyKey | null = null): Reply {
    tellLastUsage(this.#open, agentId, caller, report);
    const reply = this.execute(exitedBy(agentId, report), caller, key);
    const dispatchId = report.dispatchId ?? caller.dispatchId;
    if (reply.ok) keepAttempt(this.#open, { ...report, dispatchId, agentId });
    if (reply.ok) this.#open.tracer?.tools(agentId, dispatchId, report.tools ?? []);
    return reply;
  }

  appendEvent(
    agentId: string,
    type: string,
    data: JsonValue,
    caller: Caller,
    key: IdempotencyKey | null = null,
  ): Reply {
    const dead = admit(this.#open.world, caller);
    if (dead !== null) return dead;
    return key === null
      ? this.#append(agentId, type, data, caller)
      : once(this.#open, key, () => this.#append(agentId, type, data, caller));
  }

  #append(agentId: string, type: string, data: JsonValue, caller: Caller): Reply {
    const command = append(this.#open, agentId, type, data, caller);
    return "ok" in command ? command : this.#reply(command, caller);
  }

  readMail(agentId: string, caller: Caller): WireMail[] | Refusal {
    const rig = this.#open;
    return admit(rig.world, caller) ?? readMail(rig, agentId, caller);
  }

  bead(id: string): WireBead | null {
    return queries.bead(this.#open, id);
  }
  beads(filter: queries.BeadFilter, page: queries.Page): WireBead[] {
    return queries.beads(this.#open, filter, page);
  }
  attempts(beadId: string): Attempt[] {
    return attemptsOf(this.#open, beadId);
  }
  diff(beadId: string): Promise<looks.Diffed | null> {
    return looks.diff(this.#open, beadId);
  }
  story(beadId: string): ReturnType<typeof looks.story> {
    return looks.story(this.#open, beadId);
  }
  run(from: number, to: number): ReturnType<typeof looks.run> {
    return looks.run(this.#open, from, to);
  }
  agent(id: string): WireAgent | null {
    return queries.agent(this.#open, id);
  }
  agents(filter: { role?: Role; status?: WireAgent["status"] }): WireAgent[] {
    return queries.agents(this.#open, filter);
  }
  reviewQueue() {
    return reviewQueue(this.#open);
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
  exportPage(from: ExportCursor): ExportPage {
    return exportPage(this.#open, from);
  }
  exportHead(): ReturnType<typeof exportHead> {
    return exportHead(this.#open);
  }

  /** Brings a rig back from the file of an export, or leaves nothing. @param by who asked for it */
  async importJournal(file: ReadableStream<Uint8Array>, userId: string, by: string): Promise<ImportAnswer> {
    const { ctx, env } = this;
    const become = (rig: Rig | null, closed: () => Unavailable) => {
      this.#closed = closed;
      if (rig !== null) this.#audience.follow(rig);
      this.rig = rig;
    };
    const ports = () => rigPorts(ctx, env, this.#alarm);
    return bringBack({ ctx, archive: env.ARCHIVE, rig: this.rig, ports, become }, { file, userId, by });
  }
  /** Folds the whole journal again and compares it with what was recorded and with the rows of now. */
  replay(): Replayed {
    return replayFromArchive(this.#open);
  }
  /** Every actor's state as of a seq, by replay; without one, as it is stored now. */
  state(seq: number | null): Cut | null {
    const rig = this.#open;
    return seq === null ? storedState(rig) : stateAsOf(rig, seq);
  }
  /** The world as of a seq, by replay; without one, the live one. */
  #worldAt(seq: number | null): World | null {
    const rig = this.#open;
    if (seq === null) return rig.world;
    const past = stateAsOf(rig, seq);
    return past === null ? null : resume(past);
  }
  board(): PackedBoard {
    return packBoard(board(this.#open));
  }
  ended(before: number): PackedEnded {
    return ended(this.#open, before);
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
  metrics(): Sample[] {
    return metrics(this.#open);
  }
  spend(by: SpendBy, from: number | null, to: number | null) {
    return spend(this.#open, by, from, to);
  }
  report(from: number, to: number) {
    return report(this.#open, from, to);
  }
  needs() {
    return needs(this.#open);
  }
  actOnNeeds(items: ActItem[], order: Omit<NeedsAct, "items">, caller: Caller): ActResult[] {
    return actOnNeeds(this.#open, items, order, caller);
  }
  whyBead(id: string): WhyBecause | null {
    return whyOfBead(this.#open, id);
  }
  whyAgent(id: string): WhyBecause | null {
    return whyOfAgent(this.#open, id);
  }

  /** Sockets and event streams: the only calls that are not plain methods. */
  override async fetch(request: Request): Promise<Response> {
    return this.#audience.open(this.#open, request);
  }
  /** Clients have nothing to say; what keeps the line open is answered by the platform, without waking the rig. */
  override webSocketMessage(): void {}
  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
  }

  /** Credentials and model keys: beside the journal, never in it. They reach only the environment of processes. */
  setSecrets(secrets: Record<string, string | null>): void {
    setSecrets(this.#open, secrets);
  }

  /** What git logs in with at the rig's remote, for a look at another one. */
  login(): Record<string, string> {
    return Object.fromEntries(secretsNamed(this.#open, ["GIT_TOKEN", "GIT_USERNAME"]));
  }

  secretNames(): string[] {
    return secretNames(this.#open);
  }

  /** Ends the rig: processes are asked to stop, the storage and the archived segments are deleted, a tombstone keeps late calls from making a new one. */
  async destroy(caller: Caller): Promise<void> {
    const rig = this.#open;
    if (!isDestroyed(rig)) execute(rig, { type: "destroy" }, caller);
    await rig.outbox.settle(rig);
    await forget(rig);
    this.rig = null;
    this.#alarm.at = null;
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.ctx.storage.kv.put("destroyed", true);
    this.#withArchive(rig, "the archived journal could not be deleted", eraseArchive);
  }
}
