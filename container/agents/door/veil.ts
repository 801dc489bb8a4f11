/** Covers a key in what passes by, byte by byte and without changing how many there are: providers repeat keys in their errors. */

export interface Veil {
  /** What may be passed on of all that came until now. Holds back an end that may be the beginning of a key. */
  readonly push: (chunk: Buffer) => Buffer;
  /** What was held back. */
  readonly end: () => Buffer;
}

/** What is shorter is no key but a word that stands for one, as local models want it; it may be in any answer. */
export const KEY_MIN_CHARS = 12;

const COVER = "*".charCodeAt(0);
const NOTHING = Buffer.alloc(0);

/** @param secret null, or shorter than KEY_MIN_CHARS: nothing is covered */
export function createVeil(secret: string | null): Veil {
  if (!isKey(secret)) return { push: (chunk) => chunk, end: () => NOTHING };
  const needle = Buffer.from(secret);
  let held: Buffer = NOTHING;
  return {
    push: (chunk) => {
      const all = cover(held.length === 0 ? chunk : Buffer.concat([held, chunk]), needle);
      const keep = beginning(all, needle);
      held = all.subarray(all.length - keep);
      return all.subarray(0, all.length - keep);
    },
    end: () => held,
  };
}

/** @returns the text with every occurrence covered */
export const veiled = (text: string, secret: string | null): string =>
  isKey(secret) ? text.replaceAll(secret, "*".repeat(secret.length)) : text;

const isKey = (secret: string | null): secret is string => secret !== null && secret.length >= KEY_MIN_CHARS;

function cover(bytes: Buffer, needle: Buffer): Buffer {
  let at = bytes.indexOf(needle);
  if (at < 0) return bytes;
  const out = Buffer.from(bytes);
  for (; at >= 0; at = out.indexOf(needle, at + needle.length)) out.fill(COVER, at, at + needle.length);
  return out;
}

/** How many of the last bytes are how a needle begins. */
function beginning(bytes: Buffer, needle: Buffer): number {
  for (let n = Math.min(needle.length - 1, bytes.length); n > 0; n--)
    if (bytes.subarray(bytes.length - n).equals(needle.subarray(0, n))) return n;
  return 0;
}
