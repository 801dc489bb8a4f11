/** git-lfs, which the tests of large files run: `node scripts/git-lfs.ts` finds it, or installs Debian's. */
import { existsSync } from "node:fs";
import path from "node:path";
import { ensureProgram, programFolders } from "./debian.ts";

function findGitLfs(): string | null {
  return (
    programFolders()
      .map((folder) => path.join(folder, "git-lfs"))
      .find((file) => existsSync(file)) ?? null
  );
}

/** @throws Error that says what to install */
export function gitLfs(): string {
  const found = findGitLfs();
  if (found === null)
    throw new Error("the tests of large files need git-lfs: install it (on Debian: apt-get install git-lfs)");
  return found;
}

if (process.argv[1] !== undefined && import.meta.filename === process.argv[1])
  ensureProgram(findGitLfs, gitLfs, "git-lfs", "the tests of large files");
