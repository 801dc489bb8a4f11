import { expect, test } from "vitest";
import {
  bodyOf,
  commentIn,
  numberOf,
  rowsOf,
  seen,
  subjectOf,
  type LineRow,
} from "../../../dashboard/src/lib/diff-rows.ts";
import type { DiffFile } from "../../../src/wire/diff.ts";

const file = (more: Partial<DiffFile>): DiffFile => ({
  path: "a.ts",
  from: null,
  kind: "modified",
  added: 1,
  deleted: 1,
  modes: null,
  omitted: null,
  hunks: [],
  ...more,
});

test("each line of a diff has the number that it had and the one that it has, and git's own words have none", () => {
  const hunks = [
    { old_start: 7, new_start: 9, section: "f()", lines: [" same", "-gone", "+new", "+more", "\\ No newline"] },
  ];
  const rows = rowsOf({ files: [file({ hunks })], file_count: 1 }, new Set());
  expect(rows.map(({ kind }) => kind)).toEqual(["file", "hunk", "line", "line", "line", "line", "line"]);
  const lines = rows.filter((row): row is LineRow => row.kind === "line");
  expect(lines.map(({ sign, before, now, text }) => [sign, before, now, text])).toEqual([
    [" ", 7, 9, "same"],
    ["-", 8, null, "gone"],
    ["+", null, 10, "new"],
    ["+", null, 11, "more"],
    ["\\", null, null, " No newline"],
  ]);
  expect(lines.map(numberOf)).toEqual([9, 8, 10, 11, 0]);
  expect(new Set(rows.map(({ key }) => key)).size).toBe(rows.length);
});

test("a file without lines says why, one that is folded shows its head alone, and files that are not listed are counted", () => {
  const files = [
    file({ path: "b.bin", omitted: "binary" }),
    file({ path: "c.sh", modes: ["100644", "100755"] }),
    file({ path: "d.ts", omitted: "cut", hunks: [{ old_start: 1, new_start: 1, section: "", lines: ["+x"] }] }),
  ];
  const texts = rowsOf({ files, file_count: 1_003 }, new Set(["d.ts"])).flatMap((row) =>
    row.kind === "note" ? row.text : [],
  );
  expect(texts).toEqual([
    "Not text: its bytes are not shown.",
    "No line of it is changed.",
    "1,000 more files are changed and not listed.",
  ]);
  const open = rowsOf({ files, file_count: 3 }, new Set());
  expect(open.at(-1)).toMatchObject({ kind: "note", text: expect.stringContaining("Not all of it is shown") });
});

test("characters that nobody would see are shown by their numbers, and a tab is not one of them", () => {
  expect(seen("plain\ttext")).toEqual([{ text: "plain\ttext", isHidden: false }]);
  expect(seen("a\u202Eb\u0000\r")).toEqual([
    { text: "a", isHidden: false },
    { text: "U+202E", isHidden: true },
    { text: "b", isHidden: false },
    { text: "U+0000", isHidden: true },
    { text: "U+000D", isHidden: true },
  ]);
});

test("a comment is read out of its letter again, only on the work that it is about, and whatever it says", () => {
  const said = { path: "src/a:b.ts", line: 41, text: "Why?\n\nOn line 3 of x, in your work on other:\n> y" };
  const letter = { subject: subjectOf(said), body: bodyOf(said, "bead-1", "const a = 1;") };
  expect(commentIn(letter, "bead-1")).toEqual(said);
  expect(commentIn(letter, "other")).toBeNull();
  expect(commentIn({ subject: "Comment on life", body: letter.body }, "bead-1")).toBeNull();
  expect(commentIn({ subject: "hello", body: "hello" }, "bead-1")).toBeNull();
  expect(subjectOf({ path: "x".repeat(5_000), line: 1 }).length).toBeLessThan(1_000);
});
