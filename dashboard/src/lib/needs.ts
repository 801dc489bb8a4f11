import type { BoardContent } from "../../../src/wire/board.ts";
import { aboutOf, needsOf, type Need } from "../../../src/core/needs.ts";
import { say } from "../../../src/core/sentences.ts";
import type { World } from "../../../src/core/world.ts";
import { agentName, beadTitle } from "./names.ts";

/** The rig's own list of who needs a person, computed on this page's copy of its world and told with its titles. */

export interface ShownNeed extends Need {
  readonly title: string;
  readonly text: string;
}

/** @param seen beads given up by an agent that somebody has looked at: of these nothing in the rig says so. */
export function shownNeeds(
  world: World,
  content: ReadonlyMap<string, BoardContent>,
  now: number,
  seen: ReadonlySet<string> = new Set(),
): ShownNeed[] {
  const ended = [...world.beads.values()].filter(({ value, context }) => value === "failed" && !seen.has(context.id));
  const names = { agent: (id: string) => agentName(world, id), bead: (id: string) => beadTitle(content, id) };
  return needsOf(world, { about: (id) => aboutOf(content.get(id)), ended, now }).map((need) => ({
    ...need,
    ...say(need, names),
  }));
}
