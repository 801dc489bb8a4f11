/** `ticktown`: the command line of this project. */
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { Ask, World } from "./context.ts";
import { EXITS, Failure } from "./exits.ts";
import { run } from "./run.ts";
import { versionHere } from "./version.ts";

/** What may be piped in. */
const STDIN_MAX_BYTES = 4 * 1024 * 1024;

async function piped(): Promise<string> {
  if (process.stdin.isTTY) return "";
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > STDIN_MAX_BYTES) throw new Failure("misuse", `stdin has more than ${STDIN_MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** A secret is not echoed. */
const atTerminal: NonNullable<Ask> = async (question, { isSecret } = { isSecret: false }) => {
  let isMuted = false;
  const output = new Writable({
    write: (chunk: Buffer, _, done) => {
      if (!isMuted) process.stderr.write(chunk);
      done();
    },
  });
  const terminal = createInterface({ input: process.stdin, output, terminal: true });
  try {
    const answer = terminal.question(question);
    isMuted = isSecret;
    return await answer;
  } finally {
    terminal.close();
    if (isSecret) process.stderr.write("\n");
  }
};

function worldHere(args: readonly string[]): World {
  const stopped = new AbortController();
  // `up` has an order of its own in which it ends.
  if (!args.includes("up")) process.once("SIGINT", () => stopped.abort());
  return {
    env: process.env,
    // npm changes to the project's folder and says here where it was called.
    cwd: process.env["INIT_CWD"] ?? process.cwd(),
    now: () => Date.now(),
    say: (line) => void process.stderr.write(`${line}\n`),
    out: (text) => void process.stdout.write(`${text}\n`),
    stdin: piped,
    ask: process.stdin.isTTY && process.stderr.isTTY ? atTerminal : null,
    signal: stopped.signal,
  };
}

/** @returns the exit code where stdout takes no more: whoever reads has read enough (`ticktown ls | head`), or what was written is not whole */
export function lostOutput(error: NodeJS.ErrnoException, say: (line: string) => void): number {
  if (error.code === "EPIPE") return EXITS.done.code;
  say(`ticktown: stdout cannot be written: ${error.message}`);
  return EXITS.refused.code;
}

/** Runs it, and ends this process. */
export async function main(args: readonly string[]): Promise<never> {
  process.stdout.on("error", (error) =>
    process.exit(lostOutput(error, (line) => void process.stderr.write(`${line}\n`))),
  );
  process.exit(await run(args, versionHere(), worldHere(args)));
}
