/** How full the disk is, and what a rig has of it. */
import { statfsSync } from "node:fs";
import { DISK_MEASURE_TIMEOUT_MS } from "../limits.ts";
import { exec } from "../processes/exec.ts";
import { Refusal } from "../refusal.ts";

export interface Space {
  readonly free_bytes: number;
  readonly total_bytes: number;
}

export function spaceOf(folder: string): Space {
  const { bavail, blocks, bsize } = statfsSync(folder);
  return { free_bytes: bavail * bsize, total_bytes: blocks * bsize };
}

/** @throws Refusal 422 disk_full: an agent that fills the last of it stops everybody's git */
export function refuseWhenFull(free_bytes: number, min_bytes: number): void {
  if (free_bytes >= min_bytes) return;
  const mib = (bytes: number): number => Math.floor(bytes / 1024 / 1024);
  throw new Refusal(
    422,
    "disk_full",
    `the container's disk has ${mib(free_bytes)} MiB left, and below ${mib(min_bytes)} MiB nothing is started; make room, or lower keep_days`,
  );
}

/** Bytes on disk below a folder, blocks that are shared counted once; null when that could not be measured in time. */
export async function bytesIn(folder: string): Promise<number | null> {
  const result = await exec("du", ["-sk", folder], {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "" },
    timeout_ms: DISK_MEASURE_TIMEOUT_MS,
  });
  const kib = /^(\d+)/.exec(result.stdout)?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}
