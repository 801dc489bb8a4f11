/** Stream tickets: whoever may ask for one may watch one agent, once, within a minute. */
import { randomBytes } from "node:crypto";
import type { StreamTicket } from "../../src/wire/container.ts";
import { TICKETS_MAX, TICKET_BYTES, TICKET_TTL_MS } from "../limits.ts";

export interface Tickets {
  readonly issue: (agentId: string) => StreamTicket;
  /** @returns whether the ticket was good; it is used up in any case */
  readonly redeem: (ticket: string, agentId: string) => boolean;
}

export function createTickets(now: () => number = Date.now): Tickets {
  const open = new Map<string, { readonly agentId: string; readonly expiresAt: number }>();
  return {
    issue: (agentId) => {
      for (const [ticket, { expiresAt }] of open) {
        // In order of expiry, so the first good one ends the search.
        if (expiresAt > now() && open.size < TICKETS_MAX) break;
        open.delete(ticket);
      }
      const ticket = randomBytes(TICKET_BYTES).toString("base64url");
      const expiresAt = now() + TICKET_TTL_MS;
      open.set(ticket, { agentId, expiresAt });
      return { ticket, expiresAt: new Date(expiresAt).toISOString() };
    },
    redeem: (ticket, agentId) => {
      const found = open.get(ticket);
      open.delete(ticket);
      return found !== undefined && found.agentId === agentId && found.expiresAt > now();
    },
  };
}
