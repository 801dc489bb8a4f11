/** How this server runs git: no prompts, no hooks, no secret on a command line, a deadline on everything. */
import { DEFAULT_PLACE, type Place } from "../../src/wire/container.ts";
import type { Config, Seen } from "../config.ts";
import { exec, type ExecResult } from "../processes/exec.ts";
import { hostEnvForGit } from "../processes/host-env.ts";
import { GIT_FILE_IN_MEMORY_MAX_BYTES, GIT_LOCK_WAIT_MS, GIT_TIMEOUT_MS } from "../limits.ts";
import type { Redact } from "../redact.ts";
import type { Remote } from "./remotes.ts";
import { removeLockThatFailed } from "./locks.ts";
import type { Room } from "./room.ts";
import { ensureGitConfig, gitConfigFile } from "./user-config.ts";
import { walled } from "../box/walled.ts";

/** Runs `git ...args` in a folder. Non-zero exits are results, not exceptions; what comes back is redacted. */
export interface Git {
  (cwd: string, args: readonly string[], options?: GitOptions): Promise<ExecResult>;
  /** The rig's settings: how its clones are made, and how long git may take. */
  readonly place: Place;
  /** How git is run that reads what an agent wrote. */
  readonly reading: Config["reading"];
  /** What a checkout may come to. */
  readonly room: Room;
}

export interface GitOptions {
  readonly timeout_ms?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly output?: string;
  readonly signal?: AbortSignal;
  readonly stdoutMax_bytes?: number;
  /** Takes what it prints as it comes; false: that is enough, and it is stopped. */
  readonly onStdout?: (chunk: Buffer) => boolean;
  /** It reads what an agent wrote, which may be made to cost memory and time: it is held to what that may take. */
  readonly isWalled?: boolean;
  /** Where there is a box for what reads, it runs there, and sees this. */
  readonly seen?: Seen;
}

export interface GitIdentity {
  readonly name: string;
  readonly email: string;
}

export const TICKTOWN_IDENTITY: GitIdentity = { name: "Ticktown", email: "ticktown@ticktown.local" };

export function identityOf(agent: { readonly agentId: string; readonly name: string }): GitIdentity {
  return { name: agent.name, email: `${agent.agentId}@ticktown.local` };
}

/** Overrides given through the environment, because they must also win over the config of a clone. */
export const OVERRIDES: readonly (readonly [string, string])[] = [
  ["core.hooksPath", "/dev/null"], // Hooks in a clone are the agents' own; ours must not depend on them.
  ["core.filesRefLockTimeout", String(GIT_LOCK_WAIT_MS)],
  ["core.packedRefsTimeout", String(GIT_LOCK_WAIT_MS)],
  // There is nobody here to type a passphrase, and a clone's own configuration may ask for one.
  ["commit.gpgSign", "false"],
  ["tag.gpgSign", "false"],
  ["push.gpgSign", "false"],
  ["merge.verifySignatures", "false"],
  ["core.fsmonitor", "false"],
  // No agent decides how much of a file git holds in memory: a larger one is passed on in pieces, and never compared by its lines.
  ["core.bigFileThreshold", String(GIT_FILE_IN_MEMORY_MAX_BYTES)],
  ["protocol.ext.allow", "never"],
  ["advice.detachedHead", "false"],
  // What lies in a folder of a clone is an agent's own repository, with programs in its configuration.
  ["fetch.recurseSubmodules", "no"],
  ["submodule.recurse", "false"],
  ["diff.ignoreSubmodules", "dirty"],
];

/** What a command is told besides: a clone's .gitmodules is stronger than any configuration, and only this is stronger than that. */
const TOLD: Readonly<Record<string, string>> = {
  fetch: "--no-recurse-submodules",
  status: "--ignore-submodules=dirty",
  diff: "--ignore-submodules=dirty",
};

/** No git of ours goes down into a repository that lies in an agent's clone, and runs what its configuration names. */
export function withoutSubmodules(args: readonly string[]): readonly string[] {
  const [command = "", ...rest] = args;
  const told = TOLD[command];
  return told === undefined ? args : [command, told, ...rest];
}

export function createGit(
  config: Config,
  who: GitIdentity,
  redact: Redact,
  remote: Remote | null = null,
  place: Place = DEFAULT_PLACE,
): Git {
  const env: Record<string, string> = {
    GIT_SSH_COMMAND: "ssh -o BatchMode=yes -o ConnectTimeout=20",
    ...hostEnvForGit(config.hostEnv),
    GIT_CONFIG_GLOBAL: gitConfigFile(config.workDir),
    GIT_CONFIG_NOSYSTEM: "1",
    LC_ALL: "C", // Messages are read by this program.
    GIT_TERMINAL_PROMPT: "0",
    GIT_NO_REPLACE_OBJECTS: "1", // Nobody may make one commit look like another.
    GIT_ASKPASS: "true", // A graphical prompt would wait for ever as well.
    GIT_AUTHOR_NAME: who.name,
    GIT_AUTHOR_EMAIL: who.email,
    GIT_COMMITTER_NAME: who.name,
    GIT_COMMITTER_EMAIL: who.email,
    GIT_CONFIG_COUNT: String(OVERRIDES.length),
    // What a partial clone has not, an upload-pack of ours may ask the remote for.
    GIT_NO_LAZY_FETCH: "0",
  };
  OVERRIDES.forEach(([key, value], n) => {
    env[`GIT_CONFIG_KEY_${n}`] = key;
    env[`GIT_CONFIG_VALUE_${n}`] = value;
  });
  // Read by the credential helper that store.ts configures.
  if (remote?.credentials) {
    env["GIT_TOKEN"] = remote.credentials.token;
    env["GIT_USERNAME"] = remote.credentials.username;
  }
  const run = async (
    cwd: string,
    args: readonly string[],
    { timeout_ms = GIT_TIMEOUT_MS, env: more = {}, seen, isWalled = false, ...rest }: GitOptions = {},
  ): Promise<ExecResult> => {
    await ensureGitConfig(config.workDir, config.hostEnv);
    const plain = ["git", ...withoutSubmodules(args)];
    const bare = isWalled ? walled(plain, config.hostEnv["PATH"] ?? "") : plain;
    const [program = "", ...argv] =
      seen === undefined || config.reading === null ? bare : config.reading({ cwd, ...seen }, plain);
    const once = (): Promise<ExecResult> => exec(program, argv, { cwd, env: { ...env, ...more }, timeout_ms, ...rest });
    const first = await once();
    const result = removeLockThatFailed(first, cwd, place, Date.now()) ? await once() : first;
    return { code: result.code, stdout: redact(result.stdout), stderr: redact(result.stderr) };
  };
  const bound = (number: number): number | null => (number === 0 ? null : number);
  const room = { bytes: bound(config.agentDisk_bytes), files: bound(config.agentDisk_files) };
  return Object.assign(run, { place, reading: config.reading, room });
}

/** A git command that was expected to work. */
export class GitFailure extends Error {
  constructor(what: string, result: ExecResult) {
    super(`${what}: ${lastWords(result)}`);
    this.name = "GitFailure";
  }
}

/** @throws GitFailure when git exits with anything but 0. @returns stdout without its last newline. */
export async function mustGit(
  git: Git,
  cwd: string,
  args: readonly string[],
  options: GitOptions = {},
): Promise<string> {
  const result = await git(cwd, args, options);
  if (result.code !== 0) throw new GitFailure(`git ${args.find((arg) => /^[a-z]/.test(arg))} failed`, result);
  return result.stdout.replace(/\n$/, "");
}

/** What git said last, in one line. */
export function lastWords(result: ExecResult): string {
  // What the other side of a connection says comes with a 0 behind it, and no process can be told of that.
  const said = `${result.stderr}\n${result.stdout}`.replaceAll(/[^\P{Cc}\n]/gu, " ");
  const lines = said.split("\n").flatMap((line) => line.trim() || []);
  const telling = lines.filter((line) => /^(fatal|error|remote|!|hint)\b/.test(line));
  return (telling.length > 0 ? telling : lines).slice(-4).join(" | ") || `git exited with ${result.code ?? "a signal"}`;
}

export async function revision(git: Git, cwd: string, ref: string): Promise<string | null> {
  const result = await git(cwd, ["rev-parse", "--verify", "--quiet", `${ref}^{commit}`]);
  return result.code === 0 ? result.stdout.trim() : null;
}

export async function isAncestor(git: Git, cwd: string, ancestor: string, descendant: string): Promise<boolean> {
  return (await git(cwd, ["merge-base", "--is-ancestor", ancestor, descendant])).code === 0;
}
