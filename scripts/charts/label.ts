import { LABEL_LINE_PX, widthOf, type Label, type Role, type Word } from "../../dashboard/src/debug/drawing.ts";
import type { Row } from "./edges.ts";

/** A label is lines of words, each word with its role; the role decides how it is set. */

export const LABEL_PX = 11;
const INDENT_PX = 10;
const GAP_PX = 4;
const PAD_PX = 5;

/** Sets rows of a label in lines of at most `width_px`; a row that is longer goes on indented. */
export function labelOf(rows: readonly Row[], width_px: number): Label {
  const lines: Word[][] = [];
  for (const row of rows) lines.push(...linesOf(wordsOf(row), width_px));
  const width = Math.max(0, ...lines.flat().map((word) => word.x + wordWidth(word)));
  return { lines, width: Math.ceil(width + PAD_PX), height: lines.length * LABEL_LINE_PX + PAD_PX };
}

type Unplaced = Omit<Word, "x">;

const wordWidth = ({ text, role }: Unplaced): number => widthOf(text, LABEL_PX, role === "event");

/** What stands before a word, so that effects and facts differ in print as well as in colour. */
export const MARK = { effect: "▸ ", fact: "⇢ ", target: "→ " } as const;

const MARKED: ReadonlySet<Role> = new Set(["effect", "fact", "target"]);

function wordsOf(row: Row): Unplaced[] {
  const { events, guards, effects, facts, context, target } = row;
  const comma = (list: readonly string[], i: number) => (i < list.length - 1 ? "," : "");
  return [
    ...events.map((event, i): Unplaced => ({ role: "event", text: (event || "at once") + comma(events, i) })),
    ...guards.map((guard, i): Unplaced => ({
      role: "guard",
      text: `${i === 0 ? "[" : ""}${guard}${comma(guards, i)}${i === guards.length - 1 ? "]" : ""}`,
    })),
    ...(target === null ? [] : [{ role: "target", text: MARK.target + target } as const]),
    ...effects.map((text): Unplaced => ({ role: "effect", text: MARK.effect + text })),
    ...facts.map((text): Unplaced => ({ role: "fact", text: MARK.fact + text })),
    ...(effects.length + facts.length === 0
      ? context.map((text, i): Unplaced => ({ role: "context", text: text + comma(context, i) }))
      : []),
    ...(row.isNothing ? [{ role: "context", text: "changes nothing" } as const] : []),
  ];
}

function linesOf(words: readonly Unplaced[], width_px: number): Word[][] {
  const lines: Word[][] = [[]];
  let x = PAD_PX;
  for (const word of words) {
    const width = wordWidth(word);
    if (x + width > width_px && (lines.at(-1)?.length ?? 0) > 0) {
      lines.push([]);
      x = PAD_PX + INDENT_PX;
    }
    const line = lines.at(-1) ?? [];
    const before = line.at(-1);
    // Words of one role are one text: the font then spaces them better than a table of widths can.
    if (before?.role === word.role && !MARKED.has(word.role))
      line[line.length - 1] = { ...before, text: `${before.text} ${word.text}` };
    else line.push({ ...word, x: Math.round(x * 10) / 10 });
    x += width + GAP_PX;
  }
  return lines;
}
