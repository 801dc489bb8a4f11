/** Files that an agent, or what is checked, may write must be nobody else's: git and git-lfs link what they find on the same disk instead of copying it. */
import { constants } from "node:fs";
import { copyFile, lstat, readdir, rename } from "node:fs/promises";
import path from "node:path";
import { isRealFolder } from "./layout.ts";

/** Where contents of large files lie, and the git folders of submodules. */
const LINKED = ["lfs", "modules"];

/** Makes copies of what is shared with the store, or with a repository on this machine, by a hard link: whoever writes one writes both. */
export async function ownFiles(gitDir: string): Promise<void> {
  for (const folder of LINKED.map((name) => path.join(gitDir, name))) if (isRealFolder(folder)) await ownIn(folder);
}

async function ownIn(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) await ownIn(file);
    else if (entry.isFile() && (await lstat(file)).nlink > 1) {
      const copy = `${file}.own`;
      await copyFile(file, copy, constants.COPYFILE_FICLONE);
      await rename(copy, file);
    }
  }
}
