/** Tokens and codes that are made here: told once, and kept as a digest. */

const hex = (byte: number): string => byte.toString(16).padStart(2, "0");
const random = (bytes: number): string => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), hex).join("");
export const newOperatorId = (): string => `op-${random(8)}`;

export const digestOf = async (text: string): Promise<string> =>
  Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))), hex).join("");

/** 256 bits that nobody guesses, and their digest, which is all that is kept. */
export async function newSecret(prefix: string): Promise<{ token: string; hash: string }> {
  const token = `${prefix}_${random(32)}`;
  return { token, hash: await digestOf(token) };
}
