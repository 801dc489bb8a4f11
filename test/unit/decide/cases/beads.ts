import { LIMITS } from "../../../../src/events/limits.ts";
import { bead } from "../../../support/node-rig.ts";
import { slung, submitted } from "../../incidents/words.ts";
import { byOperator, noAgent, noBead, polecat, openBead, running, overtaken, type Case } from "./case.ts";

/** The cases of what is asked about beads. */
export const BEADS = {
  create_bead: {
    accepts: [
      [
        "a bead for whoever is free",
        () => ({ command: { type: "create_bead", bead: bead("x"), assignTo: null } }),
        ["bead.created"],
      ],
      [
        "a bead for one agent",
        (rig) => ({ command: { type: "create_bead", bead: bead("x"), assignTo: polecat(rig) } }),
        ["bead.created", "agent.hooked"],
        "is refused",
      ],
      [
        "a body of exactly the limit",
        () => ({
          command: {
            type: "create_bead",
            bead: bead("x", { body: "b".repeat(LIMITS.bead_body_chars) }),
            assignTo: null,
          },
        }),
        ["bead.created"],
      ],
    ],
    again: "makes another",
    refuses: [
      noAgent({ type: "create_bead", bead: bead("x"), assignTo: "ghost" }),
      [
        "for an agent that has a bead",
        async (rig) => ({ command: { type: "create_bead", bead: bead("x"), assignTo: (await slung(rig)).agentId } }),
        409,
        /cannot take a bead; in this state it takes: /,
      ],
      [
        "a blocker that does not exist",
        () => ({ command: { type: "create_bead", bead: bead("x", { blockedBy: ["ghost"] }), assignTo: null } }),
        422,
        /blocked_by names ghost/,
      ],
      [
        "a body over the limit",
        () => ({
          command: {
            type: "create_bead",
            bead: bead("x", { body: "b".repeat(LIMITS.bead_body_chars + 1) }),
            assignTo: null,
          },
        }),
        413,
        /may have 524288 characters, this one has 524289/,
      ],
      [
        "metadata over the limit",
        () => ({
          command: {
            type: "create_bead",
            bead: bead("x", { metadata: { a: "m".repeat(LIMITS.metadata_bytes) } }),
            assignTo: null,
          },
        }),
        413,
        /metadata may have 65536 bytes/,
      ],
    ],
  },
  sling: {
    accepts: [
      [
        "nobody is free",
        () => ({ command: { type: "sling", bead: bead("x") } }),
        ["bead.created", "agent.registered", "agent.hooked"],
      ],
      [
        "somebody is free",
        (rig) => {
          polecat(rig);
          return { command: { type: "sling", bead: bead("x") } };
        },
        ["bead.created", "agent.hooked"],
      ],
    ],
    again: "makes another",
    refuses: [
      [
        "a blocker that does not exist",
        () => ({ command: { type: "sling", bead: bead("x", { blockedBy: ["ghost"] }) } }),
        422,
        /there is no such bead/,
      ],
      [
        "a body over the limit",
        () => ({ command: { type: "sling", bead: bead("x", { body: "b".repeat(LIMITS.bead_body_chars + 1) }) } }),
        413,
        /characters/,
      ],
    ],
  },
  escalate: {
    accepts: [
      [
        "by a person",
        () => ({
          command: { type: "escalate", title: "x", body: null, priority: "high", metadata: {}, agentId: null },
        }),
        ["bead.created"],
      ],
      [
        "by a running agent, which it blocks",
        running((agentId) => ({ type: "escalate", title: "x", body: null, priority: "high", metadata: {}, agentId })),
        ["bead.created", "agent.asked_help"],
      ],
      [
        "by an older dispatch, which blocks nobody",
        overtaken((agentId) => ({ type: "escalate", title: "x", body: null, priority: "high", metadata: {}, agentId })),
        ["bead.created"],
      ],
      [
        "about an open escalation",
        (rig) => {
          const { beadId = "" } = rig.run({
            type: "escalate",
            title: "x",
            body: null,
            priority: "high",
            metadata: {},
            agentId: null,
          });
          return {
            command: {
              type: "escalate",
              title: "y",
              body: null,
              priority: "high",
              metadata: { bead_id: beadId },
              agentId: null,
            },
          };
        },
        ["escalation.joined"],
      ],
      [
        "about an escalation that is closed",
        (rig) => {
          const { beadId = "" } = rig.run({
            type: "escalate",
            title: "x",
            body: null,
            priority: "high",
            metadata: {},
            agentId: null,
          });
          rig.run({ type: "close_bead", beadId });
          return {
            command: {
              type: "escalate",
              title: "y",
              body: null,
              priority: "high",
              metadata: { bead_id: beadId },
              agentId: null,
            },
          };
        },
        ["bead.created"],
      ],
    ],
    again: "makes another",
    refuses: [
      [
        "metadata over the limit",
        () => ({
          command: {
            type: "escalate",
            title: "x",
            body: null,
            priority: "high",
            metadata: { a: "m".repeat(LIMITS.metadata_bytes) },
            agentId: null,
          },
        }),
        413,
        /metadata/,
      ],
    ],
  },
  close_bead: {
    accepts: [
      ["an open bead", (rig) => ({ command: { type: "close_bead", beadId: openBead(rig) } }), ["bead.closed"]],
      ["a running bead", running((_, beadId) => ({ type: "close_bead", beadId })), ["bead.closed"]],
    ],
    again: "nothing",
    refuses: [
      noBead({ type: "close_bead", beadId: "ghost" }),
      [
        "a bead in review",
        async (rig) => ({ command: { type: "close_bead", beadId: (await submitted(rig)).beadId } }),
        409,
        /is in_review and cannot be closed; in this state it takes: .*bead\.merged/,
      ],
      [
        "a failed bead",
        (rig) => {
          const beadId = openBead(rig);
          rig.run({ type: "cancel_bead", beadId });
          return { command: { type: "close_bead", beadId } };
        },
        409,
        /is failed and cannot be closed/,
      ],
    ],
  },
  raise_budget: {
    accepts: [
      [
        "an open bead",
        (rig) => ({ command: { type: "raise_budget", beadId: openBead(rig), tokens: 1, microdollars: 0 } }),
        ["bead.budget_raised"],
      ],
      [
        "a running bead",
        byOperator(running((_, beadId) => ({ type: "raise_budget", beadId, tokens: 0, microdollars: 1 }))),
        ["bead.budget_raised"],
      ],
    ],
    again: "makes another",
    refuses: [
      noBead({ type: "raise_budget", beadId: "ghost", tokens: 1, microdollars: 0 }),
      [
        "a closed bead",
        (rig) => {
          const beadId = openBead(rig);
          rig.run({ type: "close_bead", beadId });
          return { command: { type: "raise_budget", beadId, tokens: 1, microdollars: 0 } };
        },
        409,
        /is closed and cannot spend more/,
      ],
    ],
  },
  delete_bead: {
    accepts: [
      ["an open bead", (rig) => ({ command: { type: "delete_bead", beadId: openBead(rig) } }), ["bead.deleted"]],
      ["a running bead", running((_, beadId) => ({ type: "delete_bead", beadId })), ["bead.deleted"]],
      [
        "a bead in review",
        async (rig) => ({ command: { type: "delete_bead", beadId: (await submitted(rig)).beadId } }),
        ["bead.deleted"],
      ],
    ],
    again: "is refused",
    refuses: [noBead({ type: "delete_bead", beadId: "ghost" })],
  },
} satisfies Record<string, Case>;
