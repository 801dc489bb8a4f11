/** What a machine has of what Ticktown needs, one line each: found by trying, never guessed. */
import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import path from "node:path";
import { MIN_FREE_BYTES } from "../../container/limits.ts";
import { messageOf } from "../../src/events/message-of.ts";
import { whyNoBox } from "../box.ts";
import { agentCommandOf, shellCommandOf } from "./agent-command.ts";
import { tryOnce } from "./agent-try.ts";
import { kindOf } from "./container-kind.ts";
import { withLogins } from "./login.ts";
import { credentialOf, doubtOf, type Preset, PRESETS, presetNamed, versionOf } from "./presets.ts";

export interface Finding {
  /** `missing` keeps Ticktown from working, `less` takes something away, `ok` and `none` need nobody. */
  readonly level: "ok" | "none" | "less" | "missing";
  readonly what: string;
  readonly says: string;
}

export interface Asked {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stateDir: string;
  /** As with `npm start --agent`; null: all presets are looked for. */
  readonly agent: string | null;
  readonly from: string;
  /** A control server that runs already, as with `npm start --container`. */
  readonly container?: string | null;
}

/** Git that merges without a checkout. */
const GIT_WANTED = [2, 38] as const;
const GIB = 2 ** 30;

export async function examine({ env: given, stateDir, agent, from, container = null }: Asked): Promise<Finding[]> {
  const env = withLogins(given, stateDir);
  return [
    gitOf(env),
    lfsOf(env),
    await boxOf(env),
    diskOf(stateDir),
    homeOf(env),
    ...(container === null ? [] : [await containerOf(container, env)]),
    ...(agent === null ? PRESETS.map((preset) => presetOf(preset, env)) : [await agentOf(agent, from, env)]),
  ];
}

export function gitOf(env: Asked["env"]): Finding {
  const what = "git";
  const said = versionOf("git", env);
  if (said === null) return { level: "missing", what, says: "there is none on the PATH; nothing works without it" };
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(said) ?? []).slice(1).map(Number);
  const isNew = major > GIT_WANTED[0] || (major === GIT_WANTED[0] && minor >= GIT_WANTED[1]);
  return isNew
    ? { level: "ok", what, says: said }
    : {
        level: "less",
        what,
        says: `${said}; before ${GIT_WANTED.join(".")} every merge takes a checkout, which is slower`,
      };
}

/** What takes something away from agents here, whichever they are: said at each start. */
export const lackingFor = (env: Asked["env"]): string[] =>
  [gitOf(env), homeOf(env)].filter(({ level }) => level !== "ok").map(({ what, says }) => `${what}: ${says}`);

function lfsOf(env: Asked["env"]): Finding {
  const said = versionOf("git-lfs", env);
  return said === null
    ? { level: "none", what: "git-lfs", says: "there is none; only repositories with large files need it" }
    : { level: "ok", what: "git-lfs", says: said };
}

async function boxOf(env: Asked["env"]): Promise<Finding> {
  const what = "box";
  const why = await whyNoBox(env["PATH"] ?? "");
  return why === ""
    ? {
        level: "ok",
        what,
        says: "bubblewrap works: checks and agents see their own files and the system, and nothing else of yours",
      }
    : { level: "less", what, says: `none (${why}): checks and agents run with your rights; install bubblewrap` };
}

async function containerOf(url: string, env: Asked["env"]): Promise<Finding> {
  const { kind, says } = await kindOf(url, env["CONTROL_TOKEN"] || null);
  const level = { new: "ok", old: "less", none: "missing" } as const;
  return { level: level[kind], what: "container", says: `${url}: ${says}` };
}

function diskOf(stateDir: string): Finding {
  const what = "disk";
  try {
    const { bavail, bsize } = statfsSync(nearest(stateDir));
    const free = bavail * bsize;
    const says = `${(free / GIB).toFixed(1)} GiB are free for ${stateDir}`;
    return free >= MIN_FREE_BYTES
      ? { level: "ok", what, says }
      : { level: "missing", what, says: `${says}; with less than ${MIN_FREE_BYTES / GIB} GiB nothing is started` };
  } catch (error) {
    return { level: "missing", what, says: `${stateDir} cannot be used: ${messageOf(error)}` };
  }
}

const nearest = (dir: string): string => (existsSync(dir) ? dir : nearest(path.dirname(dir)));

function homeOf(env: Asked["env"]): Finding {
  const what = "home";
  const home = env["HOME"] ?? "";
  try {
    accessSync(home, constants.W_OK);
    return { level: "ok", what, says: `${home} can be written, as agents want to` };
  } catch {
    return {
      level: "less",
      what,
      says: `HOME is "${home}" and cannot be written: many agents keep their sessions there`,
    };
  }
}

function presetOf(preset: Preset, env: Asked["env"]): Finding {
  const what = `agent ${preset.name}`;
  const version = versionOf(preset.program, env);
  if (version === null) return { level: "none", what, says: `${preset.program} is not on the PATH` };
  const { isThere, says } = credentialOf(preset, env);
  const doubt = doubtOf(preset, version);
  return { level: isThere && doubt === "" ? "ok" : "less", what, says: `${version}${doubt}, ${says}` };
}

async function agentOf(agent: string, from: string, env: Asked["env"]): Promise<Finding> {
  const what = "agent";
  const preset = presetNamed(agent.trim());
  try {
    const found = agentCommandOf(agent, from, env, false);
    if (preset !== undefined) return { ...presetOf(preset, env), what };
    const command = shellCommandOf(found) ?? "";
    await tryOnce({ command, typed: agent, from, env, hasFile: () => "no", say: () => {} });
    return { level: "ok", what, says: found.says[0] ?? command };
  } catch (error) {
    return { level: "missing", what, says: messageOf(error).split("\n")[0] ?? "" };
  }
}

const SIGNS: Record<Finding["level"], string> = { ok: "ok", none: "-", less: "LESS", missing: "MISSING" };

export const lineOf = ({ level, what, says }: Finding): string => `${SIGNS[level].padEnd(9)}${what.padEnd(16)}${says}`;
