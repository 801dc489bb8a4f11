import { useEffect, useState } from "react";
import type { Attempt } from "../../../src/wire/attempts.ts";
import { get, messageOf, rigPath } from "../lib/api.ts";
import { beadTitle, plural } from "../lib/names.ts";
import type { ShownNeed } from "../lib/needs.ts";
import { paths } from "../lib/routes.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { Go } from "../ui/parts.tsx";

/** Titles that are listed; the list of work has all. */
const SHOWN = 50;
/** What went wrong is read at its end. */
const LOG_CHARS = 4_000;

/** What a need gathers, and the log of the first of it: one click away, and asked for by that click. */
export function Which({ need }: { need: ShownNeed }) {
  const [isOpen, setOpen] = useState(false);
  const isFailure = need.code === "failed" || need.code === "early_ends" || need.code === "blocked_by_failed";
  const many = need.beads.length > 1 ? need.beads : [];
  if (many.length === 0 && need.waiting.length === 0 && !isFailure) return null;
  const parts = [
    many.length === 0 ? null : `which ${many.length.toLocaleString("en")}`,
    need.waiting.length === 0 ? null : `${plural(need.waiting.length, "piece", "pieces")} behind`,
    isFailure ? "the log" : null,
  ].filter((part) => part !== null);
  const said = parts.join(", ");
  return (
    <details className="which" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{said.charAt(0).toUpperCase() + said.slice(1)}</summary>
      {isOpen && (
        <>
          <Titles ids={many} />
          {isFailure && <Log beadId={need.beads[0] ?? ""} />}
          {need.waiting.length > 0 && <h4 className="small soft">Waiting behind</h4>}
          <Titles ids={need.waiting} />
        </>
      )}
    </details>
  );
}

function Titles({ ids }: { ids: readonly string[] }) {
  const { rigId } = useStore();
  const { state } = useWorld();
  if (ids.length === 0) return null;
  return (
    <ul>
      {ids.slice(0, SHOWN).map((id) => (
        <li key={id}>
          <Go to={paths.bead(rigId, id)} className="lk">
            {beadTitle(state.content, id)}
          </Go>
        </li>
      ))}
      {ids.length > SHOWN && <li className="soft">and {ids.length - SHOWN} more</li>}
    </ul>
  );
}

function Log({ beadId }: { beadId: string }) {
  const { rigId } = useStore();
  const [text, setText] = useState("…");
  useEffect(() => {
    const stop = new AbortController();
    get<Attempt[]>(rigPath(rigId, `/beads/${encodeURIComponent(beadId)}/attempts`), stop.signal).then(
      (attempts) => setText(logOf(attempts.at(-1))),
      (error: unknown) => setText(`The log could not be read: ${messageOf(error)}`),
    );
    return () => stop.abort();
  }, [rigId, beadId]);
  return (
    <pre className="log" tabIndex={0} aria-label="The end of what it printed">
      {text}
    </pre>
  );
}

function logOf(last: Attempt | undefined): string {
  if (last === undefined) return "Nothing that it printed is on record.";
  const printed = last.tail === "" ? "It printed nothing." : last.tail.slice(-LOG_CHARS);
  return `${printed}\n${last.status}: ${last.reason}`;
}
