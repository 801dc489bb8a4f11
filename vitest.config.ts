import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { containerBinding } from "./test/support/container-binding.ts";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", environment: "node", include: ["test/unit/**/*.test.ts", "test/container/**/*.test.ts", "test/sim/**/*.test.ts"], testTimeout: 30_000 } },
      {
        plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { r2Buckets: { ARCHIVE: "archive" }, serviceBindings: { CONTAINER: containerBinding as never }, bindings: { ENVIRONMENT: "development", GASTOWN_JWT_SECRET: "test-secret-test-secret-test-secret", TICKTOWN_OPERATOR_TOKEN: "test-operator-token" } } })],
        test: { name: "workers", include: ["test/workers/**/*.test.ts"], testTimeout: 30_000 },
      },
      { test: { name: "e2e", environment: "node", include: ["test/e2e/**/*.test.ts"], fileParallelism: false, testTimeout: 120_000, hookTimeout: 120_000 } },
    ],
  },
});
