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
export interface NewRig {
  townId: string;
  name: string;
  gitUrl: string;
  defaultBranch: string;
  secrets: Record<string, string>;
}

/** Towns and rigs per user: a thousand of each is more than anybody has, and a bound all the same. */
const MOST = 1_000;

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
      CREATE TABLE IF NOT EXISTS directory (rig_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
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
      await this.env.USER.get(this.env.USER.idFromName(DIRECTORY)).enlist(id);
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

  enlist(rigId: string): void {
    this.ctx.storage.sql.exec("INSERT OR IGNORE INTO directory VALUES (?)", rigId);
  }
  strike(rigId: string): void {
    this.ctx.storage.sql.exec("DELETE FROM directory WHERE rig_id = ?", rigId);
  }
  /** Rig ids after the given one, in order. */
  enlisted(after: string, limit: number): string[] {
    return this.ctx.storage.sql.exec<{ rig_id: string }>("SELECT rig_id FROM directory WHERE rig_id > ? ORDER BY rig_id LIMIT ?", after, limit).toArray().map((row) => row.rig_id);
  }
}
