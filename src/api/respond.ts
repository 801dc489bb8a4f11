import type { Reply } from "../do/rig-do.ts";
import type { Refusal } from "../core/decide/index.ts";
import { KINDS, type Kind } from "../events/row.ts";
import type { WireAgent, WireBead } from "../do/shapes.ts";
import { HttpError } from "./errors.ts";

/** Turns a rig's reply into what a handler returns, or throws its refusal. */

export const refused = ({ status, error, state, allowed }: Refusal): HttpError =>
  new HttpError(status, error, {
    ...(state === undefined ? {} : { state }),
    ...(allowed === undefined ? {} : { allowed }),
  });

export function accepted(reply: Reply): Extract<Reply, { ok: true }> {
  if (!reply.ok) throw refused(reply);
  return reply;
}

export function beadOf(reply: Reply): WireBead {
  const { bead } = accepted(reply);
  if (bead === null) throw new HttpError(500, "the bead was accepted but cannot be read");
  return bead;
}

export function agentOf(reply: Reply): WireAgent {
  const { agent } = accepted(reply);
  if (agent === null) throw new HttpError(500, "the agent was accepted but cannot be read");
  return agent;
}

export function found<T>(value: T | null, what: string): T {
  if (value === null) throw new HttpError(404, `no ${what}`);
  return value;
}

/** @throws HttpError 404 when there is no such kind of actor. */
export function kindOf(text: string | undefined): Kind {
  const kind = KINDS.find((one) => one === text);
  if (kind === undefined) throw new HttpError(404, `no kind of actor ${text}: there are ${KINDS.join(", ")}`);
  return kind;
}

const LIST_LIMIT = 1_000;
const LIST_DEFAULT = 100;

/** @throws HttpError 400 with the protocol's own sentence. */
export function page(
  query: { limit?: string | undefined; offset?: string | undefined },
  fallback = LIST_DEFAULT,
): { limit: number; offset: number } {
  const { limit = String(fallback), offset = "0" } = query;
  if (!/^\d{1,15}$/.test(limit) || !/^\d{1,15}$/.test(offset))
    throw new HttpError(400, "limit and offset must be non-negative integers");
  return { limit: Math.min(Number(limit), LIST_LIMIT), offset: Number(offset) };
}

/** @throws HttpError 400 when the text is not a non-negative integer. */
export function count(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^\d{1,15}$/.test(text)) throw new HttpError(400, `${name} must be a non-negative integer`);
  return Number(text);
}

/** ms of an ISO time or of a number of ms. @throws HttpError 400. */
export function time(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const at = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isNaN(at)) throw new HttpError(400, `${name} must be an ISO 8601 time or milliseconds since epoch`);
  return at;
}

const DAY_MS = 86_400_000;

/** From when to when is asked about: without anything the last day. @throws HttpError 400. */
export function spanOf(query: { from?: string | undefined; to?: string | undefined }): { from: number; to: number } {
  const to = time("to", query.to) ?? Date.now();
  const from = time("from", query.from) ?? to - DAY_MS;
  if (from > to) throw new HttpError(400, "from is after to");
  return { from, to };
}

/**
 * Lines as they come, NDJSON. The first page is fetched before anything is answered, so that a rig that refuses is still answered with
 * its status.
 * @param page the next lines; none ends the answer.
 */
export async function ndjson(page: () => Promise<readonly string[]>): Promise<Response> {
  const encoder = new TextEncoder();
  let first: readonly string[] | null = await page();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const lines = first ?? (await page());
      first = null;
      if (lines.length > 0) controller.enqueue(encoder.encode(lines.map((line) => `${line}\n`).join("")));
      else controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "application/x-ndjson" } });
}
