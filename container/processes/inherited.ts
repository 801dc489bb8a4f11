/** What this process was started with, beside its three streams. */
import { closeSync, readFileSync, readdirSync } from "node:fs";

const FOLDER = "/proc/self/fd";
/** fcntl.h: whoever is started does not get it. Node opens all of its own so. */
const CLOSE_ON_EXEC = 0o2000000;

/**
 * Closes what whoever started this process left open: every process that is started here would get it, also one in a box, and through it
 * whatever it leads to. To be called before anything else is done.
 */
export function closeInherited(): void {
  const channel = process.env["NODE_CHANNEL_FD"];
  for (const name of descriptors()) {
    if (Number(name) <= 2 || name === channel) continue;
    try {
      const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, "utf8"))?.[1];
      if (flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0) closeSync(Number(name));
    } catch {
      // It was the one by which the folder was read.
    }
  }
}

function descriptors(): string[] {
  try {
    return readdirSync(FOLDER);
  } catch {
    return []; // Not Linux, where there is no box either.
  }
}
