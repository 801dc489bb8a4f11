import { useMemo, useState } from "react";
import { allActors } from "../lib/world.ts";
import { VirtualList } from "../ui/virtual-list.tsx";
import { actorName, actorWord, leaf, refText, type ActorRef } from "./actor.ts";
import type { Bench } from "./bench.ts";

const ORDER = { rig: 0, agent: 1, queue: 2, budget: 3, accounts: 4, review: 5, bead: 6 } as const;

/** Every actor of the world that is shown. */
export function Actors({ bench, pick }: { bench: Bench; pick: (actor: ActorRef) => void }) {
  const { world, content, actor, version } = bench;
  const [search, setSearch] = useState("");
  const wanted = search.trim().toLowerCase();
  const list = useMemo(() => {
    const all = Array.from(allActors(world), ({ kind, id, snapshot }) => ({
      kind,
      id,
      name: actorName(world, content, { kind, id }),
      word: actorWord(world, content, { kind, id }),
      state: leaf(snapshot),
      isOver: kind !== "rig" && kind !== "agent" && (snapshot.tags as Set<string>).has("terminal"),
    }));
    return all
      .filter(
        (one) =>
          wanted === "" || `${one.name} ${one.id} ${one.word} ${one.state} ${one.kind}`.toLowerCase().includes(wanted),
      )
      .sort((a, b) => Number(a.isOver) - Number(b.isOver) || ORDER[a.kind] - ORDER[b.kind]);
  }, [world, version, wanted]);
  return (
    <section className="card side-panel actors" aria-labelledby="actors">
      <div className="card-head">
        <h2 id="actors">
          Actors <span className="count">{list.length.toLocaleString("en")}</span>
        </h2>
        <input
          className="search"
          style={{ width: "100%" }}
          type="search"
          aria-label="Find an actor"
          placeholder="Find: name, id, state"
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      </div>
      {list.length === 0 ? (
        <p className="empty">Nobody matches.</p>
      ) : (
        <VirtualList
          label="Actors"
          items={list}
          rowHeight={46}
          maxHeight={innerWidth < 1250 ? 190 : Math.max(300, innerHeight - 290)}
          keyOf={(one) => refText(one)}
          onPick={(one) => () => pick(one)}
          rowClass={(one) => `actor-row${one.kind === actor.kind && one.id === actor.id ? " on" : ""}`}
          render={(one) => (
            <>
              <span className={`kind ${one.kind}`} title={one.kind} aria-label={one.kind} role="img">
                {one.kind === "rig" ? "R" : one.kind === "review" ? "⇄" : one.kind[0]?.toUpperCase()}
              </span>
              <span className="list-main">
                <span className="list-title clip small">{one.name}</span>
                <span className="soft small clip" title={one.state}>
                  {one.word}
                </span>
              </span>
            </>
          )}
        />
      )}
    </section>
  );
}
