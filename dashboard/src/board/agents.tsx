import { useMemo, useState } from "react";
import { statusLine, type AgentSnapshot } from "../../../src/machines/agent.ts";
import { beadTitle } from "../lib/names.ts";
import { setParams, usePlace } from "../lib/url.ts";
import { useWorld } from "../lib/use-rig.ts";
import { agentState, AgentPill, Ago, Chip, Empty, substate, Tries, type AgentState } from "../ui/bits.tsx";
import { VirtualList } from "../ui/virtual-list.tsx";

const STATES: readonly AgentState[] = ["blocked", "working", "restarting", "exited", "idle"];

export function Agents() {
  const { state, world } = useWorld();
  const [only, setOnly] = useState<AgentState | null>(null);
  const [search, setSearch] = useState("");
  const { all, counts } = useMemo(() => {
    const counts = new Map<AgentState, number>();
    const all = [...world.agents.values()];
    for (const agent of all) counts.set(agentState(agent), (counts.get(agentState(agent)) ?? 0) + 1);
    const rank = (agent: AgentSnapshot) => STATES.indexOf(agentState(agent));
    all.sort((a, b) => rank(a) - rank(b) || a.context.seq - b.context.seq);
    return { all, counts };
  }, [world, state.version]);
  const wanted = search.trim().toLowerCase();
  const shown = useMemo(
    () =>
      all.filter(
        (agent) =>
          (only === null || agentState(agent) === only) &&
          (wanted === "" ||
            `${agent.context.name} ${agent.context.id} ${agent.context.hook === null ? "" : beadTitle(state.content, agent.context.hook)}`
              .toLowerCase()
              .includes(wanted)),
      ),
    [all, only, wanted],
  );
  return (
    <section className="card" aria-labelledby="agents">
      <div className="card-head">
        <h2 id="agents">
          Agents <span className="count">{all.length}</span>
        </h2>
        <span className="grow" />
        {all.length > 8 && (
          <input
            className="search"
            type="search"
            aria-label="Find an agent"
            placeholder="Find an agent"
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
        )}
        {all.length > 0 && (
          <div className="chips full" role="group" aria-label="Show agents that are">
            {STATES.filter((name) => (counts.get(name) ?? 0) > 0).map((name) => (
              <Chip
                key={name}
                on={only === name}
                count={counts.get(name) ?? 0}
                onClick={() => setOnly(only === name ? null : name)}
              >
                {name}
              </Chip>
            ))}
          </div>
        )}
      </div>
      {all.length === 0 ? (
        <Empty title="No agents yet">
          <p>You need not make any: slinging work hooks it to a free polecat, or to a new one.</p>
        </Empty>
      ) : shown.length === 0 ? (
        <Empty title="No agent matches">
          <button type="button" className="link-button" onClick={() => (setOnly(null), setSearch(""))}>
            Show all {all.length}
          </button>
        </Empty>
      ) : (
        <Lines agents={shown} />
      )}
    </section>
  );
}

function Lines({ agents }: { agents: readonly AgentSnapshot[] }) {
  const { state, world } = useWorld();
  const { params } = usePlace();
  return (
    <VirtualList
      label="Agents"
      items={agents}
      rowHeight={58}
      maxHeight={464}
      keyOf={(agent) => agent.context.id}
      onPick={(agent) => () => setParams({ show: `agent:${agent.context.id}` })}
      rowClass={(agent) => (params.get("show") === `agent:${agent.context.id}` ? "on" : "")}
      render={(agent) => (
        <Row
          agent={agent}
          title={agent.context.hook === null ? null : beadTitle(state.content, agent.context.hook)}
          max={world.rig.context.settings.max_attempts}
        />
      )}
    />
  );
}

function Row({ agent, title, max }: { agent: AgentSnapshot; title: string | null; max: number }) {
  const { context } = agent;
  const line = statusLine(context);
  const since = context.progressAt ?? context.blockedAt ?? context.exit?.at ?? null;
  return (
    <>
      <span className="list-main">
        <span className="row">
          <span className="list-title clip">{context.name}</span>
          {context.role === "polecat" ? null : <span className="pill bare quiet">{context.role}</span>}
          <Tries used={context.attempts} of={max} />
        </span>
        <span className="soft small clip" title={line ?? undefined}>
          {line === null ? "" : `“${line}” · `}
          {title ?? (context.role === "polecat" ? "No bead" : "No bead; polecats are given work")}
        </span>
      </span>
      <span className="side">
        <AgentPill agent={agent} />
        <span className="soft small">
          {agent.matches("working") && context.progressAt !== null ? (
            <Ago at={context.progressAt} before="progress " />
          ) : since === null ? (
            substate(agent)
          ) : (
            <Ago at={since} before="for " after="" />
          )}
        </span>
      </span>
    </>
  );
}
