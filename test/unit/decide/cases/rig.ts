import type { Command } from "../../../../src/core/decide/index.ts";
import { configure, slung } from "../../incidents/words.ts";
import { type Case } from "./case.ts";

const TICKTOWN = { kind: "system", id: "import", dispatchId: null } as const;

/** The cases of what an operator asks of the rig as a whole. */
export const RIG = {
  configure: {
    accepts: [
      ["a new rig", () => ({ command: { ...configure("rig1"), name: "renamed" } as Command }), ["rig.configured"]],
    ],
    again: "nothing",
    refuses: [["another rig's configuration", () => ({ command: configure("rig2") }), 409, /this rig is rig1 already/]],
  },
  set_settings: {
    accepts: [
      [
        "two settings",
        () => ({ command: { type: "set_settings", settings: { capacity: 3, max_attempts: 2 } } }),
        ["rig.settings_changed"],
      ],
    ],
    again: "nothing",
    refuses: [
      [
        "a GUPP check after its escalation",
        () => ({ command: { type: "set_settings", settings: { gupp_check_ms: 3_600_001 } } }),
        422,
        /must not be above/,
      ],
      [
        "a GUPP restart before its escalation",
        () => ({ command: { type: "set_settings", settings: { gupp_restart_ms: 3_599_999 } } }),
        422,
        /must not be above/,
      ],
    ],
  },
  set_town_cap: {
    accepts: [
      [
        "that its town is capped",
        () => ({
          command: { type: "set_town_cap", onCap: "stop" },
          caller: { kind: "system", id: "anna", dispatchId: null },
        }),
        ["budget.opened", "rig.settings_changed"],
      ],
    ],
    again: "is recorded again",
    refuses: [
      [
        "somebody who may set the rig's own",
        () => ({ command: { type: "set_town_cap", onCap: null } }),
        403,
        /Ticktown itself/,
      ],
    ],
  },
  edit_rig: {
    accepts: [
      [
        "its target branch and its name",
        () => ({ command: { type: "edit_rig", changes: { defaultBranch: "trunk", name: "other" } } }),
        ["rig.edited"],
      ],
    ],
    again: "nothing",
    refuses: [
      [
        "a rig that was never set up",
        (rig) => {
          const { context } = rig.rig.world.rig;
          Object.assign(context, { config: null });
          return { command: { type: "edit_rig", changes: { name: "other" } } };
        },
        409,
        /is not set up/,
      ],
    ],
  },
  pause: {
    accepts: [["a rig that dispatches", () => ({ command: { type: "pause" } }), ["rig.paused"]]],
    again: "nothing",
    refuses: [
      [
        "a rig that drains",
        (rig) => {
          rig.run({ type: "drain" });
          return { command: { type: "pause" } };
        },
        409,
        /cannot be paused; in this state it takes: .*rig\.resumed/,
      ],
    ],
  },
  resume: {
    accepts: [
      [
        "a paused rig",
        (rig) => {
          rig.run({ type: "pause" });
          return { command: { type: "resume" } };
        },
        ["rig.resumed"],
      ],
      [
        "a draining rig",
        (rig) => {
          rig.run({ type: "drain" });
          return { command: { type: "resume" } };
        },
        ["rig.resumed"],
      ],
    ],
    again: "nothing",
    refuses: [],
  },
  drain: {
    accepts: [
      ["a rig that dispatches", () => ({ command: { type: "drain" } }), ["rig.draining"]],
      [
        "a paused rig",
        (rig) => {
          rig.run({ type: "pause" });
          return { command: { type: "drain" } };
        },
        ["rig.draining"],
      ],
    ],
    again: "nothing",
    refuses: [],
  },
  restore: {
    accepts: [
      [
        "a rig that was just written from a file",
        () => ({ command: { type: "restore", by: "ann", secrets: ["GIT_TOKEN"] }, caller: TICKTOWN }),
        ["rig.imported"],
      ],
    ],
    again: "is recorded again",
    refuses: [
      [
        "by an operator, who asks for an import instead",
        () => ({ command: { type: "restore", by: "ann", secrets: [] } }),
        403,
        /it is for: Ticktown itself/,
      ],
    ],
  },
  stop: {
    accepts: [
      ["a rig that dispatches", () => ({ command: { type: "stop" } }), ["rig.draining"]],
      [
        "a rig that drains already",
        (rig) => {
          rig.run({ type: "drain" });
          return { command: { type: "stop" } };
        },
        ["rig.draining"],
      ],
    ],
    again: "nothing",
    refuses: [],
  },
  repair: {
    accepts: [
      [
        "an agent whose row was damaged",
        async (rig) => {
          const { agentId } = await slung(rig);
          rig.ports.sql.exec("UPDATE actors SET value = '{' WHERE kind = 'agent' AND id = ?", agentId);
          rig.reopen();
          return { command: { type: "repair", kind: "agent", id: agentId } };
        },
        ["actor.repaired"],
      ],
    ],
    again: "nothing",
    refuses: [
      [
        "an actor that does not exist",
        () => ({ command: { type: "repair", kind: "review", id: "ghost" } }),
        404,
        /no review ghost/,
      ],
    ],
  },
  destroy: {
    accepts: [["a rig", () => ({ command: { type: "destroy" } }), ["rig.destroyed"]]],
    again: "is refused",
    refuses: [],
  },
} satisfies Record<string, Case>;
