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

test("the README's blocks lead from an empty folder to a merged change", async () => {
  const [clone, project, bin] = ["ticktown", "my-project", "bin"].map((name) => path.join(dir, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [clone, project, bin]) mkdirSync(folder);
  cloneOfProject(clone);
  git(project, "init", "--quiet", "--initial-branch=main");
  git(
    project,
    "-c",
    "user.name=A",
    "-c",
    "user.email=a@example.com",
    "commit",
    "--quiet",
    "--allow-empty",
    "-m",
    "first",
  );
  git(project, "checkout", "--quiet", "--detach"); // What is checked out cannot be pushed to; the README names the cure.
  writeFileSync(path.join(dir, "agent.sh"), block("# agent.sh"));
  const agent = path.join(bin, "my-coding-agent");
  writeFileSync(agent, CODING_AGENT);
  chmodSync(agent, 0o755);

  const command = block("npm start -- --repo").trim();
  const env = { ...process.env, NO_COLOR: "1", PATH: `${bin}${path.delimiter}${process.env["PATH"]}` };
  // A port that nobody has: another Ticktown may run on this machine.
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
    const curl = /^.*(curl .*(?:\\\n.*)*)$/m.exec(said)?.[1];
    expect(curl, said).toBeDefined();
    const answer = execFileSync("sh", ["-c", curl as string], {
      cwd: clone,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect(JSON.parse(answer)).toMatchObject({ success: true });
    await until(
      `a merge; it said:\n${said}`,
      () => git(project, "ls-tree", "--name-only", "main") === "answer.txt",
      100_000,
    );
    expect(git(project, "log", "--format=%s", "main")).toContain("Work of agent-");
    await until("it is told", () => /merged/.test(said));
  } finally {
    started.kill("SIGINT");
    expect(await ended).toBe(0);
  }
}, 300_000);
