/** Programs that tests need and npm has not: on Debian, as root or with a sudo that does not ask, they can be had without anybody. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { messageOf } from "../src/events/message-of.ts";

/** The folders in which a program may be. */
export function programFolders(): string[] {
  return [...(process.env["PATH"] ?? "").split(path.delimiter), "/usr/bin"];
}

/** @param why what needs it. Says nothing when it cannot be installed: whoever needs it says what is missing. */
function installPackage(name: string, why: string): void {
  const isRoot = process.getuid?.() === 0;
  const apt = (...args: string[]) =>
    spawnSync(isRoot ? "apt-get" : "sudo", [...(isRoot ? [] : ["-n", "apt-get"]), ...args], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    });
  if (process.platform !== "linux" || !existsSync("/usr/bin/apt-get")) return;
  process.stderr.write(`ticktown: installing Debian's ${name} for ${why}…\n`);
  apt("update", "-qq");
  apt("install", "-y", "-qq", name);
}

/** What the script of a program does when it is run by itself: finds it, or installs it; else it ends with 1 and says why. */
export function ensureProgram(find: () => unknown, must: () => unknown, name: string, why: string): void {
  if (find() === null) installPackage(name, why);
  try {
    must();
  } catch (error) {
    process.stderr.write(`ticktown: ${messageOf(error)}\n`);
    process.exit(1);
  }
}
