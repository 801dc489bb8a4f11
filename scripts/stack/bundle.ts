/** The production bundle of the Worker, as a deploy would upload it; built again when what it is made of has changed. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { StackError } from "./errors.ts";
import { BUILT, PROJECT } from "./project.ts";

const SOURCES = ["src", "wrangler.toml", "package-lock.json"];
const BUILD_TIMEOUT_MS = 120_000;
/** Nothing of it reaches for the network. */
const OFFLINE = {
  CI: "true",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_WRITE_LOGS: "false",
};

export interface Bundle {
  readonly file: string;
  readonly compatibilityDate: string;
  /** The folder with the built pages. */
  readonly pages: string;
}

/**
 * @param say told when something is built, which takes a few seconds
 * @throws StackError when the pages are not built, or the Worker cannot be
 */
export function bundleOfWorker(say: (line: string) => void): Bundle {
  if (BUILT !== null) {
    const { compatibilityDate } = JSON.parse(readFileSync(BUILT.about, "utf8")) as Pick<Bundle, "compatibilityDate">;
    return { file: BUILT.worker, compatibilityDate, pages: BUILT.pages };
  }
  const pages = path.join(PROJECT, "dist", "dashboard");
  if (!existsSync(path.join(pages, "index.html")))
    throw new StackError(
      "the pages are not built; run `npm run build:dashboard` first (`npm start` does it by itself)",
    );
  // Named by what it was made of: an old one is never taken for the new one, and two starts at once do not disturb each other.
  const folder = path.join(PROJECT, "dist", "local");
  const file = path.join(folder, `worker-${digestOf(SOURCES)}.js`);
  if (!existsSync(file)) {
    say("building the Worker…");
    build(folder, file);
  }
  const settings = readFileSync(path.join(PROJECT, "wrangler.toml"), "utf8");
  const compatibilityDate = /^compatibility_date = "([0-9-]+)"$/m.exec(settings)?.[1];
  if (compatibilityDate === undefined) throw new StackError("wrangler.toml has no compatibility_date");
  return { file, compatibilityDate, pages };
}

function build(folder: string, file: string): void {
  const out = mkdtempSync(`${path.join(PROJECT, "dist", "building-")}`);
  try {
    const { status, stdout, stderr, error } = spawnSync(
      process.execPath,
      [
        path.join(PROJECT, "node_modules", "wrangler", "bin", "wrangler.js"),
        "deploy",
        "--dry-run",
        "--containers-rollout=none",
        `--outdir=${out}`,
        `--config=${path.join(PROJECT, "wrangler.toml")}`,
      ],
      {
        cwd: PROJECT,
        encoding: "utf8",
        timeout: BUILD_TIMEOUT_MS,
        env: { ...process.env, ...OFFLINE, CLOUDFLARE_ENV: undefined },
      },
    );
    if (status !== 0)
      throw new StackError(`the Worker could not be built${error ? ` (${error.message})` : ""}:\n${stdout}${stderr}`);
    mkdirSync(folder, { recursive: true });
    renameSync(path.join(out, "worker.js"), file);
    for (const old of readdirSync(folder)) if (old !== path.basename(file)) rmSync(path.join(folder, old));
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function digestOf(names: readonly string[]): string {
  const hash = createHash("sha256");
  const add = (name: string): void => {
    const file = path.join(PROJECT, name);
    if (statSync(file).isDirectory()) for (const child of readdirSync(file).toSorted()) add(path.join(name, child));
    else hash.update(`${name}\0`).update(readFileSync(file)).update("\0");
  };
  names.forEach(add);
  return hash.digest("hex").slice(0, 16);
}
