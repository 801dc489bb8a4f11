/** `verify` as it is asked for: arguments in, lines and an exit code out. */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { messageOf } from "../../src/events/message-of.ts";
import { BadInput, openRepository } from "./repository.ts";
import { fault, json, summary, table } from "./print.ts";
import { look } from "./run.ts";

const USAGE = "npm run verify -- REPO JOURNAL [--strict] [--branch BRANCH] [--json]";

function options(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        strict: { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        branch: { type: "string" },
      },
    });
  } catch (error) {
    throw new BadInput(`${messageOf(error)}\n${USAGE}`);
  }
}

/** @throws BadInput also when the file cannot be opened */
async function* linesOf(file: string): AsyncGenerator<string> {
  try {
    yield* createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY });
  } catch (error) {
    throw new BadInput(`the journal cannot be read: ${messageOf(error)}`);
  }
}

/** Notes are written by whoever may push. */
async function withoutJournal(repo: string, print: Print): Promise<number> {
  const noted = await (await openRepository(repo)).noted();
  print(
    `${noted.size} commits of ${repo} have a note of Ticktown's. A note is a copy that anybody who may push can write: ` +
      `without the rig's journal nothing is proven. Give the journal (docs/operating.md, Backups):\n${USAGE}`,
  );
  return 1;
}

async function answer(args: readonly string[], print: Print): Promise<number> {
  const { values, positionals } = options(args);
  const [repo, journal, ...rest] = positionals;
  if (repo === undefined || rest.length > 0) throw new BadInput(USAGE);
  if (journal === undefined) return withoutJournal(repo, print);
  const looked = await look(repo, linesOf(journal), values.branch ?? null);
  const why = fault(looked, values.strict);
  if (values.json) print(json(looked, why));
  else {
    for (const line of table(looked, repo)) print(line);
    if (why !== null) print(`NOT VERIFIED: ${why}`);
    print(summary(looked));
  }
  return why === null ? 0 : 1;
}

type Print = (line: string) => void;

/** @returns the exit code: 0 covered, 1 not, 2 it cannot be told */
export async function command(args: readonly string[], print: Print, printError: Print): Promise<number> {
  try {
    return await answer(args, print);
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    printError(error.message);
    return 2;
  }
}
