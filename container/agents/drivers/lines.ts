/** Whole lines out of a stream of bytes: never half of one, however long it is. */

export interface WholeLines {
  readonly push: (chunk: Buffer) => void;
  /** The stream is over: what stands there without an end is a line too. */
  readonly end: () => void;
  /** Lines that were longer than the limit and so were not given on, not even in part. */
  readonly skipped: () => number;
}

const LF = 0x0a;

/**
 * @param max_bytes of one line. A longer one is read to its end, counted, and forgotten: half a message must not be taken for one.
 * @param onSkipped told of each such line, with its length in bytes
 */
export function wholeLines(
  max_bytes: number,
  onLine: (line: string) => void,
  onSkipped: (bytes: number) => void = () => {},
): WholeLines {
  let parts: Buffer[] = [];
  let bytes = 0;
  let skipped = 0;

  function add(part: Buffer): void {
    bytes += part.length;
    if (bytes > max_bytes) parts = [];
    else if (part.length > 0) parts.push(part);
  }

  function emit(): void {
    const length = bytes;
    const line = length > max_bytes ? null : Buffer.concat(parts, length).toString("utf8");
    parts = [];
    bytes = 0;
    if (line === null) {
      skipped += 1;
      onSkipped(length);
    } else onLine(line.endsWith("\r") ? line.slice(0, -1) : line);
  }

  return {
    push: (chunk) => {
      let from = 0;
      for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, from)) {
        add(chunk.subarray(from, at));
        emit();
        from = at + 1;
      }
      add(chunk.subarray(from));
    },
    end: () => {
      if (bytes > 0) emit();
    },
    skipped: () => skipped,
  };
}
