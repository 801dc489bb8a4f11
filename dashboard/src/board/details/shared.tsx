import { useMemo } from "react";
import { type Why } from "../../../../src/core/why.ts";
import { concerns } from "../../../../src/core/explain.ts";
import { short } from "../../lib/names.ts";
import { say } from "../../lib/says.ts";
import { dateAndTime, timeOfDay } from "../../lib/time.ts";
import { follows, href } from "../../lib/url.ts";
import { useStore, useWorld } from "../../lib/use-rig.ts";
import { Until } from "../../ui/bits.tsx";

/** Why it is where it is. */
export function WhyBox({ why }: { why: Why }) {
  return (
    <div className="whybox">
      <b>{why.reason.replaceAll("_", " ")}</b>
      <div>{why.sentence}</div>
      {why.until !== null && (
        <div className="soft small">
          Looked at again in <Until at={why.until} passed="a moment" />
        </div>
      )}
    </div>
  );
}

/** The way into the debugger. */
export const Debug = ({ actor }: { actor: string }) => {
  const { rigId } = useStore();
  return (
    <a href={href("/debug", { rig: rigId, actor })} onClick={follows}>
      Its statechart
    </a>
  );
};

const FLOW_SHOWN = 60;

/** The actor's own facts, newest first, as far back as this page knows them. */
export function Flow({ kind, id }: { kind: "agent" | "bead"; id: string }) {
  const { rigId } = useStore();
  const { state, world } = useWorld();
  const facts = useMemo(
    () =>
      state.entries
        .filter(({ fact }) => fact.type !== "TICK" && concerns(fact, kind, id))
        .slice(-FLOW_SHOWN)
        .toReversed(),
    [state.version, kind, id],
  );
  return (
    <>
      <h3 className="sub">What happened to it</h3>
      {facts.length === 0 ? (
        <p className="soft">Nothing lately.</p>
      ) : (
        <ol className="flow" reversed>
          {facts.map(({ fact }) => {
            const { tone, text } = say(fact, world, state.content);
            return (
              <li key={fact.seq}>
                <time title={dateAndTime(fact.at)}>{timeOfDay(fact.at)}</time>
                <i className={`tone-${tone}`} />
                <span>
                  {text}{" "}
                  <a
                    className="small"
                    href={href("/debug", { rig: rigId, actor: `${kind}:${id}`, seq: fact.seq })}
                    onClick={follows}
                    aria-label={`Debug ${short(id)} at seq ${fact.seq}`}
                  >
                    #{fact.seq}
                  </a>
                </span>
              </li>
            );
          })}
        </ol>
      )}
    </>
  );
}
