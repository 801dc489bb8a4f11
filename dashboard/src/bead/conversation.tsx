import { useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import type { Recorded } from "../../../src/events/facts.ts";
import { agentName } from "../lib/names.ts";
import { turnsOf, type Turn } from "../lib/story.ts";
import { useWorld } from "../lib/use-rig.ts";
import { Icon } from "../ui/icons.tsx";
import { At } from "./parts.tsx";

/** What was said about a piece of work, in its order; and what waits for an answer, pinned under it. */

/** Turns that are drawn before the reader asks for older ones. */
const SHOWN = 60;
/** A text of this many characters is folded: a prompt may be a book. */
const LONG = 1_200;

export function Conversation({
  facts,
  isCut,
  output,
  children,
}: {
  facts: readonly Recorded[];
  isCut: boolean;
  output: ReactNode;
  children: ReactNode;
}) {
  const { world, now } = useWorld();
  const [most, setMost] = useState(SHOWN);
  const turns = useMemo(() => turnsOf(facts, (id) => agentName(world, id)), [facts]);
  const box = useRef<HTMLDivElement>(null);
  const [, ...rest] = turns;
  const shown = rest.slice(-most);
  const hidden = rest.length - shown.length;
  useEffect(() => {
    const element = box.current;
    if (element !== null) element.scrollTop = element.scrollHeight;
  }, [turns.length]);
  return (
    <section className="panel talk" id="talk" aria-labelledby="talk-name" tabIndex={-1}>
      <div className="head">
        <h2 id="talk-name">Conversation</h2>
        <span className="n">{turns.length}</span>
      </div>
      <div className="thread" ref={box} tabIndex={0} role="log" aria-label="Conversation">
        {turns.slice(0, 1).map((turn) => (
          <Shown key={turn.seq} turn={turn} now={now} />
        ))}
        {(hidden > 0 || isCut) && (
          <p className="faint small between">
            {isCut ? "What is older than this is in the journal. " : ""}
            {hidden > 0 && (
              <button type="button" className="link-button" onClick={() => setMost((known) => known + 500)}>
                Show {hidden.toLocaleString("en")} more
              </button>
            )}
          </p>
        )}
        {shown.map((turn) => (
          <Shown key={turn.seq} turn={turn} now={now} />
        ))}
        {output}
      </div>
      {children}
    </section>
  );
}

function Shown({ turn, now }: { turn: Turn; now: number }) {
  if (turn.kind === "said")
    return (
      <article className={`turn${turn.isAgent ? " of-agent" : ""}`}>
        <header>
          <b>{turn.who}</b> <span className="soft">{turn.what}</span> <span className="grow" />
          <At at={turn.at} now={now} />
        </header>
        {turn.text !== "" && <Long text={turn.text} />}
        {turn.command !== undefined && (
          <code className="cmd" tabIndex={0}>
            {turn.command}
          </code>
        )}
      </article>
    );
  return (
    <div className="turn event">
      <span className={`t-${turn.tone}`}>
        <Icon name={turn.icon} />
      </span>
      <p className="grow">
        <b>{turn.what}</b>
        {turn.text !== "" && <span className="soft pre">: {turn.text}</span>}
        {turn.attempt !== undefined && (
          <>
            {" "}
            <a className="lk" href={`#attempt-${turn.attempt}`}>
              log
            </a>
          </>
        )}
      </p>
      <At at={turn.at} now={now} />
    </div>
  );
}

function Long({ text }: { text: string }) {
  const [isOpen, setOpen] = useState(false);
  const isLong = text.length > LONG;
  return (
    <p className="pre">
      {isLong && !isOpen ? `${text.slice(0, LONG)}…` : text}
      {isLong && !isOpen && (
        <>
          {" "}
          <button type="button" className="link-button" onClick={() => setOpen(true)}>
            Show all
          </button>
        </>
      )}
    </p>
  );
}
