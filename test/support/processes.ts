import { readdirSync, readFileSync } from "node:fs";

/** Processes of this machine with exactly this command line, by number. Linux only. */
export function processesOf(...argv: readonly string[]): string[] {
  const commandLine = [...argv, ""].join("\0");
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8") === commandLine;
    } catch {
      return false; // It ended while we looked.
    }
  });
}
