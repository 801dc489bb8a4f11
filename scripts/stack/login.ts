/** A coding agent's own login, in a home of Ticktown's: made by the program itself at this terminal, and kept for its agents. */
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { keptHome } from "../../container/agents/runtimes/logins.ts";
import { StackError } from "./errors.ts";
import { type Preset, PRESETS, presetNamed, versionOf } from "./presets.ts";

/** Where the logins of a state folder are kept. */
export const loginsIn = (stateDir: string): string => path.join(stateDir, "logins");

/** Where programs would keep their own things instead of in the home that they are given. */
const ELSEWHERE = /^(XDG_\w+|CODEX_HOME|CLAUDE_CONFIG_DIR|GEMINI_CLI_HOME|(OPENCODE|KILO)_CONFIG\w*)$/;

type Env = Readonly<Record<string, string | undefined>>;

/** An environment by which agents of the state folder find what was kept there. */
export const withLogins = (env: Env, stateDir: string): Env => ({ AGENT_LOGINS: loginsIn(stateDir), ...env });

/** What the program sees: a home of its own, and no key that would make a login idle. */
export function environmentOf({ keys }: Preset, env: Env, home: string): Record<string, string> {
  const kept = Object.entries(env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !keys.includes(entry[0]) && !ELSEWHERE.test(entry[0]),
  );
  return { ...Object.fromEntries(kept), HOME: home };
}

/**
 * Runs the program's login, which talks with whoever sits there.
 * @returns the files that it has left, readable by their owner only
 * @throws StackError when there is no such agent or program, or it has left no login
 */
export async function logIn(name: string, stateDir: string, env: Env): Promise<string[]> {
  const preset = presetNamed(name);
  const [program, ...args] = preset?.loginArgv ?? [];
  if (preset === undefined || program === undefined)
    throw new StackError(`there is no agent "${name}"; by name there are ${PRESETS.map((one) => one.name).join(", ")}`);
  if (versionOf(program, env) === null) throw new StackError(`the program ${program} is not on the PATH`);
  const home = keptHome(loginsIn(stateDir), preset);
  mkdirSync(home, { recursive: true, mode: 0o700 });
  for (const dir of [loginsIn(stateDir), home]) chmodSync(dir, 0o700);
  const code = await run(program, args, environmentOf(preset, env, home));
  const left = preset.logins.map((file) => path.join(home, file)).filter((file) => existsSync(file));
  for (const file of left) chmodSync(file, 0o600);
  if (code !== 0) throw new StackError(`${[program, ...args].join(" ")} ended with ${code}`);
  if (left.length === 0)
    throw new StackError(`${program} has left no login in ${home}: it may keep it elsewhere, such as in a keychain`);
  return left;
}

const run = (program: string, args: readonly string[], env: Record<string, string>): Promise<number | string> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: "inherit" });
    child.once("error", (error) => reject(new StackError(`${program} was not started: ${error.message}`)));
    child.once("close", (code, signal) => resolve(code ?? signal ?? "nothing"));
  });
