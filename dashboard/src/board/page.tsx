import { useEffect } from "react";
import type { Lists } from "../lib/lists.ts";
import { setParams, usePlace } from "../lib/url.ts";
import { useCursor } from "../ui/cursor.ts";
import { Dock } from "../ui/dock.tsx";
import { Agents } from "./agents.tsx";
import { Needs } from "./needs.tsx";
import { Next } from "./next.tsx";
import { Numbers } from "./numbers.tsx";
import { Train, TrainLine } from "./train.tsx";
import { useLists } from "./use-lists.ts";
import { Work } from "./work.tsx";
import "../styles/board.css";
import "../styles/needs.css";
import "../styles/rig.css";
import "../styles/work.css";

/** A rig: who needs you, who runs, what is on its way, and all work. */
export function Board() {
  const { lists, history, now, see } = useLists();
  useCursor();
  useLookAt(lists);
  return (
    <div className="page flush">
      <h1 className="visually-hidden">The board</h1>
      <Numbers lists={lists} now={now} />
      <div className="rig-cols">
        <Needs lists={lists} see={see} />
        <TrainLine lists={lists} />
        <Agents lists={lists} history={history} />
        <Train lists={lists} history={history} />
        <Next lists={lists} />
      </div>
      <Work lists={lists} now={now} />
      <Dock lists={lists} />
    </div>
  );
}

/** A link to one need puts the focus on it, once. */
function useLookAt(lists: Lists): void {
  const { params } = usePlace();
  const key = params.get("need");
  useEffect(() => {
    if (key === null) return;
    const item = [...document.querySelectorAll<HTMLElement>("[data-need]")].find(
      ({ dataset }) => dataset["need"] === key,
    );
    item?.scrollIntoView({ block: "center" });
    item?.focus({ preventScroll: true });
    setParams({ need: null }, false);
  }, [key, lists]);
}
