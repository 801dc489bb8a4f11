/** Whether a git folder that an agent could write leads elsewhere: git itself makes no links in one, but follows those that it finds. */
import { readdirSync } from "node:fs";
import path from "node:path";
import { readPlain } from "../files.ts";
import { GIT_FOLDER_FILES_MAX, REF_FILE_MAX_BYTES } from "../limits.ts";
import { liesThere } from "./layout.ts";

/** Nothing of ours runs or writes a hook, and many a project links its own there. */
const ANYBODYS = "hooks";

/** @returns a link in it, or what it has too much of to be looked through, in words; null: there is none */
export function linkIn(gitDir: string, most = GIT_FOLDER_FILES_MAX): string | null {
  let seen = 0;
  const visit = (folder: string): string | null => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const file = path.join(folder, entry.name);
      if (++seen > most) return `more than ${most} files`;
      if (entry.isSymbolicLink()) return `a link, ${path.relative(gitDir, file)}`;
      const found = entry.isDirectory() && file !== path.join(gitDir, ANYBODYS) ? visit(file) : null;
      if (found !== null) return found;
    }
    return null;
  };
  try {
    return visit(gitDir);
  } catch {
    return "a folder that cannot be read";
  }
}

/** Where else objects are borrowed from than the store's; null: from nowhere. */
export function borrowedFrom(objects: string, store: string): string | null {
  const file = path.join(objects, "info", "alternates");
  try {
    if (!liesThere(file)) return null;
    const lines = readPlain(file, REF_FILE_MAX_BYTES).split("\n");
    return lines.find((line) => line !== "" && line !== path.join(store, "objects")) ?? null;
  } catch {
    return "a file that cannot be read";
  }
}
