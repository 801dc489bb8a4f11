import { existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

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

/** How a verb is called from here, for people who read it. */
export const called = (verb: string): string => (BUILT === null ? `npx ticktown ${verb}` : `ticktown ${verb}`);
