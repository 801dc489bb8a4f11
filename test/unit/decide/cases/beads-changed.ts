import { inTheNameOf } from "../../../../src/events/by.ts";
import { LIMITS } from "../../../../src/events/limits.ts";
import { bead, OPERATOR } from "../../../support/node-rig.ts";
import { slung, submitted, verdict } from "../../incidents/words.ts";
import { byOperator, noBead, openBead, polecat, running, type Case } from "./case.ts";

/** The cases of what is changed of beads by hand. */
export const CHANGED_BEADS = {
  set_bead_status: {
    accepts: [
      [
        "an open bead to closed",
        (rig) => ({ command: { type: "set_bead_status", beadId: openBead(rig), status: "closed" } }),
        ["bead.status_set"],
      ],
      [
        "an open bead to failed",
        (rig) => ({ command: { type: "set_bead_status", beadId: openBead(rig), status: "failed" } }),
        ["bead.status_set"],
      ],
      [
        "a running bead to closed",
        running((_, beadId) => ({ type: "set_bead_status", beadId, status: "closed" })),
        ["bead.status_set"],
      ],
      [
        "work that nobody has, to in progress: it is in that hand",
        (rig) => ({ command: { type: "set_bead_status", beadId: openBead(rig), status: "in_progress" } }),
        ["bead.status_set"],
      ],
      [
        "work that nobody has, to in progress in an agent's name: that agent takes it",
        (rig) => {
          const agentId = polecat(rig);
          return {
            command: { type: "set_bead_status", beadId: openBead(rig), status: "in_progress" },
            caller: { ...OPERATOR, id: inTheNameOf("ann", agentId) },
          };
        },
        ["agent.hooked", "bead.status_set"],
      ],
      [
        "a message to in progress",
        (rig) => ({
          command: {
            type: "set_bead_status",
            beadId: rig.run({ type: "create_bead", bead: bead("m", { type: "message" }), assignTo: null }).beadId ?? "",
            status: "in_progress",
          },
        }),
        ["bead.status_set"],
      ],
    ],
    again: "nothing",
    refuses: [
      noBead({ type: "set_bead_status", beadId: "ghost", status: "closed" }),
      [
        "work that waits for other work, to in progress",
        (rig) => {
          const beadId = openBead(rig);
          rig.run({ type: "edit_bead", beadId, changes: { blockedBy: [openBead(rig, "first")] } });
          return { command: { type: "set_bead_status", beadId, status: "in_progress" } };
        },
        409,
        /drop those blockers first/,
      ],
      [
        "work to in progress in the name of an agent that has other work",
        async (rig) => {
          const { agentId } = await slung(rig);
          const beadId = openBead(rig);
          return {
            command: { type: "set_bead_status", beadId, status: "in_progress" },
            caller: { ...OPERATOR, id: inTheNameOf("ann", agentId) },
          };
        },
        409,
        /cannot take a bead/,
      ],
      [
        "work that an agent has, to open",
        running((_, beadId) => ({ type: "set_bead_status", beadId, status: "open" })),
        409,
        /cannot become open by hand/,
      ],
      [
        "work to in review",
        (rig) => ({ command: { type: "set_bead_status", beadId: openBead(rig), status: "in_review" } }),
        409,
        /cannot become in_review by hand/,
      ],
      [
        "a bead in review",
        async (rig) => ({
          command: { type: "set_bead_status", beadId: (await submitted(rig)).beadId, status: "open" },
        }),
        409,
        /is in_review and cannot/,
      ],
      [
        "a closed bead",
        (rig) => {
          const beadId = openBead(rig);
          rig.run({ type: "close_bead", beadId });
          return { command: { type: "set_bead_status", beadId, status: "open" } };
        },
        409,
        /is closed and cannot become open by hand; in this state it takes: nothing/,
      ],
    ],
  },
  cancel_bead: {
    accepts: [
      ["an open bead", (rig) => ({ command: { type: "cancel_bead", beadId: openBead(rig) } }), ["bead.cancelled"]],
      ["a running bead", byOperator(running((_, beadId) => ({ type: "cancel_bead", beadId }))), ["bead.cancelled"]],
      [
        "a bead in review",
        async (rig) => {
          const { beadId, reviewId } = await submitted(rig);
          await verdict(rig, reviewId, "failed");
          return { command: { type: "cancel_bead", beadId } };
        },
        ["bead.cancelled"],
      ],
      [
        "a bead that is being merged",
        async (rig) => ({ command: { type: "cancel_bead", beadId: (await submitted(rig)).beadId } }),
        ["bead.cancel_asked"],
      ],
    ],
    again: "nothing",
    refuses: [
      noBead({ type: "cancel_bead", beadId: "ghost" }),
      [
        "a closed bead",
        (rig) => {
          const beadId = openBead(rig);
          rig.run({ type: "close_bead", beadId });
          return { command: { type: "cancel_bead", beadId } };
        },
        409,
        /is closed and cannot be cancelled/,
      ],
    ],
  },
  edit_bead: {
    accepts: [
      [
        "what an open bead says",
        (rig) => ({ command: { type: "edit_bead", beadId: openBead(rig), changes: { title: "better", body: null } } }),
        ["bead.edited"],
      ],
      [
        "the priority of a running bead",
        byOperator(running((_, beadId) => ({ type: "edit_bead", beadId, changes: { priority: "critical" } }))),
        ["bead.edited"],
      ],
      [
        "what it waits for, of which one has failed",
        (rig) => {
          const failed = openBead(rig, "failed");
          rig.run({ type: "cancel_bead", beadId: failed });
          const blockedBy = [failed, openBead(rig, "another")];
          return { command: { type: "edit_bead", beadId: openBead(rig), changes: { blockedBy } } };
        },
        ["bead.edited", "bead.stuck"],
      ],
    ],
    again: "is recorded again",
    refuses: [
      noBead({ type: "edit_bead", beadId: "ghost", changes: { priority: "low" } }),
      [
        "a blocker that does not exist",
        (rig) => ({ command: { type: "edit_bead", beadId: openBead(rig), changes: { blockedBy: ["ghost"] } } }),
        422,
        /blocked_by names ghost/,
      ],
      [
        "itself as a blocker",
        (rig) => {
          const beadId = openBead(rig);
          return { command: { type: "edit_bead", beadId, changes: { blockedBy: [beadId] } } };
        },
        422,
        /wait for itself/,
      ],
      [
        "a blocker that waits for it, over another",
        (rig) => {
          const beadId = openBead(rig);
          const behind = (id: string) =>
            rig.run({ type: "create_bead", bead: bead("behind", { blockedBy: [id] }), assignTo: null }).beadId ?? "";
          return { command: { type: "edit_bead", beadId, changes: { blockedBy: [behind(behind(beadId))] } } };
        },
        422,
        /wait for itself/,
      ],
      [
        "what a running bead waits for",
        byOperator(running((_, beadId) => ({ type: "edit_bead", beadId, changes: { blockedBy: [] } }))),
        409,
        /can be changed only while it is open/,
      ],
      [
        "a body over the limit",
        (rig) => ({
          command: {
            type: "edit_bead",
            beadId: openBead(rig),
            changes: { body: "b".repeat(LIMITS.bead_body_chars + 1) },
          },
        }),
        413,
        /may have 524288 characters, this one has 524289/,
      ],
      [
        "a bead that has ended",
        (rig) => {
          const beadId = openBead(rig);
          rig.run({ type: "close_bead", beadId });
          return { command: { type: "edit_bead", beadId, changes: { priority: "low" } } };
        },
        409,
        /is closed and cannot be edited/,
      ],
    ],
  },
} satisfies Record<string, Case>;
