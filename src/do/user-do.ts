import { DurableObject } from "cloudflare:workers";
import type { Env } from "./env.ts";
import { iso } from "./wire.ts";

export interface TownInfo {
  id: string;
  user_id: string;
  name: string;
  created_at: string;
}
export interface RigInfo {
  id: string;
  town_id: string;
  user_id: string;
  name: string;
  git_url: string;
  default_branch: string;
  created_at: string;
}
export interface OperatorToken {
  id: string;
  name: string;
  created_at: string;
  revoked_at: string | null;
}
export interface NewRig {
  townId: string;
  name: string;
  gitUrl: string;
  defaultBranch: string;
  secrets: Record<string, string>;
}

/** Towns and rigs per user: a thousand of each is more than anybody has, and a bound all the same. */
const MOST = 1_000;

/** Answers remembered under an Idempotency-Key. */
const MOST_ANSWERS = 10_000;
/** A request that took its key and never answered has died: after this, the same key may try again. */
const UNANSWERED_MS = 120_000;

/** The name of the one registry that knows every rig of this Ticktown, so that the cron can poke them. */
export const DIRECTORY = "@directory";

export type Refused = { ok: false; status: 404 | 409 | 429 | 502; error: string };
export type Made<T> = { ok: true; value: T } | Refused;

/** A user's towns and rigs: who owns what. The rigs themselves are objects of their own. */
export class UserDO extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS towns (id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS rigs (
        id TEXT PRIMARY KEY, town_id TEXT NOT NULL, name TEXT NOT NULL, git_url TEXT NOT NULL, default_branch TEXT NOT NULL, created_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS directory (rig_id TEXT PRIMARY KEY, town_id TEXT NOT NULL, name TEXT NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS operator_tokens (id TEXT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, created_at INTEGER NOT NULL, revoked_at INTEGER) STRICT, WITHOUT ROWID;
    `);
  }

  get #userId(): string {
    return this.ctx.id.name ?? "";
  }

  createTown(name: string): Made<TownInfo> {
    if (this.towns().length >= MOST) return { ok: false, status: 429, error: `a user may have ${MOST} towns` };
    const id = `town-${crypto.randomUUID()}`;
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
      .exec<{ id: string; town_id: string; name: string; git_url: string; default_branch: string; created_at: number }>("SELECT * FROM rigs ORDER BY created_at, id")
      .toArray()
      .filter((row) => townId === undefined || row.town_id === townId)
      .map((row) => ({ ...row, user_id: this.#userId, created_at: iso(row.created_at) }));
  }
  rig(id: string): RigInfo | null {
    return this.rigs().find((rig) => rig.id === id) ?? null;
  }

  /** Creates and configures a rig, or leaves nothing behind. */
  async createRig(input: NewRig): Promise<Made<RigInfo>> {
    if (this.#town(input.townId) === null) return { ok: false, status: 404, error: `no town ${input.townId}` };
    if (this.rigs().length >= MOST) return { ok: false, status: 429, error: `a user may have ${MOST} rigs` };
    const id = `rig-${crypto.randomUUID()}`;
    const rig = this.env.RIG.get(this.env.RIG.idFromName(id));
    try {
      await rig.setSecrets(input.secrets);
      const reply = await rig.execute(
        { type: "configure", rigId: id, townId: input.townId, userId: this.#userId, name: input.name, gitUrl: input.gitUrl, defaultBranch: input.defaultBranch },
        { id: this.#userId, dispatchId: null },
      );
      if (!reply.ok) throw new Error(reply.error);
      await this.env.USER.get(this.env.USER.idFromName(DIRECTORY)).enlist(id, input.townId, input.name);
    } catch (error) {
      await rig.destroy({ id: this.#userId, dispatchId: null }).catch(() => {});
      return { ok: false, status: 502, error: `the rig could not be set up and was taken back: ${error instanceof Error ? error.message : String(error)}` };
    }
    this.ctx.storage.sql.exec("INSERT INTO rigs VALUES (?, ?, ?, ?, ?, ?)", id, input.townId, input.name, input.gitUrl, input.defaultBranch, Date.now());
    return { ok: true, value: this.rig(id) as RigInfo };
  }

  async deleteRig(id: string): Promise<boolean> {
    if (this.rig(id) === null) return false;
    await this.env.RIG.get(this.env.RIG.idFromName(id)).destroy({ id: this.#userId, dispatchId: null });
    await this.env.USER.get(this.env.USER.idFromName(DIRECTORY)).strike(id);
    this.ctx.storage.sql.exec("DELETE FROM rigs WHERE id = ?", id);
    return true;
  }

  async deleteTown(id: string): Promise<boolean> {
    if (this.#town(id) === null) return false;
    for (const rig of this.rigs(id)) await this.deleteRig(rig.id);
    this.ctx.storage.sql.exec("DELETE FROM towns WHERE id = ?", id);
    return true;
  }

  // The directory

  enlist(rigId: string, townId: string, name: string): void {
    this.ctx.storage.sql.exec("INSERT OR REPLACE INTO directory VALUES (?, ?, ?)", rigId, townId, name);
  }
  whereIs(rigId: string): { rig_id: string; town_id: string; name: string } | null {
    return this.ctx.storage.sql.exec<{ rig_id: string; town_id: string; name: string }>("SELECT * FROM directory WHERE rig_id = ?", rigId).toArray()[0] ?? null;
  }
  rigsOfTown(townId: string): { id: string; name: string }[] {
    return this.ctx.storage.sql.exec<{ id: string; name: string }>("SELECT rig_id AS id, name FROM directory WHERE town_id = ? ORDER BY rig_id LIMIT ?", townId, MOST).toArray();
  }
  strike(rigId: string): void {
    this.ctx.storage.sql.exec("DELETE FROM directory WHERE rig_id = ?", rigId);
  }
  /** Rig ids after the given one, in order. */
  enlisted(after: string, limit: number): string[] {
    return this.ctx.storage.sql.exec<{ rig_id: string }>("SELECT rig_id FROM directory WHERE rig_id > ? ORDER BY rig_id LIMIT ?", after, limit).toArray().map((row) => row.rig_id);
  }

  // Answers that were given under an Idempotency-Key

  /** Takes the key for this request, or says what became of it: the answer, or that it is still being made (status 0). */
  takeKey(key: string, fingerprint: string): { fingerprint: string; status: number; body: string | null } | null {
    const { sql } = this.ctx.storage;
    const known = sql.exec<{ fingerprint: string; status: number; body: string | null; at: number }>("SELECT fingerprint, status, body, at FROM answers WHERE key = ?", key).toArray()[0];
    if (known !== undefined && (known.status !== 0 || Date.now() - known.at < UNANSWERED_MS)) return known;
    sql.exec("INSERT OR REPLACE INTO answers VALUES (?, ?, 0, NULL, ?)", key, fingerprint, Date.now());
    sql.exec("DELETE FROM answers WHERE key IN (SELECT key FROM answers ORDER BY at DESC LIMIT -1 OFFSET ?)", MOST_ANSWERS);
    return null;
  }
  keepAnswer(key: string, status: number, body: string): void {
    this.ctx.storage.sql.exec("UPDATE answers SET status = ?, body = ? WHERE key = ?", status, body, key);
  }
  dropKey(key: string): void {
    this.ctx.storage.sql.exec("DELETE FROM answers WHERE key = ? AND status = 0", key);
  }

  // Operators' tokens

  async createOperatorToken(name: string): Promise<Made<OperatorToken & { token: string }>> {
    const live = this.operatorTokens().filter((token) => token.revoked_at === null);
    if (live.length >= MOST) return { ok: false, status: 429, error: `there are ${MOST} operator tokens; revoke some first` };
    const id = `op-${crypto.randomUUID()}`;
    const token = `tto_${Array.from(crypto.getRandomValues(new Uint8Array(32)), hex).join("")}`;
    this.ctx.storage.sql.exec("INSERT INTO operator_tokens VALUES (?, ?, ?, ?, NULL)", id, name, await hashOf(token), Date.now());
    return { ok: true, value: { ...(this.operatorTokens().find((made) => made.id === id) as OperatorToken), token } };
  }

  operatorTokens(): OperatorToken[] {
    return this.ctx.storage.sql
      .exec<{ id: string; name: string; created_at: number; revoked_at: number | null }>("SELECT id, name, created_at, revoked_at FROM operator_tokens ORDER BY created_at, id")
      .toArray()
      .map((row) => ({ id: row.id, name: row.name, created_at: iso(row.created_at), revoked_at: row.revoked_at === null ? null : iso(row.revoked_at) }));
  }

  revokeOperatorToken(id: string): boolean {
    return this.ctx.storage.sql.exec("UPDATE operator_tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL RETURNING id", Date.now(), id).toArray().length > 0;
  }

  /** The id of the live token with this text, or null. A look-up by hash: its time tells nothing of the text. */
  async operatorOf(token: string): Promise<string | null> {
    const hash = await hashOf(token);
    return this.ctx.storage.sql.exec<{ id: string }>("SELECT id FROM operator_tokens WHERE hash = ? AND revoked_at IS NULL", hash).toArray()[0]?.id ?? null;
  }
}

const hex = (byte: number): string => byte.toString(16).padStart(2, "0");
const hashOf = async (token: string): Promise<string> => Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))), hex).join("");
