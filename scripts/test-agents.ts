/**
 * `npm run test:agents`: real coding agents, in the versions of test/agents/package-lock.json, against a model that follows scripts. Nothing
 * leaves the machine but their installation, which takes place once. Arguments are those of vitest, such as the name of a test file.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { MODEL_VARIABLES } from "../container/agents/door/upstreams.ts";
import { PROJECT } from "./stack/project.ts";

const FOLDER = path.join(PROJECT, "test", "agents");
const INSTALLED = path.join(FOLDER, "node_modules", ".installed");
const INSTALL_TIMEOUT_MS = 15 * 60_000;
const say = (line: string): void => void process.stderr.write(`test:agents: ${line}\n`);

/** Each program, with how it says the version that the lock file names. */
const PROGRAMS: Readonly<Record<string, string>> = { claude: "@anthropic-ai/claude-code", codex: "@openai/codex" };

function install(): void {
  const lock = readFileSync(path.join(FOLDER, "package-lock.json"));
  const digest = createHash("sha256").update(lock).digest("hex");
  if (existsSync(INSTALLED) && readFileSync(INSTALLED, "utf8") === digest) return;
  say("installing the agents (some hundred megabytes, once)");
  rmSync(INSTALLED, { force: true });
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], {
    cwd: FOLDER,
    stdio: ["ignore", "ignore", "inherit"],
    timeout: INSTALL_TIMEOUT_MS,
  });
  checkVersions(lock.toString());
  writeFileSync(INSTALLED, digest);
}

/** A program whose postinstall did not run has no binary, and says no version. @throws Error */
function checkVersions(lock: string): void {
  const { packages } = JSON.parse(lock) as { packages: Record<string, { version: string }> };
  for (const [program, name] of Object.entries(PROGRAMS)) {
    const wanted = packages[`node_modules/${name}`]?.version ?? "";
    const said = execFileSync(path.join(FOLDER, "node_modules", ".bin", program), ["--version"], {
      env: { PATH: process.env["PATH"], HOME: path.join(FOLDER, "node_modules") },
      encoding: "utf8",
      timeout: 60_000,
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
    if (!said.includes(wanted))
      throw new Error(`${program} says that it is ${said}, and ${wanted} was to be installed`);
    say(`${program}: ${said}`);
  }
}

install();
const { status } = spawnSync(
  process.execPath,
  [
    path.join(PROJECT, "node_modules/vitest/vitest.mjs"),
    "run",
    "--config",
    "test/agents/vitest.config.ts",
    ...process.argv.slice(2),
  ],
  {
    cwd: PROJECT,
    stdio: "inherit",
    // A key of whoever runs this is nobody's business here.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !MODEL_VARIABLES.has(name))),
  },
);
process.exitCode = status ?? 1;
