/** Whether the file of an export is as it was written. */
import { createHash } from "node:crypto";
import { isHeaderLine, sealOf } from "../../src/core/journal-file.ts";

/**
 * The same lines; a file of before seals has none, and passes.
 * @throws Error at a seal that is not that of the lines before it, down to their header
 */
export async function* sealChecked(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let hash = createHash("sha256");
  for await (const line of lines) {
    if (isHeaderLine(line)) hash = createHash("sha256");
    const seal = sealOf(line);
    if (seal !== null && seal.sha256 !== hash.digest("hex"))
      throw new Error("the file is not as it was written: its SHA-256 is another one than its last line says");
    if (seal === null) hash.update(`${line}\n`);
    yield line;
  }
}
