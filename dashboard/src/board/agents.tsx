import { useMemo } from "react";
import type { AgentSnapshot } from "../../../src/machines/agent.ts";
import { agentStateOf, doesNow, questionOf } from "../lib/does-now.ts";
import { BARS, type History } from "../lib/history.ts";
import { AGENT_GROUPS, type AgentGroup, type Lists } from "../lib/lists.ts";
import { beadTitle } from "../lib/names.ts";
import { paths } from "../lib/routes.ts";
import { duration } from "../lib/time.ts";
import { href, setParams, usePlace } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { Icon } from "../ui/icons.tsx";
import { Chip, counted, Go, money, Nothing, Panel, Spark } from "../ui/parts.tsx";
import { Rows } from "../ui/rows.tsx";
import { HEAD_PX, ROW_PX, useScreen } from "../ui/use-screen.ts";

/** Who runs, what each does now, what it has cost and since when: those who wait for a person first. */

const GROUP_WORDS: Record<AgentGroup, string> = {
  yours: "Wait for you, and hold what they have",
  working: "Working",
  waits: "Back off, or wait for a slot",
  free: "Free",
};
/** How the list may be looked at; each is a part of the address. */
const FILTERS = {
  running: { word: "Holding a slot", of: ({ running }: Lists) => running },
  yours: { word: "Wait for you", of: ({ agents }: Lists) => agents.yours },
  working: { word: "Working", of: ({ agents }: Lists) => agents.working },
  waits: { word: "Back off or wait", of: ({ agents }: Lists) => agents.waits },
  free: { word: "Free", of: ({ agents }: Lists) => agents.free },
} as const;
type Filter = keyof typeof FILTERS;
const isFilter = (name: string | null): name is Filter => name !== null && name in FILTERS;

/** Rows before the reader asks for more: the work below must stay near. */
const SHOWN = 100;

type Line =
  | { readonly agent: AgentSnapshot }
  | { readonly group: AgentGroup; readonly count: number }
  | { readonly more: number };

export function Agents({ lists, history }: { lists: Lists; history: History }) {
  const { params } = usePlace();
  const { world } = useWorld();
  const chosen = params.get("agents");
  const filter = isFilter(chosen) ? chosen : null;
  const atWork = lists.agents.yours.length + lists.agents.working.length + lists.agents.waits.length;
  const count = filter === null ? atWork : FILTERS[filter].of(lists).length;
  return (
    <Panel
      id="agents"
      title="Agents"
      count={count}
      className="agents-panel"
      tools={
        <div className="chips" role="group" aria-label="Show agents that">
          <Chip on={filter === null} count={atWork} onClick={() => setParams({ agents: null }, false)}>
            Not free
          </Chip>
          {Object.entries(FILTERS)
            .filter(([name, { of }]) => name === filter || of(lists).length > 0)
            .map(([name, { word, of }]) => (
              <Chip
                key={name}
                on={filter === name}
                count={of(lists).length}
                onClick={() => setParams({ agents: filter === name ? null : name }, false)}
              >
                {word}
              </Chip>
            ))}
        </div>
      }
    >
      {count > 0 ? (
        <List lists={lists} history={history} filter={filter} isAll={chosen === "all"} />
      ) : world.agents.size === 0 ? (
        <Nothing title="No agents yet">
          <p>You need not make any: slinging work hooks it to a free polecat, or to a new one.</p>
        </Nothing>
      ) : (
        <Nothing title={filter === null ? "Nobody has work" : "No agent is so just now"}>
          <p>{world.agents.size.toLocaleString("en")} agents are there.</p>
        </Nothing>
      )}
    </Panel>
  );
}

function linesOf(lists: Lists, filter: Filter | null, isAll: boolean): Line[] {
  const kept = filter === null ? null : new Set(FILTERS[filter].of(lists));
  const groups = AGENT_GROUPS.filter((group) => filter !== null || group !== "free");
  const lines: Line[] = [];
  let rows = 0;
  let left = 0;
  for (const group of groups) {
    const agents = lists.agents[group].filter((agent) => kept?.has(agent) !== false);
    if (agents.length === 0) continue;
    const shown = isAll || filter !== null ? agents : agents.slice(0, Math.max(0, SHOWN - rows));
    left += agents.length - shown.length;
    rows += shown.length;
    if (shown.length > 0) lines.push({ group, count: agents.length }, ...shown.map((agent) => ({ agent })));
  }
  return left === 0 ? lines : [...lines, { more: left }];
}

interface ListProps {
  lists: Lists;
  history: History;
  filter: Filter | null;
  isAll: boolean;
}

function List({ lists, history, filter, isAll }: ListProps) {
  const screen = useScreen();
  const { params } = usePlace();
  const lines = useMemo(() => linesOf(lists, filter, isAll), [lists, filter, isAll]);
  const show = params.get("show");
  return (
    <>
      <div className="agent-cols rows-cols" aria-hidden="true">
        <span>State</span>
        <span>Agent</span>
        <span>Work</span>
        <span>Does now</span>
        <span className="a-act">Last hour</span>
        <span className="a-tok right">Tokens</span>
        <span className="right">Cost</span>
        <span className="right">Time</span>
      </div>
      <Rows
        label="Agents"
        items={lines}
        heightOf={(line) => ("agent" in line ? ROW_PX[screen] : HEAD_PX)}
        keyOf={(line) => ("agent" in line ? line.agent.context.id : "group" in line ? line.group : "more")}
        isHeading={(line) => !("agent" in line)}
        rowClass={(line) =>
          `agent-cols agent-row${"agent" in line && show === `agent:${line.agent.context.id}` ? " on" : ""}`
        }
        render={(line) =>
          "agent" in line ? (
            <Row agent={line.agent} history={history} />
          ) : "group" in line ? (
            <>
              {GROUP_WORDS[line.group]} <span className="num faint">{line.count.toLocaleString("en")}</span>
            </>
          ) : (
            <button type="button" className="lk-button" onClick={() => setParams({ agents: "all" }, false)}>
              Show {line.more.toLocaleString("en")} more
            </button>
          )
        }
      />
    </>
  );
}

const NO_BARS: readonly number[] = Array.from({ length: BARS }, () => 0);

function Row({ agent, history }: { agent: AgentSnapshot; history: History }) {
  const { rigId } = useStore();
  const { world, state, now } = useWorld();
  const { context } = agent;
  const { word, icon, tone } = agentStateOf(agent);
  const bead = context.hook === null ? undefined : world.beads.get(context.hook);
  const spent = bead?.context.spent;
  const since = history.startedAt.get(context.id) ?? context.blockedAt ?? bead?.context.updatedAt ?? null;
  const does = doesNow(world, agent, now, questionOf(agent, state.content));
  const isHot = tone === "warn";
  const bars = history.activity.get(context.id) ?? NO_BARS;
  return (
    <>
      <span className={`st a-st t-${tone}${isHot ? "" : " only-icon-colour"}`} title={word}>
        <Icon name={icon} />
        <span className="a-word">{word}</span>
      </span>
      <Go to={href(paths.rig(rigId), { show: `agent:${context.id}` })} className="a-name clip ttl plain">
        {context.name}
      </Go>
      {context.hook === null ? (
        <span className="a-bead faint clip">No work</span>
      ) : (
        <Go to={paths.bead(rigId, context.hook)} className="a-bead ttl clip" data-open="">
          {beadTitle(state.content, context.hook)}
        </Go>
      )}
      <span className={`a-now soft clip${does.isOwn ? " mono" : ""}`} title={does.text}>
        {does.text}
      </span>
      <span className="a-act">
        <Spark values={bars} width={72} colour={isHot ? "var(--ph-ask)" : "var(--ph-work)"} />
      </span>
      <span className="a-tok right num soft">{spent === undefined ? "·" : counted(spent.tokens)}</span>
      <span className="a-usd right num">{money(spent === undefined ? null : spent.microdollars)}</span>
      <span className="a-min right num soft">{since === null ? "·" : duration(now - since)}</span>
    </>
  );
}
