import { hexOf } from "./sha256.ts";
import { sign } from "hono/jwt";
import type { Env } from "./env.ts";
import { isProtocolName } from "../wire/env-names.ts";
import { containerGateway, type Fetcher } from "./gateway.ts";
import { callWebhook, isSent, linkTo, requestFor } from "./notify.ts";
import type { RigPorts } from "./ports.ts";
import { townObject } from "./town-money.ts";

/** What a rig needs from the world outside, as Cloudflare gives it. */

/** Agents' tokens are valid for this long (wire protocol: at most 24 h). */
const TOKEN_S = 86_400;
const SEAL_KEY = "seal_key";

/** The armed alarm as the object knows it, ms since epoch: the platform is asked once, when the object wakes. */
export interface AlarmSlot {
  at: number | null;
}

export function rigPorts(ctx: DurableObjectState, env: Env, alarm: AlarmSlot): RigPorts {
  const log: RigPorts["log"] = (level, message, data) =>
    console[level](JSON.stringify({ level, rig: ctx.id.name ?? ctx.id.toString(), message, ...data }));
  return {
    sql: ctx.storage.sql as RigPorts["sql"],
    transaction: (run) => ctx.storage.transactionSync(run),
    now: () => Date.now(),
    newId: (kind) => `${kind}-${crypto.randomUUID()}`,
    getAlarm: () => alarm.at,
    setAlarm: (at) => {
      if (alarm.at === at) return;
      alarm.at = at;
      void ctx.storage.setAlarm(at);
    },
    deleteAlarm: () => {
      alarm.at = null;
      void ctx.storage.deleteAlarm();
    },
    container: (townId) =>
      containerGateway(env.TOWN_CONTAINER.get(env.TOWN_CONTAINER.idFromName(townId)) as unknown as Fetcher),
    town: (townId) => env.USER.get(env.USER.idFromName(townObject(townId))),
    agentEnvironment: (agent) => agentEnvironment(ctx.storage.sql, env, agent),
    sealKey: () => sealKeyIn(ctx.storage.sql),
    notify: async (effect) => {
      const { title, text, severity, beadId } = effect;
      log("warn", "alert", { title, text, severity, bead: beadId });
      const { NOTIFY_WEBHOOK_URL: url, NOTIFY_FORMAT: format, NOTIFY_LEAST: least } = env;
      if (url === undefined || !isSent({ url, least }, effect)) return;
      await callWebhook(requestFor({ url, format }, effect, linkTo(env.GASTOWN_API_URL, ctx.id.name ?? "", effect)));
    },
    background: (work) => ctx.waitUntil(work),
    log,
  };
}

/** The rig's secrets, where the API is, and the token of this one dispatch. */
async function agentEnvironment(
  sql: SqlStorage,
  env: Env,
  agent: Parameters<RigPorts["agentEnvironment"]>[0],
): Promise<Record<string, string>> {
  const secrets = sql.exec<{ name: string; value: string }>("SELECT name, value FROM secrets").toArray();
  // Earlier versions took a zero byte, which no process can be given: a wrong secret, but it fails no start.
  // They also took names that are the protocol's own, of which the API's address is the only one that a rig could do with.
  const environment = Object.fromEntries(
    secrets
      .filter(({ name }) => name === "GASTOWN_API_URL" || !isProtocolName(name))
      .map(({ name, value }) => [name, value.replaceAll("\0", "\ufffd")]),
  );
  if (env.GASTOWN_API_URL !== undefined) environment["GASTOWN_API_URL"] = env.GASTOWN_API_URL;
  if (env.GASTOWN_JWT_SECRET === undefined) return environment;
  const { agentId, rigId, townId, userId, dispatchId, role, reviewId, trainId } = agent;
  const iat = Math.floor(Date.now() / 1_000);
  const claims = {
    agentId,
    rigId,
    townId,
    userId,
    ...(dispatchId === null ? {} : { dispatchId }),
    role,
    ...(reviewId === undefined ? {} : { reviewId }),
    ...(trainId === undefined ? {} : { trainId }),
    iat,
    exp: iat + TOKEN_S,
  };
  environment["GASTOWN_SESSION_TOKEN"] = await sign(claims, env.GASTOWN_JWT_SECRET, "HS256");
  return environment;
}

/** Beside the journal and the secrets: it is given to the control server alone, and to no agent. */
function sealKeyIn(sql: SqlStorage): string {
  const stored = sql.exec<{ value: string }>("SELECT value FROM meta WHERE name = ?", SEAL_KEY).toArray()[0];
  if (stored !== undefined) return stored.value;
  const made = hexOf(crypto.getRandomValues(new Uint8Array(32)));
  sql.exec("INSERT INTO meta VALUES (?, ?)", SEAL_KEY, made);
  return made;
}
