import type { DiffFile, FoundDiff } from "../../../src/wire/diff.ts";

/** A diff as rows of one list, however long it is; and what a person says of its lines. */

export type DiffRow =
  | { readonly kind: "file"; readonly key: string; readonly file: DiffFile; readonly index: number }
  | { readonly kind: "note"; readonly key: string; readonly text: string }
  | { readonly kind: "hunk"; readonly key: string; readonly text: string }
  | {
      readonly kind: "line";
      readonly key: string;
      readonly sign: "+" | "-" | " " | "\\";
      readonly before: number | null;
      readonly now: number | null;
      readonly text: string;
      readonly path: string;
    };
export type LineRow = Extract<DiffRow, { kind: "line" }>;

const OMITTED = {
  binary: "Not text: its bytes are not shown.",
  large: "Too large to be shown here. Its lines are counted.",
  cut: "Not all of it is shown: there is no room for more lines.",
} as const;

/** What a file is besides its lines. */
export function factsOf(file: DiffFile): string {
  const { kind, from, modes } = file;
  return [
    kind === "modified" ? null : kind === "type" ? "became something else" : kind,
    from === null ? null : `from ${from}`,
    modes === null ? null : `mode ${modes[0]} to ${modes[1]}`,
  ]
    .filter((one) => one !== null)
    .join(", ");
}

/** @param folded files of which only the head is shown */
export function rowsOf(diff: Pick<FoundDiff, "files" | "file_count">, folded: ReadonlySet<string>): DiffRow[] {
  const rows: DiffRow[] = [];
  diff.files.forEach((file, index) => {
    const at = `${index}`;
    rows.push({ kind: "file", key: at, file, index });
    if (folded.has(file.path)) return;
    for (const [n, hunk] of file.hunks.entries()) {
      let [before, now] = [hunk.old_start, hunk.new_start];
      const [head, lines] = [`${at}:${n}`, hunk.lines];
      rows.push({ kind: "hunk", key: head, text: `@@ −${hunk.old_start} +${hunk.new_start} @@ ${hunk.section}` });
      for (const [m, line] of lines.entries()) {
        const sign = line[0] === "+" || line[0] === "-" || line[0] === "\\" ? line[0] : " ";
        const isOld = sign === "-" || sign === " ";
        const isNew = sign === "+" || sign === " ";
        rows.push({
          kind: "line",
          key: `${head}:${m}`,
          sign,
          before: isOld ? before++ : null,
          now: isNew ? now++ : null,
          text: line.slice(1),
          path: file.path,
        });
      }
    }
    const note =
      file.omitted === null ? (file.hunks.length === 0 ? "No line of it is changed." : null) : OMITTED[file.omitted];
    if (note !== null) rows.push({ kind: "note", key: `${at}:note`, text: note });
  });
  const more = diff.file_count - diff.files.length;
  if (more > 0)
    rows.push({
      kind: "note",
      key: "more",
      text: `${more.toLocaleString("en")} more files are changed and not listed.`,
    });
  return rows;
}

/** Characters that make a text look like another one: they are shown by their number. */
const HIDDEN = /[^\P{Cc}\t]|[\p{Cf}\p{Zl}\p{Zp}]/u;

/** A text in pieces; what could not be seen in it is a piece of its own. */
export function seen(text: string): { readonly text: string; readonly isHidden: boolean }[] {
  if (!HIDDEN.test(text)) return [{ text, isHidden: false }];
  return text
    .split(new RegExp(`(${HIDDEN.source})`, "u"))
    .filter((piece) => piece !== "")
    .map((piece) =>
      HIDDEN.test(piece)
        ? { text: `U+${(piece.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`, isHidden: true }
        : { text: piece, isHidden: false },
    );
}

/** What a person says of one line of a bead's work. It travels as a letter, which is a fact; so it is read back out of one. */
export interface Comment {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

const SUBJECT = /^Comment on (.+):(\d+)$/s;
const SUBJECT_CHARS = 900;

export const subjectOf = ({ path, line }: Pick<Comment, "path" | "line">): string =>
  `Comment on ${path.slice(-SUBJECT_CHARS)}:${line}`;

/** What its agent is told, with the line that it is about. */
export const bodyOf = (comment: Comment, beadId: string, quoted: string): string =>
  `${comment.text}\n\nOn line ${comment.line} of ${comment.path}, in your work on ${beadId}:\n> ${quoted}`;

const ABOUT = /\n\nOn line \d+ of [^\n]*, in your work on ([^\n]+):\n> [^\n]*$/;

/** The comment that a letter is, on the work of this bead; null: it is another letter. */
export function commentIn({ subject, body }: { subject: string; body: string }, beadId: string): Comment | null {
  const [, path, line] = SUBJECT.exec(subject) ?? [];
  const about = ABOUT.exec(body);
  if (path === undefined || line === undefined || about?.[1] !== beadId) return null;
  return { path, line: Number(line), text: body.slice(0, about.index) };
}

/** The number that a comment names a line by: that of the work as it is now, or of a line that it takes away, as it was. */
export const numberOf = ({ before, now }: LineRow): number => now ?? before ?? 0;
