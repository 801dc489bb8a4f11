import { useState } from "react";
import { plural } from "../lib/names.ts";
import type { Lists } from "../lib/lists.ts";
import type { ShownNeed } from "../lib/needs.ts";
import { useWorld } from "../lib/use-rig.ts";
import { Icon } from "../ui/icons.tsx";
import { State } from "../ui/parts.tsx";
import { Need } from "./need.tsx";

/** Who needs me now: one item per cause, most urgent first, and under it what may be, and what is good to know. */

/** Needs that are shown before the reader asks for more. */
const SHOWN = 40;
/** As many of what may need somebody soon are not folded. */
const OPEN = 3;

export function Needs({ lists, see }: { lists: Lists; see: (beadIds: readonly string[]) => void }) {
  const { now, soon, know } = lists.needs;
  return (
    <section className="panel needs-panel" id="needs" aria-labelledby="needs-name" tabIndex={-1}>
      <div className="head">
        <h2 id="needs-name">Needs you</h2>
        <span className="n">{now.length}</span>
        <span className="grow" />
        {now.length > 0 && (
          <span className="faint small wide" aria-hidden="true">
            <kbd>J</kbd> <kbd>K</kbd> move, <kbd>1</kbd>–<kbd>9</kbd> answer
          </span>
        )}
      </div>
      {now.length === 0 && <Calm lists={lists} />}
      <List label="Needs you now" needs={now} see={see} />
      <Group name="Soon" needs={soon} see={see} isOpen={soon.length <= OPEN} />
      <Group name="Good to know" needs={know} see={see} />
    </section>
  );
}

type ListProps = { needs: readonly ShownNeed[]; see: (beadIds: readonly string[]) => void };

function List({ label, needs, see }: ListProps & { label: string }) {
  const [all, setAll] = useState(false);
  if (needs.length === 0) return null;
  const shown = all ? needs : needs.slice(0, SHOWN);
  return (
    <>
      <ul className="needs" aria-label={label}>
        {shown.map((need, i) => (
          <Need key={need.key} need={need} see={see} isFirst={i === 0 && label === "Needs you now"} />
        ))}
      </ul>
      {shown.length < needs.length && (
        <button type="button" className="more-needs" onClick={() => setAll(true)}>
          Show {needs.length - shown.length} more
        </button>
      )}
    </>
  );
}

function Group({ name, needs, see, isOpen = false }: ListProps & { name: string; isOpen?: boolean }) {
  if (needs.length === 0) return null;
  return (
    <details className="need-group" open={isOpen}>
      <summary>
        <Icon name="right" />
        {name} <span className="num faint">{needs.length}</span>
      </summary>
      <List label={name} needs={needs} see={see} />
    </details>
  );
}

/** Said only of what is known to be so: the needs of the core are empty, and the feed is live. */
function Calm({ lists }: { lists: Lists }) {
  const { state } = useWorld();
  const { running, train } = lists;
  if (state.line !== "live")
    return (
      <p className="need-calm soft">
        Nothing needed you when this was last heard of. Whether it still is so is not known.
      </p>
    );
  return (
    <div className="need-calm">
      <State icon="done" tone="good">
        Nothing needs you.
      </State>
      <p className="soft">
        {running.length === 0 ? "No agent is working" : `${plural(running.length, "agent is", "agents are")} working`}
        {train.length === 0 ? "." : `, ${plural(train.length, "branch waits", "branches wait")} to be merged.`} When
        somebody asks, the question is here and the tab's title counts it.
      </p>
    </div>
  );
}
