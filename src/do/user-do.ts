import { isPassing } from "./moving.ts";
import { messageOf } from "../events/message-of.ts";
import { DurableObject } from "cloudflare:workers";
import type { Env } from "./env.ts";
import type { Caller } from "../core/decide/index.ts";
import { DOOR } from "../events/limits.ts";
import * as answers from "./answers.ts";
import type { Imported } from "./import.ts";
import * as operators from "./operators.ts";
import { LINE_TABLES, OPERATOR_TABLES, type Operator, type OperatorToken, type Scope } from "./operators.ts";
import { Notifier } from "./notifier.ts";
import { forgetNotices, NOTICE_TABLES } from "./notices.ts";
import type { NotifyEdit, NotifyShown } from "../wire/notify.ts";
import { DIGEST_TABLES, dropDigest, keepDigest, readOverview, stepVersion, versionOf } from "./overview.ts";
import type { Overview, RigDigest } from "../wire/overview.ts";
import type { Sql } from "./ports.ts";
import { newOperatorId, newSecret } from "./new-secret.ts";
import { digestOf } from "./sha256.ts";
import { migrate } from "./schema.ts";
import { iso } from "./shapes.ts";
import { rigInfo, type Made, type NewId, type NewRig, type RigInfo, type RigRow, type TownInfo } from "./owned.ts";
import * as money from "./town-money.ts";
import { TOWN_TABLES, townObject, type LeaseAsk, type LeaseAnswer, type TownCaps, type TownDay } from "./town-money.ts";

export type { Made, NewId, NewRig, Refused, RigInfo, TownInfo } from "./owned.ts";

/** Numbered, run once each, never edited afterwards; the first one also meets tables that were made before there were numbers. */
const MIGRATIONS = [
  `
  CREATE TABLE IF NOT EXISTS towns (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS rigs (
    id TEXT PRIMARY KEY, town_id TEXT NOT NULL, name TEXT NOT NULL, git_url TEXT NOT NULL, default_branch TEXT NOT NULL, created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS directory (rig_id TEXT PRIMARY KEY, town_id TEXT NOT NULL, name TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS operator_tokens (id TEXT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, created_at INTEGER NOT NULL, revoked_at INTEGER) STRICT, WITHOUT ROWID;
  `,
  OPERATOR_TABLES,
  LINE_TABLES,
  DIGEST_TABLES,
  NOTICE_TABLES,
  TOWN_TABLES,
  "ALTER TABLE rigs ADD COLUMN updated_at INTEGER",
];

/** The name of the one registry that knows every rig of this Ticktown, so that the cron can poke them. */
export const DIRECTORY = "@directory";

/** What is done for somebody who asked for it; the journal says who. */
const systemFor = (by: string) => ({ kind: "system", id: by, dispatchId: null }) as const;

/** A user's towns and rigs: who owns what. The rigs themselves are objects of their own. */
export class UserDO extends DurableObject<Env> {
  /** Those who wait for a newer overview. */
  readonly #readers = new Set<() => void>();
  readonly #notifier: Notifier;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#notifier = new Notifier(ctx, env);
    ctx.storage.transactionSync(() => migrate(ctx.storage.sql, MIGRATIONS, "this user's storage"));
  }

  get #userId(): string {
    return this.ctx.id.name ?? "";
  }

  /** @param id asked for again by it, it is the same town */
  createTown(name: string, id: string): Made<TownInfo> {
    const known = this.#town(id);
    if (known !== null) return { ok: true, value: known };
    if (this.towns().length >= DOOR.towns_and_rigs)
      return { ok: false, status: 429, error: `a user may have ${DOOR.towns_and_rigs} towns` };
    this.ctx.storage.sql.exec("INSERT INTO towns VALUES (?, ?, ?)", id, name, Date.now());
    return { ok: true, value: this.#town(id) as TownInfo };
  }

  towns(): TownInfo[] {
    return this.ctx.storage.sql
      .exec<{ id: string; name: string; created_at: number }>("SELECT * FROM towns ORDER BY created_at, id")
      .toArray()
      .map((row) => ({ id: row.id, user_id: this.#userId, name: row.name, created_at: iso(row.created_at) }));
  }

  #town(id: string): TownInfo | null {
    return this.towns().find((town) => town.id === id) ?? null;
  }
  town(id: string): TownInfo | null {
    return this.#town(id);
  }

  rigs(townId?: string): RigInfo[] {
    return this.ctx.storage.sql
      .exec<RigRow>("SELECT * FROM rigs ORDER BY created_at, id")
      .toArray()
      .filter((row) => townId === undefined || row.town_id === townId)
      .map((row) => rigInfo(row, this.#userId));
  }
  rig(id: string): RigInfo | null {
    return this.rigs().find((rig) => rig.id === id) ?? null;
  }

  /** Creates and configures a rig, or leaves nothing behind. Asked for again by its id, it is the same one. */
  async createRig(input: NewRig, { id, isAskedAgain }: NewId, by: string): Promise<Made<RigInfo>> {
    const known = this.rig(id);
    if (known !== null) return { ok: true, value: known };
    if (this.#town(input.townId) === null) return { ok: false, status: 404, error: `no town ${input.townId}` };
    if (this.rigs().length >= DOOR.towns_and_rigs)
      return { ok: false, status: 429, error: `a user may have ${DOOR.towns_and_rigs} rigs` };
    const rig = this.env.RIG.get(this.env.RIG.idFromName(id));
    try {
      await rig.setSecrets(input.secrets);
      const reply = await rig.execute(
        {
          type: "configure",
          rigId: id,
          townId: input.townId,
          userId: this.#userId,
          name: input.name,
          gitUrl: input.gitUrl,
          defaultBranch: input.defaultBranch,
        },
        systemFor(by),
      );
      if (!reply.ok) throw new Error(reply.error);
      await this.#tellCap(input.townId, rig, by);
      await this.env.USER.get(this.env.USER.idFromName(DIRECTORY)).enlist(id, input.townId, input.name);
    } catch (error) {
      // Whoever asks for it again goes on with it.
      if (isPassing(error) && isAskedAgain) throw error;
      await this.env.RIG.get(this.env.RIG.idFromName(id))
        .destroy(systemFor(by))
        .catch(() => {});
      if (isPassing(error)) throw error;
      return {
        ok: false,
        status: 502,
        error: `the rig could not be set up and was taken back: ${messageOf(error)}`,
      };
    }
    this.ctx.storage.sql.exec(
      "INSERT INTO rigs VALUES (?, ?, ?, ?, ?, ?, NULL)",
      id,
      input.townId,
      input.name,
      input.gitUrl,
      input.defaultBranch,
      Date.now(),
    );
    this.#overviewChanged();
    return { ok: true, value: this.rig(id) as RigInfo };
  }

  /** A rig of a town that is capped spends nothing before it has leased it. */
  async #tellCap(townId: string, rig: ReturnType<Env["RIG"]["get"]>, by: string): Promise<void> {
    const caps = await this.env.USER.get(this.env.USER.idFromName(townObject(townId))).townCaps();
    if (!money.isTownCapped(caps)) return;
    const reply = await rig.execute({ type: "set_town_cap", onCap: caps.on_cap }, systemFor(by));
    if (!reply.ok) throw new Error(reply.error);
  }

  /** The rig decides and says so in its journal; the rows here are what lists of rigs are made from. */
  async editRig(
    id: string,
    changes: { name?: string; gitUrl?: string; defaultBranch?: string },
    secrets: Record<string, string>,
    caller: Caller,
  ): Promise<Made<RigInfo>> {
    const known = this.rig(id);
    if (known === null) return { ok: false, status: 404, error: `no rig ${id}` };
    const rig = this.env.RIG.get(this.env.RIG.idFromName(id));
    const reply = await rig.execute({ type: "edit_rig", changes }, caller);
    if (!reply.ok) return { ok: false, status: reply.status, error: reply.error };
    if (Object.keys(secrets).length > 0) await rig.setSecrets(secrets);
    const { name = known.name, gitUrl = known.git_url, defaultBranch = known.default_branch } = changes;
    this.ctx.storage.sql.exec(
      "UPDATE rigs SET name = ?, git_url = ?, default_branch = ?, updated_at = ? WHERE id = ?",
      name,
      gitUrl,
      defaultBranch,
      Date.now(),
      id,
    );
    this.#overviewChanged();
    await this.env.USER.get(this.env.USER.idFromName(DIRECTORY)).enlist(id, known.town_id, name);
    return { ok: true, value: this.rig(id) as RigInfo };
  }

  /** Takes a rig in that was brought back from a file, and its town where that is not known any more. Twice is once. */
  async adoptRig(rig: Omit<Imported, "facts" | "seq" | "secrets">): Promise<RigInfo> {
    const { sql } = this.ctx.storage;
    sql.exec("INSERT OR IGNORE INTO towns VALUES (?, ?, ?)", rig.townId, rig.townName ?? rig.townId, Date.now());
    sql.exec(
      "INSERT OR REPLACE INTO rigs VALUES (?, ?, ?, ?, ?, ?, NULL)",
      rig.rigId,
      rig.townId,
      rig.name,
      rig.gitUrl,
      rig.defaultBranch,
      rig.createdAt,
    );
    await this.env.USER.get(this.env.USER.idFromName(DIRECTORY)).enlist(rig.rigId, rig.townId, rig.name);
    return this.rig(rig.rigId) as RigInfo;
  }

  async deleteRig(id: string, by: string): Promise<boolean> {
    if (this.rig(id) === null) return false;
    await this.env.RIG.get(this.env.RIG.idFromName(id)).destroy(systemFor(by));
    await this.env.USER.get(this.env.USER.idFromName(DIRECTORY)).strike(id);
    this.ctx.storage.sql.exec("DELETE FROM rigs WHERE id = ?", id);
    dropDigest(this.ctx.storage.sql, id);
    forgetNotices(this.ctx.storage.sql, id);
    this.#overviewChanged();
    return true;
  }

  async deleteTown(id: string, by: string): Promise<boolean> {
    if (this.#town(id) === null) return false;
    for (const rig of this.rigs(id)) await this.deleteRig(rig.id, by);
    this.ctx.storage.sql.exec("DELETE FROM towns WHERE id = ?", id);
    return true;
  }

  // What rigs tell of themselves

  /** @returns false for a rig that is not on the list: it is not kept */
  keepDigest(rigId: string, digest: RigDigest): boolean {
    const isKept = this.ctx.storage.transactionSync(() => keepDigest(this.ctx.storage.sql, rigId, digest));
    if (isKept) {
      this.#notifier.hear(rigId, digest);
      this.#wakeReaders();
    }
    return isKept;
  }

  /**
   * Of all rigs, or of those of a town.
   * @param after the version that is known already: a newer one is waited for, at most so long
   */
  async overview(townId: string | null, after: number | null, wait_ms: number): Promise<Made<Overview>> {
    const { sql } = this.ctx.storage;
    if (after !== null && versionOf(sql) <= after) {
      if (this.#readers.size >= DOOR.overview_waiters)
        return {
          ok: false,
          status: 429,
          error: `${DOOR.overview_waiters} wait for a change already; ask without after`,
        };
      let wake = (): void => {};
      const newer = new Promise<void>((resolve) => void (wake = resolve));
      this.#readers.add(wake);
      await Promise.race([newer, scheduler.wait(wait_ms)]);
      this.#readers.delete(wake);
    }
    return { ok: true, value: readOverview(sql, townId, Date.now()) };
  }

  notifySettings(): NotifyShown {
    return this.#notifier.shown();
  }
  setNotify(edit: NotifyEdit): Made<NotifyShown> {
    const error = this.#notifier.set(edit);
    return error === null ? { ok: true, value: this.#notifier.shown() } : { ok: false, status: 422, error };
  }
  override alarm(): Promise<void> {
    return this.#notifier.ring();
  }

  #overviewChanged(): void {
    stepVersion(this.ctx.storage.sql);
    this.#wakeReaders();
  }
  #wakeReaders(): void {
    for (const wake of this.#readers) wake();
    this.#readers.clear();
  }

  // A town's money, in the object of that name

  lease(ask: LeaseAsk): LeaseAnswer {
    return money.lease(this.ctx.storage.sql as Sql, ask, Date.now());
  }
  setTownCaps(caps: TownCaps, by: string): void {
    money.setTownCaps(this.ctx.storage.sql as Sql, caps, by, Date.now());
  }
  townCaps(): TownCaps {
    return money.townCaps(this.ctx.storage.sql as Sql);
  }
  townDay(): TownDay {
    return money.townDay(this.ctx.storage.sql as Sql, Date.now());
  }

  // The directory

  enlist(rigId: string, townId: string, name: string): void {
    this.ctx.storage.sql.exec("INSERT OR REPLACE INTO directory VALUES (?, ?, ?)", rigId, townId, name);
  }
  whereIs(rigId: string): { rig_id: string; town_id: string; name: string } | null {
    return (
      this.ctx.storage.sql
        .exec<{ rig_id: string; town_id: string; name: string }>("SELECT * FROM directory WHERE rig_id = ?", rigId)
        .toArray()[0] ?? null
    );
  }
  rigsOfTown(townId: string): { id: string; name: string }[] {
    return this.ctx.storage.sql
      .exec<{ id: string; name: string }>(
        "SELECT rig_id AS id, name FROM directory WHERE town_id = ? ORDER BY rig_id LIMIT ?",
        townId,
        DOOR.towns_and_rigs,
      )
      .toArray();
  }
  strike(rigId: string): void {
    this.ctx.storage.sql.exec("DELETE FROM directory WHERE rig_id = ?", rigId);
  }
  /** Rig ids after the given one, in order. */
  enlisted(after: string, limit: number): string[] {
    return this.ctx.storage.sql
      .exec<{ rig_id: string }>("SELECT rig_id FROM directory WHERE rig_id > ? ORDER BY rig_id LIMIT ?", after, limit)
      .toArray()
      .map((row) => row.rig_id);
  }

  // Answers that were given under an Idempotency-Key

  takeKey(key: string, fingerprint: string): answers.Answered | null {
    return answers.takeKey(this.ctx.storage.sql, Date.now(), key, fingerprint);
  }
  keepAnswer(key: string, status: number, body: string, fingerprint: string): void {
    answers.keepAnswer(this.ctx.storage.sql, key, status, body, fingerprint);
  }
  dropKey(key: string): void {
    answers.dropKey(this.ctx.storage.sql, key);
  }

  // Operators' tokens

  async #directory(): Promise<operators.Directory> {
    const first = this.env.TICKTOWN_OPERATOR_TOKEN ?? "";
    // The digest first, then the clock and the rows: nothing comes between what is read and what is written.
    const firstHash = first === "" ? null : await digestOf(first);
    return { sql: this.ctx.storage.sql, now: Date.now(), firstHash };
  }

  async createOperatorToken(name: string, scope: Scope): Promise<Made<OperatorToken & { token: string }>> {
    const { token, hash } = await newSecret("tto");
    const made = operators.addToken(await this.#directory(), { id: newOperatorId(), hash, name, scope });
    if (made !== null) return { ok: true, value: { ...made, token } };
    const error = `there are ${DOOR.operator_tokens} operator tokens; revoke some first`;
    return { ok: false, status: 429, error };
  }

  async operatorTokens(): Promise<OperatorToken[]> {
    return operators.operatorTokens(await this.#directory());
  }

  async revokeOperatorToken(id: string): Promise<boolean> {
    return operators.revokeToken(await this.#directory(), id);
  }

  /** Whose live token this is, or null. */
  async operatorOf(token: string): Promise<Operator | null> {
    const hash = await digestOf(token);
    return operators.operatorOf(await this.#directory(), hash);
  }

  /** A one-time code for a page of this operator's. */
  async createCode(operatorId: string): Promise<Made<{ code: string; expires_at: string }>> {
    const { token: code, hash } = await newSecret("ttc");
    const expiresAt = operators.addCode(await this.#directory(), operatorId, hash);
    if (typeof expiresAt === "number") return { ok: true, value: { code, expires_at: iso(expiresAt) } };
    if (expiresAt === "gone") return { ok: false, status: 409, error: "the token has just ended" };
    const error =
      expiresAt === "too_many"
        ? `there are ${DOOR.codes} codes that nobody has used yet; try again in five minutes`
        : `this browser was let in by a browser, and that one by another, ${DOOR.browser_generations} times; ask for a link with \`npm run open\``;
    return { ok: false, status: 429, error };
  }

  /** A token for a code, once; null for a code that is not good. */
  async tradeCode(code: string): Promise<{ token: string; operator: string; scope: Scope } | null> {
    const codeHash = await digestOf(code);
    const { token, hash } = await newSecret("tto");
    const directory = await this.#directory();
    const session = this.ctx.storage.transactionSync(() =>
      operators.tradeCode(directory, codeHash, { id: newOperatorId(), hash }),
    );
    return session === null ? null : { token, ...session };
  }
}
