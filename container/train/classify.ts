/** Whose matter it is that git did not do what it was asked, by git's own words: the place's, or of this moment. */
import { underWorkingTree } from "../git/look.ts";
import { ofPlace, passing, type Stopped } from "./context.ts";

interface Rule {
  readonly words: RegExp;
  /** @param said git's own words, in one line */
  readonly stop: (said: string, onto: Onto) => Stopped;
}

/** Where the push went. */
interface Onto {
  readonly url: string;
  readonly branch: string;
}

/** Of this moment, wherever it is said. */
const PASSING: readonly { readonly words: RegExp; readonly code: Parameters<typeof passing>[0] }[] = [
  {
    words: /No space left on device|ENOSPC|disk quota exceeded|EDQUOT|disk full/i,
    code: "disk_full",
  },
  {
    words: /Unable to create '[^']*\.lock'|\.lock': File exists|index file is locked/i,
    code: "locked",
  },
  {
    words:
      /returned error: (5\d\d|429)|HTTP (5\d\d|429)|rate limit|Could not resolve host|timed out|took longer than|Connection (refused|reset|closed)|early EOF|hung up|RPC failed|unable to access .*: (Failed|Could not|Recv|Send|Empty|OpenSSL|SSL)|Internal Server Error/i,
    code: "remote_unreachable",
  },
];

/** What somebody has to change before any push can work. The first that fits. */
const OF_PLACE: readonly Rule[] = [
  {
    words: /branch is currently checked out|denyCurrentBranch/i,
    stop: (_, { url, branch }) => ofPlace("checked_out", underWorkingTree(url, branch)),
  },
  {
    words: /linear history|must not contain merge commits|merge commits are not allowed|no merge commits/i,
    stop: (said) => ofPlace("linear_history_required", said),
  },
  {
    words: /protected branch|GH006|GH013|rule violations|hook declined|protected branches/i,
    stop: (said) => ofPlace("protected_branch", said),
  },
  {
    words:
      /permission (to \S+ )?denied|returned error: (401|403)|write access|not allowed to push|read[- ]only|insufficient permission|authentication failed|could not read Username|access denied|not authorized|unauthorized|forbidden|service not enabled|you do not have/i,
    stop: (said) => ofPlace("no_right_to_push", said),
  },
];

/** Somebody else pushed in between. */
const MOVED = /stale info|\[rejected\]|cannot lock ref|failed to update ref|fetch first|non-fast-forward/i;

/** What became of a push that git says did not work. @returns null when the target moved: fetch, and again */
export function whyNotPushed(said: string, onto: Onto): Stopped | null {
  const words = sentence(said, `git could not push to ${onto.url}`);
  const now = PASSING.find((one) => one.words.test(said));
  if (now !== undefined) return passing(now.code, words);
  const rule = OF_PLACE.find((one) => one.words.test(said));
  // Checked out and protected are rejections too, so the race comes last.
  if (rule !== undefined) return rule.stop(words, onto);
  if (MOVED.test(said)) return null;
  if (/\[remote rejected\]/i.test(said)) return ofPlace("push_rejected", words);
  return passing("remote_unreachable", words);
}

/** Anything that git, or the disk, refused on the way. */
export function whyFailed(said: string, what: string, otherwise: "remote_unreachable" | "internal"): Stopped {
  const words = sentence(said, what);
  const rule = PASSING.find((one) => one.words.test(said));
  return passing(rule?.code ?? otherwise, words);
}

/** Whether the words are about this moment and this machine, so that they say nothing of what was merged. */
export const isPassing = (said: string): boolean => PASSING.some(({ words }) => words.test(said));

/** git's own words, in one line. */
function sentence(said: string, what: string): string {
  const lines = said.split("\n").flatMap((line) => line.replaceAll("\t", " ").trim() || []);
  const telling = lines.filter((line) => /^remote:|^!|rejected|^(fatal|error):/.test(line));
  return `${what}: ${[...new Set(telling.length > 0 ? telling : lines)].slice(-6).join(" | ")}`;
}
