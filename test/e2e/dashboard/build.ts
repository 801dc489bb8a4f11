import { execFileSync } from "node:child_process";
import path from "node:path";
import { PROJECT } from "../../../scripts/stack/project.ts";

/**
 * Builds the pages, once for all tests: the Worker serves dist/dashboard. For production: a test runner says otherwise, and would
 * leave slower pages behind.
 */
export default function buildDashboard(): void {
  execFileSync(
    process.execPath,
    [path.join(PROJECT, "node_modules/vite/bin/vite.js"), "build", "dashboard", "--logLevel", "error"],
    { cwd: PROJECT, stdio: "inherit", env: { ...process.env, NODE_ENV: "production" } },
  );
}
