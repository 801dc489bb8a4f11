import { LIMITS } from "../../../../src/events/limits.ts";
import { agentCaller } from "../../../support/callers.ts";
import { as, done, exits, slung } from "../../incidents/words.ts";
import type { HandInDecision } from "../../../../src/events/hand-in.ts";
import type { RefusalCode } from "../../../../src/events/refusal-code.ts";
import type { Ask } from "../../../../src/machines/agent/driver.ts";
import type { TestRig } from "../../../support/node-rig.ts";
import { noAgent, openBead, polecat, running, overtaken, type Case, type Setup, work } from "./case.ts";

/** Its container looks at what is handed in. */
const seeing = (rig: TestRig): void => rig.tell({ type: "container.met", inspects: true, ephemeral: false });

/** A hand-in that was refused for the last time, and what a person says of it. */
const refusedForGood =
  (code: RefusalCode, decision: HandInDecision): Setup =>
  async (rig) => {
    seeing(rig);
    const { agentId, beadId } = await slung(rig);
    const commit = code === "dirty" ? "a".repeat(40) : null;
    rig.container.onInspect = () => ({ result: "refused", code, sentence: "no", commit });
    for (let n = 0; n < LIMITS.hand_in_refusals; n++) {
      rig.run({ type: "done", agentId, ...work }, as(rig, agentId));
      await rig.settled();
    }
    return { command: { type: "settle_hand_in", beadId, decision, note: null } };
  };

const ask: Ask = { id: "1", kind: "permission", text: "may I?", command: "ls", options: [] };

/** The cases of what processes say of themselves, and mail. */
export const REPORTS = {
  asked: {
    accepts: [
      ["a running agent", running((agentId) => ({ type: "asked", agentId, dispatchId: null, ask })), ["agent.asked"]],
      [
        "an older dispatch",
        overtaken((agentId) => ({ type: "asked", agentId, dispatchId: null, ask })),
        ["report.stale"],
      ],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "asked", agentId: "ghost", dispatchId: null, ask })],
  },
  done: {
    accepts: [
      ["a running agent", running((agentId) => ({ type: "done", agentId, ...work })), ["agent.done"]],
      [
        "an agent that waits for help",
        running(
          (agentId) => ({ type: "done", agentId, ...work }),
          (rig, agentId) => void rig.run({ type: "permission_asked", agentId, prompt: "?" }, as(rig, agentId)),
        ),
        ["agent.done"],
      ],
      [
        "an agent whose process has ended",
        running(
          (agentId) => ({ type: "done", agentId, ...work }),
          (rig, agentId) => exits(rig, agentId, "completed"),
        ),
        ["agent.done"],
      ],
      ["an older dispatch", overtaken((agentId) => ({ type: "done", agentId, ...work })), ["report.stale"]],
      [
        "a running agent whose container looks at what is handed in",
        running((agentId) => ({ type: "done", agentId, ...work }), seeing),
        ["work.handed_in"],
      ],
    ],
    again: "nothing",
    refuses: [
      noAgent({ type: "done", agentId: "ghost", ...work }),
      [
        "an agent that never had a bead",
        (rig) => ({ command: { type: "done", agentId: polecat(rig), ...work } }),
        409,
        /is idle\.empty and cannot be done without a bead; in this state it takes: agent\.held, agent\.hooked/,
      ],
    ],
  },
  settle_hand_in: {
    accepts: [
      ["sent back", refusedForGood("dirty", "send_back"), ["hand_in.settled"]],
      ["closed as no change", refusedForGood("no_commits", "no_change"), ["hand_in.settled"]],
      ["taken as it is", refusedForGood("dirty", "as_is"), ["hand_in.settled"]],
    ],
    again: "is refused",
    refuses: [
      [
        "a bead that nobody handed in",
        (rig) => ({ command: { type: "settle_hand_in", beadId: openBead(rig), decision: "send_back", note: null } }),
        409,
        /has no hand-in that waits for a person/,
      ],
      ["what has no commit to take", refusedForGood("no_commits", "as_is"), 409, /cannot be taken as it is/],
    ],
  },
  exited: {
    accepts: [
      [
        "a running agent",
        running((agentId) => ({
          type: "exited",
          agentId,
          dispatchId: null,
          outcome: "failed",
          reason: "boom",
          resetAt: null,
        })),
        ["agent.exited"],
      ],
      [
        "an older dispatch",
        overtaken((agentId) => ({
          type: "exited",
          agentId,
          dispatchId: null,
          outcome: "failed",
          reason: "boom",
          resetAt: null,
        })),
        ["report.stale"],
      ],
      [
        "an idle agent, of whom it is no news",
        async (rig) => {
          const { agentId } = await slung(rig);
          await done(rig, agentId, "b");
          return {
            command: { type: "exited", agentId, dispatchId: null, outcome: "completed", reason: "", resetAt: null },
            caller: as(rig, agentId),
          };
        },
        [],
      ],
    ],
    again: "nothing",
    refuses: [
      noAgent({ type: "exited", agentId: "ghost", dispatchId: null, outcome: "failed", reason: "", resetAt: null }),
    ],
  },
  heard: {
    accepts: [
      ["for the first time", running((agentId) => ({ type: "heard", agentId, dispatchId: null })), ["agent.heard"]],
      [
        "of an older dispatch",
        overtaken((agentId) => ({ type: "heard", agentId, dispatchId: null })),
        ["report.stale"],
      ],
      [
        "of another agent's dispatch",
        running((agentId) => ({ type: "heard", agentId, dispatchId: "somebody:1" })),
        ["report.stale"],
      ],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "heard", agentId: "ghost", dispatchId: null })],
  },
  progressed: {
    accepts: [
      ["a running agent", running((agentId) => ({ type: "progressed", agentId, what: "tool" })), ["agent.progressed"]],
      ["an older dispatch", overtaken((agentId) => ({ type: "progressed", agentId, what: "tool" })), ["report.stale"]],
      [
        "an agent without a process",
        (rig) => ({ command: { type: "progressed", agentId: polecat(rig), what: "tool" } }),
        [],
      ],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "progressed", agentId: "ghost", what: "tool" })],
  },
  checkpoint: {
    accepts: [
      [
        "a running agent",
        running((agentId) => ({ type: "checkpoint", agentId, data: { step: 1 } })),
        ["agent.checkpointed"],
      ],
      [
        "exactly at the limit",
        running((agentId) => ({ type: "checkpoint", agentId, data: "c".repeat(LIMITS.checkpoint_bytes - 2) })),
        ["agent.checkpointed"],
      ],
      [
        "an older dispatch",
        overtaken((agentId) => ({ type: "checkpoint", agentId, data: { step: 1 } })),
        ["report.stale"],
      ],
    ],
    again: "nothing",
    refuses: [
      noAgent({ type: "checkpoint", agentId: "ghost", data: {} }),
      [
        "over the limit",
        running((agentId) => ({ type: "checkpoint", agentId, data: "c".repeat(LIMITS.checkpoint_bytes - 1) })),
        413,
        /may have 262144 bytes of JSON, this one has 262145; the one before is kept/,
      ],
    ],
  },
  say_status: {
    accepts: [
      [
        "a running agent",
        running((agentId) => ({ type: "say_status", agentId, line: "reading the tests" })),
        ["agent.status_said"],
      ],
      [
        "an older dispatch",
        overtaken((agentId) => ({ type: "say_status", agentId, line: "reading the tests" })),
        ["report.stale"],
      ],
      [
        "an agent without a bead",
        (rig) => ({ command: { type: "say_status", agentId: polecat(rig), line: "idle" } }),
        [],
      ],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "say_status", agentId: "ghost", line: "here" })],
  },
  permission_asked: {
    accepts: [
      [
        "a running agent",
        running((agentId) => ({ type: "permission_asked", agentId, prompt: "?" })),
        ["permission.asked"],
      ],
      [
        "an older dispatch",
        overtaken((agentId) => ({ type: "permission_asked", agentId, prompt: "?" })),
        ["report.stale"],
      ],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "permission_asked", agentId: "ghost", prompt: "?" })],
  },
  permission_answered: {
    accepts: [
      [
        "an agent at its prompt",
        running(
          (agentId) => ({ type: "permission_answered", agentId }),
          (rig, agentId) => void rig.run({ type: "permission_asked", agentId, prompt: "?" }, as(rig, agentId)),
        ),
        ["permission.answered"],
      ],
      ["an agent that did not ask", running((agentId) => ({ type: "permission_answered", agentId })), []],
    ],
    again: "nothing",
    refuses: [noAgent({ type: "permission_answered", agentId: "ghost" })],
  },
  send_mail: {
    accepts: [
      [
        "an idle agent",
        (rig) => ({ command: { type: "send_mail", from: "mayor", to: polecat(rig), subject: "s", body: "b" } }),
        ["mail.sent"],
      ],
    ],
    again: "makes another",
    refuses: [
      noAgent({ type: "send_mail", from: "mayor", to: "ghost", subject: "s", body: "b" }),
      [
        "a body over the limit",
        (rig) => ({
          command: {
            type: "send_mail",
            from: "mayor",
            to: polecat(rig),
            subject: "s",
            body: "b".repeat(LIMITS.mail_body_chars + 1),
          },
        }),
        413,
        /65536 characters, this one has 65537/,
      ],
      [
        "a full mailbox",
        (rig) => {
          const to = polecat(rig);
          rig.tell(
            ...Array.from({ length: LIMITS.undelivered_mail }, (_, i) => ({
              type: "mail.sent" as const,
              mailId: `m${i}`,
              from: "mayor",
              to,
              subject: "s",
              body: "b",
            })),
          );
          return { command: { type: "send_mail", from: "mayor", to, subject: "s", body: "b" } };
        },
        429,
        /has 1000 undelivered mails; it must read some first/,
      ],
    ],
  },
  read_mail: {
    accepts: [
      [
        "a person looks, which changes nothing",
        (rig) => ({ command: { type: "read_mail", agentId: polecat(rig), mailIds: ["m1"] } }),
        [],
      ],
      [
        "mail of an agent that was never dispatched",
        (rig) => {
          const agentId = polecat(rig);
          return { command: { type: "read_mail", agentId, mailIds: ["m1"] }, caller: agentCaller(agentId, null) };
        },
        ["mail.delivered"],
      ],
      ["mail of a dispatch", running((agentId) => ({ type: "read_mail", agentId, mailIds: ["m1"] })), ["mail.read"]],
      ["no mail", (rig) => ({ command: { type: "read_mail", agentId: polecat(rig), mailIds: [] } }), []],
    ],
    again: "is recorded again",
    refuses: [noAgent({ type: "read_mail", agentId: "ghost", mailIds: ["m1"] })],
  },
} satisfies Record<string, Case>;
