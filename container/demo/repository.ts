/** The demo agent's hands: files and git in its worktree. */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** @throws Error with git's own words */
export async function git(...args: string[]): Promise<string> {
  const { stdout } = await run("git", args);
  return stdout.trim();
}

/** Writes the line unless it is there: a dispatch that was killed after its commit does the same step again. */
export function addLine(file: string, line: string): void {
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
  const old = existsSync(file) ? readFileSync(file, "utf8") : "";
  if (!old.split("\n").includes(line)) writeFileSync(file, `${old}${line}\n`);
}

/** Does what was left to do: the lines that say so become lines that say that it is done. */
export function settleTodos(file: string): void {
  if (existsSync(file)) writeFileSync(file, readFileSync(file, "utf8").replaceAll(/^TODO: /gm, "done: "));
}

/** @returns whether there was something to commit */
export async function commit(message: string, ...files: string[]): Promise<boolean> {
  await git("add", "--all", "--", ...(files.length > 0 ? files : ["."]));
  if ((await git("diff", "--cached", "--name-only")) === "") return false;
  await git("commit", "--quiet", "-m", message);
  return true;
}

/** Takes in what others merged meanwhile and keeps the lines of both sides. Safe to repeat after a kill. */
export async function mergeDefaultBranch(defaultBranch: string): Promise<void> {
  await git("fetch", "--quiet", "origin");
  await concludeMerge();
  await commit("Keep what was not committed yet");
  const scratch = mkdtempSync(path.join(tmpdir(), "ticktown-demo-"));
  try {
    const attributes = path.join(scratch, "attributes");
    writeFileSync(attributes, "* merge=union\n");
    await git("-c", `core.attributesFile=${attributes}`, "merge", "--no-edit", `origin/${defaultBranch}`);
  } catch (error) {
    // Union settles lines, not "one side deleted the file": take whatever is in the worktree then.
    if (!(await concludeMerge())) throw error;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function concludeMerge(): Promise<boolean> {
  if (!existsSync(await git("rev-parse", "--git-path", "MERGE_HEAD"))) return false;
  await git("add", "--all");
  await git("commit", "--quiet", "--no-edit");
  return true;
}

/** Counts things per bead beside the repository, where no commit, no checkpoint and no other bead sees them. */
export async function openCounters(
  beadId: string,
): Promise<{ get: (name: string) => number; add: (name: string) => void }> {
  const dir = path.join(path.resolve(await git("rev-parse", "--git-common-dir")), "ticktown-demo");
  const file = path.join(dir, `${beadId.replaceAll(/[^A-Za-z0-9._-]/g, "-")}.json`);
  mkdirSync(dir, { recursive: true });
  const read = (): Record<string, number> =>
    existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Record<string, number>) : {};
  return {
    get: (name) => read()[name] ?? 0,
    add: (name) => writeFileSync(file, JSON.stringify({ ...read(), [name]: (read()[name] ?? 0) + 1 })),
  };
}
