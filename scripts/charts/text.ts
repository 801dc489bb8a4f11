import { widthOf } from "../../dashboard/src/debug/drawing.ts";

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
