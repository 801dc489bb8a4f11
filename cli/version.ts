import { readFileSync } from "node:fs";
import path from "node:path";
import { PROJECT } from "../scripts/stack/project.ts";

/** Of this project, as package.json has it. */
export const versionHere = (): string =>
  (JSON.parse(readFileSync(path.join(PROJECT, "package.json"), "utf8")) as { version: string }).version;
