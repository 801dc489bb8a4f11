/** The command that makes a clone fit to work in: run before its agent, by itself, with an end, and once per set of keys. */
import type { Setup } from "../../src/wire/container.ts";
import { type SpawnOptions, interrupt, spawnAgent } from "../agents/supervisor.ts";
import type { Line } from "../agents/output.ts";
import { SETUP_WORDS_LINES, SETUP_WORDS_MAX_CHARS } from "../limits.ts";
import { messageOf } from "../log.ts";
import type { KeyedMutex } from "../mutex.ts";
import type { Redact } from "../redact.ts";
import { Refusal } from "../refusal.ts";
import { type SetupCache, digestOfSetup, restore, save } from "./setup-cache.ts";

export interface SetupJob {
  readonly setup: Setup;
  readonly clone: string;
  readonly cache: SetupCache;
  readonly env: Readonly<Record<string, string>>;
  readonly mark: string;
  readonly redact: Redact;
  readonly grace_ms: number;
  /** Puts the command into a box; without it there is none. */
  readonly within?: (argv: readonly string[]) => readonly string[];
  /** Makes it a user of its own. */
  readonly launcher?: SpawnOptions["launcher"];
  /** Tells of what it has too much of; @returns to be called when it is gone. */
  readonly watch?: (pid: number, onOver: (why: string) => void) => () => void;
  /** What this clone was set up with; null: with nothing yet. */
  readonly before: string | null;
  /** Only what was made from the target's own files may be given to other clones: an agent may have written all else. */
  readonly mayCache: boolean;
  /** One cache is made once, however many wait for it. */
  readonly oneAtATime: KeyedMutex;
  readonly onLine: (stream: "stdout" | "stderr", line: Line) => void;
  readonly say: (message: string) => void;
  /** Called with what ends the command, for a stop that comes meanwhile; with null when it is over. */
  readonly onProcess: (stop: ((signal: NodeJS.Signals) => void) | null) => void;
  /** Whether somebody asked for the end while this waited. */
  readonly isStopped: () => boolean;
}

/**
 * Safe to repeat after a crash at any point: a clone is set up when its state says so, a cache is there when it is whole.
 * @returns the digest of what the clone is set up with now
 * @throws Refusal 422 setup_failed with the command's last lines; 409 stopped
 */
export async function setUp(job: SetupJob): Promise<string> {
  const { setup, clone, cache, before, oneAtATime, say } = job;
  const digest = digestOfSetup(setup, clone);
  if (before === digest) return digest;
  const hasCache = setup.cache_dirs.length > 0;
  return oneAtATime(hasCache ? `${cache.folder} ${digest}` : clone, async () => {
    if (job.isStopped()) throw stopped();
    if (hasCache && (await restore(cache, digest, setup, clone))) {
      say("the clone was set up from the cache");
      return digest;
    }
    await runCommand(job);
    // It may have changed its own keys, as an `npm install` does with its lock file.
    const after = digestOfSetup(setup, clone);
    if (hasCache && job.mayCache && after === digest)
      await save(cache, digest, setup, clone).catch((error: unknown) =>
        say(`what the setup made could not be cached: ${messageOf(error)}`),
      );
    return after;
  });
}

async function runCommand(job: SetupJob): Promise<void> {
  const { setup, clone, env, mark, redact, grace_ms, within, launcher = null } = job;
  const words: string[] = [];
  const process = await spawnAgent({
    command: setup.command,
    ...(within === undefined ? {} : { argv: within(["sh", "-c", setup.command]) }),
    cwd: clone,
    env: { ...env },
    mark,
    launcher,
    redact,
    onLine: (stream, line) => {
      if (line.text.trim() !== "") words.push(line.text.trim());
      if (words.length > SETUP_WORDS_LINES) words.shift();
      job.onLine(stream, line);
    },
  }).catch((error: unknown) => {
    throw failed(`could not be started: ${messageOf(error)}`, []);
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    process.stop("SIGTERM", grace_ms);
  }, setup.timeout_ms);
  let over: string | null = null;
  const unwatch = job.watch?.(process.pid, (why) => {
    over = why;
    process.stop("SIGKILL", 0);
  });
  job.onProcess((signal) => interrupt(process, signal, grace_ms));
  // It has nobody to ask.
  process.endInput();
  const exit = await process.gone;
  clearTimeout(timer);
  unwatch?.();
  job.onProcess(null);
  if (job.isStopped()) throw stopped();
  if (late) throw failed(`took longer than ${setup.timeout_ms / 1000} s and was stopped`, words);
  if (over !== null) throw failed(`was ended: ${over}`, words);
  if (exit.code !== 0)
    throw failed(exit.signal === null ? `ended with exit ${exit.code}` : `was ended by ${exit.signal}`, words);
}

function failed(what: string, words: readonly string[]): Refusal {
  const last = words.join(" | ").slice(-SETUP_WORDS_MAX_CHARS);
  return new Refusal(422, "setup_failed", `the setup command ${what}${last === "" ? "" : `: ${last}`}`);
}

function stopped(): Refusal {
  return new Refusal(409, "stopped", "it was stopped while its clone was set up");
}
