import { useMemo, useState } from "react";
import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import type { Lists } from "../lib/lists.ts";
import {
  FILTERS,
  filterOf,
  GOES_BACK,
  GROUPINGS,
  linesOf,
  SORTS,
  type Asked,
  type Filter,
  type Grouping,
  type Line,
  type Sort,
} from "../lib/work.ts";
import { messageOf } from "../lib/api.ts";
import { plural } from "../lib/names.ts";
import { setParams, usePlace } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { Copyable } from "../ui/bits.tsx";
import { useDialog } from "../ui/dialogs.tsx";
import { Btn, Chip, Nothing, Panel } from "../ui/parts.tsx";
import { Rows } from "../ui/rows.tsx";
import { HEAD_PX, ROW_PX, useScreen } from "../ui/use-screen.ts";
import { useToasts } from "../ui/toasts.tsx";
import { Bulk } from "./work-bulk.tsx";
import { WorkRow } from "./work-row.tsx";

/** All work: which of it, in which order and in which groups is in the address. */

function askedIn(params: URLSearchParams): Asked {
  const by = params.get("by") ?? "place";
  const sort = params.get("sort") ?? "turn";
  return {
    filter: filterOf(params.get("work")),
    by: by in GROUPINGS ? (by as Grouping) : "place",
    sort: sort in SORTS ? (sort as Sort) : "turn",
    text: params.get("q") ?? "",
  };
}

export function Work({ lists, now }: { lists: Lists; now: number }) {
  const { params } = usePlace();
  const { world, state } = useWorld();
  const asked = askedIn(params);
  const { lines, beads } = useMemo(
    () => linesOf(lists, asked, { world, content: state.content, now }),
    [lists, asked.filter, asked.by, asked.sort, asked.text],
  );
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const picked = chosen.size === 0 ? [] : beads.filter(({ context }) => chosen.has(context.id));
  const choose = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  return (
    <>
      <Panel
        id="work"
        title="Work"
        count={beads.length}
        className="work-panel"
        tools={<Tools lists={lists} asked={asked} />}
      >
        {world.beads.size === 0 ? (
          <First />
        ) : lines.length === 0 ? (
          <Nothing title="No work is like that">
            <button
              type="button"
              className="lk-button"
              onClick={() => setParams({ work: null, q: null, by: null, sort: null }, false)}
            >
              Show all that is open
            </button>
          </Nothing>
        ) : (
          <List lines={lines} needs={lists.needs} chosen={chosen} choose={choose} now={now} />
        )}
        {GOES_BACK.has(asked.filter) && state.older.beads > 0 && <Older beads={state.older.beads} />}
      </Panel>
      {picked.length > 0 && <Bulk beads={picked} clear={() => setChosen(new Set())} />}
    </>
  );
}

function Tools({ lists, asked }: { lists: Lists; asked: Asked }) {
  const counts = useMemo(
    () => (Object.keys(FILTERS) as Filter[]).map((name) => ({ name, count: FILTERS[name].of(lists).length })),
    [lists],
  );
  const filters = counts.filter(({ name, count }) => name === asked.filter || name === "open" || count > 0);
  return (
    <>
      <div className="chips work-chips" role="group" aria-label="Show work that is">
        {filters.map(({ name, count }) => (
          <Chip
            key={name}
            on={asked.filter === name}
            count={count}
            onClick={() => setParams({ work: name === "open" ? null : name }, false)}
          >
            {FILTERS[name].word}
          </Chip>
        ))}
      </div>
      <span className="grow" />
      <label className="pick-one wide">
        <span className="faint">by</span>
        <select
          value={asked.by}
          aria-label="Group work by"
          onChange={({ currentTarget: { value } }) => setParams({ by: value === "place" ? null : value }, false)}
        >
          {Object.entries(GROUPINGS).map(([name, word]) => (
            <option key={name} value={name}>
              {word}
            </option>
          ))}
        </select>
      </label>
      <label className="pick-one wide">
        <span className="faint">order</span>
        <select
          value={asked.sort}
          aria-label="Order work by"
          onChange={({ currentTarget: { value } }) => setParams({ sort: value === "turn" ? null : value }, false)}
        >
          {Object.entries(SORTS).map(([name, word]) => (
            <option key={name} value={name}>
              {word}
            </option>
          ))}
        </select>
      </label>
      <input
        id="find"
        className="in find-work"
        type="search"
        aria-label="Filter the work"
        placeholder="Filter  /"
        value={asked.text}
        onChange={(event) => setParams({ q: event.currentTarget.value }, false)}
      />
    </>
  );
}

interface ListProps {
  lines: readonly Line[];
  needs: Lists["needs"];
  chosen: ReadonlySet<string>;
  choose: (id: string) => void;
  now: number;
}

function List({ lines, needs, chosen, choose, now }: ListProps) {
  const screen = useScreen();
  const { params } = usePlace();
  const show = params.get("show");
  const [editing, setEditing] = useState<string | null>(null);
  const tells = useMemo(
    () =>
      new Map(
        [...needs.now, ...needs.soon, ...needs.know]
          .filter(({ code }) => code !== "escalation")
          .flatMap((need) => need.escalations.map((id) => [id, need] as const)),
      ),
    [needs],
  );
  const isOn = ({ context: { id } }: BeadSnapshot) => chosen.has(id) || show === `bead:${id}`;
  return (
    <>
      <div className="work-cols rows-cols" aria-hidden="true">
        <span />
        <span />
        <span>Title</span>
        <span>State</span>
        <span>Why, and until when</span>
        <span>Agent</span>
        <span className="right">Tries</span>
        <span className="right">Cost</span>
        <span className="right">Changed</span>
        <span />
      </div>
      <Rows
        label="Work"
        items={lines}
        heightOf={(line) => ("bead" in line ? ROW_PX[screen] : HEAD_PX)}
        keyOf={(line) => ("bead" in line ? line.bead.context.id : `group ${line.group}`)}
        isHeading={(line) => !("bead" in line)}
        rowClass={(line) => `work-cols work-row${"bead" in line && isOn(line.bead) ? " on" : ""}`}
        render={(line) =>
          "bead" in line ? (
            <WorkRow
              bead={line.bead}
              tells={tells.get(line.bead.context.id)}
              now={now}
              isChosen={chosen.has(line.bead.context.id)}
              choose={choose}
              isEdited={editing === line.bead.context.id}
              edit={setEditing}
            />
          ) : (
            <>
              {line.group} <span className="num faint">{line.count.toLocaleString("en")}</span>
            </>
          )
        }
      />
    </>
  );
}

/** What the rig has and this list does not: it begins with the newest of what has ended. */
function Older({ beads }: { beads: number }) {
  const store = useStore();
  const toasts = useToasts();
  const [isAsked, setAsked] = useState(false);
  const fetchThem = async () => {
    setAsked(true);
    await store.fetchOlder().catch((error: unknown) => toasts.refuse("They were not fetched", messageOf(error)));
    setAsked(false);
  };
  return (
    <p className="older soft">
      <span>
        <span className="num">{plural(beads, "older one")}</span> that ended {beads === 1 ? "is" : "are"} not in this
        list.
      </span>
      <Btn isSmall kind="ghost" disabled={isAsked} onClick={() => void fetchThem()}>
        Fetch more
      </Btn>
    </p>
  );
}

function First() {
  const { rigId } = useStore();
  const ask = useDialog();
  return (
    <Nothing title="Sling the first bead">
      <p>
        A bead is a piece of work: an agent takes it, its branch is checked, and it is merged. Press <kbd>S</kbd>, or
        send one from a shell:
      </p>
      <Copyable
        text={`TOKEN=$(cat .ticktown/operator-token)\ncurl -X POST ${location.origin}/api/rigs/${rigId}/sling \\\n  -H "Authorization: Bearer $TOKEN" -H 'content-type: application/json' \\\n  -d '{"title": "Add a CONTRIBUTING file", "body": "Say how to run the tests."}'`}
      />
      <Btn onClick={() => ask({ type: "sling" })}>Sling work</Btn>
    </Nothing>
  );
}
