/** The browser that the tests of the pages run in: `node scripts/browser.ts` finds one, or installs Debian's. */
import { existsSync } from "node:fs";
import path from "node:path";
import { ensureProgram, programFolders } from "./debian.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const ELSEWHERE = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/** The path of a Chromium, or null. CHROMIUM_PATH names another one. */
export function findBrowser(): string | null {
  const given = process.env["CHROMIUM_PATH"];
  if (given) return given;
  const folders = programFolders();
  const candidates = [...NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name))), ...ELSEWHERE];
  return candidates.find((candidate) => existsSync(candidate)) ?? null;
}

/** @throws Error that says what to install */
export function browser(): string {
  const found = findBrowser();
  if (found === null)
    throw new Error(
      "the tests of the pages need Chromium or Chrome: install one (on Debian: apt-get install chromium), or name it in CHROMIUM_PATH",
    );
  return found;
}

if (process.argv[1] !== undefined && import.meta.filename === process.argv[1])
  ensureProgram(findBrowser, browser, "chromium", "the tests of the pages");
