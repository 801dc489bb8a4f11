import type { FactType } from "../../src/events/facts.ts";
import type { Kind } from "../../src/machines/step.ts";

/**
 * Facts that are asked for with a command. Where the chart cannot take one, `decide` refuses the command with 409 (see
 * `takes` in src/machines/decide.ts), or, where nothing is left to do, answers that it is so already.
 */
export interface Commanded {
  readonly command: string;
  /** States in which the command's aim is reached: it is answered with 200 and becomes no fact. */
  readonly already?: readonly string[];
  /** For a machine with regions: the one that judges. */
  readonly judge?: string;
}

export const COMMANDED: Record<Kind, Partial<Record<FactType, Commanded>>> = {
  agent: {
    "agent.hooked": { command: "hook" },
    "agent.answered": { command: "answer, unblock" },
    // A second done of a dispatch finds the hook cleared, and nothing left to do.
    "agent.done": { command: "done", already: ["agent.idle.empty"] },
  },
  bead: {
    "agent.hooked": { command: "hook" },
    "bead.status_set": { command: "set status" },
    "bead.closed": { command: "close", already: ["bead.closed"] },
    "bead.cancelled": { command: "cancel", already: ["bead.failed"] },
    "review.submitted": { command: "submit for review", already: ["bead.in_review"] },
  },
  review: {},
  rig: {
    "rig.paused": { command: "pause", already: ["rig.life.alive.paused"], judge: "rig.life" },
    "rig.resumed": { command: "resume", already: ["rig.life.alive.open"], judge: "rig.life" },
    "rig.draining": { command: "drain", already: ["rig.life.draining"], judge: "rig.life" },
  },
};
