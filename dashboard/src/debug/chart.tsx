import {
  HEAD_PX,
  LABEL_LINE_PX,
  LINE_PX,
  NAME_PX,
  PAD_PX,
  TAG_PX,
  tagWidth,
  widthOf,
  type Label,
  type Layout,
  type PlacedState,
  type Point,
} from "./drawing.ts";
import { Button } from "@mantine/core";
import { memo, useEffect, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from "react";
import type { Kind } from "../../../src/core/step.ts";

/** An actor's chart, drawn from the same layout as the pictures in docs/statecharts, with its active states lit. */

const LAYOUTS: Record<Kind, () => Promise<{ default: unknown }>> = {
  agent: () => import("../../../docs/statecharts/layout/agent.json"),
  bead: () => import("../../../docs/statecharts/layout/bead.json"),
  review: () => import("../../../docs/statecharts/layout/review.json"),
  rig: () => import("../../../docs/statecharts/layout/rig.json"),
  queue: () => import("../../../docs/statecharts/layout/queue.json"),
  budget: () => import("../../../docs/statecharts/layout/budget.json"),
  accounts: () => import("../../../docs/statecharts/layout/accounts.json"),
};

export function useLayout(kind: Kind): Layout | null {
  const [layout, setLayout] = useState<{ kind: Kind; layout: Layout } | null>(null);
  useEffect(() => {
    let isGone = false;
    void LAYOUTS[kind]().then(({ default: read }) => !isGone && setLayout({ kind, layout: read as Layout }));
    return () => {
      isGone = true;
    };
  }, [kind]);
  return layout?.kind === kind ? layout.layout : null;
}

interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}
interface Props {
  readonly layout: Layout;
  readonly active: ReadonlySet<string>;
  /** Ids of the transitions that the shown fact took. */
  readonly taken: ReadonlySet<string>;
  readonly label: string;
}

const SMALLEST = 0.12;
const LARGEST = 2.5;
const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(most, value));

/** The chart in a window that is moved by dragging, wheel and keys; it follows the active states until somebody moves it. */
export function ChartView({ layout, active, taken, label }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<View>({ x: 0, y: 0, scale: 0.5 });
  const [isFollowing, setFollowing] = useState(true);
  const activeKey = [...active].join(" ");

  const show = (whole: boolean): void => {
    const element = box.current;
    if (element === null) return;
    const states = whole
      ? layout.states
      : layout.states.filter((state) => active.has(state.id) && state.kind === "atomic");
    setView(
      viewOf(layout, states.length === 0 ? layout.states : states, element.clientWidth, element.clientHeight, whole),
    );
  };
  useEffect(() => {
    if (isFollowing) show(false);
  }, [layout, activeKey, isFollowing]);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const watch = new ResizeObserver(() => isFollowing && show(false));
    watch.observe(element);
    const wheel = (event: WheelEvent) => {
      const factor = wheelFactor(event);
      if (factor === null) return;
      event.preventDefault();
      setFollowing(false);
      const edge = element.getBoundingClientRect();
      setView((now) => zoomed(now, factor, event.clientX - edge.left, event.clientY - edge.top));
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => {
      watch.disconnect();
      element.removeEventListener("wheel", wheel);
    };
  }, [layout, activeKey, isFollowing]);

  const zoom = (factor: number) => {
    setFollowing(false);
    setView((now) => zoomed(now, factor, (box.current?.clientWidth ?? 0) / 2, (box.current?.clientHeight ?? 0) / 2));
  };
  const dragging = useDragging(view, setView, () => setFollowing(false));
  const press = (event: KeyboardEvent) => {
    const by = MOVES[event.key];
    if (by !== undefined) {
      setFollowing(false);
      setView((now) => ({ ...now, x: now.x + by[0], y: now.y + by[1] }));
    } else if (event.key in ZOOMS) zoom(ZOOMS[event.key] ?? 1);
    else if (event.key === "0") setFollowing(true);
    else return;
    event.preventDefault();
  };

  return (
    <div className="chart-view">
      <div
        ref={box}
        className="chart-window"
        tabIndex={0}
        role="application"
        aria-label={`${label}. Arrow keys move, plus and minus zoom, zero follows the active states.`}
        {...dragging}
        onKeyDown={press}
      >
        <Picture view={view} layout={layout} active={active} taken={taken} label={label} />
      </div>
      <Tools
        zoom={zoom}
        isFollowing={isFollowing}
        follow={() => setFollowing(true)}
        showAll={() => (setFollowing(false), show(true))}
      />
    </div>
  );
}

/** Handlers that move the chart with the pointer. */
function useDragging(view: View, setView: (view: View) => void, moved: () => void) {
  const drag = useRef<{ x: number; y: number; view: View } | null>(null);
  const down = (event: PointerEvent<HTMLDivElement>) => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    drag.current = { x: event.clientX, y: event.clientY, view };
  };
  const move = (event: PointerEvent) => {
    const { current } = drag;
    if (current === null) return;
    if (Math.hypot(event.clientX - current.x, event.clientY - current.y) > 3) moved();
    setView({
      ...current.view,
      x: current.view.x + event.clientX - current.x,
      y: current.view.y + event.clientY - current.y,
    });
  };
  const end = () => (drag.current = null);
  return { onPointerDown: down, onPointerMove: move, onPointerUp: end, onPointerCancel: end };
}

/** How much a turn of the wheel zooms, or null: it scrolls the page. */
const wheelFactor = ({ ctrlKey, metaKey, shiftKey, deltaY }: WheelEvent): number | null =>
  !ctrlKey && !metaKey && !shiftKey && Math.abs(deltaY) < 4 ? null : Math.exp(-deltaY * 0.0016);

const Picture = ({ view, layout, active, taken, label }: Props & { view: View }) => (
  <svg className="chart-svg" width="100%" height="100%" role="img" aria-label={label}>
    <ArrowHead />
    <g transform={`translate(${view.x} ${view.y}) scale(${view.scale})`}>
      <Drawing layout={layout} active={active} taken={taken} />
    </g>
  </svg>
);

const MOVES: Record<string, readonly [number, number]> = {
  ArrowLeft: [60, 0],
  ArrowRight: [-60, 0],
  ArrowUp: [0, 60],
  ArrowDown: [0, -60],
};
const ZOOMS: Record<string, number> = { "+": 1.25, "=": 1.25, "-": 0.8 };

const ArrowHead = () => (
  <defs>
    <marker
      id="head"
      viewBox="0 0 10 10"
      refX="9"
      refY="5"
      markerWidth="8"
      markerHeight="8"
      markerUnits="userSpaceOnUse"
      orient="auto-start-reverse"
    >
      <path className="head" d="M0 0 10 5 0 10z" />
    </marker>
  </defs>
);

function Tools({
  zoom,
  isFollowing,
  follow,
  showAll,
}: {
  zoom: (factor: number) => void;
  isFollowing: boolean;
  follow: () => void;
  showAll: () => void;
}) {
  return (
    <div className="chart-tools">
      <Button size="compact-xs" variant="default" onClick={() => zoom(1.25)} aria-label="Zoom in">
        +
      </Button>
      <Button size="compact-xs" variant="default" onClick={() => zoom(0.8)} aria-label="Zoom out">
        −
      </Button>
      <Button size="compact-xs" variant="default" onClick={showAll}>
        Whole chart
      </Button>
      <Button
        size="compact-xs"
        variant={isFollowing ? "filled" : "default"}
        onClick={follow}
        aria-pressed={isFollowing}
      >
        Follow
      </Button>
    </div>
  );
}

const zoomed = (now: View, factor: number, x: number, y: number): View => {
  const scale = clamp(now.scale * factor, SMALLEST, LARGEST);
  const by = scale / now.scale;
  return { scale, x: x - (x - now.x) * by, y: y - (y - now.y) * by };
};

/** The states in the middle of the window, with room around them for where they may go. */
function viewOf(layout: Layout, states: readonly PlacedState[], width: number, height: number, whole: boolean): View {
  const room = whole ? 0 : width < 600 ? 70 : 160;
  const edge = 10;
  const left = Math.max(-edge, Math.min(...states.map((state) => state.x)) - room);
  const top = Math.max(-edge, Math.min(...states.map((state) => state.y)) - room);
  const right = Math.min(layout.width + edge, Math.max(...states.map((state) => state.x + state.width)) + room);
  const bottom = Math.min(layout.height + edge, Math.max(...states.map((state) => state.y + state.height)) + room);
  const scale = clamp(Math.min(width / (right - left), height / (bottom - top)), SMALLEST, whole ? 1.2 : 1);
  return { scale, x: width / 2 - ((left + right) / 2) * scale, y: height / 2 - ((top + bottom) / 2) * scale };
}

const Drawing = memo(function Drawing({
  layout,
  active,
  taken,
}: {
  layout: Layout;
  active: ReadonlySet<string>;
  taken: ReadonlySet<string>;
}) {
  const lit = useMemo(
    () =>
      new Set(layout.arrows.filter((arrow) => arrow.transitions.some((id) => taken.has(id))).map((arrow) => arrow.id)),
    [layout, taken],
  );
  const isFrame = (state: PlacedState) => state.depth === 0 && state.kind === "compound";
  return (
    <>
      {layout.states
        .filter((state) => !isFrame(state))
        .map((state) => (
          <rect
            key={state.id}
            className={[
              "box",
              state.kind === "atomic" ? "leaf" : state.depth % 2 === 0 ? "even" : "odd",
              state.isRegion ? "region" : "",
              state.tags.includes("terminal") ? "terminal" : "",
              active.has(state.id) ? "lit" : "",
            ].join(" ")}
            data-state={state.id}
            x={state.x}
            y={state.y}
            width={state.width}
            height={state.height}
            rx={state.kind === "atomic" ? 7 : 10}
          />
        ))}
      {layout.arrows.map((arrow) => (
        <path
          key={arrow.id}
          className={`edge${lit.has(arrow.id) ? " taken" : ""}${active.has(arrow.source) ? " open" : ""}`}
          d={rounded(arrow.points)}
          markerEnd="url(#head)"
        />
      ))}
      {layout.states
        .filter((state) => !isFrame(state))
        .map((state) => (
          <Face key={state.id} state={state} isLit={active.has(state.id)} />
        ))}
      {layout.dots.map((dot) => (
        <circle key={dot.of} className="head" cx={dot.x} cy={dot.y} r={4.5} />
      ))}
      {layout.arrows.map((arrow) =>
        arrow.label === null ? null : (
          <g
            key={arrow.id}
            className={`tagline${lit.has(arrow.id) ? " taken" : ""}${active.has(arrow.source) ? " open" : ""}`}
            transform={`translate(${arrow.label.x} ${arrow.label.y})`}
          >
            <rect width={arrow.label.width} height={arrow.label.height} rx={4} />
            <Words label={arrow.label.text} x={0} y={0} />
          </g>
        ),
      )}
    </>
  );
});

function Face({ state, isLit }: { state: PlacedState; isLit: boolean }) {
  const isLeaf = state.kind === "atomic";
  let x = isLeaf ? PAD_PX : PAD_PX + widthOf(state.key, NAME_PX, true) + 8;
  const y = isLeaf ? HEAD_PX + state.description.length * LINE_PX + 2 : 5;
  return (
    <g className={`face${isLit ? " lit" : ""}`} transform={`translate(${state.x} ${state.y})`}>
      <text className="name" x={PAD_PX} y={17}>
        {state.key}
      </text>
      {state.description.map((line, i) => (
        <text key={line} className="text" x={PAD_PX} y={HEAD_PX + 10 + i * LINE_PX}>
          {line}
        </text>
      ))}
      {state.tags.map((tag) => {
        const at = x;
        x += tagWidth(tag) + 4;
        return (
          <g key={tag} className="tag" transform={`translate(${at} ${y})`}>
            <rect width={tagWidth(tag)} height={TAG_PX} rx={8} />
            <text x={5} y={11.5}>
              {tag}
            </text>
          </g>
        );
      })}
      {state.inside !== null && <Words label={state.inside} x={PAD_PX - 5} y={state.insideAt + 2} />}
    </g>
  );
}

const Words = ({ label, x, y }: { label: Label; x: number; y: number }) => (
  <>
    {label.lines.map((line, i) =>
      line.map((word, j) => (
        <text key={`${i}-${j}`} className={`word ${word.role}`} x={x + word.x} y={y + (i + 1) * LABEL_LINE_PX - 2}>
          {word.text}
        </text>
      )),
    )}
  </>
);

const CORNER_PX = 6;

function rounded(points: readonly Point[]): string {
  return points
    .map((point, i) => {
      const before = points[i - 1];
      const after = points[i + 1];
      if (before === undefined) return `M${point.x} ${point.y}`;
      if (after === undefined) return `L${point.x} ${point.y}`;
      const [start, end] = [towards(point, before), towards(point, after)];
      return `L${start.x} ${start.y}Q${point.x} ${point.y} ${end.x} ${end.y}`;
    })
    .join("");
}

function towards(from: Point, to: Point): Point {
  const distance = Math.hypot(to.x - from.x, to.y - from.y);
  const part = distance === 0 ? 0 : Math.min(CORNER_PX, distance / 2) / distance;
  return { x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}
