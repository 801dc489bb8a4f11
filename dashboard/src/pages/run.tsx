import { useMemo, type ReactNode } from "react";
import type { Chain } from "../../../src/core/run-chain.ts";
import { PHASES, type Phase } from "../../../src/core/run.ts";
import { useKeys } from "../lib/keys.ts";
import { moment, type Interval } from "../lib/looked.ts";
import { chainWords } from "../lib/night.ts";
import { PHASE_WORDS } from "../lib/phases.ts";
import { paths } from "../lib/routes.ts";
import { duration } from "../lib/time.ts";
import { href, setParams, usePlace } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { NightHead } from "../run/head.tsx";
import { LaneDefs, Legend } from "../run/lane.tsx";
import { useNight } from "../run/use-night.ts";
import { lanesOf, usePhases, Waterfall, type LanesBy } from "../run/waterfall.tsx";
import { Btn, Chip, Go, Nothing, openList, Panel, Tag, type Tone } from "../ui/parts.tsx";
import "../styles/board.css";
import "../styles/lanes.css";
import "../styles/night.css";

/** What each agent did over a time, and why the longest chain took as long as it did. */
export default function RunPage() {
  const { rigId } = useStore();
  const { world } = useWorld();
  const { params } = usePlace();
  const one = useNight();
  const { interval, now, run, chain, titleOf } = one;
  const by: LanesBy = LANES.find(([id]) => id === params.get("lanes"))?.[0] ?? "agent";
  const { from } = interval;
  // A little of what is to come, so that now is seen to be now.
  const to = interval.isOpen ? interval.to + (interval.to - from) * 0.04 : interval.to;
  const lanes = useMemo(() => (run.data === null ? [] : lanesOf(run.data, by, chain, now)), [run.data, by, chain, now]);
  const zoom = useZoom(interval, by);
  const phases = usePhases(run.data ?? NO_RUN);
  return (
    <div className="page night-page">
      <LaneDefs />
      <NightHead title="The night" one={one}>
        <Go className="btn s ghost" to={href(paths.since(rigId), { from: params.get("from"), to: params.get("to") })}>
          The report
        </Go>
      </NightHead>
      <section className="panel night-panel" id="waterfall" aria-labelledby="waterfall-name" tabIndex={-1}>
        <div className="head wrap">
          <h2 id="waterfall-name">{by === "agent" ? "Agents" : "Work"}</h2>
          <span className="n">{lanes.length}</span>
          <div className="chips" role="group" aria-label="Lanes">
            {LANES.map(([id, name]) => (
              <Chip key={id} on={by === id} onClick={() => setParams({ lanes: id === "agent" ? null : id })}>
                {name}
              </Chip>
            ))}
          </div>
          <span className="grow" />
          <Legend shown={phases} />
          <span className="zoom wide">
            <Btn isSmall isSquare kind="ghost" aria-label="Zoom out" onClick={() => zoom(2)}>
              −
            </Btn>
            <Btn isSmall isSquare kind="ghost" aria-label="Zoom in" onClick={() => zoom(0.5)}>
              +
            </Btn>
          </span>
        </div>
        {chain !== null && <ChainLine chain={chain} titleOf={titleOf} />}
        {run.data === null ? (
          <div className="skeleton" style={{ height: 320 }} aria-busy="true" aria-label="Loading" />
        ) : lanes.length === 0 ? (
          <Nothing title="Nobody worked in this time">
            <p className="soft">
              Choose another time above, or sling work: each agent that is started has a lane here.
            </p>
          </Nothing>
        ) : (
          <Waterfall
            run={run.data}
            lanes={lanes}
            by={by}
            from={from}
            to={to}
            now={interval.isOpen ? now : run.data.now}
            capacity={world.rig.context.settings.capacity}
            titleOf={titleOf}
          />
        )}
      </section>
      {chain !== null && <Critical chain={chain} titleOf={titleOf} now={now} />}
    </div>
  );
}

/** Nearer and farther, by keys and by buttons: the interval is in the address. */
function useZoom(interval: Interval, by: LanesBy): (share: number) => void {
  const { from } = interval;
  const zoom = (share: number) => {
    const end = interval.isOpen ? null : interval.to;
    const length = (interval.to - from) * share;
    const begin = (interval.isOpen ? interval.to : (from + interval.to) / 2 + length / 2) - length;
    setParams({
      from: new Date(begin).toISOString(),
      to: end === null ? null : new Date(Math.min(begin + length, Date.now())).toISOString(),
    });
  };
  useKeys("Night", [
    { keys: "+", does: "Nearer", act: () => zoom(0.5) },
    { keys: "-", does: "Farther", act: () => zoom(2) },
    { keys: "0", does: "Since you looked", act: () => setParams({ from: null, to: null }) },
    { keys: "n", does: "To now", act: () => setParams({ to: null }) },
    { keys: "c", does: "The chain only", act: () => setParams({ lanes: by === "chain" ? null : "chain" }) },
  ]);
  return zoom;
}

const ChainLine = ({ chain, titleOf }: { chain: Chain; titleOf: (id: string) => string }) => (
  <p className="chain-line">
    <span className="chain-mark" aria-hidden="true" />
    <b>
      Longest chain, <span className="num">{duration(chain.to - chain.from)}</span>:
    </b>{" "}
    {titleOf(chain.links.at(-1)?.beadId ?? "")}. <span className="soft">{chainWords(chain)}.</span>{" "}
    <button type="button" className="link-button" onClick={() => openList("critical")}>
      {chain.links.length === 1 ? "Its one piece" : `Its ${chain.links.length} pieces`}
    </button>
  </p>
);

const NO_RUN = { spans: [], marks: [], pieces: [], agents: [] };

const LANES = [
  ["agent", "By agent"],
  ["work", "By work"],
  ["chain", "The chain only"],
] as const;

const TONES: Partial<Record<Phase, Tone>> = {
  working: "busy",
  starting: "busy",
  person: "warn",
  gate: "violet",
  merging: "violet",
};

function Critical({ chain, titleOf, now }: { chain: Chain; titleOf: (id: string) => string; now: number }): ReactNode {
  const { rigId } = useStore();
  const worst = PHASES.filter((phase) => phase !== "working" && phase !== "starting").toSorted(
    (a, b) => chain.parts[b] - chain.parts[a],
  )[0];
  return (
    <Panel
      id="critical"
      title={`Why the longest chain took ${duration(chain.to - chain.from)}`}
      count={chain.links.length}
      className="critical"
    >
      <ol>
        {chain.links.map((link, n) => (
          <li key={link.beadId}>
            <b className="num faint">{n + 1}</b>
            <div>
              <Go className="ttl" to={paths.bead(rigId, link.beadId)}>
                {titleOf(link.beadId)}
              </Go>{" "}
              <span className="soft nowrap num">
                {moment(link.from, now)} to {link.isOpen ? "now" : moment(link.to, now)}
              </span>
              <div className="tags">
                {PHASES.filter((phase) => link.parts[phase] >= 1_000).map((phase) => (
                  <Tag key={phase} tone={TONES[phase] ?? "plain"}>
                    {PHASE_WORDS[phase].toLowerCase()} {duration(link.parts[phase])}
                  </Tag>
                ))}
              </div>
            </div>
          </li>
        ))}
      </ol>
      {worst !== undefined && chain.parts[worst] >= 60_000 && (
        <p className="soft hint">
          {duration(chain.parts[worst])} of it: {PHASE_WORDS[worst].toLowerCase()}. Without that it would have taken{" "}
          {duration(chain.to - chain.from - chain.parts[worst])}.
        </p>
      )}
    </Panel>
  );
}
