/** The verb that shows what a bead's work changes. */
import type { Diff, DiffFile, FoundDiff } from "../../src/wire/diff.ts";
import { rigPath } from "../find.ts";
import { indented, oneLine, plural, printable } from "../text.ts";
import { verb } from "../verb.ts";

const WHERE: Readonly<Record<FoundDiff["of"], string>> = {
  clone: "as it lies in its agent's clone",
  branch: "as it was last taken out of a clone",
  handed_in: "as it was handed in",
  merged: "as it was merged",
};

const OMITTED = { binary: "binary", large: "too large to be shown", cut: "not all of it is shown" } as const;

const headOf = ({ path, from, kind, added, deleted, omitted }: DiffFile): string =>
  [
    `${kind} ${from === null ? "" : `${oneLine(from)} -> `}${oneLine(path)}`,
    ...(added === null || deleted === null ? [] : [`+${added} -${deleted}`]),
    ...(omitted === null ? [] : [`(${OMITTED[omitted]})`]),
  ].join("  ");

const linesOf = (file: DiffFile): string[] => [
  headOf(file),
  ...file.hunks.flatMap(({ old_start, new_start, section, lines }) => [
    `@@ -${old_start} +${new_start} @@ ${oneLine(section)}`.trimEnd(),
    ...lines.map(printable),
  ]),
];

/** For people: where it was found, its commits, whether it merges, and its lines. */
export function diffText(diff: Diff): string {
  if (diff.result === "none") return oneLine(diff.sentence);
  const { of, tip, target, uncommitted, conflicts, commits, commit_count, files, file_count, added, deleted } = diff;
  const more = file_count - files.length;
  return [
    `${WHERE[of]}, ${tip.slice(0, 10)} against ${oneLine(target)}: ${plural(file_count, "file")}, +${added} -${deleted}, ${plural(commit_count, "commit")}${uncommitted ? ", and what is in no commit yet" : ""}`,
    ...commits.map(({ id, subject, author }) =>
      indented(`${id.slice(0, 10)} ${oneLine(subject)} (${oneLine(author)})`),
    ),
    ...((conflicts ?? []).length === 0 ? [] : [`does not merge: ${(conflicts ?? []).map(oneLine).join(", ")}`]),
    ...files.flatMap((file) => ["", ...linesOf(file)]),
    ...(more > 0 ? ["", `and ${plural(more, "file")} more`] : []),
  ].join("\n");
}

export const diff = verb({
  name: "diff",
  about: "what a bead's work changes: in its agent's clone, as it was handed in, or as it was merged",
  effect: "reads",
  examples: [`diff "Fix the login"`],
  args: { bead: { about: "its title, or the beginning of its id" } },
  options: {},
  run: async ({ bead }, { api, find }) => {
    const { rig, it } = await find.bead(bead);
    const found = await api.call<Diff>("GET", rigPath(rig, `/beads/${encodeURIComponent(it.id)}/diff`));
    return { data: { id: it.id, ...found }, text: diffText(found) };
  },
});
