import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { quoted } from "./quoted.ts";

/** The folder of package.json: of a clone, or of the package as it is installed (scripts/pack.ts). */
export const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

/** A program of the project: what is TypeScript in a clone is JavaScript in the package. @param name its path without an ending */
export const programFile = (name: string): string => path.join(PROJECT, `${name}${path.extname(import.meta.filename)}`);

/** What a package has instead of the means to build it; null in a clone. */
export const BUILT = existsSync(path.join(PROJECT, "worker.json"))
  ? {
      worker: path.join(PROJECT, "worker.js"),
      about: path.join(PROJECT, "worker.json"),
      pages: path.join(PROJECT, "pages"),
    }
  : null;

/**
 * A command that works wherever it is typed. In a clone that is the clone's own program with the Node that runs this one: outside of the clone
 * `npx ticktown` would ask the public registry for a program of that name, and `.ticktown` would not be found.
 * @param words the verb and what follows it, as a shell reads it
 */
export function called(words: string, stateDir: string, isBuilt: boolean = BUILT !== null): string {
  const clone = [process.execPath, path.join(PROJECT, "cli", "ticktown.ts")].map(quoted).join(" ");
  return `${isBuilt ? "ticktown" : clone} ${words} --state ${quoted(stateDir)}`;
}
