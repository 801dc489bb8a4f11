/** What a program printed last, in few enough bytes to be sent on. */
import { stripVTControlCharacters } from "node:util";
import { CHECK_WORDS_MAX_BYTES } from "../limits.ts";

/** The end of it, as whole lines where they fit. */
export function lastOf(first: string, lines: readonly string[], max_bytes = CHECK_WORDS_MAX_BYTES): string {
  const clean = lines.map((line) => stripVTControlCharacters(line).trimEnd()).filter((line) => line !== "");
  const kept: string[] = [];
  let bytes = bytesOf(first);
  for (const line of clean.toReversed()) {
    bytes += bytesOf(line) + 2;
    if (bytes > max_bytes) break;
    kept.unshift(line);
  }
  // One line may be too long by itself; its end says more than its beginning.
  if (kept.length === 0 && clean.length > 0) kept.push((clean.at(-1) ?? "").slice(-(max_bytes >> 3)));
  return [first, ...kept].join("\n").slice(0, max_bytes);
}

/** As it is sent: what JSON must escape is longer. */
const bytesOf = (text: string): number => Buffer.byteLength(JSON.stringify(text)) - 2;
