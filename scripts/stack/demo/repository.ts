/** A small real repository: a bare origin with one commit. */
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";

export interface DemoRepository {
  readonly origin: string;
  readonly git: (...args: string[]) => string;
}

/** Independent of how the reader's own git is set up. */
const ENV = {
  ...process.env,
  GIT_AUTHOR_NAME: "Ticktown demo",
  GIT_AUTHOR_EMAIL: "demo@ticktown.local",
  GIT_COMMITTER_NAME: "Ticktown demo",
  GIT_COMMITTER_EMAIL: "demo@ticktown.local",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
};

export function makeRepository(dir: string): DemoRepository {
  const origin = path.join(dir, "origin.git");
  const clone = path.join(dir, "clone");
  const run = (args: string[]): string =>
    execFileSync("git", args, { env: ENV, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  run(["init", "--quiet", "--bare", origin]);
  run(["--git-dir", origin, "symbolic-ref", "HEAD", "refs/heads/main"]);
  run(["init", "--quiet", clone]);
  writeFileSync(path.join(clone, "README.md"), "# A project that agents work on\n");
  run(["-C", clone, "checkout", "--quiet", "-b", "main"]);
  run(["-C", clone, "add", "--all"]);
  run(["-C", clone, "commit", "--quiet", "--message", "Begin"]);
  run(["-C", clone, "push", "--quiet", origin, "main"]);
  return { origin, git: (...args) => run(["--git-dir", origin, ...args]) };
}
