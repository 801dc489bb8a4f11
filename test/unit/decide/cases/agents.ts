import { expect } from "vitest";
import { LIMITS } from "../../../../src/events/limits.ts";
import { as, slung } from "../../incidents/words.ts";
import { noAgent, polecat, paused, openBead, running, byOperator, type Case } from "./case.ts";

/** The cases of what is asked about agents and their hooks. */
export const AGENTS = {
  register_agent: {
    accepts: [
      [
        "a new identity",
        () => ({ command: { type: "register_agent", role: "polecat", name: "ada", identity: "rig/polecats/ada" } }),
        ["agent.registered"],
      ],
    ],
    again: "is refused",
    refuses: [
      [
        "an identity that is taken",
        (rig) => {
          rig.run({ type: "register_agent", role: "polecat", name: "ada", identity: "rig/polecats/ada" });
          return { command: { type: "register_agent", role: "refinery", name: "other", identity: "rig/polecats/ada" } };
        },
        409,
        /identity rig\/polecats\/ada belongs to agent/,
      ],
    ],
  },
  get_or_create_agent: {
    accepts: [
      [
        "the first refinery",
        () => ({ command: { type: "get_or_create_agent", role: "refinery" } }),
        ["agent.registered"],
      ],
      [
        "every polecat is busy",
        async (rig) => {
          await slung(rig);
          return { command: { type: "get_or_create_agent", role: "polecat" } };
        },
        ["agent.registered"],
      ],
    ],
    again: "nothing",
    refuses: [],
  },
  delete_agent: {
    accepts: [
      ["an idle agent", (rig) => ({ command: { type: "delete_agent", agentId: polecat(rig) } }), ["agent.deleted"]],
      ["a running agent", byOperator(running((agentId) => ({ type: "delete_agent", agentId }))), ["agent.deleted"]],
    ],
    again: "is refused",
    refuses: [noAgent({ type: "delete_agent", agentId: "ghost" })],
  },
  hook: {
    accepts: [
      [
        "a free agent and an open bead",
        (rig) => ({ command: { type: "hook", agentId: polecat(rig), beadId: openBead(rig) } }),
        ["agent.hooked"],
      ],
    ],
    again: "nothing",
    refuses: [
      [
        "an agent that does not exist",
        (rig) => ({ command: { type: "hook", agentId: "ghost", beadId: openBead(rig) } }),
        404,
        /no agent ghost/,
      ],
      [
        "a bead that does not exist",
        (rig) => ({ command: { type: "hook", agentId: polecat(rig), beadId: "ghost" } }),
        404,
        /no bead ghost/,
      ],
      [
        "an agent that has a bead",
        async (rig) => {
          const { agentId } = await slung(rig);
          return { command: { type: "hook", agentId, beadId: openBead(rig) } };
        },
        409,
        /cannot take bead/,
      ],
      [
        "a bead that an agent has",
        async (rig) => {
          const { beadId, agentId } = await slung(rig);
          expect(agentId).not.toBe(polecat(rig));
          return { command: { type: "hook", agentId: polecat(rig), beadId } };
        },
        409,
        /is on the hook of agent .* already/,
      ],
      [
        "a closed bead",
        (rig) => {
          const beadId = openBead(rig);
          rig.run({ type: "close_bead", beadId });
          return { command: { type: "hook", agentId: polecat(rig), beadId } };
        },
        409,
        /is closed and cannot be hooked/,
      ],
    ],
  },
  unhook: {
    accepts: [
      [
        "a running agent",
        running(
          (agentId) => ({ type: "unhook", agentId }),
          (rig) => void paused(rig),
        ),
        ["agent.unhooked"],
      ],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "unhook", agentId: "ghost" })],
  },
  hold_agent: {
    accepts: [
      [
        "a running agent",
        byOperator(running((agentId) => ({ type: "hold_agent", agentId, reason: "not now" }))),
        ["agent.held"],
      ],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "hold_agent", agentId: "ghost", reason: "" })],
  },
  release_agent: {
    accepts: [
      [
        "an agent that is held",
        byOperator(
          running(
            (agentId) => ({ type: "release_agent", agentId }),
            (rig, agentId) => void rig.run({ type: "hold_agent", agentId, reason: "not now" }),
          ),
        ),
        ["agent.released"],
      ],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "release_agent", agentId: "ghost" })],
  },
  answer: {
    accepts: [
      [
        "an agent that asked for help",
        async (rig) => {
          const { agentId } = await slung(rig);
          rig.run(
            { type: "escalate", title: "help", body: null, priority: "high", metadata: {}, agentId },
            as(rig, agentId),
          );
          return { command: { type: "answer", agentId, answer: "yes" } };
        },
        ["agent.answered"],
      ],
      [
        "an agent at a permission prompt",
        async (rig) => {
          const { agentId } = await slung(rig);
          rig.run({ type: "permission_asked", agentId, prompt: "?" }, as(rig, agentId));
          return { command: { type: "answer", agentId, answer: "yes" } };
        },
        ["agent.answered"],
      ],
    ],
    again: "is refused",
    refuses: [
      noAgent({ type: "answer", agentId: "ghost", answer: "yes" }),
      [
        "an answer over the limit",
        async (rig) => ({
          command: {
            type: "answer",
            agentId: (await slung(rig)).agentId,
            answer: "b".repeat(LIMITS.mail_body_chars + 1),
          },
        }),
        413,
        /65536 characters/,
      ],
      [
        "an agent that waits for nothing",
        async (rig) => ({ command: { type: "answer", agentId: (await slung(rig)).agentId, answer: "yes" } }),
        409,
        /cannot be unblocked; in this state it takes: .*agent\.done/,
      ],
    ],
  },
} satisfies Record<string, Case>;
