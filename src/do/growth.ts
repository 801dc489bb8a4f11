import type { Command, Refusal } from "../core/decide/index.ts";
import { LIMITS } from "../events/limits.ts";
import type { JsonValue } from "../events/json.ts";
import type { Rig } from "./rig.ts";

/** Bytes beside the counts: what a rig stores for its clients has a size, and a client that fills it is told. */

/** Commands that bring texts with them. What ends or moves work is taken also by a full rig. */
const GROWING: ReadonlySet<Command["type"]> = new Set([
  "create_bead",
  "sling",
  "escalate",
  "send_mail",
  "checkpoint",
  "register_agent",
  "get_or_create_agent",
]);

/** The refusal of a command that would store too much, or null. */
export function tooMuch(rig: Rig, command: Command): Refusal | null {
  if (GROWING.has(command.type) && isFull(rig)) return FULL;
  if (command.type !== "send_mail") return null;
  const waiting =
    rig.ports.sql
      .exec<{ chars: number | null }>(
        "SELECT SUM(LENGTH(body)) AS chars FROM mail WHERE recipient = ? AND delivered_at IS NULL",
        command.to,
      )
      .toArray()[0]?.chars ?? 0;
  if (waiting + command.body.length <= LIMITS.undelivered_mail_chars) return null;
  const error = `agent ${command.to} has ${waiting} characters of undelivered mail, at most ${LIMITS.undelivered_mail_chars} wait for it`;
  return { ok: false, status: 429, error };
}

/** The refusal of an agent's event that is too large, or null. */
export function tooMuchToSay(rig: Rig, data: JsonValue): Refusal | null {
  if (isFull(rig)) return FULL;
  const bytes = new TextEncoder().encode(JSON.stringify(data)).byteLength;
  if (bytes <= LIMITS.agent_event_bytes) return null;
  const error = `the data of an event may have ${LIMITS.agent_event_bytes} bytes, this one has ${bytes}`;
  return { ok: false, status: 413, error };
}

const isFull = (rig: Rig): boolean => (rig.ports.sql.databaseSize ?? 0) >= LIMITS.rig_bytes;

const FULL: Refusal = {
  ok: false,
  status: 429,
  error: `this rig stores ${LIMITS.rig_bytes} bytes and takes nothing new: bind an archive, or go on in a new rig`,
};
