/** Compares two secrets in a time that does not tell where they differ: their digests have one length. */
export async function isSame(a: string, b: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const [x, y] = await Promise.all([
    crypto.subtle.digest("SHA-256", encoder.encode(a)),
    crypto.subtle.digest("SHA-256", encoder.encode(b)),
  ]);
  // Every byte is looked at, whatever the first ones say.
  const [left, right] = [new Uint8Array(x), new Uint8Array(y)];
  let difference = 0;
  for (const [i, byte] of left.entries()) difference |= byte ^ (right[i] ?? 256);
  return difference === 0;
}
