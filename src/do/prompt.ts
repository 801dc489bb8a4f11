import type { BeadSnapshot } from "../machines/bead.ts";
import type { BeadContent } from "./shapes.ts";

/** A prompt travels in the process's environment, where one value may have 128 KiB. */
const BODY_CHARS = 30_000;

/** What an agent is told about its work. The texts of a bead are data from people; they come last and are marked as such. */
export function promptFor(
  bead: BeadSnapshot,
  content: BeadContent,
  branch: string,
  resume: boolean,
  unread: number,
): string {
  const lines = [
    `You are working on bead ${bead.context.id}: ${content.title}`,
    `Your worktree is on branch ${branch}. Commit your work there.`,
    "GUPP: if there is work on your hook, you run it.",
  ];
  if (resume) lines.push("A dispatch before you saved a checkpoint: go on from there.");
  if (unread > 0) lines.push(`You have ${unread} unread ${unread === 1 ? "mail" : "mails"}: read your mail first.`);
  if (bead.context.refusal !== undefined)
    lines.push(
      `What was handed in before was not taken: ${bead.context.refusal.sentence} Mend that, commit, and finish with done.`,
    );
  const { rejection } = bead.context;
  if (rejection !== undefined)
    lines.push(
      `The check ${rejection.check} was red on what was handed in, merged with the default branch. Its last lines:`,
      rejection.words,
      "Merge the default branch into yours, mend that, and finish with done.",
    );
  else if (bead.context.reworks > 0)
    lines.push(
      "The branch conflicts with the default branch: merge the default branch into it, resolve the conflict, and finish with done.",
    );
  if (content.body)
    lines.push(
      "",
      content.body.length <= BODY_CHARS
        ? content.body
        : `${content.body.slice(0, BODY_CHARS)}\n(cut here: read the whole bead with prime)`,
    );
  return lines.join("\n");
}

export const SYSTEM_PROMPT =
  "You are an agent of a Ticktown rig. Save checkpoints as you go, ask for help with an escalation when you are stuck, and finish with done. Read your mail when a GUPP_CHECK arrives.";
