/** One check: `sh -c` in a copy, in a process group of its own, until its end or its time is over. Whatever is not plainly good is red. */
import { createHash, randomUUID } from "node:crypto";
import type { Check, CheckRun, RedWhy } from "../../src/wire/train.ts";
import { type Exit, type SpawnOptions, interrupt, spawnAgent } from "../agents/supervisor.ts";
import { graceOf } from "../halt.ts";
import { CHECK_LINES_KEPT, CHECK_WORDS_MAX_BYTES, SECRET_MAX_CHARS } from "../limits.ts";
import { messageOf } from "../log.ts";
import { markOf } from "../processes/marks.ts";
import type { Redact } from "../redact.ts";
import type { z } from "zod";
import { lastOf } from "./words.ts";

export interface CheckJob {
  readonly check: Check;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** The mark of the WORK_DIR. */
  readonly mark: string;
  readonly redact: Redact;
  readonly grace_ms: number;
  /** Puts the program into its box. */
  readonly within: (argv: readonly string[]) => readonly string[];
  /** Makes it a user of its own. */
  readonly launcher?: SpawnOptions["launcher"];
  /** Tells of what it has too much of; @returns to be called when it is gone. */
  readonly watch?: (pid: number, onOver: (why: string) => void) => () => void;
  readonly signal: AbortSignal;
}

type Why = z.infer<typeof RedWhy>;

/** It has nobody to ask, and what it prints is one text, in its order. */
const SCRIPT = 'exec 2>&1 </dev/null; exec sh -c "$1"';

export async function runCheck(job: CheckJob): Promise<CheckRun> {
  const { check, signal } = job;
  const started = performance.now();
  const output = listen(check.expect ?? null);
  const done = (exit: number | null, why: Why | null, sentence: string): CheckRun => ({
    name: check.name,
    commandDigest: digestOf(check.command),
    verdict: why === null ? "green" : "red",
    why,
    exit,
    ms: Math.round(performance.now() - started),
    outputDigest: output.digest(),
    words: why === null ? "" : lastOf(sentence, output.lines(job.redact)),
  });
  let late = false;
  const program = await spawnAgent({
    command: check.command,
    argv: job.within(["sh", "-c", SCRIPT, "sh", check.command]),
    cwd: job.cwd,
    env: { ...job.env },
    mark: markOf(job.mark, randomUUID()),
    launcher: job.launcher ?? null,
    redact: job.redact,
    onBytes: output.bytes,
  }).catch((error: unknown) => messageOf(error));
  if (typeof program === "string") return done(null, "missing_command", `it could not be started: ${program}`);
  const timer = setTimeout(() => {
    late = true;
    program.stop("SIGTERM", job.grace_ms);
  }, check.timeout_ms);
  let over: string | null = null;
  const unwatch = job.watch?.(program.pid, (why) => {
    over = why;
    program.stop("SIGKILL", 0);
  });
  const end = (): void => interrupt(program, "SIGTERM", graceOf(signal, job.grace_ms));
  signal.addEventListener("abort", end);
  if (signal.aborted) end();
  program.endInput();
  const exit = await program.gone;
  clearTimeout(timer);
  unwatch?.();
  signal.removeEventListener("abort", end);
  if (late) return done(null, "timeout", `it took longer than ${check.timeout_ms / 1000} s and was stopped`);
  if (over !== null) return done(null, "killed", over);
  const [why, sentence] = judge(exit);
  if (why !== null) return done(exit.code, why, sentence);
  return output.wasExpected()
    ? done(0, null, "")
    : done(0, "expect", `it ended with exit 0, but did not print ${JSON.stringify(check.expect)}`);
}

/** A shell, and the box, say 128 and the signal's number when what they ran was killed. */
const SIGNALLED = 128;
const SIGNALS_MAX = 64;
const NOT_FOUND = 127;

function judge({ code, signal }: Exit): [Why | null, string] {
  if (code === 0) return [null, ""];
  if (code === null) return ["killed", `it was ended by ${signal}`];
  if (code === NOT_FOUND) return ["missing_command", "exit 127: a command of it was not found"];
  if (code > SIGNALLED && code <= SIGNALLED + SIGNALS_MAX)
    return ["killed", `exit ${code}: it was ended by signal ${code - SIGNALLED}`];
  return ["exit", `exit ${code}`];
}

interface Output {
  /** The last ones. */
  readonly lines: (redact: Redact) => string[];
  readonly bytes: (chunk: Buffer) => void;
  readonly digest: () => string;
  readonly wasExpected: () => boolean;
}

/** What is kept of the end while it runs: more than is told, since empty lines and escapes are not told. */
const END_MAX_BYTES = 16 * CHECK_WORDS_MAX_BYTES;

/** All of it is looked through and counted in; only its end is kept, so that a check may print as much as it likes. */
function listen(expected: string | null): Output {
  const hash = createHash("sha256");
  const wanted = expected === null ? null : Buffer.from(expected);
  let end = Buffer.alloc(0);
  let isCut = false;
  let tail = Buffer.alloc(0);
  let found = wanted === null;
  return {
    lines: (redact) => linesOf(end.toString("utf8"), isCut, redact),
    bytes: (chunk) => {
      hash.update(chunk);
      isCut ||= end.length + chunk.length > END_MAX_BYTES;
      end = Buffer.concat([end, chunk]).subarray(-END_MAX_BYTES);
      if (found || wanted === null) return;
      const text = Buffer.concat([tail, chunk]);
      found = text.includes(wanted);
      // It may lie across two chunks.
      tail = text.subarray(Math.max(0, text.length - wanted.length + 1));
    },
    digest: () => hash.copy().digest("hex"),
    wasExpected: () => found,
  };
}

/** Where its beginning is gone, so is the line that begins there: of half a secret nobody would know that it is one. */
function linesOf(text: string, isCut: boolean, redact: Redact): string[] {
  const cut = text.indexOf("\n");
  const clean = redact(isCut && cut !== -1 ? text.slice(cut + 1) : text);
  const whole = isCut && cut === -1 ? clean.slice(SECRET_MAX_CHARS) : clean;
  return whole.replace(/\n$/, "").split("\n").slice(-CHECK_LINES_KEPT);
}

export const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");
