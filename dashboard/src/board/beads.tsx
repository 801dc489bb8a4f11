import { useMemo, useState } from "react";
import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import { rank } from "../../../src/core/rank.ts";
import { isDeferred } from "../../../src/core/schedule.ts";
import { agentName, beadTitle, plural } from "../lib/names.ts";
import { setParams, usePlace } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { Ago, BeadPill, Chip, Copyable, Empty, Pill, Tries, Until } from "../ui/bits.tsx";
import { VirtualList } from "../ui/virtual-list.tsx";

/** Beads as an operator sorts them; every bead is in exactly one. */
const TABS = ["for people", "in progress", "ready", "waiting", "in review", "failed", "closed"] as const;
type Tab = (typeof TABS)[number];

function tabOf(bead: BeadSnapshot, now: number): Tab {
  if (bead.context.type !== "issue") return bead.hasTag("terminal") ? "closed" : "for people";
  switch (bead.value) {
    case "in_progress":
      return "in progress";
    case "in_review":
      return "in review";
    case "failed":
      return "failed";
    case "closed":
      return "closed";
    default:
      return bead.context.blockedBy.length > 0 || isDeferred(bead, now) ? "waiting" : "ready";
  }
}

/** A list's line: a bead, or the name of the beads under it. */
type Line = { readonly bead: BeadSnapshot } | { readonly tab: Tab; readonly count: number };

export function Beads() {
  const { state, world, now } = useWorld();
  const [only, setOnly] = useState<Tab | null>(null);
  const [search, setSearch] = useState("");
  const tabs = useMemo(() => {
    const tabs = new Map<Tab, BeadSnapshot[]>(TABS.map((tab) => [tab, []]));
    for (const bead of world.beads.values()) tabs.get(tabOf(bead, now))?.push(bead);
    tabs.get("ready")?.sort((a, b) => rank(world, a) - rank(world, b) || a.context.seq - b.context.seq);
    for (const tab of ["failed", "closed"] as const)
      tabs.get(tab)?.sort((a, b) => (b.context.closedAt ?? 0) - (a.context.closedAt ?? 0));
    return tabs;
  }, [world, state.version]);
  const wanted = search.trim().toLowerCase();
  const lines = useMemo(() => {
    const isWanted = ({ context }: BeadSnapshot) =>
      wanted === "" ||
      `${beadTitle(state.content, context.id)} ${context.id} ${(state.content.get(context.id)?.labels ?? []).join(" ")}`
        .toLowerCase()
        .includes(wanted);
    return TABS.filter((tab) => only === null || tab === only).flatMap((tab): Line[] => {
      const beads = (tabs.get(tab) ?? []).filter(isWanted);
      return beads.length === 0 ? [] : [{ tab, count: beads.length }, ...beads.map((bead) => ({ bead }))];
    });
  }, [tabs, only, wanted]);
  return (
    <section className="card" aria-labelledby="beads">
      <div className="card-head">
        <h2 id="beads">
          Beads <span className="count">{world.beads.size.toLocaleString("en")}</span>
        </h2>
        <span className="grow" />
        {world.beads.size > 0 && (
          <input
            id="find"
            className="search"
            type="search"
            aria-label="Find a bead"
            placeholder="Find a bead  /"
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
          />
        )}
        {world.beads.size > 0 && (
          <div className="chips full" role="group" aria-label="Show beads that are">
            {TABS.filter((name) => (tabs.get(name)?.length ?? 0) > 0).map((name) => (
              <Chip
                key={name}
                on={only === name}
                count={tabs.get(name)?.length ?? 0}
                onClick={() => setOnly(only === name ? null : name)}
              >
                {name}
              </Chip>
            ))}
          </div>
        )}
      </div>
      {world.beads.size === 0 ? (
        <First />
      ) : lines.length === 0 ? (
        <Empty title="No bead matches">
          <button type="button" className="link-button" onClick={() => (setSearch(""), setOnly(null))}>
            Show all
          </button>
        </Empty>
      ) : (
        <Lines lines={lines} />
      )}
    </section>
  );
}

function First() {
  const { rigId } = useStore();
  return (
    <Empty title="Sling the first bead">
      <p>
        A bead is a unit of work. Press <kbd>s</kbd>, or send one from a shell:
      </p>
      <Copyable
        text={`TOKEN=$(cat .ticktown/operator-token)\ncurl -X POST ${location.origin}/api/rigs/${rigId}/sling \\\n  -H "Authorization: Bearer $TOKEN" -H 'content-type: application/json' \\\n  -d '{"title": "Add a CONTRIBUTING file", "body": "Say how to run the tests."}'`}
      />
    </Empty>
  );
}

function Lines({ lines }: { lines: readonly Line[] }) {
  const { params } = usePlace();
  return (
    <VirtualList
      label="Beads"
      items={lines}
      rowHeight={58}
      heightOf={(line) => ("tab" in line ? 30 : 58)}
      maxHeight={464}
      keyOf={(line) => ("tab" in line ? line.tab : line.bead.context.id)}
      onPick={(line) => ("tab" in line ? null : () => setParams({ show: `bead:${line.bead.context.id}` }))}
      rowClass={(line) =>
        "tab" in line ? "group-row" : params.get("show") === `bead:${line.bead.context.id}` ? "on" : ""
      }
      render={(line) =>
        "tab" in line ? (
          <>
            {line.tab} <b>{line.count.toLocaleString("en")}</b>
          </>
        ) : (
          <Row bead={line.bead} />
        )
      }
    />
  );
}

function Row({ bead }: { bead: BeadSnapshot }) {
  const { state, world, now } = useWorld();
  const { context } = bead;
  const dependents = world.index.dependents.get(context.id)?.size ?? 0;
  const blockers = context.blockedBy.map((id) => beadTitle(state.content, id));
  const detail = ((): string => {
    if (bead.value === "failed") return context.reason ?? "";
    if (blockers.length > 0 && !bead.hasTag("terminal")) return `after ${blockers.join(", ")}`;
    if (context.assignee !== null) return agentName(world, context.assignee);
    return (state.content.get(context.id)?.labels ?? []).join(", ");
  })();
  return (
    <>
      <span className={`prio ${context.priority}`} title={`${context.priority} priority`} />
      <span className="list-main">
        <span className="row">
          <span className="list-title clip">{beadTitle(state.content, context.id)}</span>
          <Tries used={context.attempts} of={world.rig.context.settings.max_attempts} />
        </span>
        <span className="soft small clip">
          {detail}
          {dependents > 0
            ? `${detail === "" ? "" : " · "}${plural(dependents, "bead waits", "beads wait")} for it`
            : ""}
        </span>
      </span>
      <span className="side">
        {context.type === "issue" ? (
          <BeadPill bead={bead} />
        ) : (
          <Pill tone="warn">{context.type.replace("_", " ")}</Pill>
        )}
        <span className="soft small">
          {isDeferred(bead, now) ? (
            <Until at={context.deferUntil} />
          ) : (
            <Ago at={context.closedAt ?? context.updatedAt} />
          )}
        </span>
      </span>
    </>
  );
}
