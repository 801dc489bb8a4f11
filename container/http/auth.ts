/** The shared secret between the rig and this server. */
import { createHash, timingSafeEqual } from "node:crypto";

/** Takes the same time whatever the header says. Without a configured token (on a socket, see config.ts) everybody passes. */
export function isAuthorized(header: string | undefined, controlToken: string | null): boolean {
  if (controlToken === null) return true;
  return timingSafeEqual(digest(header ?? ""), digest(`Bearer ${controlToken}`));
}

/** Equal lengths for the comparison, so that not even the length of the token shows. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
