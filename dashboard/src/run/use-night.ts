import { useMemo } from "react";
import { longestChain } from "../../../src/core/run-chain.ts";
import { RUN_FACTS } from "../../../src/core/run.ts";
import { REPORTED } from "../../../src/core/report.ts";
import type { Report } from "../../../src/wire/report.ts";
import type { RunAnswer } from "../../../src/wire/run.ts";
import { rigPath } from "../lib/api.ts";
import { intervalOf, useLookedAt, type Interval } from "../lib/looked.ts";
import { useLook, type Looked } from "../lib/looks.ts";
import { beadTitle, agentName } from "../lib/names.ts";
import { shownNeeds } from "../lib/needs.ts";
import { nightOf, type Night } from "../lib/night.ts";
import { useSeconds } from "../lib/time.ts";
import { usePlace } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";

/** What both pages of a night stand on: one interval, one report, one run of it. */

const OF_RUN: ReadonlySet<string> = new Set(RUN_FACTS);
const OF_REPORT: ReadonlySet<string> = new Set(REPORTED);
/** Lanes that go on grow this often. */
const STEP_MS = 10_000;

export interface OneNight {
  readonly interval: Interval;
  readonly now: number;
  readonly report: Looked<Report>;
  readonly run: Looked<RunAnswer>;
  readonly night: Night | null;
  readonly chain: ReturnType<typeof longestChain>;
  readonly needs: number;
  readonly titleOf: (id: string) => string;
}

export function useNight(): OneNight {
  const { rigId } = useStore();
  const { world, state } = useWorld();
  const { params } = usePlace();
  const looked = useLookedAt(rigId);
  const now = Math.floor((useSeconds() + state.skew_ms) / STEP_MS) * STEP_MS + STEP_MS;
  const [from, to] = [params.get("from"), params.get("to")];
  // What goes on to now moves with it; where it begins does not.
  const fixed = useMemo(() => intervalOf(params, looked, Date.now() + state.skew_ms), [from, to, looked, rigId]);
  const interval: Interval = fixed.isOpen ? { ...fixed, to: now } : fixed;
  const query = `?from=${new Date(fixed.from).toISOString()}${fixed.isOpen ? "" : `&to=${new Date(fixed.to).toISOString()}`}`;
  const report = useLook<Report>(rigPath(rigId, `/report${query}`), (fact) => fixed.isOpen && OF_REPORT.has(fact.type));
  const run = useLook<RunAnswer>(rigPath(rigId, `/run${query}`), (fact) => fixed.isOpen && OF_RUN.has(fact.type));
  const titles = useMemo(
    () => new Map((run.data?.pieces ?? []).map((piece) => [piece.beadId, piece.title])),
    [run.data],
  );
  const names = useMemo(() => new Map((run.data?.agents ?? []).map((agent) => [agent.id, agent.name])), [run.data]);
  const titleOf = (id: string): string => {
    if (world.agents.has(id)) return agentName(world, id);
    return titles.get(id) ?? names.get(id) ?? beadTitle(state.content, id);
  };
  const { capacity } = world.rig.context.settings;
  const night = useMemo(
    () =>
      report.data === null || run.data === null
        ? null
        : nightOf(report.data, run.data, { from: fixed.from, to: interval.to, capacity }),
    [report.data, run.data, fixed, interval.to, capacity],
  );
  const chain = useMemo(
    () => (run.data === null ? null : longestChain(run.data, fixed.from, Math.min(interval.to, now))),
    [run.data, fixed, interval.to],
  );
  const needs = useMemo(
    () => shownNeeds(world, state.content, now).filter(({ level }) => level === "now").length,
    [world, state.version],
  );
  return { interval, now, report, run, night, chain, needs, titleOf };
}
