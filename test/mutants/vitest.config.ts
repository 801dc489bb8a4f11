import { defineConfig } from "vitest/config";

/** The tests that mutants of the pure core must not survive: fast ones, without processes and without workerd. */
export default defineConfig({
  test: { environment: "node", include: ["test/unit/**/*.test.ts"], exclude: ["test/unit/model/layout.test.ts"], testTimeout: 30_000 },
});
