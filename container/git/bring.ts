/** What git has written elsewhere than in the store, because it looked at an agent's files in a box that shows the store to be read. */
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import path from "node:path";

/** Moves objects, and contents of large files, from a folder that nobody else writes; what is there already is the same. */
export function bringInto(store: string, from: string): void {
  for (const name of ["objects", "lfs/objects"]) bring(path.join(from, name), path.join(store, name));
}

function bring(from: string, to: string): void {
  if (!existsSync(from)) return;
  mkdirSync(to, { recursive: true });
  // A pack counts as one as soon as it has its index, which sorts before it.
  for (const entry of readdirSync(from, { withFileTypes: true }).toReversed()) {
    const [file, there] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) bring(file, there);
    else if (!existsSync(there)) renameSync(file, there);
  }
}
