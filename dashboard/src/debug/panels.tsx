import { Button } from "@mantine/core";
import { useEffect, useMemo, useState } from "react";
import type { Pending } from "../../../src/wire/schemas.ts";
import { concerns, possible, type Possibility } from "../../../src/core/explain.ts";
import type { JournalEntry } from "../../../src/core/journal.ts";
import type { Effect } from "../../../src/events/effects.ts";
import type { Fact } from "../../../src/events/facts.ts";
import { stateName } from "../../../src/core/decide/index.ts";
import { plural } from "../lib/names.ts";
import { say } from "../lib/says.ts";
import { clock, dateAndTime, duration, timeOfDay } from "../lib/time.ts";
import { deadlineOf } from "../lib/world.ts";
import { VirtualList } from "../ui/virtual-list.tsx";
import { deadlines, snapshotOf, type ActorRef } from "./actor.ts";
import type { Bench } from "./bench.ts";

/** What is shown beside the chart. Each panel is given the bench: the world that is looked at, and the time in it. */

export function NowPanel({ bench }: { bench: Bench }) {
  const { world, actor, moment, now } = bench;
  const snapshot = snapshotOf(world, actor);
  const broken = world.broken.get(`${actor.kind}:${actor.id}`);
  if (snapshot === undefined && broken !== undefined) return <div className="notice bad">Set aside: {broken}</div>;
  if (snapshot === undefined)
    return (
      <p className="soft">It does not exist {moment === null ? "any more, or not in this rig" : "at this moment"}.</p>
    );
  const before = moment === null ? null : snapshotOf(moment.before, actor);
  const next = deadlineOf(world, actor.kind, snapshot, now);
  const waits = deadlines(world, actor);
  return (
    <>
      {broken !== undefined && <div className="notice bad">Set aside: {broken}</div>}
      <h3 className="sub">State</h3>
      <div className="mono">
        {before != null && stateName(before) !== stateName(snapshot) ? (
          <>
            <span className="soft">{stateName(before)}</span> → <b>{stateName(snapshot)}</b>
          </>
        ) : (
          <b>{stateName(snapshot)}</b>
        )}
      </div>
      <h3 className="sub">Deadlines</h3>
      {waits.length === 0 ? (
        <p className="soft">None: only a fact moves it.</p>
      ) : (
        <dl className="kv">
          {waits.map(({ name, at }) => (
            <Deadline key={name} name={name} at={at} now={now} isNext={at === next} />
          ))}
        </dl>
      )}
      <Effects bench={bench} />
      <h3 className="sub">Context{moment === null ? "" : ", with what this fact changed"}</h3>
      <Context value={snapshot.context as object} before={before == null ? null : (before.context as object)} />
    </>
  );
}

const Deadline = ({ name, at, now, isNext }: { name: string; at: number; now: number; isNext: boolean }) => (
  <>
    <dt>{name}</dt>
    <dd title={dateAndTime(at)} className="num">
      {at > now ? `in ${clock(at - now)}` : `${duration(now - at)} ago`}
      {isNext ? (
        <span className="pill bare busy" style={{ marginLeft: 6 }}>
          next
        </span>
      ) : null}
    </dd>
  </>
);

const isOf = (effect: Effect, { kind, id }: ActorRef): boolean =>
  kind === "rig" ||
  ("agentId" in effect && kind === "agent" && effect.agentId === id && effect.kind !== "git.merge") ||
  ("beadId" in effect && kind === "bead" && effect.beadId === id) ||
  (effect.kind === "git.merge" && kind === "review" && effect.reviewId === id);

/** Now: what is in the outbox. In the past: what the shown fact asked for. */
function Effects({ bench }: { bench: Bench }) {
  const { source, actor, moment, version, now } = bench;
  const [rows, setRows] = useState<readonly Pending[] | null>(null);
  const isLive = moment === null;
  useEffect(() => {
    if (!isLive) return;
    const asked = source.outbox();
    if (asked === null) return;
    let isGone = false;
    // A pause: facts come in bunches, and the outbox settles right after them.
    const timer = setTimeout(
      () =>
        void source.outbox()?.then(
          (found) => !isGone && setRows(found),
          () => {},
        ),
      400,
    );
    void asked.then(
      (found) => !isGone && setRows(found),
      () => {},
    );
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, [source, version, isLive]);
  if (!isLive) {
    const effects = moment.entry.effects;
    return (
      <>
        <h3 className="sub">Effects of this fact</h3>
        {effects.length === 0 ? (
          <p className="soft">None.</p>
        ) : (
          <div>
            {effects.map((effect) => (
              <EffectLine key={effect.key} effect={effect} />
            ))}
          </div>
        )}
      </>
    );
  }
  const shown = (rows ?? []).filter(({ effect }) => isOf(effect, actor));
  return (
    <>
      <h3 className="sub">Effects in the outbox</h3>
      {shown.length === 0 ? (
        <p className="soft">{rows === null ? "…" : "None: all it asked for is settled."}</p>
      ) : (
        <div>
          {shown.map((row) => (
            <EffectLine key={row.key} effect={row.effect}>
              <span className="small">
                {row.in_flight
                  ? "being run now"
                  : row.next_at <= now
                    ? "due"
                    : `tried again in ${clock(row.next_at - now)}`}
                , {plural(row.attempts, "failed try", "failed tries")}
                {row.error === null ? "" : `: ${row.error}`}
              </span>
            </EffectLine>
          ))}
        </div>
      )}
    </>
  );
}

const EffectLine = ({ effect, children }: { effect: Effect; children?: React.ReactNode }) => (
  <div className="effect-line">
    <b>▸ {effect.kind}</b>
    <span className="mono soft">{effect.key}</span>
    {children}
  </div>
);

function Context({ value, before }: { value: object; before: object | null }) {
  const was = before as Record<string, unknown> | null;
  return (
    <dl className="tree">
      {Object.entries(value).map(([name, is]) => {
        const text = textOf(name, is);
        const old = was === null ? text : textOf(name, was[name]);
        return (
          <div key={name} className="diff">
            <dt>{name}</dt>
            <dd className={is === null && old === text ? "null" : ""}>
              {old === text ? (
                text
              ) : (
                <>
                  <span className="was">{old}</span> <span className="is">{text}</span>
                </>
              )}
            </dd>
          </div>
        );
      })}
    </dl>
  );
}

const isTime = (name: string, value: unknown): value is number =>
  typeof value === "number" && /(At|Until)$/.test(name) && value > 1e11;
/** A value as it is shown: a time as one. */
export const textOf = (name: string, value: unknown): string => {
  if (isTime(name, value)) return dateAndTime(value);
  if (typeof value === "string") return value;
  return JSON.stringify(value, null, typeof value === "object" && value !== null ? 1 : undefined) ?? "undefined";
};

/** Every event with a transition here, and what its guards say now. Computed by the machine itself, on a copy. */
export function PossiblePanel({ bench, tryIt }: { bench: Bench; tryIt: (fact: Fact) => void }) {
  const { world, actor, now, moment } = bench;
  // Once a second is enough: guards compare times.
  const second = Math.floor(now / 1_000);
  const list = useMemo(
    () => possible(world, actor.kind, actor.id, now),
    [world, bench.version, actor.kind, actor.id, second],
  );
  if (list === null) return <p className="soft">It does not exist{moment === null ? "" : " at this moment"}.</p>;
  const sorted = [...list].sort((a, b) => Number(b.moves) - Number(a.moves));
  return (
    <>
      <p className="soft small">
        {plural(list.length, "event")} this state has a transition for, judged{" "}
        {moment === null ? "now" : "at this moment"}. Anything else would be ignored or refused.
      </p>
      {sorted.map((one) => (
        <PossibleCard
          key={`${one.fact.type} ${one.variant}`}
          one={one}
          here={stateName(snapshotOf(world, actor) as never)}
          tryIt={tryIt}
        />
      ))}
    </>
  );
}

function Consequence({ one, here }: { one: Possibility; here: string }) {
  if (one.error !== null) return `It cannot be judged: ${one.error}`;
  if (!one.moves) return <span className="soft">would be ignored now</span>;
  if (one.to === here) return "stays, and changes its context";
  return (
    <>
      → <b className="mono">{one.to}</b>
    </>
  );
}

function PossibleCard({ one, here, tryIt }: { one: Possibility; here: string; tryIt: (fact: Fact) => void }) {
  return (
    <div className={`possible${one.moves ? " moves" : ""}`}>
      <div className="row wrap">
        <b className="mono">{one.fact.type}</b>
        {one.variant !== "" && <span className="pill bare quiet">{one.variant}</span>}
        <span style={{ flex: 1 }} />
        <Button
          size="compact-xs"
          variant="default"
          onClick={() => tryIt(one.fact)}
          aria-label={`What if ${one.fact.type} ${one.variant}`}
        >
          What if
        </Button>
      </div>
      <div className="small">
        <Consequence one={one} here={here} />
      </div>
      {one.branches.map((branch) => (
        <div key={branch.id} className={`branch${branch.taken ? " taken" : ""}`}>
          <div className="guards">
            {branch.guards.length === 0 ? (
              <span className="soft">{branch.taken ? "always" : "decided before it"}</span>
            ) : (
              branch.guards.map((guard) => (
                <span
                  key={guard.name}
                  className={`guard-value${guard.holds ? " holds" : ""}`}
                  title={guard.error ?? (guard.holds ? "holds" : "does not hold")}
                >
                  {guard.holds ? "✓" : "✗"} {guard.name}
                </span>
              ))
            )}
          </div>
          <div className="soft">
            {branch.target === null ? "" : `→ ${branch.target} `}
            {branch.actions.join(", ")}
          </div>
        </div>
      ))}
      {one.effects.map((effect) => (
        <div key={effect.key} className="small" style={{ color: "var(--busy)" }}>
          ▸ {effect.kind} <span className="mono">{effect.key}</span>
        </div>
      ))}
      {one.facts.map((fact, i) => (
        <div key={i} className="small" style={{ color: "var(--violet)" }}>
          ⇢ {fact.type}
        </div>
      ))}
    </div>
  );
}

/** The actor's facts, newest first; one click goes there. */
export function FactsPanel({
  bench,
  entries,
  goTo,
}: {
  bench: Bench;
  entries: readonly JournalEntry[];
  goTo: (seq: number) => void;
}) {
  const { actor, content, world, moment } = bench;
  const [isAll, setAll] = useState(false);
  const shown = useMemo(
    () =>
      entries
        .filter(({ fact }) => isAll || (fact.type !== "TICK" && concerns(fact, actor.kind, actor.id)))
        .toReversed(),
    [entries, actor.kind, actor.id, isAll],
  );
  return (
    <>
      <label className="small row">
        <input type="checkbox" checked={isAll} onChange={(event) => setAll(event.currentTarget.checked)} /> facts of
        everybody
      </label>
      {shown.length === 0 ? (
        <p className="soft">None that this page has loaded.</p>
      ) : (
        <div style={{ margin: "0 -16px -16px" }}>
          <VirtualList
            label="Facts, newest first"
            items={shown}
            rowHeight={54}
            maxHeight={Math.max(320, innerHeight - 300)}
            keyOf={({ fact }) => String(fact.seq)}
            rowClass={({ fact }) => (moment?.entry.fact.seq === fact.seq ? "on" : "")}
            onPick={({ fact }) =>
              () =>
                goTo(fact.seq)
              }
            render={({ fact, effects }) => (
              <span className="list-main">
                <span className="row small">
                  <b className="mono clip">{fact.type}</b>
                  <span className="soft num">#{fact.seq}</span>
                  {effects.length > 0 && <span style={{ color: "var(--busy)" }}>▸ {effects.length}</span>}
                  <span style={{ flex: 1 }} />
                  <span className="soft num">{timeOfDay(fact.at)}</span>
                </span>
                <span className="soft small clip">{say(fact, world, content).text}</span>
              </span>
            )}
          />
        </div>
      )}
    </>
  );
}
