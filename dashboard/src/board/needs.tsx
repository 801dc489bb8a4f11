import { useMemo, useState } from "react";
import { plural } from "../lib/names.ts";
import { shownNeeds, type ShownNeed } from "../lib/needs.ts";
import { useWorld } from "../lib/use-rig.ts";
import { Ago, Until } from "../ui/bits.tsx";
import { Gathered, NeedActs } from "./need-acts.tsx";
import { Asked, InlineAnswer, isAnsweredHere } from "./need-question.tsx";

/** Who needs me now: one entry per cause, most urgent first. */

const SEEN = "ticktown.seen";
/** Needs that are shown before the reader asks for more. */
const SHOWN = 40;
const LEVEL = { now: "Needs you now", soon: "Soon", know: "Good to know" } as const;

export function Needs() {
  const { state, world, now } = useWorld();
  const [seen, setSeen] = useState<ReadonlySet<string>>(
    () => new Set(JSON.parse(localStorage.getItem(SEEN) ?? "[]") as string[]),
  );
  const [all, setAll] = useState(false);
  const list = useMemo(() => shownNeeds(world, state.content, now, seen), [world, state.version, seen]);
  const see = (ids: readonly string[]) => {
    const next = new Set([...seen, ...ids].slice(-2_000));
    localStorage.setItem(SEEN, JSON.stringify([...next]));
    setSeen(next);
  };
  const urgent = list.filter((need) => need.level === "now").length;
  return (
    <section className="card" aria-labelledby="needs">
      <div className="card-head">
        <h2 id="needs">Who needs me now</h2>
        <span className="count">
          {list.length === 0 ? "nobody" : urgent === 0 ? "nothing urgent" : `${urgent} now`}
        </span>
      </div>
      {list.length === 0 ? (
        <Calm />
      ) : (
        <div className="needs" role="list" aria-label="Who needs me now" tabIndex={0}>
          {(all ? list : list.slice(0, SHOWN)).map((need) => (
            <div key={need.key} role="listitem" className={`need ${need.level}`}>
              <i role="img" aria-label={LEVEL[need.level]} />
              <div>
                <h3>{need.title}</h3>
                <Asked need={need} />
                <p className="soft small">
                  {need.text} <When need={need} />
                </p>
                <Gathered need={need} />
              </div>
              <NeedActs need={need} see={see} />
              {isAnsweredHere(world, need) && <InlineAnswer need={need} />}
            </div>
          ))}
          {!all && list.length > SHOWN && (
            <div className="need">
              <span />
              <button type="button" className="link-button" onClick={() => setAll(true)}>
                Show {list.length - SHOWN} more
              </button>
            </div>
          )}
        </div>
      )}
    </section>
  );
}

const When = ({ need: { since, until } }: { need: ShownNeed }) => (
  <>
    {since !== null && <Ago at={since} before="Since " after="." />}
    {until !== null && (
      <>
        {" "}
        Looked at again in <Until at={until} passed="a moment" />.
      </>
    )}
  </>
);

function Calm() {
  const { world } = useWorld();
  const working = [...world.agents.values()].filter((agent) => agent.matches("working")).length;
  const merging = world.index.queued.size + world.index.merging.size;
  return (
    <div className="calm">
      <svg viewBox="0 0 40 40" aria-hidden="true">
        <circle cx="20" cy="20" r="18" fill="none" stroke="currentColor" strokeWidth="2.5" />
        <path
          d="m12 20.5 5.5 5.5L28.5 14.5"
          fill="none"
          stroke="currentColor"
          strokeWidth="3"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
      </svg>
      <div>
        <b>Nothing needs you.</b>
        <span className="soft">
          {working === 0 ? "No agent is working" : `${plural(working, "agent is", "agents are")} working`}
          {merging === 0 ? "." : `, ${plural(merging, "branch waits", "branches wait")} to be merged.`}
        </span>
      </div>
    </div>
  );
}
