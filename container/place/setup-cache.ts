/** What a setup made, kept per digest of its command and keys. A folder is there when it is whole. */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import path from "node:path";
import type { Setup } from "../../src/wire/container.ts";
import { type RigFolders, discard, isRealFolder, liesThere, moveTo, scratchName } from "../git/layout.ts";
import { COPY_TIMEOUT_MS, SETUP_CACHES_MAX, SETUP_KEY_MAX_BYTES } from "../limits.ts";
import { exec } from "../processes/exec.ts";

export interface SetupCache {
  readonly folders: RigFolders;
  /** One folder per digest. */
  readonly folder: string;
}

export function setupCacheOf(folders: RigFolders): SetupCache {
  return { folders, folder: folders.setups };
}

/** Changes with the command, with what a key file holds, and with the machine that it was made on. */
export function digestOfSetup(setup: Setup, clone: string): string {
  const hash = createHash("sha256");
  const { command, cache_keys, cache_dirs } = setup;
  hash.update(JSON.stringify([command, cache_dirs, process.platform, process.arch]));
  for (const name of cache_keys) hash.update(JSON.stringify([name, contentOf(clone, name)]));
  return hash.digest("hex").slice(0, 40);
}

function contentOf(clone: string, name: string): string | null {
  const file = path.join(clone, name);
  const stat = isInside(clone, path.dirname(name)) ? lstatSync(file, { throwIfNoEntry: false }) : undefined;
  if (!stat?.isFile()) return null;
  if (stat.size > SETUP_KEY_MAX_BYTES) return `${stat.size} bytes of ${stat.mtimeMs}`;
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** Whether no part of the way is a link, which could lead anywhere. */
function isInside(clone: string, name: string): boolean {
  const parts = path.normalize(name).split(path.sep);
  return parts.every((_, n) => isRealFolder(path.join(clone, ...parts.slice(0, n + 1))));
}

/** Makes the folders on the way. @returns false when one of them is something else */
function makeInside(clone: string, name: string): boolean {
  let folder = clone;
  for (const part of path.normalize(name).split(path.sep)) {
    folder = path.join(folder, part);
    if (!liesThere(folder)) mkdirSync(folder);
    if (!isRealFolder(folder)) return false;
  }
  return true;
}

const slot = (n: number): string => `dir-${n}`;

/** Puts the folders of a cache into a clone, in the place of what is there. @returns false when there is no such cache */
export async function restore(cache: SetupCache, digest: string, setup: Setup, clone: string): Promise<boolean> {
  const from = path.join(cache.folder, digest);
  if (!isRealFolder(from)) return false;
  const now = new Date();
  utimesSync(from, now, now); // The one that was not used for longest goes first.
  for (const [n, name] of setup.cache_dirs.entries()) {
    const kept = path.join(from, slot(n));
    const to = path.join(clone, name);
    if (!makeInside(clone, path.dirname(name))) return false;
    discard(cache.folders, to);
    if (!liesThere(kept)) continue;
    const copy = scratchName(cache.folders, "setup");
    await copyFolder(kept, copy);
    moveTo(copy, to);
  }
  return true;
}

/** @throws Error when a folder cannot be copied; then nothing is kept */
export async function save(cache: SetupCache, digest: string, setup: Setup, clone: string): Promise<void> {
  const making = scratchName(cache.folders, "setup");
  try {
    mkdirSync(making, { recursive: true });
    for (const [n, name] of setup.cache_dirs.entries()) {
      if (!isInside(clone, name)) continue;
      await copyFolder(path.join(clone, name), path.join(making, slot(n)));
    }
    discard(cache.folders, path.join(cache.folder, digest));
    moveTo(making, path.join(cache.folder, digest));
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  forgetOldest(cache);
}

function forgetOldest({ folders, folder }: SetupCache): void {
  const byAge = readdirSync(folder)
    .map((name) => ({ name, at: statSync(path.join(folder, name)).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { name } of byAge.slice(SETUP_CACHES_MAX)) discard(folders, path.join(folder, name));
}

/** Sharing blocks where the file system can; links are copied as links. */
async function copyFolder(from: string, to: string): Promise<void> {
  const result = await exec("cp", ["-a", from, to], {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "" },
    timeout_ms: COPY_TIMEOUT_MS,
  });
  if (result.code !== 0) throw new Error(`cp ${from}: ${result.stderr.trim().split("\n").at(-1)}`);
}
