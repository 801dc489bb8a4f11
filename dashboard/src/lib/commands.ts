import type { World } from "../../../src/core/world.ts";
import type { BoardContent } from "../../../src/wire/board.ts";
import type { Found } from "../ui/palette.tsx";
import * as actions from "./actions.ts";
import { beadTitle, plural } from "./names.ts";
import { shownNeeds } from "./needs.ts";

/** Does it, and says what came of it. */
export type Run = (doing: () => Promise<actions.Done>, refused: string) => () => void;

interface Known {
  readonly rigId: string;
  readonly world: World;
  readonly content: ReadonlyMap<string, BoardContent>;
  readonly now: number;
  readonly run: Run;
}

/** Commands of the palette that act on as many as there are: each shows on which before it does. */
export function commandsOnMany({ rigId, world, content, now, run }: Known): Found[] {
  const section = "Commands";
  const resting = [...world.agents.values()].filter((agent) => agent.matches({ restarting: "backingOff" }));
  const retries = shownNeeds(world, content, now)
    .filter(({ code }) => code === "failed" || code === "blocked_by_failed")
    .map((need): Found => ({
      key: `retry ${need.key}`,
      section,
      icon: "play",
      text:
        need.beads.length === 1
          ? `Retry “${beadTitle(content, need.beads[0] ?? "")}”`
          : `Retry ${need.beads.length} that failed: ${String(need.values["reason"] ?? "")}`,
      aside: need.waiting.length > 0 ? `frees ${need.waiting.length}` : need.beads.length > 1 ? "preview first" : "",
      ...(need.beads.length > 1 ? { preview: need.beads.map((id) => beadTitle(content, id)) } : {}),
      act: run(() => actions.retryAll(rigId, need.beads, need.escalations), "Not tried again"),
    }));
  const again: Found[] =
    resting.length === 0
      ? []
      : [
          {
            key: "retry now",
            section,
            icon: "clock",
            text: `Retry now: ${plural(resting.length, "agent that backs off", "agents that back off")}`,
            aside: "skips the wait",
            preview: resting.map((agent) => agent.context.name),
            act: run(() => actions.restartAll(rigId, resting), "Not all were started again"),
          },
        ];
  return [...retries, ...again];
}
