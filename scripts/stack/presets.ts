/**
 * Coding agents by name, as they are found on this machine: `npm start -- --agent claude`. How each is started and spoken with is the
 * control server's (container/agents/runtimes).
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { isInRange, type Runtime } from "../../container/agents/runtimes/runtime.ts";
import { loginFilesOf } from "../../container/agents/runtimes/logins.ts";
import { RUNTIMES } from "../../container/agents/runtimes/runtimes.ts";

export type Preset = Runtime;

export const PRESETS: readonly Preset[] = RUNTIMES;

export const presetNamed = (name: string): Preset | undefined => PRESETS.find((preset) => preset.name === name);

type Env = Readonly<Record<string, string | undefined>>;

/** @returns the program's own words for its version; null: it is not there, or does not say */
export function versionOf(program: string, env: Env): string | null {
  try {
    const said = execFileSync(program, ["--version"], {
      env: { ...env, CI: "1" },
      timeout: 20_000,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return said.trim().split("\n")[0] ?? "";
  } catch {
    return null;
  }
}

/** Those of its keys that are set, by name: what they hold is nobody's to print. */
export const keysFound = ({ keys }: Preset, env: Env): string[] => keys.filter((key) => (env[key] ?? "") !== "");

/** Its own login, kept by `npm run login` or in this person's home, if there is one: the first file of it. */
export const loginFound = (preset: Preset, env: Env): string | null =>
  loginFilesOf(preset, env).find((file) => existsSync(file)) ?? null;

/** For people: what it would be let in with. @returns `isThere` false: nothing was found */
export function credentialOf(preset: Preset, env: Env): { readonly isThere: boolean; readonly says: string } {
  const found = keysFound(preset, env);
  if (found.some((name) => !name.endsWith("URL"))) return { isThere: true, says: `with ${found.join(", ")}` };
  const login = loginFound(preset, env);
  if (login !== null) return { isThere: true, says: `logged in by ${atHome(login, env["HOME"] ?? "")}` };
  return { isThere: false, says: `none of ${preset.keys.join(", ")} is set: ${preset.login}, or it can do nothing` };
}

const atHome = (file: string, home: string): string =>
  home !== "" && file.startsWith(`${home}/`) ? `~${file.slice(home.length)}` : file;

/** For people: nothing where its version is one of those that were tried, or next to them. */
export const doubtOf = ({ range, tried }: Preset, version: string): string =>
  isInRange(version, range) ? "" : ` (tried was ${tried}, and nothing before ${range[0]} or from ${range[1]} on)`;
