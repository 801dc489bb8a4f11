/**
 * How wide a text will be, without a browser: the widths of Helvetica's letters, in 1/1000 of the font size. The fonts of
 * the stack differ by a few percent; a margin covers that.
 */
const WIDTHS = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015,
  667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556,
  556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
const MARGIN = 1.06;
const BOLD = 1.07;

export const FONT_STACK = `-apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans", sans-serif`;

/** Width in px. */
export function widthOf(text: string, size_px: number, bold = false): number {
  let sum = 0;
  for (const letter of text) sum += WIDTHS[letter.charCodeAt(0) - 32] ?? 800;
  return (sum / 1000) * size_px * MARGIN * (bold ? BOLD : 1);
}

/** Breaks a text at spaces into lines of at most `width_px`, where its words allow. */
export function wrap(text: string, size_px: number, width_px: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ").filter((one) => one !== "")) {
    const longer = `${lines.at(-1) ?? ""} ${word}`;
    if (lines.length > 0 && widthOf(longer, size_px) <= width_px) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
