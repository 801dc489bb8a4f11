import { isDeferred } from "../../../src/core/schedule.ts";
import type { World } from "../../../src/core/world.ts";
import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import { agentStateOf, type AgentState } from "./does-now.ts";

/** What a piece of work is at this moment: an icon and a word, the same on every page. */
export function beadStateOf(bead: BeadSnapshot, world: World, now: number): AgentState {
  const { context } = bead;
  if (context.cancelled === true) return { word: "Cancelled", icon: "fail", tone: "plain" };
  switch (bead.value) {
    case "closed":
      return context.commitSha === null && context.resolution === "no_change"
        ? { word: "No change", icon: "done", tone: "good" }
        : { word: context.commitSha === null ? "Closed" : "Merged", icon: "done", tone: "good" };
    case "failed":
      return { word: "Failed", icon: "fail", tone: "bad" };
    case "in_review":
      return { word: "In train", icon: "merge", tone: "violet" };
    case "in_progress": {
      const agent = world.agents.get(context.assignee ?? "");
      return agent === undefined ? { word: "Working", icon: "work", tone: "busy" } : agentStateOf(agent);
    }
    default:
      if ((context.stuckBy ?? []).length > 0) return { word: "Stuck", icon: "chain", tone: "bad" };
      if (context.blockedBy.length > 0 || isDeferred(bead, now)) return { word: "Waits", icon: "chain", tone: "plain" };
      return { word: "Ready", icon: "ready", tone: "plain" };
  }
}
