/** One look: a journal's lines against a repository. */
import { type Commit, carriers, isOfThisLine, sinceBegan, type Verdict, verify } from "../../src/core/verify.ts";
import { journalReader, type Known } from "../../src/core/verify-journal.ts";
import { BadInput, openRepository, type Repository, type Target } from "./repository.ts";
import { messageOf } from "../../src/events/message-of.ts";

export interface Looked {
  readonly known: Known;
  readonly target: Target;
  readonly verdict: Verdict;
  /** Commits that have a note of Ticktown's, which is a hint and no proof. */
  readonly noted: ReadonlySet<string>;
}

/** @param branch null: the target of the rig @throws BadInput */
export async function look(
  folder: string,
  journal: AsyncIterable<string> | Iterable<string>,
  branch: string | null,
): Promise<Looked> {
  const repository = await openRepository(folder);
  const known = await read(journal);
  const target = await repository.target(branch ?? known.branch, known.gitUrl, branch !== null);
  const whole = await repository.line(target.tip);
  if (!isOfThisLine(whole, known))
    throw new BadInput(
      `nothing that the journal of rig ${known.rigId} says of its target is on ${target.ref} of ${folder}: ` +
        "it is the journal of another rig, or of another branch, or the history was written anew",
    );
  const line = whole.slice(0, await since(repository, whole, known));
  const verdict = await verdictOf(repository, line, known);
  return { known, target, verdict, noted: await repository.noted() };
}

/** Of the line, so many commits are of the rig's time: also those that brought in what was handed in, whenever they say that they were made. */
async function since(repository: Repository, whole: readonly Commit[], known: Known): Promise<number> {
  const began = sinceBegan(whole, known);
  // What was handed in was not on the target then, and came onto it above where its agent began.
  const base = whole.findLastIndex(({ hash }) => known.bases.has(hash));
  const [tip, below] = [whole[0], whole[base]];
  if (base <= began || tip === undefined || below === undefined) return began;
  const hashes = whole.slice(0, base).map(({ hash }) => hash);
  const { found, push } = carriers(hashes, new Set(known.handIns.keys()));
  await repository.walk(tip.hash, below.hash, push);
  return Math.max(began, hashes.findLastIndex((hash) => found.has(hash)) + 1);
}

async function read(journal: AsyncIterable<string> | Iterable<string>): Promise<Known> {
  try {
    const reader = journalReader();
    for await (const line of journal) reader.push(line);
    return reader.end();
  } catch (error) {
    throw new BadInput(messageOf(error));
  }
}

async function verdictOf(repository: Repository, line: readonly Commit[], known: Known): Promise<Verdict> {
  const first = verify(line, known, new Map());
  const [tip, oldest] = [line[0], line.at(-1)];
  const wanted = new Set([...known.handIns.keys(), ...known.handedOver.keys()]);
  // What each commit brings in is asked only where a receipt does not answer already.
  if (tip === undefined || wanted.size === 0 || first.covered === line.length) return first;
  const hashes = line.map(({ hash }) => hash);
  const { found, push } = carriers(hashes, wanted);
  await repository.walk(tip.hash, oldest?.parents[0] ?? null, push);
  return verify(line, known, found);
}
