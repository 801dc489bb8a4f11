import { Modal } from "@mantine/core";
import { useState } from "react";
import { messageOf, post, rigPath } from "../lib/api.ts";
import { gateOf, isStopped, type Listed } from "../lib/rigs.ts";
import { plural } from "../lib/names.ts";
import { Icon } from "../ui/icons.tsx";
import { Btn } from "../ui/parts.tsx";

/** Pauses or resumes all rigs: names what it will do and what it leaves alone, and says what came of each. */

type Result = { readonly isDone: boolean; readonly text: string };
const HOW = {
  pause: { name: "Let them finish", does: "Nothing new is started; what runs goes on to its end." },
  drain: {
    name: "Stop now",
    does: "Agents hand their work back at their next checkpoint, and go on from it when resumed.",
  },
} as const;
type How = keyof typeof HOW;

export function StopAll({
  kind,
  listed,
  close,
}: {
  kind: "stop" | "resume";
  listed: readonly Listed[];
  close: () => void;
}) {
  const [how, setHow] = useState<How>("pause");
  const [results, setResults] = useState<ReadonlyMap<string, Result | null> | null>(null);
  // Once begun, it is about those it was begun with.
  const [[on, rest]] = useState(() => {
    const isMeant = ({ rig }: Listed) => (kind === "stop" ? !isStopped(rig) : isStopped(rig));
    return [listed.filter(isMeant), listed.filter((one) => !isMeant(one))] as const;
  });
  const running = on.reduce((sum, { rig }) => sum + (rig.state?.slots.used ?? 0), 0);
  const begin = async () => {
    setResults(new Map(on.map(({ rig }) => [rig.id, null])));
    for (const { rig } of on) {
      const result = await post(rigPath(rig.id, kind === "resume" ? "/resume" : `/${how}`)).then(
        (): Result => ({ isDone: true, text: kind === "resume" ? "resumed" : how === "pause" ? "paused" : "draining" }),
        (error: unknown): Result => ({ isDone: false, text: messageOf(error) }),
      );
      setResults((known) => new Map(known).set(rig.id, result));
    }
  };
  const says = kind === "stop" ? `Pause ${plural(on.length, "rig")}` : `Resume ${plural(on.length, "rig")}`;
  return (
    <Modal
      opened
      onClose={close}
      title={kind === "stop" ? "Pause all rigs" : "Resume paused rigs"}
      size="lg"
      radius="md"
      zIndex={250}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <div className="stack">
        {results === null && kind === "stop" && <Hows how={how} setHow={setHow} running={running} />}
        <ul className="results" aria-label="Result for each rig">
          {on.map(({ rig }) => (
            <Line key={rig.id} name={rig.name} result={results?.get(rig.id)} wasAsked={results !== null} />
          ))}
        </ul>
        {rest.length > 0 && (
          <p className="soft small">
            Left alone:{" "}
            {rest.map(({ rig }) => `${rig.name} (${gateOf(rig) === "open" ? "runs" : gateOf(rig)})`).join(", ")}.
          </p>
        )}
        <div className="row" style={{ justifyContent: "flex-end" }}>
          {results === null ? (
            <>
              <Btn kind="ghost" onClick={close}>
                Not now
              </Btn>
              <Btn kind="primary" onClick={() => void begin()}>
                {says}
              </Btn>
            </>
          ) : (
            <Btn onClick={close}>Close</Btn>
          )}
        </div>
      </div>
    </Modal>
  );
}

const Hows = ({ how, setHow, running }: { how: How; setHow: (how: How) => void; running: number }) => (
  <fieldset className="hows">
    <legend className="visually-hidden">How</legend>
    {(Object.keys(HOW) as How[]).map((one) => (
      <label key={one}>
        <input type="radio" name="how" checked={how === one} onChange={() => setHow(one)} />
        <span>
          <b>{HOW[one].name}</b>
          <span className="soft">
            {HOW[one].does} {plural(running, "agent runs", "agents run")} now.
          </span>
        </span>
      </label>
    ))}
  </fieldset>
);

function Line({ name, result, wasAsked }: { name: string; result: Result | null | undefined; wasAsked: boolean }) {
  return (
    <li>
      <span className={result == null ? "faint" : result.isDone ? "t-good" : "t-bad"}>
        <Icon name={result == null ? "ready" : result.isDone ? "done" : "fail"} />
      </span>
      <b className="clip">{name}</b>
      <span className={result?.isDone === false ? "t-bad" : "soft"}>
        {result?.text ?? (wasAsked ? "is asked…" : "")}
      </span>
    </li>
  );
}
