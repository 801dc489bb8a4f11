/** Text for a terminal: nothing that somebody else wrote moves its cursor, changes its colours or types into it. */

/** What a terminal might take for an order: control characters but tab and line end, and what turns the direction of writing. */
const ORDERS = /(?![\t\n])\p{Cc}|\p{Zl}|\p{Zp}|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** For several lines. */
export const printable = (text: string): string => text.replaceAll("\r\n", "\n").replaceAll(ORDERS, "\ufffd");

/** For one line. */
export const oneLine = (text: string): string => printable(text.replaceAll(/\s+/g, " ").trim());

/** Signs that take two columns of a terminal, as far as terminals agree. */
const WIDE =
  /\p{Emoji_Presentation}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|[\u{20000}-\u{3fffd}]/u;
const NONE = /\p{Mn}|\p{Me}|\p{Cf}/u;

const columnsOf = (sign: string): number => (NONE.test(sign) ? 0 : WIDE.test(sign) ? 2 : 1);

/** How many columns of a terminal one line takes. */
export const widthOf = (line: string): number => Array.from(line).reduce((sum, sign) => sum + columnsOf(sign), 0);

/** Cuts to so many columns; what is cut is seen to be. */
export function cut(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line;
  const dots = "...".slice(0, columns);
  let [kept, width] = ["", 0];
  for (const sign of line) {
    width += columnsOf(sign);
    if (width > columns - dots.length) break;
    kept += sign;
  }
  return kept + dots;
}

/** Fills up to so many columns. */
export const filled = (line: string, columns: number): string =>
  line + " ".repeat(Math.max(0, columns - widthOf(line)));

/** Rows in columns, without a line end; the last column is as long as it is. Empty: `none`. */
export function columns(rows: readonly (readonly string[])[], none: string): string {
  if (rows.length === 0) return none;
  const clean = rows.map((row) => row.map(oneLine));
  const widths = clean[0]?.map((_, n) => Math.max(...clean.map((row) => widthOf(row[n] ?? "")))) ?? [];
  return clean
    .map((row) =>
      row
        .map((cell, n) => (n === row.length - 1 ? cell : filled(cell, widths[n] ?? 0)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** Every line of it further in. */
export const indented = (text: string): string => text.replaceAll(/^/gm, "  ");

export const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

const UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
] as const;

/** A span in its largest unit: `3 min`. */
export function span(ms: number): string {
  const [unit, name] = UNITS.find(([unit]) => Math.abs(ms) >= unit) ?? [1_000, "s"];
  return `${Math.round(ms / unit)} ${name}`;
}

/** @param at ISO 8601, or null @returns "" for null */
export const ago = (at: string | null, now: number): string => (at === null ? "" : `${span(now - Date.parse(at))} ago`);
