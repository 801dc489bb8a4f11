/** The README, taken at its word: from an empty folder to a merged change. */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { PROJECT } from "../../scripts/stack/project.ts";
import { nothingLeftIn, temporaryDir, until } from "./support.ts";

const dir = temporaryDir();
afterAll(async () => {
  expect(await nothingLeftIn(dir)).toEqual([]);
  rmSync(dir, { recursive: true, force: true });
});

/** The README's blocks of shell, as they stand there. */
const blocks = Array.from(
  readFileSync(path.join(PROJECT, "README.md"), "utf8").matchAll(/^```sh\n(.*?)^```$/gms),
  ([, text]) => text as string,
);
const block = (begin: string): string => {
  const found = blocks.filter((text) => text.startsWith(begin));
  expect(found, `blocks of the README that begin with ${begin}`).toHaveLength(1);
  return found[0] as string;
};

const git = (cwd: string, ...args: string[]): string => execFileSync("git", args, { cwd, encoding: "utf8" }).trim();

/** What scripts/bootstrap.mjs writes when the packages are there. */
const STAMP = ".ticktown-lock";

/** This project as a clone of it has it, its packages already there. */
function cloneOfProject(to: string): void {
  const files = git(PROJECT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0");
  for (const file of files.filter((name) => name !== "" && existsSync(path.join(PROJECT, name))))
    cpSync(path.join(PROJECT, file), path.join(to, file), { recursive: true });
  const [packages, linked] = [PROJECT, to].map((folder) => path.join(folder, "node_modules")) as [string, string];
  mkdirSync(linked);
  for (const name of readdirSync(packages)) symlinkSync(path.join(packages, name), path.join(linked, name));
  // Says that they are those of the lock file: nothing is installed, and nothing removed, through the links.
  rmSync(path.join(linked, STAMP), { force: true });
  const lock = readFileSync(path.join(to, "package-lock.json"));
  writeFileSync(path.join(linked, STAMP), createHash("sha256").update(lock).digest("hex"));
}

/** What stands for a coding agent that works without a terminal: it gets the prompt, and leaves a file that is not committed. */
const CODING_AGENT = `#!/bin/sh
test -n "$1" || exit 1
printf '%s\\n' "$1" > answer.txt
`;

/** What is installed, by name. */
const installedIn = (prefix: string): string[] => {
  const modules = path.join(prefix, "lib", "node_modules", "ticktown", "node_modules");
  return readdirSync(modules)
    .flatMap((name) =>
      name.startsWith("@") ? readdirSync(path.join(modules, name)).map((one) => `${name}/${one}`) : name,
    )
    .filter((name) => !name.startsWith("."))
    .map((name) => name.replace(/^@cloudflare\/workerd-.*/, "@cloudflare/workerd-"))
    .toSorted();
};

test("the README's blocks lead from an empty folder and an empty prefix to an installed program and a merged change", async () => {
  const folders = ["ticktown", "my-project", "bin", "prefix", "home"].map((name) => path.join(dir, name));
  const [clone, project, bin, prefix, home] = folders as [string, string, string, string, string];
  for (const folder of folders) mkdirSync(folder);
  cloneOfProject(clone);
  const as = ["-c", "user.name=A", "-c", "user.email=a@example.com"];
  git(project, "init", "--quiet", "--initial-branch=main");
  git(project, ...as, "commit", "--quiet", "--allow-empty", "-m", "first");
  git(project, "checkout", "--quiet", "--detach"); // What is checked out cannot be pushed to; the README names the cure.
  writeFileSync(path.join(dir, "agent.sh"), block("# agent.sh"));
  const agent = path.join(bin, "my-coding-agent");
  writeFileSync(agent, CODING_AGENT);
  chmodSync(agent, 0o755);
  const env = {
    ...process.env,
    NO_COLOR: "1",
    HOME: home,
    npm_config_cache: execFileSync("npm", ["config", "get", "cache"], { encoding: "utf8" }).trim(),
    npm_config_prefix: prefix,
    npm_config_prefer_offline: "true",
    npm_config_audit: "false",
    npm_config_update_notifier: "false",
    INIT_CWD: undefined,
    PATH: [path.join(prefix, "bin"), bin, path.dirname(process.execPath), process.env["PATH"]].join(path.delimiter),
  };
  execFileSync("sh", ["-ec", block("npm run pack")], {
    cwd: clone,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  expect(installedIn(prefix)).toEqual([
    "@cloudflare/workerd-",
    "@hono/node-server",
    "commander",
    "hono",
    "workerd",
    "ws",
    "xstate",
    "zod",
  ]);

  // A port that nobody has: another Ticktown may run on this machine.
  const command = block("ticktown up --repo").trim();
  const started = spawn("sh", ["-c", `exec ${command} --port 0`], {
    cwd: clone,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [started.stdout, started.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = new Promise<number | null>((resolve) => started.once("close", resolve));
  try {
    await until(`ready in ${said}`, () => /^ready http:\S+$/m.test(said), 100_000);
    const typed = (line: string): string =>
      execFileSync("sh", ["-ec", line], { cwd: clone, env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    expect(typed(block("ticktown sling"))).toContain("1 bead merged");
    expect(git(project, "ls-tree", "--name-only", "main")).toBe("answer.txt");
    expect(git(project, "log", "--format=%s", "main")).toContain("Work of ");
    await until("it is told", () => /merged/.test(said));

    // What is printed for other programs works as well.
    const curl = /^.*(curl .*(?:\\\n.*)*)$/m.exec(said)?.[1];
    expect(curl, said).toBeDefined();
    expect(JSON.parse(typed(`${curl} --silent`))).toMatchObject({ success: true });
  } finally {
    started.kill("SIGINT");
    expect(await ended).toBe(0);
  }
}, 300_000);
