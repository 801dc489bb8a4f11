import { useEffect, useMemo, useState } from "react";
import { messageOf } from "../lib/api.ts";
import { plural } from "../lib/names.ts";
import { dateAndTime } from "../lib/time.ts";
import { setParams, usePlace } from "../lib/url.ts";
import { Btn } from "../ui/parts.tsx";
import { actorName, refText, type ActorRef } from "./actor.ts";
import type { Bench } from "./bench.ts";
import { changesBetween, type Change, type Changed } from "./changes.ts";
import { textOf } from "./panels.tsx";
import { momentAt, type Moment } from "./source.ts";
import "../styles/changes.css";

/** What changed between a moment that was kept and the one that is shown: of all actors, value by value. */

/** Actors that are listed; one who compares a night with a morning narrows it down. */
const SHOWN = 200;

/** The moment to compare with, as the address names it. */
export function useKept(): number | null {
  const { params } = usePlace();
  const asked = /^\d{1,15}$/.exec(params.get("from") ?? "");
  return asked === null ? null : Number(asked[0]);
}

export function ChangesPanel({ bench }: { bench: Bench }) {
  const { source, world, moment } = bench;
  const kept = useKept();
  const shown = moment?.entry.fact.seq ?? source.last();
  const [base, setBase] = useState<{ moment: Moment | null; error: string | null }>({ moment: null, error: null });
  useEffect(() => {
    if (kept === null) return setBase({ moment: null, error: null });
    let isGone = false;
    momentAt(source, kept).then(
      (found) => !isGone && setBase({ moment: found, error: null }),
      (error: unknown) => !isGone && setBase({ moment: null, error: messageOf(error) }),
    );
    return () => {
      isGone = true;
    };
  }, [source, kept]);
  const changes = useMemo(
    () => (base.moment === null ? [] : changesBetween(base.moment.after, world)),
    // A live world changes in place.
    [base.moment, world, bench.version],
  );
  const keep = () => setParams({ from: shown }, false);
  if (kept === null)
    return (
      <>
        <p className="soft">Keep this moment, go to another one, and see all that is different between the two.</p>
        <p>
          <Btn isSmall onClick={keep}>
            Compare from #{shown}
          </Btn>
        </p>
      </>
    );
  if (base.error !== null) return <p role="alert">{base.error}</p>;
  if (base.moment === null) return <p className="soft">replaying…</p>;
  return (
    <>
      <p aria-live="polite">
        <b>{plural(changes.length, "actor")}</b> changed between #{kept}{" "}
        <span className="soft">({dateAndTime(base.moment.entry.fact.at)})</span> and #{shown}.
      </p>
      <p className="acts">
        <Btn isSmall onClick={keep} disabled={kept === shown}>
          Compare from #{shown}
        </Btn>
        <Btn isSmall kind="ghost" onClick={() => setParams({ from: null }, false)}>
          Compare no more
        </Btn>
      </p>
      <ul className="changes" aria-label="What changed">
        {changes.slice(0, SHOWN).map((change) => (
          <One key={refText(change.actor)} change={change} bench={bench} isOpen={isSame(change.actor, bench.actor)} />
        ))}
        {changes.length > SHOWN && <li className="soft">and {changes.length - SHOWN} more</li>}
      </ul>
    </>
  );
}

const isSame = (a: ActorRef, b: ActorRef): boolean => a.kind === b.kind && a.id === b.id;

function One({ change, bench, isOpen }: { change: Change; bench: Bench; isOpen: boolean }) {
  const { actor, was, is, fields } = change;
  return (
    <li>
      <details open={isOpen}>
        <summary>
          <b>{actorName(bench.world, bench.content, actor)}</b> <span className="soft">{actor.kind}</span>
          <span className="mono small change-state">
            {was === is ? (
              is
            ) : (
              <>
                <span className="soft">{was ?? "not there"}</span> → <b>{is ?? "gone"}</b>
              </>
            )}
          </span>
        </summary>
        <button type="button" className="lk-button" onClick={() => setParams({ actor: refText(actor) })}>
          Show it
        </button>
        <dl className="tree">
          {fields.map((field) => (
            <Field key={field.name} {...field} />
          ))}
        </dl>
      </details>
    </li>
  );
}

const Field = ({ name, was, is }: Changed) => (
  <div className="diff">
    <dt>{name}</dt>
    <dd>
      {was !== undefined && <span className="was">{textOf(name, was)}</span>}{" "}
      {is !== undefined && <span className="is">{textOf(name, is)}</span>}
    </dd>
  </div>
);
