import { hexOf } from "../do/sha256.ts";
import { DOOR } from "../events/limits.ts";
import { WrongKey } from "./errors.ts";
import { isSame } from "./same.ts";

/**
 * A stream's ticket is made by the town's container and is good there, once. What a client gets is that ticket signed here
 * for one town and agent, so that a false one is known without waking a container, or making one for a town that was invented.
 */

/** What signs: the agents' secret, or the first operator's token where there is none. */
interface Secrets {
  readonly GASTOWN_JWT_SECRET?: string;
  readonly TICKTOWN_OPERATOR_TOKEN?: string;
}

const secretOf = ({ GASTOWN_JWT_SECRET, TICKTOWN_OPERATOR_TOKEN }: Secrets): string =>
  GASTOWN_JWT_SECRET || TICKTOWN_OPERATOR_TOKEN || "";

async function seal(env: Secrets, ...said: string[]): Promise<string> {
  const encoder = new TextEncoder();
  const name = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(secretOf(env)), name, false, ["sign"]);
  // Begins as no token of an agent does, which are signed with the same secret.
  const seal = await crypto.subtle.sign("HMAC", key, encoder.encode(["stream ticket", ...said].join("\n")));
  return hexOf(new Uint8Array(seal));
}

const textOf = (hex: string): string =>
  new TextDecoder().decode(Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16)));

/** What a ticket is good for. */
export interface Ticketed {
  readonly townId: string;
  readonly agentId: string;
}

/**
 * @param holder whose stream it will be, which the container counts.
 * @param now ms since epoch.
 */
export async function signTicket(env: Secrets, of: Ticketed, holder: string, ticket: string, now: number) {
  const until = String(now + DOOR.ticket_ms);
  // Many a client puts a ticket into its address as it is, so it has only letters that may stand there.
  const whose = hexOf(new TextEncoder().encode(holder));
  return `${until}.${await seal(env, of.townId, of.agentId, whose, ticket, until)}.${whose}.${ticket}`;
}

/**
 * The container's own ticket in one that was signed here, and whose it is.
 * @throws WrongKey when it is not ours, over, or of another town or agent.
 */
export async function openTicket(env: Secrets, of: Ticketed, signed: string, now: number) {
  const [, until = "", mark = "", whose = "", ticket = ""] =
    /^(\d{1,15})\.([0-9a-f]{64})\.([0-9a-f]{2,1000})\.(.{1,1000})$/.exec(signed) ?? [];
  const isGood =
    secretOf(env) !== "" &&
    until !== "" &&
    now < Number(until) &&
    (await isSame(mark, await seal(env, of.townId, of.agentId, whose, ticket, until)));
  if (!isGood) throw new WrongKey("the ticket is unknown or over: ask for a new one (POST .../stream-ticket)");
  return { ticket, holder: textOf(whose) };
}
