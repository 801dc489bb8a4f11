/** What an agent may leave in its clone that git cannot be let loose on. */
import { PIPE_PATIENCE_MS, PIPE_SEARCH_TIMEOUT_MS } from "../limits.ts";
import { exec } from "../processes/exec.ts";
import type { Git } from "./git.ts";

/** A folder that git cannot bring into order; its content is kept, elsewhere. The message says what it `has` or `is`. */
export class Untidy extends Error {}

/**
 * Git, for a folder that an agent could write. Some names it opens whatever lies there, and at a pipe of such a name it would wait for ever:
 * one that takes long is stopped when there is one. @throws Untidy naming the pipe
 */
export function waryGit(git: Git, folder: string): Git {
  const run: (...args: Parameters<Git>) => ReturnType<Git> = async (cwd, args, options = {}) => {
    const stop = new AbortController();
    const found: string[] = [];
    const look = async (): Promise<void> => {
      const pipe = await pipeIn(folder);
      if (pipe === null) return;
      found.push(pipe);
      stop.abort();
    };
    const timer = setTimeout(() => void look(), PIPE_PATIENCE_MS);
    const result = await git(cwd, args, { ...options, signal: stop.signal }).finally(() => clearTimeout(timer));
    if (found[0] !== undefined && result.code === null)
      throw new Untidy(`has a pipe that git would wait for: ${found[0]}`);
    return result;
  };
  return Object.assign(run, { place: git.place, reading: git.reading, room: git.room });
}

/** Only what git itself opens: an agent may have any other pipe. */
async function pipeIn(folder: string): Promise<string | null> {
  const names = ["(", "-path", "*/.git/*", "-o", "-name", ".git*", ")"];
  const kinds = ["(", "-xtype", "p", "-o", "-xtype", "c", ")"];
  const found = await exec("find", [folder, ...names, ...kinds, "-print", "-quit"], {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "" },
    timeout_ms: PIPE_SEARCH_TIMEOUT_MS,
  });
  return found.stdout.split("\n")[0] || null;
}
