import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Chain } from "../../../src/core/run-chain.ts";
import { IN_SLOT, type Mark, type Phase, type Run, type Span } from "../../../src/core/run.ts";
import { beadStateOf } from "../lib/bead-state.ts";
import { agentStateOf } from "../lib/does-now.ts";
import { agentName } from "../lib/names.ts";
import { paths } from "../lib/routes.ts";
import { duration } from "../lib/time.ts";
import { href } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { Icon } from "../ui/icons.tsx";
import { Go } from "../ui/parts.tsx";
import { Axis, Grid } from "./axis.tsx";
import { Lane } from "./lane.tsx";
import { Slots } from "./slots.tsx";

/** A lane for each agent, or for each piece of work; only those that are seen are in the document. */

export type LanesBy = "agent" | "work" | "chain";

export interface LaneOf {
  readonly id: string;
  readonly spans: readonly Span[];
  readonly marks: readonly Mark[];
  readonly merged: number;
  readonly failed: number;
  readonly frames: readonly { readonly from: number; readonly to: number }[];
}

/** Lanes with the chain's first, then those that did most. */
export function lanesOf(run: Run, by: LanesBy, chain: Chain | null, now: number): LaneOf[] {
  const inChain = new Map((chain?.links ?? []).map((link) => [link.beadId, link]));
  const lanes = new Map<
    string,
    { spans: Span[]; marks: Mark[]; frames: { from: number; to: number }[]; worked: number }
  >();
  const lane = (id: string) => {
    const found = lanes.get(id);
    if (found !== undefined) return found;
    const made = { spans: [], marks: [], frames: [], worked: 0 };
    lanes.set(id, made);
    return made;
  };
  const keyOf = (of: { beadId: string; agentId: string | null }): string | null => {
    if (by === "agent") return of.agentId;
    return by === "chain" && !inChain.has(of.beadId) ? null : of.beadId;
  };
  for (const span of run.spans) {
    const key = keyOf(span);
    if (key === null) continue;
    const own = lane(key);
    own.spans.push(span);
    if (IN_SLOT.has(span.phase)) own.worked += (span.to ?? now) - span.from;
  }
  for (const mark of run.marks) {
    const key = keyOf(mark);
    if (key !== null) lane(key).marks.push(mark);
  }
  for (const [beadId, link] of inChain) {
    const agentId = run.spans.findLast((span) => span.beadId === beadId && span.agentId !== null)?.agentId ?? null;
    const key = keyOf({ beadId, agentId });
    if (key !== null) lane(key).frames.push({ from: link.from, to: link.to });
  }
  const firstFrame = (one: { frames: { from: number }[] }): number => one.frames[0]?.from ?? Infinity;
  return Array.from(lanes, ([id, one]) => ({ id, ...one }))
    .sort((a, b) => firstFrame(a) - firstFrame(b) || b.worked - a.worked || (a.id < b.id ? -1 : 1))
    .map(({ worked: _, ...one }) => ({
      ...one,
      spans: one.spans.toSorted((a, b) => a.from - b.from),
      marks: one.marks.toSorted((a, b) => a.at - b.at),
      merged: one.marks.filter(({ kind }) => kind === "merged").length,
      // Pieces, as in the report: that an attempt failed is a mark, and no end of its piece.
      failed: one.marks.filter(({ kind, ends }) => kind === "failed" && ends).length,
    }));
}

const LANE = 22;

export function Waterfall(props: {
  run: Run;
  lanes: readonly LaneOf[];
  by: LanesBy;
  from: number;
  to: number;
  now: number;
  capacity: number;
  titleOf: (id: string) => string;
}) {
  const { run, lanes, by, from, to, now, capacity, titleOf } = props;
  const box = useRef<HTMLOListElement>(null);
  const [margin, setMargin] = useState(0);
  useLayoutEffect(
    () => setMargin(box.current === null ? 0 : box.current.getBoundingClientRect().top + scrollY),
    [lanes.length],
  );
  const rows = useWindowVirtualizer({
    count: lanes.length,
    estimateSize: () => LANE,
    overscan: 12,
    scrollMargin: margin,
  });
  return (
    <div className="scroll-x night-box" tabIndex={0} role="region" aria-label="The night, lane by lane">
      <div className="night">
        <div className="night-row night-slots">
          <span className="faint">Slots in use</span>
          <Slots spans={run.spans} from={from} to={Math.min(to, now)} end={to} capacity={capacity} />
          <span className="faint right">Merged</span>
          <span className="faint right">Failed</span>
        </div>
        <div className="night-row night-axis">
          <span />
          <Axis from={from} to={to} now={now} most={12} />
          <span />
          <span />
        </div>
        <div className="night-lanes">
          <div className="night-grid">
            <Grid from={from} to={to} now={now} most={12} />
          </div>
          <ol
            ref={box}
            style={{ height: rows.getTotalSize() }}
            aria-label={by === "agent" ? "Agents" : "Pieces of work"}
          >
            {rows.getVirtualItems().map(({ index, start }) => {
              const lane = lanes[index] as LaneOf;
              return (
                <li
                  key={lane.id}
                  className={`night-row${lane.frames.length > 0 ? " crit" : ""}`}
                  aria-setsize={lanes.length}
                  aria-posinset={index + 1}
                  style={{ transform: `translateY(${start - margin}px)` }}
                >
                  <LaneShown lane={lane} by={by} name={titleOf(lane.id)} from={from} to={to} now={now} />
                </li>
              );
            })}
          </ol>
        </div>
      </div>
    </div>
  );
}

function LaneShown(props: { lane: LaneOf; by: LanesBy; name: string; from: number; to: number; now: number }) {
  const { lane, by, name, from, to, now } = props;
  const { id, spans, marks, frames, merged, failed } = lane;
  const worked = spans.reduce((sum, span) => (IN_SLOT.has(span.phase) ? sum + (span.to ?? now) - span.from : sum), 0);
  return (
    <>
      <LaneName id={id} by={by} name={name} />
      <Lane
        label={`${name}: ${merged} merged, ${failed} failed, a slot for ${duration(worked)}`}
        spans={spans}
        marks={marks}
        from={from}
        to={to}
        now={now}
        frames={frames}
      />
      <span className="num right soft">{merged}</span>
      <span className="num right soft">{failed}</span>
    </>
  );
}

function LaneName({ id, by, name }: { id: string; by: LanesBy; name: string }) {
  const { rigId } = useStore();
  const { world, now } = useWorld();
  const agent = by === "agent" ? world.agents.get(id) : undefined;
  const bead = by === "agent" ? undefined : world.beads.get(id);
  const said = agent !== undefined ? agentStateOf(agent) : bead !== undefined ? beadStateOf(bead, world, now) : null;
  const to = by === "agent" ? href(paths.rig(rigId), { show: `agent:${id}` }) : paths.bead(rigId, id);
  return (
    <Go className="night-name clip" to={to} title={name}>
      {said !== null && (
        <span className={`t-${said.tone}`}>
          <Icon name={said.icon} label={said.word} />
        </span>
      )}
      {by === "agent" ? agentName(world, id) : name}
    </Go>
  );
}

/** Phases that are drawn, for the legend. */
export const usePhases = (run: Run): ReadonlySet<Phase> =>
  useMemo(() => new Set(run.spans.map(({ phase }) => phase)), [run]);
