/** One control server per WORK_DIR: a second one would take the first one's agents for left-overs and end them. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { makePrivateDir, removeFile, writePrivateJson } from "./files.ts";
import { startTimeOf } from "./groups.ts";

/** @returns a function that gives the folder up @throws Error when another control server that is alive holds it */
export function lockWorkDir(workDir: string): () => void {
  makePrivateDir(workDir);
  const file = path.join(workDir, "control.lock");
  const holder = readHolder(file);
  if (holder !== null && holder.pid !== process.pid && startTimeOf(holder.pid) === holder.startTime) {
    throw new Error(`WORK_DIR ${workDir} is in use by the control server with pid ${holder.pid}; stop it, or choose another WORK_DIR`);
  }
  writePrivateJson(file, { pid: process.pid, startTime: startTimeOf(process.pid) });
  return () => removeFile(file);
}

function readHolder(file: string): { pid: number; startTime: string } | null {
  try {
    const { pid, startTime } = JSON.parse(readFileSync(file, "utf8")) as { pid?: unknown; startTime?: unknown };
    return typeof pid === "number" && typeof startTime === "string" ? { pid, startTime } : null;
  } catch {
    return null; // No lock, or one that was cut off by a crash.
  }
}
