import {
  DOT_PX,
  HEAD_PX,
  LINE_PX,
  NAME_PX,
  PAD_PX,
  TAG_PX,
  tagWidth,
  TEXT_PX,
  widthOf,
  type Box,
  type Label,
  type Layout,
} from "../../dashboard/src/debug/drawing.ts";
import type { ELK, ElkExtendedEdge, ElkNode } from "elkjs";
import { drawnOf, type Arrow } from "./edges.ts";
import { childrenOf, isInside, type Chart, type ChartState } from "./graph.ts";
import { labelOf } from "./label.ts";
import type { Said } from "./said.ts";
import { wrap } from "./text.ts";

/** A chart with coordinates: all that is needed to draw it, and no more. Written as JSON, so that a live page draws the same picture. */

interface Options {
  readonly direction: "DOWN" | "RIGHT";
  readonly labelWidth_px: number;
}

const DEFAULTS: Options = { direction: "DOWN", labelWidth_px: 230 };

export async function layoutOf(
  elk: ELK,
  chart: Chart,
  said: ReadonlyMap<string, Said>,
  options: Partial<Options> = {},
): Promise<Layout> {
  const { direction, labelWidth_px } = { ...DEFAULTS, ...options };
  const { arrows, inside } = drawnOf(chart, said);
  const faces = new Map(
    chart.states.map((state) => [
      state.id,
      faceOf(chart, state, labelOf(inside.get(state.id) ?? [], state.kind === "atomic" ? 300 : 225)),
    ]),
  );
  const labels = new Map(arrows.map((arrow) => [arrow.id, labelOf(arrow.rows, labelWidth_px)]));
  const [root] = chart.states;
  if (root === undefined) throw new Error(`chart ${chart.name} has no states`);
  // ELK does not hand options down, so every compound state repeats them.
  const spacing = spacingOf(direction);
  const node = (state: ChartState): ElkNode => {
    const face = faces.get(state.id);
    const children = childrenOf(chart, state.id);
    const size = { width: face?.width ?? 0, height: face?.height ?? 0 };
    if (children.length === 0) return { id: state.id, ...size };
    return {
      id: state.id,
      layoutOptions: {
        ...spacing,
        "elk.algorithm": "layered",
        "elk.padding":
          state.parent === null && state.kind === "compound"
            ? "[top=4,left=4,bottom=4,right=4]"
            : `[top=${size.height + 14},left=16,bottom=16,right=16]`,
        ...(isPacked(chart, state, arrows) ? PACKED : {}),
        "elk.nodeSize.constraints": "MINIMUM_SIZE",
        "elk.nodeSize.minimum": `(${size.width},${size.height})`,
      },
      children: [
        ...(state.initial === null ? [] : [{ id: dotId(state.id), width: DOT_PX, height: DOT_PX }]),
        ...children.map(node),
      ],
    };
  };
  const graph: ElkNode = {
    id: "(page)",
    layoutOptions: {
      ...spacing,
      "elk.algorithm": "layered",
      "elk.hierarchyHandling": "INCLUDE_CHILDREN",
      "elk.json.edgeCoords": "ROOT",
      "elk.json.shapeCoords": "ROOT",
      "elk.randomSeed": "1",
      "elk.padding": "[top=8,left=8,bottom=8,right=8]",
    },
    children: [node(root)],
    edges: [
      ...chart.states.flatMap((state): ElkExtendedEdge[] =>
        state.initial === null
          ? []
          : [{ id: `${dotId(state.id)}>`, sources: [dotId(state.id)], targets: [state.initial] }],
      ),
      ...arrows.map((arrow): ElkExtendedEdge => ({
        id: arrow.id,
        sources: [arrow.source],
        targets: [arrow.target],
        labels: labelBox(labels.get(arrow.id)),
      })),
    ],
  };
  return placed(chart, await elk.layout(graph), faces, arrows, labels);
}

/** Regions that no arrow connects with anything outside stand side by side, like cards. */
const isPacked = (chart: Chart, state: ChartState, arrows: readonly Arrow[]): boolean => {
  const regions = childrenOf(chart, state.id);
  const regionOf = (id: string) => regions.find((region) => isInside(chart, id, region.id));
  return (
    state.kind === "parallel" &&
    arrows.every((arrow) => regionOf(arrow.source) !== undefined && regionOf(arrow.source) === regionOf(arrow.target))
  );
};
const PACKED = {
  "elk.algorithm": "rectpacking",
  "elk.hierarchyHandling": "SEPARATE_CHILDREN",
  "elk.aspectRatio": "2.2",
  "elk.spacing.nodeNode": "20",
};

const dotId = (id: string): string => `${id}(initial)`;
const labelBox = (label: Label | undefined) =>
  label === undefined || label.lines.length === 0
    ? []
    : [{ text: "label", width: label.width, height: label.height, layoutOptions: { "elk.edgeLabels.inline": "true" } }];

const spacingOf = (direction: Options["direction"]): Record<string, string> => ({
  "elk.direction": direction,
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.spacing.nodeNode": "28",
  "elk.spacing.edgeNode": "16",
  "elk.spacing.edgeEdge": "12",
  "elk.spacing.edgeLabel": "4",
  "elk.layered.spacing.nodeNodeBetweenLayers": "26",
  "elk.layered.spacing.edgeNodeBetweenLayers": "14",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "10",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.layered.cycleBreaking.strategy": "DEPTH_FIRST",
  "elk.layered.nodePlacement.favorStraightEdges": "true",
  "elk.layered.thoroughness": "60",
});

interface Face {
  readonly width: number;
  readonly height: number;
  readonly description: readonly string[];
  readonly inside: Label | null;
  readonly insideAt: number;
}

/** What is written in a state's box (or at the top of a compound state's) and the room it takes. */
function faceOf(chart: Chart, state: ChartState, inside: Label): Face {
  const isLeaf = state.kind === "atomic";
  const description = state.parent === null ? [] : wrap(state.description, TEXT_PX, isLeaf ? 150 : 320);
  const tagsWidth = state.tags.reduce((sum, tag) => sum + tagWidth(tag) + 4, 0);
  const nameWidth = widthOf(state.key, NAME_PX, true);
  const head = isLeaf ? Math.max(nameWidth, tagsWidth) : nameWidth + (tagsWidth === 0 ? 0 : tagsWidth + 10);
  const width = Math.max(64, head, inside.width, ...description.map((line) => widthOf(line, TEXT_PX))) + 2 * PAD_PX;
  const belowName = HEAD_PX + description.length * LINE_PX + (isLeaf && state.tags.length > 0 ? TAG_PX + 4 : 0);
  const hasInside = inside.lines.length > 0;
  const height = belowName + (hasInside ? inside.height + 6 : 0) + 6;
  return {
    width: Math.ceil(width),
    height: Math.ceil(height),
    description,
    inside: hasInside ? inside : null,
    insideAt: belowName + 4,
  };
}

function placed(
  chart: Chart,
  root: ElkNode,
  faces: ReadonlyMap<string, Face>,
  arrows: readonly Arrow[],
  labels: ReadonlyMap<string, Label>,
): Layout {
  const boxes = new Map<string, Box>();
  const collect = (node: ElkNode): void => {
    boxes.set(node.id, { x: round(node.x), y: round(node.y), width: round(node.width), height: round(node.height) });
    for (const child of node.children ?? []) collect(child);
  };
  collect(root);
  const box = (id: string): Box => {
    const found = boxes.get(id);
    if (found === undefined) throw new Error(`the layout lost ${id}`);
    return found;
  };
  const rows = new Map(arrows.map((arrow) => [arrow.id, arrow]));
  return {
    name: chart.name,
    description: chart.description,
    width: round(root.width),
    height: round(root.height),
    states: chart.states.map(({ id, key, kind, isRegion, tags }) => {
      const face = faces.get(id);
      return {
        id,
        key,
        kind,
        isRegion,
        depth: id.split(".").length - 1,
        tags,
        description: face?.description ?? [],
        inside: face?.inside ?? null,
        insideAt: face?.insideAt ?? 0,
        ...box(id),
      };
    }),
    arrows: (root.edges ?? []).map((edge) => {
      const [section] = edge.sections ?? [];
      const [label] = edge.labels ?? [];
      const text = labels.get(edge.id);
      return {
        id: edge.id,
        source: edge.sources[0] ?? "",
        target: edge.targets[0] ?? "",
        transitions: rows.get(edge.id)?.rows.flatMap((row) => row.transitions) ?? [],
        points:
          section === undefined
            ? []
            : [section.startPoint, ...(section.bendPoints ?? []), section.endPoint].map(({ x, y }) => ({
                x: round(x),
                y: round(y),
              })),
        label:
          label === undefined || text === undefined
            ? null
            : { x: round(label.x), y: round(label.y), width: round(label.width), height: round(label.height), text },
      };
    }),
    dots: chart.states.flatMap((state) => {
      if (state.initial === null) return [];
      const { x, y } = box(dotId(state.id));
      return [{ of: state.initial, x: x + DOT_PX / 2, y: y + DOT_PX / 2 }];
    }),
  };
}

const round = (value: number | undefined): number => Math.round((value ?? 0) * 10) / 10;
