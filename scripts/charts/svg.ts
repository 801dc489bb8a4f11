import {
  FONT_STACK,
  HEAD_PX,
  LABEL_LINE_PX,
  LINE_PX,
  NAME_PX,
  PAD_PX,
  TAG_PX,
  tagWidth,
  TEXT_PX,
  widthOf,
  type Label,
  type Layout,
  type PlacedArrow,
  type PlacedState,
  type Point,
} from "../../dashboard/src/debug/drawing.ts";
import { LABEL_PX } from "./label.ts";
import { wrap } from "./text.ts";

/**
 * A layout as an SVG document. Every state is a group with `data-state`, every arrow one with `data-arrow` and
 * `data-transitions`, so that a live page can light what is active.
 */

const MARGIN_PX = 24;
const TITLE_PX = 26;
const LEGEND_PX = 66;

const STYLE = `
.chart { font-family: ${FONT_STACK}; --paper: #fdfdfb; --ink: #1f2933; --soft: #5b6773; --line: #8894a0; --box: #ffffff; --group: #f3f5f4; --deep: #e9edec; --edge: #52606d; --event: #1f2933; --guard: #6b5b00; --effect: #0b5cad; --fact: #8a2d6b; --tag: #dcefe6; --tag-ink: #14523a; --lit: #ffe9a8; }
@media (prefers-color-scheme: dark) { .chart { --paper: #14181d; --ink: #e6eaee; --soft: #9aa7b4; --line: #5d6b79; --box: #232a32; --group: #1a2027; --deep: #1f262e; --edge: #93a1af; --event: #e6eaee; --guard: #d9c66a; --effect: #7cb8f5; --fact: #eb9fd0; --tag: #1f4435; --tag-ink: #a5e2c6; --lit: #6b5413; } }
@media print { .chart { --paper: #ffffff; --group: #ffffff; --deep: #ffffff; --ink: #000000; --event: #000000; --line: #444444; --edge: #333333; } }
.paper { fill: var(--paper); }
.title { font-size: ${TITLE_PX}px; font-weight: 700; fill: var(--ink); }
.lead { font-size: 13px; fill: var(--soft); }
.state > rect { fill: var(--box); stroke: var(--line); stroke-width: 1.3; }
.compound > rect { fill: var(--group); }
.compound.even > rect { fill: var(--deep); }
.frame > rect { display: none; }
.face text { paint-order: stroke; stroke: var(--group); stroke-width: 3px; stroke-linejoin: round; }
.face .tag text { stroke: none; }
.region > rect { stroke-dasharray: 6 4; }
.terminal > rect { stroke-width: 2.6; }
.name { font-size: ${NAME_PX}px; font-weight: 700; fill: var(--ink); }
.text { font-size: ${TEXT_PX}px; fill: var(--soft); }
.tag rect { fill: var(--tag); }
.tag text { font-size: 9.5px; fill: var(--tag-ink); }
.word { font-size: ${LABEL_PX}px; }
.event { fill: var(--event); font-weight: 700; }
.guard { fill: var(--guard); font-style: italic; }
.effect { fill: var(--effect); }
.fact { fill: var(--fact); }
.context { fill: var(--soft); }
.target { fill: var(--event); }
.arrow path { fill: none; stroke: var(--edge); stroke-width: 1.3; }
.label > rect { fill: var(--paper); stroke: var(--line); stroke-width: 0.5; }
.dot, .head { fill: var(--edge); }
.rule { stroke: var(--line); stroke-width: 0.7; opacity: 0.6; }
.state.lit > rect { fill: var(--lit); }
.arrow.lit path { stroke-width: 3; }
`.trim();

export function svgOf(layout: Layout): string {
  const width = Math.ceil(layout.width + 2 * MARGIN_PX);
  const lead = wrap(layout.description, 13, width - 2 * MARGIN_PX);
  const top = MARGIN_PX + TITLE_PX + lead.length * 18 + 12;
  const bottom = top + layout.height;
  const height = Math.ceil(bottom + LEGEND_PX);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Statechart of ${attribute(layout.name)}">`,
    `<style>${STYLE}</style>`,
    `<defs><marker id="head-${layout.name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path class="head" d="M0 0 10 5 0 10z"/></marker></defs>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<text class="title" x="${MARGIN_PX}" y="${MARGIN_PX + TITLE_PX - 6}">${content(layout.name)}</text>`,
    ...lead.map(
      (line, i) =>
        `<text class="lead" x="${MARGIN_PX}" y="${MARGIN_PX + TITLE_PX + 14 + i * 18}">${content(line)}</text>`,
    ),
    `<g transform="translate(${MARGIN_PX} ${top})">`,
    ...layout.states.map(boxSvg),
    ...layout.arrows.map((arrow) => arrowSvg(arrow, layout.name)),
    // Above the arrows: a line that has to cross a box must not cross out its text.
    ...layout.states.map(faceSvg).filter((line) => line !== ""),
    ...layout.dots.map((dot) => `<circle class="dot" cx="${dot.x}" cy="${dot.y}" r="4.5"/>`),
    ...layout.arrows.map(arrowLabelSvg).filter((line) => line !== ""),
    `</g>`,
    ...legendSvg(bottom + 22, width),
    `</svg>`,
    ``,
  ].join("\n");
}

/** The page is the frame of a chart that has no regions. */
const isFrame = ({ depth, kind }: PlacedState): boolean => depth === 0 && kind === "compound";

function boxSvg(state: PlacedState): string {
  const { id, x, y, width, height, kind, isRegion, depth, tags } = state;
  const isLeaf = kind === "atomic";
  const classes = [
    "state",
    ...(isLeaf ? [] : ["compound"]),
    ...(depth % 2 === 0 ? ["even"] : []),
    ...(isRegion ? ["region"] : []),
    ...(tags.includes("terminal") ? ["terminal"] : []),
    ...(isFrame(state) ? ["frame"] : []),
  ];
  return `<g class="${classes.join(" ")}" data-state="${attribute(id)}"><rect x="${x}" y="${y}" width="${width}" height="${height}" rx="${isLeaf ? 7 : 10}"/></g>`;
}

function faceSvg(state: PlacedState): string {
  if (isFrame(state)) return "";
  const { x, y, width, inside, insideAt } = state;
  const ruleEnd = Math.min(width - PAD_PX, PAD_PX + (inside?.width ?? 0));
  const parts = [
    `<g class="face" transform="translate(${x} ${y})">`,
    `<text class="name" x="${PAD_PX}" y="17">${content(state.key)}</text>`,
    ...state.description.map(
      (line, i) => `<text class="text" x="${PAD_PX}" y="${HEAD_PX + 10 + i * LINE_PX}">${content(line)}</text>`,
    ),
    ...tagsSvg(state),
    ...(inside === null
      ? []
      : [
          `<line class="rule" x1="${PAD_PX}" x2="${round(ruleEnd)}" y1="${insideAt}" y2="${insideAt}"/>`,
          wordsSvg(inside, PAD_PX - 5, insideAt + 2),
        ]),
    `</g>`,
  ];
  return parts.join("");
}

function tagsSvg({ tags, kind, key, description }: PlacedState): string[] {
  let x = kind === "atomic" ? PAD_PX : PAD_PX + widthOf(key, NAME_PX, true) + 8;
  const y = kind === "atomic" ? HEAD_PX + description.length * LINE_PX + 2 : 5;
  return tags.map((tag) => {
    const width = tagWidth(tag);
    const svg = `<g class="tag" transform="translate(${round(x)} ${y})"><rect width="${width}" height="${TAG_PX}" rx="8"/><text x="5" y="11.5">${content(tag)}</text></g>`;
    x += width + 4;
    return svg;
  });
}

const arrowSvg = ({ id, source, target, transitions, points }: PlacedArrow, name: string): string =>
  `<g class="arrow" data-arrow="${attribute(id)}" data-source="${attribute(source)}" data-target="${attribute(target)}" data-transitions="${attribute(transitions.join(" "))}"><path d="${rounded(points)}" marker-end="url(#head-${name})"/></g>`;

const arrowLabelSvg = ({ id, label }: PlacedArrow): string =>
  label === null
    ? ""
    : `<g class="label" data-label="${attribute(id)}" transform="translate(${label.x} ${label.y})"><rect width="${label.width}" height="${label.height}" rx="4"/>${wordsSvg(label.text, 0, 0)}</g>`;

const wordsSvg = (label: Label, x: number, y: number): string =>
  label.lines
    .map((line, i) =>
      line
        .map(
          (word) =>
            `<text class="word ${word.role}" x="${round(x + word.x)}" y="${round(y + (i + 1) * LABEL_LINE_PX - 2)}">${content(word.text)}</text>`,
        )
        .join(""),
    )
    .join("");

const CORNER_PX = 6;

/** An orthogonal line with rounded corners. */
function rounded(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return "";
  const parts = [`M${first.x} ${first.y}`];
  rest.forEach((point, i) => {
    const before = points[i] ?? point;
    const after = rest[i + 1];
    if (after === undefined) {
      parts.push(`L${point.x} ${point.y}`);
      return;
    }
    const start = towards(point, before);
    const end = towards(point, after);
    parts.push(`L${start.x} ${start.y}Q${point.x} ${point.y} ${end.x} ${end.y}`);
  });
  return parts.join("");
}

function towards(from: Point, to: Point): Point {
  const distance = Math.hypot(to.x - from.x, to.y - from.y);
  const part = distance === 0 ? 0 : Math.min(CORNER_PX, distance / 2) / distance;
  return { x: round(from.x + (to.x - from.x) * part), y: round(from.y + (to.y - from.y) * part) };
}

function legendSvg(y: number, width: number): string[] {
  const items: readonly (readonly [string, string])[] = [
    ["event", "event"],
    ["guard", "[guards that must all hold; branches are tried from top to bottom]"],
    ["effect", "▸ effect: the container or a person is asked"],
    ["fact", "⇢ derived fact: another actor is told"],
    ["context", "bookkeeping (shown only where nothing else happens)"],
    ["target", "dashed: a region of a parallel state; heavy: never leaves; ● starts here"],
  ];
  let x = MARGIN_PX;
  let line = y;
  return items.map(([role, text]) => {
    const wide = widthOf(text, LABEL_PX, role === "event");
    if (x > MARGIN_PX && x + wide > width - MARGIN_PX) {
      x = MARGIN_PX;
      line += 16;
    }
    const svg = `<text class="word ${role}" x="${round(x)}" y="${round(line)}">${content(text)}</text>`;
    x += wide + 18;
    return svg;
  });
}

const round = (value: number): number => Math.round(value * 10) / 10;
const content = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
const attribute = (text: string): string => content(text).replaceAll('"', "&quot;");
