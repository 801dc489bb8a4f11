/** A copy of the receipt beside the code: a git note on the commit that was pushed. It may fail; the rig's journal is the proof. */
import type { Pushed } from "../../src/wire/train.ts";
import { lastWords, mustGit } from "../git/git.ts";
import { NOTES_ATTEMPTS_MAX } from "../limits.ts";
import type { TrainContext } from "./context.ts";

export const NOTES_REF = "refs/notes/ticktown";
const THEIRS = "refs/notes/ticktown-at-the-remote";

/** Others push notes too: theirs are fetched and kept, and ours wins on our own commit. @throws Error when it cannot be done */
export async function noteReceipt({ git, folders }: TrainContext, pushed: Pushed): Promise<void> {
  const { store } = folders;
  let said = "";
  for (let attempt = 0; attempt < NOTES_ATTEMPTS_MAX; attempt++) {
    const fetched = await git(
      store,
      ["fetch", "--quiet", "--no-write-fetch-head", "origin", `+${NOTES_REF}:${THEIRS}`],
      {
        timeout_ms: git.place.fetch_timeout_ms,
      },
    );
    if (fetched.code === 0) {
      const isNew = (await git(store, ["rev-parse", "--verify", "--quiet", NOTES_REF])).code !== 0;
      if (isNew) await mustGit(git, store, ["update-ref", NOTES_REF, THEIRS]);
      else await mustGit(git, store, ["notes", `--ref=${NOTES_REF}`, "merge", "--quiet", "--strategy=ours", THEIRS]);
    }
    const text = `${JSON.stringify(pushed)}\n`;
    const add = ["notes", `--ref=${NOTES_REF}`, "add", "--force", "--file=-", pushed.to];
    await mustGit(git, store, add, { input: text });
    const pushing = await git(store, ["push", "--quiet", "--no-verify", "origin", `${NOTES_REF}:${NOTES_REF}`], {
      timeout_ms: git.place.push_timeout_ms,
    });
    if (pushing.code === 0) return;
    said = lastWords(pushing);
  }
  throw new Error(said);
}
