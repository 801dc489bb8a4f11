/**
 * A command is tried once before anybody's work depends on it: in an empty repository, with nothing to do, no key of a model, no token, and
 * an empty standard input. What cannot even begin there (`sh nope.sh`) is refused in its own words; whatever else becomes of it says nothing.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withoutModelKeys } from "../../container/agents/door/upstreams.ts";
import { spawnAgent } from "../../container/agents/supervisor.ts";
import { hostEnvForAgents } from "../../container/processes/host-env.ts";
import { passedSecrets, redactorOf, secretsIn } from "../../container/redact.ts";
import { messageOf, StackError } from "./errors.ts";

type Env = Readonly<Record<string, string | undefined>>;

export type HasFile = (file: string) => "yes" | "no" | "unknown";

export interface Tried {
  /** As a shell runs it, from any folder. */
  readonly command: string;
  readonly typed: string;
  readonly from: string;
  readonly env: Env;
  /** Whether the repository has such a file, which an agent would find in its clone. */
  readonly hasFile: HasFile;
  /** For what is a doubt only. */
  readonly say: (line: string) => void;
}

/** What has not ended by then has begun. */
const TRY_MS = 3_000;
/** How long it has to end once it was told to. */
const GRACE_MS = 300;
const LINES_KEPT = 50;
const WORDS_MAX_CHARS = 300;

/** @throws StackError in plain words, with its own, when it cannot begin */
export async function tryOnce(tried: Tried): Promise<void> {
  checkSyntax(tried);
  const scratch = realpathSync(mkdtempSync(path.join(tmpdir(), "ticktown-try-")));
  try {
    const why = whyNot(tried, scratch, await runIn(scratch, tried));
    if (why !== null) throw new StackError(`--agent "${tried.typed}": ${why}`);
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
  }
}

function checkSyntax({ command, typed, env }: Tried): void {
  const read = spawnSync("sh", ["-n", "-c", command], { env, encoding: "utf8", timeout: TRY_MS });
  if (read.status !== 0 && read.error === undefined)
    throw new StackError(`--agent "${typed}": a shell cannot read it: ${plain(read.stderr)}`);
}

/** Words of others, for a terminal. */
const plain = (text: string): string =>
  text
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, WORDS_MAX_CHARS);

interface Outcome {
  /** null: it ran until it was ended. */
  readonly code: number | null;
  readonly lines: readonly string[];
}

async function runIn(scratch: string, { command, typed, env }: Tried): Promise<Outcome> {
  const lines: string[] = [];
  const passed = (env["AGENT_PASS"] ?? "").split(",").map((name) => name.trim());
  const process = await spawnAgent({
    command,
    cwd: scratch,
    env: { ...withoutModelKeys(hostEnvForAgents(env, passed)), ...asForAnAgent(scratch) },
    mark: `try:${randomUUID()}`,
    redact: redactorOf(secretsIn(env, passedSecrets(env, passed))),
    hasInput: false,
    onLine: (_, { text }) => {
      lines.push(text);
      if (lines.length > LINES_KEPT) lines.shift();
    },
  }).catch((error: unknown) => {
    throw new StackError(`--agent "${typed}" was not started: ${messageOf(error)}`);
  });
  const late = await Promise.race([process.gone.then(() => false), sleep(TRY_MS, true, { ref: false })]);
  if (late) process.stop("SIGTERM", GRACE_MS);
  const { code } = await process.gone;
  return { code: late ? null : code, lines };
}

/** What a script may ask for of an agent's environment, with nothing behind it. */
function asForAnAgent(scratch: string): Record<string, string> {
  try {
    execFileSync("git", ["init", "--quiet"], { cwd: scratch, stdio: "ignore", timeout: TRY_MS });
  } catch {
    // Without git nothing works, and that is said elsewhere.
  }
  const who = { NAME: "Ticktown", EMAIL: "ticktown@localhost" };
  return {
    // Above it there may be a repository of somebody's.
    GIT_CEILING_DIRECTORIES: path.dirname(scratch),
    GIT_AUTHOR_NAME: who.NAME,
    GIT_AUTHOR_EMAIL: who.EMAIL,
    GIT_COMMITTER_NAME: who.NAME,
    GIT_COMMITTER_EMAIL: who.EMAIL,
    // Nobody listens there.
    GASTOWN_API_URL: "http://127.0.0.1:9",
    GASTOWN_SESSION_TOKEN: "",
    GASTOWN_AGENT_ID: "try",
    GASTOWN_RIG_ID: "try",
    GASTOWN_TOWN_ID: "try",
    TICKTOWN_TRY: "1",
    TICKTOWN_PROMPT: "",
    TICKTOWN_SYSTEM_PROMPT: "",
    TICKTOWN_MODEL: "default",
    TICKTOWN_BRANCH: "try",
    TICKTOWN_DEFAULT_BRANCH: "main",
    TICKTOWN_ROLE: "polecat",
    TICKTOWN_DISPATCH_ID: "try:1",
  };
}

/** As a shell says that a program is not there or cannot be run, with 126 or 127. */
const NO_PROGRAM = /not found|no such file|permission denied|cannot execute|exec format/i;
/** As interpreters and programs say that a file is not there. What else they do not find, such as a model, says nothing. */
const NO_FILE = /no such file|(cannot|can't|could not) open|cannot find module|enoent/i;

/** @returns what to say of a command that cannot begin: something that it names is not there; null: nothing says so */
function whyNot({ command, from, env, hasFile, say }: Tried, scratch: string, { code, lines }: Outcome): string | null {
  if (code === null || code === 0) return null;
  const isShells = code === 126 || code === 127;
  const said = lines.filter((line) => (isShells ? NO_PROGRAM : NO_FILE).test(line));
  // What a script of theirs does not find may be in the repository, or made by its setup: only what is named here counts.
  const isMissing = (word: string): boolean =>
    canBeUsed(word, scratch, env)
      ? said.some((line) => line.endsWith(`${word}: Permission denied`))
      : said.some((line) => line.includes(word)) && hasFile(word) !== "yes";
  const missing = wordsOf(command).find(isMissing);
  if (missing === undefined) return null;
  const line = plain(said.find((one) => one.includes(missing)) ?? "");
  const words = `tried in an empty folder it ended with ${code}: ${line}`;
  if (hasFile(missing) === "unknown") {
    say(`the agent's command, ${words}. That is well if the repository has ${missing}`);
    return null;
  }
  const here =
    !path.isAbsolute(missing) && existsSync(path.resolve(from, missing)) ? ` (there is a ./${missing} here)` : "";
  return `${words}. Nothing was started. Agents run in clones of their own: name a script by ./ or ../ from here${here}, or by its full path`;
}

/** As a file from there, or as a program of the PATH. */
function canBeUsed(word: string, scratch: string, { PATH = "" }: Env): boolean {
  if (existsSync(path.resolve(scratch, word))) return true;
  return !word.includes("/") && PATH.split(path.delimiter).some((bin) => existsSync(path.join(bin, word)));
}

/** Words of the command that may be programs or files, without their quotes. */
function wordsOf(command: string): string[] {
  const all = [...command.matchAll(/(?:"[^"]*"|'[^']*'|\\.|[^\s'"|&;<>()`\\])+/g)];
  return all
    .map(([word]) =>
      word.replaceAll(
        /"([^"]*)"|'([^']*)'|\\(.)/g,
        (_, double?: string, single?: string, plain?: string) => double ?? single ?? plain ?? "",
      ),
    )
    .filter((word) => word.length > 1 && !word.startsWith("-"));
}
