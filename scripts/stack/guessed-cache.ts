/** What `npm start -- --setup COMMAND` may cache without being told. */
import type { Setup } from "../../src/events/place.ts";

/** Of the usual ways to install packages it is known what they read and make. */
export function guessedCache(command: string): Partial<Setup> {
  const npm = /^\s*(npm ci|npm install|npm i|pnpm install|pnpm i|yarn|yarn install|bun install)(\s+-\S+)*\s*$/.test(
    command,
  );
  return npm
    ? {
        cache_keys: [
          "package-lock.json",
          "npm-shrinkwrap.json",
          "pnpm-lock.yaml",
          "yarn.lock",
          "bun.lock",
          "package.json",
        ],
        cache_dirs: ["node_modules"],
      }
    : {};
}
