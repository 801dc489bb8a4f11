import { Button } from "@mantine/core";
import { useMemo, useState, type FormEvent } from "react";
import { possible, type WhatIf } from "../../../src/core/explain.ts";
import type { Fact } from "../../../src/events/facts.ts";
import { messageOf } from "../lib/api.ts";
import { plural, short } from "../lib/names.ts";
import { say } from "../lib/says.ts";
import { clock } from "../lib/time.ts";
import { deadlines } from "./actor.ts";
import type { Bench } from "./bench.ts";

/** An event is folded into a copy of the rig, with all that would follow. */
export function WhatIfPanel({
  bench,
  draft,
  setDraft,
}: {
  bench: Bench;
  draft: string | null;
  setDraft: (text: string) => void;
}) {
  const { moment, source } = bench;
  const [result, setResult] = useState<WhatIf | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [when, setWhen] = useState("now");
  const first = useEvents(bench)[0];
  const text =
    draft ??
    (first === undefined ? '{\n "type": "TICK",\n "container": "reachable"\n}' : JSON.stringify(first.fact, null, 1));
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    try {
      const at = when === "now" ? null : Number(when);
      setResult(await source.whatIf(moment === null ? null : moment.entry.fact.seq, JSON.parse(text) as Fact, at));
    } catch (thrown) {
      setResult(null);
      setError(messageOf(thrown));
    }
  };
  return (
    <>
      <p className="soft small">
        Tried on a copy of the whole rig{moment === null ? "" : `, as of #${moment.entry.fact.seq}`}. Nothing is kept
        and nothing is run.
      </p>
      <WhatIfForm bench={bench} text={text} setDraft={setDraft} when={when} setWhen={setWhen} onSubmit={submit} />
      {error !== null && (
        <div className="notice bad" role="alert" style={{ margin: 0 }}>
          {error}
        </div>
      )}
      {result !== null && <Outcome result={result} bench={bench} />}
    </>
  );
}

/** What can happen to the actor now. */
const useEvents = ({ world, version, actor, now }: Bench) =>
  useMemo(() => possible(world, actor.kind, actor.id, now) ?? [], [world, version, actor.kind, actor.id]);

function WhatIfForm({
  bench,
  text,
  setDraft,
  when,
  setWhen,
  onSubmit,
}: {
  bench: Bench;
  text: string;
  setDraft: (text: string) => void;
  when: string;
  setWhen: (when: string) => void;
  onSubmit: (event: FormEvent) => Promise<void>;
}) {
  const { world, actor, moment, now } = bench;
  const events = useEvents(bench);
  const waits = deadlines(world, actor).filter(({ at }) => at > now);
  return (
    <form onSubmit={(event) => void onSubmit(event)} className="stack">
      <div className="row wrap">
        <select
          className="plain-select"
          aria-label="An event to begin with"
          value=""
          onChange={(event) => setDraft(JSON.stringify(events[Number(event.currentTarget.value)]?.fact, null, 1))}
        >
          <option value="" disabled>
            Begin with an event…
          </option>
          {events.map((one, i) => (
            <option key={`${one.fact.type} ${one.variant}`} value={i}>
              {one.fact.type} {one.variant}
            </option>
          ))}
        </select>
        <select
          className="plain-select"
          aria-label="When"
          value={when}
          onChange={(event) => setWhen(event.currentTarget.value)}
        >
          <option value="now">{moment === null ? "now" : "at this moment"}</option>
          {waits.map(({ name, at }) => (
            <option key={name} value={at}>
              at the {name} (in {clock(at - now)})
            </option>
          ))}
        </select>
      </div>
      <textarea
        className="json-input"
        aria-label="The event, as JSON"
        spellCheck={false}
        value={text}
        onChange={(event) => setDraft(event.currentTarget.value)}
      />
      <Button type="submit">Try it on a copy</Button>
    </form>
  );
}

function Outcome({ result, bench: { world, content } }: { result: WhatIf; bench: Bench }) {
  return (
    <div className="outcome" role="region" aria-label="What would happen" aria-live="polite">
      {result.error !== null && <div className="notice bad">The fold failed: {result.error}</div>}
      {result.error === null && result.changed.length === 0 && (
        <p>Nothing would change{result.entries.length === 0 ? ", and nothing would be journalled" : ""}.</p>
      )}
      {result.changed.length > 0 && (
        <>
          <b>{plural(result.changed.length, "actor")} would change</b>
          <ul>
            {result.changed.map((moved) => (
              <li key={`${moved.kind}:${moved.id}`}>
                {moved.kind} <span className="mono">{short(moved.id)}</span>:{" "}
                {moved.from === null ? "made as" : moved.from === moved.to ? "stays" : moved.from}{" "}
                {moved.from === moved.to ? (
                  <span className="mono">{moved.to}</span>
                ) : (
                  <>
                    → <b className="mono">{moved.to ?? "gone"}</b>
                  </>
                )}
              </li>
            ))}
          </ul>
        </>
      )}
      {result.entries.length > 0 && (
        <>
          <b>{plural(result.entries.length, "fact")} would be journalled</b>
          <ul>
            {result.entries.map(({ fact, effects, missing }) => (
              <li key={fact.seq}>
                {fact.cause === null ? "" : "⇢ "}
                {say(fact, world, content).text} <span className="soft mono">{fact.type}</span>
                {missing === null ? "" : ` (nobody is ${missing})`}
                {effects.map((effect) => (
                  <div key={effect.key} style={{ color: "var(--busy)" }}>
                    ▸ {effect.kind} <span className="mono small">{effect.key}</span>
                  </div>
                ))}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}
