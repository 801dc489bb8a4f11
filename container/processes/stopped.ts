/**
 * A stop that holds whoever is there to hear of it: a file in the WORK_DIR. While it lies there no control server of that folder starts
 * anything. It is written where the Worker cannot be told, and goes when it has been.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { removeFile, writePrivateJson } from "../files.ts";

const fileOf = (workDir: string): string => path.join(workDir, "stopped.json");

/** From here on nothing is started. */
export function keepStopped(workDir: string): void {
  writePrivateJson(fileOf(workDir), { at: new Date().toISOString() });
}

export function isKeptStopped(workDir: string): boolean {
  return existsSync(fileOf(workDir));
}

/** Whoever starts anything is told by the rigs now. */
export function letGo(workDir: string): void {
  removeFile(fileOf(workDir));
}
