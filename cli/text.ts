/** Text for a terminal: nothing that somebody else wrote moves its cursor, changes its colours or types into it. */

/** What a terminal might take for an order: control characters but tab and line end, and what turns the direction of writing. */
const ORDERS = /(?![\t\n])\p{Cc}|\p{Zl}|\p{Zp}|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** For several lines. */
export const printable = (text: string): string => text.replaceAll("\r\n", "\n").replaceAll(ORDERS, "\ufffd");

/** For one line. */
export const oneLine = (text: string): string => printable(text.replaceAll(/\s+/g, " ").trim());

/** Cuts to so many columns; what is cut is seen to be. */
export const cut = (text: string, columns: number): string =>
  text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 3))}...`;

/** Rows in columns, without a line end; the last column is as long as it is. Empty: `none`. */
export function columns(rows: readonly (readonly string[])[], none: string): string {
  if (rows.length === 0) return none;
  const clean = rows.map((row) => row.map(oneLine));
  const widths = clean[0]?.map((_, n) => Math.max(...clean.map((row) => (row[n] ?? "").length))) ?? [];
  return clean
    .map((row) =>
      row
        .map((cell, n) => (n === row.length - 1 ? cell : cell.padEnd(widths[n] ?? 0)))
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
