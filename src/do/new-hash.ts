import type { Hash } from "./import.ts";
import { hexOf } from "./sha256.ts";

/** SHA-256 of what is added to it, in workerd, which keeps none of it. */
export function newHash(): Hash {
  const stream = new crypto.DigestStream("SHA-256");
  const writer = stream.getWriter();
  const encoder = new TextEncoder();
  return {
    update: (text) => writer.write(encoder.encode(text)),
    async end() {
      await writer.close();
      return hexOf(new Uint8Array(await stream.digest));
    },
  };
}
