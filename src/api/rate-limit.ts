import { DOOR } from "../events/limits.ts";
import { TooMuch } from "./errors.ts";

/**
 * Buckets per token (requests and bytes), per rig (bytes) and per address (wrong keys). Kept in the memory of one isolate: they
 * stop a client in a loop, they are no accounting.
 */

/** Buckets remembered per isolate; the oldest is forgotten, which only makes its owner's bucket full. */
const MOST = 10_000;

/** The part of a principal that is counted by. */
type Holder =
  | { readonly kind: "anonymous" }
  | { readonly kind: "operator"; readonly id: string }
  | { readonly kind: "agent"; readonly rigId: string; readonly agentId: string; readonly dispatchId?: string | null };

interface Rate {
  readonly burst: number;
  readonly per_second: number;
}

const buckets = new Map<string, { left: number; at: number }>();

/** Takes an amount out of a bucket. @returns 0, or after how many seconds there is enough in it; then nothing was taken. */
function take(name: string, { burst, per_second }: Rate, amount: number, now: number): number {
  const bucket = buckets.get(name) ?? { left: burst, at: now };
  const left = Math.min(burst, bucket.left + (Math.max(0, now - bucket.at) / 1_000) * per_second);
  const isEnough = left >= amount;
  buckets.delete(name);
  buckets.set(name, { left: isEnough ? left - amount : left, at: Math.max(now, bucket.at) });
  const oldest = buckets.size > MOST ? buckets.keys().next().value : undefined;
  if (oldest !== undefined) buckets.delete(oldest);
  return isEnough ? 0 : Math.max(0.001, (amount - left) / per_second);
}

/** Whose requests are counted together. */
export const holderOf = (principal: Holder): string =>
  principal.kind === "agent"
    ? `agent:${principal.rigId}:${principal.agentId}`
    : principal.kind === "operator"
      ? `operator:${principal.id}`
      : "anonymous";

/** Whose an Idempotency-Key is: each caller's own, and each dispatch's, so that nobody gets an answer that was another's. */
export const keyHolderOf = (principal: Holder): string =>
  principal.kind === "agent" ? `${holderOf(principal)}:${principal.dispatchId ?? ""}` : holderOf(principal);

/**
 * Takes one turn.
 * @param now ms since epoch.
 * @throws TooMuch when the bucket is empty.
 */
export function takeTurn(principal: Holder, now: number): void {
  if (principal.kind === "anonymous") return;
  const rate = DOOR.requests[principal.kind];
  const wait_s = take(`turns:${holderOf(principal)}`, rate, 1, now);
  if (wait_s > 0)
    throw new TooMuch(
      `too many requests: ${rate.per_second} a second, ${rate.burst} at once; try again in a second`,
      wait_s,
    );
}

/**
 * Takes the bytes of a body out of its sender's budget and, where it is for one, out of the rig's.
 * @throws TooMuch when one of them has not enough left.
 */
export function takeBytes(principal: Holder, rigId: string | undefined, bytes: number, now: number): void {
  if (bytes === 0 || principal.kind === "anonymous") return;
  const own = take(`bytes:${holderOf(principal)}`, DOOR.bytes[principal.kind], bytes, now);
  if (own > 0) throw new TooMuch(budget("this token", DOOR.bytes[principal.kind]), own);
  const shared = rigId === undefined ? 0 : take(`bytes of rig:${rigId}`, DOOR.bytes.rig, bytes, now);
  if (shared > 0) throw new TooMuch(budget("this rig", DOOR.bytes.rig), shared);
}

const budget = (whose: string, { burst, per_second }: Rate): string =>
  `too many bytes for ${whose}: ${burst} at once, then ${per_second} a second; nothing was changed, send it again later`;

/**
 * Counts a wrong token, code or ticket. Behind one loopback address is everybody, so only the wrong ones are slowed down.
 * @throws TooMuch when its address, or all together, tried too many.
 */
export function countWrongKey(address: string, now: number): void {
  const wait_s = Math.max(
    take(`wrong keys of ${address}`, DOOR.wrong_keys.address, 1, now),
    take("wrong keys", DOOR.wrong_keys.all, 1, now),
  );
  if (wait_s > 0) throw new TooMuch("too many wrong tokens from this address; try again later with a good one", wait_s);
}

/** Where a request comes from: Cloudflare says it, and plain workerd knows its peer. */
export function addressOf(request: Request): string {
  const peer = (request as unknown as { cf?: { clientIp?: unknown } }).cf?.clientIp;
  // The peer first: on one's own machine a client may send any header.
  if (typeof peer === "string") return withoutPort(peer);
  return request.headers.get("cf-connecting-ip") ?? "unknown";
}

/** Plain workerd tells the port as well, and another connection is not another address. */
export const withoutPort = (peer: string): string =>
  /^\[(.+)\]:\d+$/.exec(peer)?.[1] ?? /^([^:]+):\d+$/.exec(peer)?.[1] ?? peer;
