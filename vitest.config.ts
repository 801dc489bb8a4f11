import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { whyNoBox } from "./scripts/box.ts";
import { containerBinding } from "./test/support/container-binding.ts";

/** As many as the least machine has cores; the default leaves one of two idle. */
const WORKERS = 2;

/** How long a test, its set-up and what it polls may take: what never comes fails later, and a busy machine fails nothing (a poll's default is 1 s). */
const PATIENT = {
  testTimeout: 300_000,
  hookTimeout: 120_000,
  expect: { poll: { timeout: 60_000, interval: 20 } },
};

/** Where no box works these are not applicable, which scripts/box.ts has said before. */
const OF_THE_BOX = [
  ...["agent-box", "bounds", "box", "box-hostile", "escapes", "exchanged", "gateway", "linked"].map(
    (name) => `test/container/${name}.test.ts`,
  ),
  "test/e2e/box.test.ts",
];
const noBox = await whyNoBox(process.env["PATH"] ?? "");
const exclude = noBox === "" ? [] : OF_THE_BOX;

export default defineConfig({
  test: {
    maxWorkers: WORKERS,
    reporters: ["default", "./test/support/flaky-reporter.ts"],
    projects: [
      {
        test: {
          name: "unit",
          environment: "node",
          include: ["test/unit/**/*.test.ts", "test/container/**/*.test.ts", "test/sim/**/*.test.ts"],
          exclude,
          provide: { noBox },
          ...PATIENT,
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              r2Buckets: { ARCHIVE: "archive" },
              serviceBindings: { CONTAINER: containerBinding as never },
              bindings: {
                GASTOWN_JWT_SECRET: "test-secret-test-secret-test-secret",
                TICKTOWN_OPERATOR_TOKEN: "test-operator-token",
              },
            },
          }),
        ],
        test: {
          name: "workers",
          include: ["test/workers/**/*.test.ts"],
          ...PATIENT,
          // All of them take a minute and a half, and are a part of `npm run soak`; the core walks all of them in the unit tests.
          provide: { everyPath: Number(process.env["EVERY_PATH"] ?? 30) },
        },
      },
      {
        test: {
          name: "e2e",
          environment: "node",
          include: ["test/e2e/**/*.test.ts"],
          exclude,
          provide: { noBox },
          globalSetup: ["./test/e2e/dashboard/build.ts"],
          ...PATIENT,
        },
      },
    ],
  },
});
