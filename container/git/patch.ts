/** Reads what git prints of a difference: the list of its files, and their hunks. Names and lines are whatever an agent made of them. */
import type { DiffFile, DiffHunk } from "../../src/wire/diff.ts";
import { DIFF_LINE_MAX_CHARS } from "../limits.ts";

export type Listed = Pick<DiffFile, "path" | "from" | "kind" | "added" | "deleted" | "modes">;

const KINDS: Readonly<Record<string, DiffFile["kind"]>> = {
  A: "added",
  D: "deleted",
  M: "modified",
  R: "renamed",
  C: "copied",
  T: "type",
};

/** @param text of `git diff --raw --numstat -z`: first what of each file, then its lines, in one order */
export function listIn(text: string): Listed[] {
  const parts = text.split("\0");
  const files: Listed[] = [];
  let n = 0;
  for (; parts[n]?.startsWith(":") === true; n++) {
    const [before = "", now = "", , , status = ""] = (parts[n] as string).slice(1).split(" ");
    const kind = KINDS[status[0] ?? ""] ?? "modified";
    const from = kind === "renamed" || kind === "copied" ? (parts[++n] ?? "") : null;
    const isOneFile = kind !== "added" && kind !== "deleted";
    files.push({
      path: parts[++n] ?? "",
      from,
      kind,
      added: null,
      deleted: null,
      modes: isOneFile && before !== now ? [before, now] : null,
    });
  }
  return files.map((file) => {
    const [added = "", deleted = "", path = ""] = (parts[n++] ?? "").split("\t");
    if (path === "" && file.from !== null) n += 2;
    return { ...file, added: countIn(added), deleted: countIn(deleted) };
  });
}

const countIn = (text: string): number | null => (/^\d+$/.test(text) ? Number(text) : null);

export interface Section {
  readonly isBinary: boolean;
  readonly hunks: DiffHunk[];
  /** Its text ends within a hunk. */
  readonly isCut: boolean;
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)$/;

/**
 * What of each file follows, in the order of the list. How long a hunk is its own head says: no line of a file is taken for git's.
 * @param text of `git diff --patch`, which may end anywhere
 */
export function sectionsIn(text: string): Section[] {
  const sections: { isBinary: boolean; hunks: DiffHunk[]; isCut: boolean }[] = [];
  let [old, now] = [0, 0];
  for (const line of text.replace(/\n$/, "").split("\n")) {
    const section = sections.at(-1);
    const hunk = section?.hunks.at(-1);
    const sign = line[0] ?? " ";
    if (hunk !== undefined && (old > 0 || now > 0 || sign === "\\")) {
      if (sign !== "+" && sign !== "\\") old--;
      if (sign !== "-" && sign !== "\\") now--;
      hunk.lines.push(clipped(line));
    } else if (line.startsWith("diff --git ")) sections.push({ isBinary: false, hunks: [], isCut: false });
    else if (/^(Binary files .* differ|GIT binary patch)$/.test(line) && section !== undefined) section.isBinary = true;
    else {
      const [, oldStart, oldLines = "1", newStart, newLines = "1", name = ""] = HUNK.exec(line) ?? [];
      if (oldStart === undefined || section === undefined) continue;
      [old, now] = [Number(oldLines), Number(newLines)];
      section.hunks.push({
        old_start: Number(oldStart),
        new_start: Number(newStart),
        section: clipped(name),
        lines: [],
      });
    }
  }
  const last = sections.at(-1);
  if (last !== undefined && (old > 0 || now > 0)) last.isCut = true;
  return sections;
}

function clipped(line: string): string {
  const more = line.length - DIFF_LINE_MAX_CHARS;
  return more <= 0 ? line : `${line.slice(0, DIFF_LINE_MAX_CHARS)}… (${more} more characters)`;
}

/** A file that became something else, as a link, is told as one that goes and one that comes. */
const sectionsOf = ({ kind, modes }: Listed): number => (kind === "type" && modes !== null ? 2 : 1);

/**
 * The files with their lines, as many of both as there is room for.
 * @param isWhole whether git printed all of the patch
 */
export function filesOf(
  listed: readonly Listed[],
  sections: readonly Section[],
  most: { readonly files: number; readonly lines: number },
  isWhole: boolean,
): DiffFile[] {
  let next = 0;
  let left = most.lines;
  return listed.slice(0, most.files).map((file) => {
    const own = sections.slice(next, (next += sectionsOf(file)));
    const hunks: DiffHunk[] = [];
    let isCut = own.some((section) => section.isCut) || (!isWhole && own.length < sectionsOf(file));
    for (const hunk of own.flatMap((section) => section.hunks)) {
      const lines = hunk.lines.slice(0, left);
      left -= lines.length;
      if (lines.length < hunk.lines.length) isCut = true;
      if (lines.length > 0) hunks.push({ ...hunk, lines });
    }
    const isBinary = own.some((section) => section.isBinary);
    // What git counts the lines of, and does not show, is only too large.
    const unseen = file.added === null ? ("binary" as const) : ("large" as const);
    return { ...file, omitted: isBinary ? unseen : isCut ? ("cut" as const) : null, hunks };
  });
}
