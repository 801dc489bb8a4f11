import { expect, test } from "vitest";
import { guessedCache } from "../../../scripts/stack/guessed-cache.ts";
import { Setup } from "../../../src/events/place.ts";

test.each([
  "npm ci",
  "npm install --no-audit",
  " pnpm i --frozen-lockfile",
  "yarn",
  "yarn install --immutable",
  "bun install",
])("of `%s` it is known which lock files decide and that it makes node_modules", (command) => {
  const guessed = Setup.parse({ ...guessedCache(command), command });
  expect(guessed.cache_dirs).toEqual(["node_modules"]);
  expect(guessed.cache_keys).toEqual(
    expect.arrayContaining(["package-lock.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock", "package.json"]),
  );
});

test.each(["make", "npm ci && make", "npm run setup", "npm install left-pad", "yarn build", "sh setup.sh"])(
  "of `%s` nothing is known, and nothing is cached",
  (command) => {
    expect(Setup.parse({ ...guessedCache(command), command })).toMatchObject({ cache_dirs: [], cache_keys: [] });
  },
);
