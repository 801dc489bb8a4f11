/** Gives back what was pushed to the remote because this container's disk does not last: refs of beads that are over. */
import type { TidyRequest } from "../../src/wire/container.ts";
import { type Git, mustGit } from "../git/git.ts";
import { refPart } from "../git/layout.ts";
import type { Remote } from "../git/remotes.ts";
import { leftoverKeyOf } from "../git/state.ts";
import { credentialArgs } from "../git/store.ts";

const DAY_MS = 86_400_000;
/** One push deletes so many. */
const REFS_PER_PUSH = 200;
/** Hand-ins under a ref, or as a branch where the remote takes nothing else; sealed leftovers. */
const PUSHED = ["refs/ticktown/handed-in/*", "refs/heads/ticktown/handed-in/*", "refs/ticktown/left/*"];

export interface Pushed {
  readonly removed: number;
  /** Since when each bead of what is still there was seen to be over, ms. */
  readonly ended: Record<string, number>;
}

/**
 * Removes what is due: `keepDays` after a request first did not name the bead. Since when that is, the rig remembers; this disk would not.
 * @throws GitFailure when the remote does not answer, or refuses
 */
export async function removePushed(
  { beads, keepDays, ended: before = {} }: TidyRequest,
  { git, remote, folder, now }: { git: Git; remote: Remote; folder: string; now: number },
): Promise<Pushed> {
  const open = new Set(
    beads.flatMap(({ id, branch }) => [id, branch, leftoverKeyOf(undefined, branch)].map((name) => refPart(name))),
  );
  const login = credentialArgs(remote);
  const options = { timeout_ms: git.place.fetch_timeout_ms };
  const listed = await mustGit(git, folder, [...login, "ls-remote", "--refs", "--", remote.url, ...PUSHED], options);
  const refs = listed.split("\n").flatMap((line) => {
    const ref = line.split("\t")[1] ?? "";
    const bead = /^refs\/(?:heads\/)?ticktown\/(?:handed-in|left)\/([^/]+)/.exec(ref)?.[1];
    return bead === undefined || open.has(bead) ? [] : [{ ref, bead }];
  });
  const since = new Map(refs.map(({ bead }) => [bead, before[bead] ?? now]));
  const isOver = (bead: string): boolean => now - (since.get(bead) ?? now) >= keepDays * DAY_MS;
  const due = refs.filter(({ bead }) => isOver(bead)).map(({ ref }) => ref);
  for (let n = 0; n < due.length; n += REFS_PER_PUSH) {
    const args = [
      "push",
      "--quiet",
      "--no-verify",
      remote.url,
      ...due.slice(n, n + REFS_PER_PUSH).map((ref) => `:${ref}`),
    ];
    await mustGit(git, folder, [...login, ...args], { timeout_ms: git.place.push_timeout_ms });
  }
  return { removed: due.length, ended: Object.fromEntries([...since].filter(([bead]) => !isOver(bead))) };
}

/** When the first of them is due, or null. */
export function firstDue(ended: Readonly<Record<string, number>>, keepDays: number): number | null {
  const times = Object.values(ended);
  return times.length === 0 ? null : Math.min(...times) + keepDays * DAY_MS;
}
