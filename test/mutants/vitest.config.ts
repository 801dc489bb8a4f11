import { defineConfig } from "vitest/config";

/** The tests that mutants of the pure core must not survive: quick ones, without processes and without workerd, and none that the recorded paths already are. */
export default defineConfig({
  test: {
    environment: "node",
    include: ["test/unit/**/*.test.ts"],
    exclude: ["test/unit/model/paths.test.ts", "test/unit/model/layout.test.ts", "test/unit/golden.test.ts", "test/unit/dashboard/**"],
    testTimeout: 30_000,
  },
});
