/**
 * How a chart is drawn, on this page and in the pictures of docs/statecharts alike: the shapes of a layout, and the sizes that
 * both must agree on. The layouts themselves are made by scripts/charts.
 */

export type Role = "event" | "guard" | "effect" | "fact" | "context" | "target";

export interface Word {
  readonly text: string;
  readonly role: Role;
  /** From the label's left edge, px. */
  readonly x: number;
}

export interface Label {
  readonly lines: readonly (readonly Word[])[];
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}
export interface Box extends Point {
  readonly width: number;
  readonly height: number;
}

export interface PlacedState extends Box {
  /** The state's id in XState. */
  readonly id: string;
  readonly key: string;
  readonly kind: "atomic" | "compound" | "parallel";
  readonly isRegion: boolean;
  readonly depth: number;
  readonly description: readonly string[];
  readonly tags: readonly string[];
  /** What happens without leaving the state; at `insideAt` below the top of the box. */
  readonly inside: Label | null;
  readonly insideAt: number;
}

export interface PlacedArrow {
  readonly id: string;
  readonly source: string;
  readonly target: string;
  /** Ids of the transitions that it stands for; none for the arrow from an initial dot. */
  readonly transitions: readonly string[];
  readonly points: readonly Point[];
  readonly label: (Box & { readonly text: Label }) | null;
}

export interface Layout {
  readonly name: string;
  readonly description: string;
  readonly width: number;
  readonly height: number;
  readonly states: readonly PlacedState[];
  readonly arrows: readonly PlacedArrow[];
  /** Initial dots: centre, and the state they lead to. */
  readonly dots: readonly (Point & { readonly of: string })[];
}

export const NAME_PX = 13;
export const TEXT_PX = 11;
export const LINE_PX = 14;
export const PAD_PX = 10;
export const HEAD_PX = 22;
export const TAG_PX = 16;
export const DOT_PX = 9;

export const LABEL_LINE_PX = 15;

/**
 * How wide a text will be, without a browser: the widths of Helvetica's letters, in 1/1000 of the font size. The fonts of
 * the stack differ by a few percent; a margin covers that.
 */
const WIDTHS = [
  278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
  556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
  722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
  556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
  260, 334, 584,
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

export const tagWidth = (tag: string): number => Math.ceil(widthOf(tag, 9.5) + 10);
