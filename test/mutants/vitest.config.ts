import { defineConfig } from "vitest/config";

/**
 * The tests that judge a mutant of the pure core which the recorded behaviour let live: quick ones, without processes and without workerd. A
 * survivor costs all of them, so the slow ones (explorations, golden journals) stay out; they could only raise the score.
 */
export default defineConfig({
  test: {
    environment: "node",
    include: ["test/unit/**/*.test.ts"],
    exclude: [
      "test/unit/golden.test.ts",
      "test/unit/replay.test.ts",
      "test/unit/model/**",
      "test/unit/dashboard/**",
      "test/unit/cost/quiet.test.ts",
      "test/unit/incidents/outages.test.ts",
    ],
    testTimeout: 30_000,
  },
});
