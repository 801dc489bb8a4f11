import { defineConfig } from "vitest/config";

/** Real coding agents against the scripted model. Not in `npm test`: they are installed by scripts/test-agents.ts. */
export default defineConfig({
  test: {
    name: "agents",
    environment: "node",
    root: import.meta.dirname,
    include: ["*.test.ts"],
    // One file after the other: a stack and some CLIs are as much as two cores take.
    fileParallelism: false,
    // Agents at a time: each is some seconds of a core before it says anything.
    maxConcurrency: 3,
    // As in `npm test`: what needed a second try is named.
    retry: 1,
    reporters: ["default", "../support/flaky-reporter.ts"],
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 120_000, interval: 100 } },
  },
});
