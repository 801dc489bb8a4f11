/** Tokens and codes that are made here: told once, and kept as a digest. */

import { digestOf, hexOf } from "./sha256.ts";

const random = (bytes: number): string => hexOf(crypto.getRandomValues(new Uint8Array(bytes)));
export const newOperatorId = (): string => `op-${random(8)}`;

/** 256 bits that nobody guesses, and their digest, which is all that is kept. */
export async function newSecret(prefix: string): Promise<{ token: string; hash: string }> {
  const token = `${prefix}_${random(32)}`;
  return { token, hash: await digestOf(token) };
}
