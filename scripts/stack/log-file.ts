/** What a child printed: in files of bounded size, because nobody rotates the logs of a program that runs for weeks. */
import { closeSync, openSync, readFileSync, renameSync, statSync, writeSync } from "node:fs";

/** Two files of this size at most: the current one and the one before it. */
const MAX_BYTES = 2 * 1024 * 1024;
const PRIVATE_FILE = 0o600;

export interface LogFile {
  readonly path: string;
  readonly write: (chunk: string | Buffer) => void;
  /** The last lines written by this run, for people. */
  readonly tail: (lines: number) => string;
  readonly close: () => void;
}

export function openLogFile(path: string): LogFile {
  let fd: number | null = openSync(path, "a", PRIVATE_FILE);
  let size = statSync(path).size;
  let ours = size;

  function rotate(): void {
    if (fd !== null) closeSync(fd);
    renameSync(path, `${path}.1`);
    fd = openSync(path, "a", PRIVATE_FILE);
    size = 0;
    ours = 0;
  }

  return {
    path,
    write: (chunk) => {
      if (fd === null) return;
      const bytes = Buffer.from(chunk);
      try {
        if (size > 0 && size + bytes.length > MAX_BYTES) rotate();
        writeSync(fd, bytes);
        size += bytes.length;
      } catch {
        // A full disk must not end the programs whose log this is.
      }
    },
    tail: (lines) => {
      try {
        return readFileSync(path).subarray(ours).toString("utf8").trimEnd().split("\n").slice(-lines).join("\n");
      } catch {
        return "";
      }
    },
    close: () => {
      if (fd !== null) closeSync(fd);
      fd = null;
    },
  };
}
