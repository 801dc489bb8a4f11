import type { Principal } from "./auth.ts";
import { holderOf } from "./rate-limit.ts";
import { STREAM_HEADER, type StreamKind } from "../do/streams.ts";
import { CALLER_HEADER } from "../wire/container.ts";

/**
 * Who opens a stream, for the rig and the container, which count streams per caller. A browser counts as the operator that let
 * it in, so that nobody gets a second share by one more link.
 */
export const streamHolderOf = (principal: Principal): string =>
  principal.kind === "operator"
    ? holderOf({ kind: "operator", id: principal.root ?? principal.id })
    : holderOf(principal);

/** The same request in the caller's name, for a stream of a kind. What a client says of either in these headers is overwritten. */
export function inTheNameOfCaller(request: Request, holder: string, kind: StreamKind = "feed"): Request {
  const headers = new Headers(request.headers);
  headers.set(CALLER_HEADER, holder);
  headers.set(STREAM_HEADER, kind);
  return new Request(request, { headers });
}
