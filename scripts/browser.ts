/** The browser that the tests of the pages run in: `node scripts/browser.ts` finds one, or installs Debian's. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const ELSEWHERE = ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"];

/** The path of a Chromium, or null. CHROMIUM_PATH names another one. */
export function findBrowser(): string | null {
  const given = process.env["CHROMIUM_PATH"];
  if (given) return given;
  const folders = [...(process.env["PATH"] ?? "").split(path.delimiter), "/usr/bin"];
  const candidates = [...NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name))), ...ELSEWHERE];
  return candidates.find((candidate) => existsSync(candidate)) ?? null;
}

/** @throws Error that says what to install */
export function browser(): string {
  const found = findBrowser();
  if (found === null) throw new Error("the tests of the pages need Chromium or Chrome: install one (on Debian: apt-get install chromium), or name it in CHROMIUM_PATH");
  return found;
}

/** On Debian, as root or with a sudo that does not ask, it can be had without anybody. */
function install(): void {
  const isRoot = process.getuid?.() === 0;
  const apt = (...args: string[]) => spawnSync(isRoot ? "apt-get" : "sudo", [...(isRoot ? [] : ["-n", "apt-get"]), ...args], { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
  if (process.platform !== "linux" || !existsSync("/usr/bin/apt-get")) return;
  process.stderr.write("ticktown: installing Debian's chromium for the tests of the pages…\n");
  apt("update", "-qq");
  apt("install", "-y", "-qq", "chromium");
}

if (process.argv[1] !== undefined && import.meta.filename === process.argv[1]) {
  if (findBrowser() === null) install();
  try {
    browser();
  } catch (error) {
    process.stderr.write(`ticktown: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
