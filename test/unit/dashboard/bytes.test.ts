import { expect, test } from "vitest";
import { bytes } from "../../../dashboard/src/lib/bytes.ts";

test.each([
  [0, "0 bytes"],
  [999, "999 bytes"],
  [1_000, "1.0 kB"],
  [99_900, "99.9 kB"],
  [100_000, "100 kB"],
  [3_460_000, "3.5 MB"],
  [61_400_000_000, "61.4 GB"],
  [2e18, "2000 PB"],
])("%d bytes are %s", (n, said) => expect(bytes(n)).toBe(said));
