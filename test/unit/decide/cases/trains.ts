import { beadOf, found, submitted } from "../../incidents/words.ts";
import {
  allGreen,
  arrives,
  containerOf,
  inReview,
  pushed,
  report,
  run,
  TARGET,
  ADMIN,
  CHECKS,
} from "../../incidents/train-words.ts";
import type { Command } from "../../../../src/core/decide/index.ts";
import type { TestRig } from "../../../support/node-rig.ts";
import { noBead, openBead, type Asked, type Case } from "./case.ts";

/** The cases of what is asked about trains, and about work that has ended. */

/** A rig becomes one with trains before the case begins. */
function withTrains(rig: TestRig): void {
  rig.container.can = { inspect: true, ephemeral: false, trains: true };
  rig.run({ type: "set_settings", settings: CHECKS }, ADMIN);
}

type OfReview = Extract<Command, { reviewId: string }>["type"];
/** The second of two reviews: the first is on a train. */
const waiting =
  (make: (reviewId: string) => Command) =>
  async (rig: TestRig): Promise<Asked> => {
    withTrains(rig);
    const [, second] = await inReview(rig, 2);
    return { command: make(found(second, "second").reviewId) };
  };
const onTrain =
  (make: (reviewId: string) => Command) =>
  async (rig: TestRig): Promise<Asked> => {
    withTrains(rig);
    return { command: make((await submitted(rig)).reviewId) };
  };
const noReview = (command: Command): Case["refuses"][number] => [
  "for a review that does not exist",
  () => ({ command }),
  404,
  /no review ghost/,
];
const of = <T extends OfReview>(type: T, reviewId: string): Command => ({ type, reviewId }) as unknown as Command;

const TREE = "b".repeat(40);
const unapproved =
  (make: (reviewId: string) => Command) =>
  async (rig: TestRig): Promise<Asked> => {
    withTrains(rig);
    const { reviewId } = await submitted(rig);
    await arrives(rig, {
      left: [{ entryId: reviewId, why: "protected", message: "", commit: null, tree: TREE, files: [".ticktown/x"] }],
    });
    return { command: make(reviewId) };
  };

const failed = (rig: TestRig): string => {
  const beadId = openBead(rig);
  rig.run({ type: "set_bead_status", beadId, status: "failed" });
  return beadId;
};
const closed = (rig: TestRig): string => {
  const beadId = openBead(rig);
  rig.run({ type: "close_bead", beadId });
  return beadId;
};
const merged = async (rig: TestRig): Promise<string> => {
  withTrains(rig);
  const { beadId } = await submitted(rig);
  await allGreen(rig);
  return beadId;
};
const revert = (beadId: string, redo = true): Command => ({
  type: "revert_bead",
  beadId,
  why: "it was wrong",
  redo,
  title: "work",
});
/** One on a train, with a report that pushes it. */
const reported = async (rig: TestRig, trainId = "rig1:1"): Promise<Asked> => {
  withTrains(rig);
  await submitted(rig);
  const command: Command = {
    type: "complete_train",
    trainId,
    report: report({ runs: [run(1, "green")], pushed: pushed(rig) }),
  };
  return { command, caller: containerOf(trainId) };
};

export const TRAINS = {
  hold_review: {
    accepts: [["one that waits", waiting((id) => of("hold_review", id)), ["review.held"]]],
    again: "nothing",
    refuses: [
      noReview(of("hold_review", "ghost")),
      ["one on a train", onTrain((id) => of("hold_review", id)), 409, /is boarded and cannot be held/],
    ],
  },
  release_review: {
    accepts: [
      [
        "one that is held",
        async (rig) => {
          const { command } = await waiting((id) => of("release_review", id))(rig);
          rig.run(of("hold_review", (command as { reviewId: string }).reviewId));
          return { command };
        },
        ["review.released"],
      ],
      ["one that was not held", waiting((id) => of("release_review", id)), []],
    ],
    again: "nothing",
    refuses: [
      noReview(of("release_review", "ghost")),
      ["one on a train", onTrain((id) => of("release_review", id)), 409, /is boarded and cannot be released/],
    ],
  },
  jump_review: {
    accepts: [["one that waits", waiting((id) => of("jump_review", id)), ["review.jumped"]]],
    again: "nothing",
    refuses: [
      noReview(of("jump_review", "ghost")),
      ["one on a train", onTrain((id) => of("jump_review", id)), 409, /is boarded and cannot jump the queue/],
    ],
  },
  remove_review: {
    accepts: [
      ["one that waits", waiting((id) => of("remove_review", id)), ["review.cancelled", "bead.cancelled"]],
      ["one on a train", onTrain((id) => of("remove_review", id)), ["bead.cancel_asked"]],
    ],
    again: "nothing",
    refuses: [
      noReview(of("remove_review", "ghost")),
      [
        "one that is merged",
        async (rig) => {
          const { command } = await onTrain((id) => of("remove_review", id))(rig);
          await allGreen(rig);
          return { command };
        },
        409,
        /is merged and cannot be removed/,
      ],
    ],
  },
  approve_review: {
    accepts: [
      [
        "what it has",
        unapproved((reviewId) => ({ type: "approve_review", reviewId, tree: null })),
        ["review.approved"],
      ],
      [
        "the tree that was looked at",
        unapproved((reviewId) => ({ type: "approve_review", reviewId, tree: TREE })),
        ["review.approved"],
      ],
    ],
    again: "nothing",
    refuses: [
      noReview({ type: "approve_review", reviewId: "ghost", tree: null }),
      [
        "another tree than it has",
        unapproved((reviewId) => ({ type: "approve_review", reviewId, tree: TARGET })),
        409,
        /has the tree b+ by now/,
      ],
      [
        "one that asks for none",
        waiting((reviewId) => ({ type: "approve_review", reviewId, tree: null })),
        409,
        /is pending and cannot be approved/,
      ],
    ],
  },
  resume_queue: {
    accepts: [
      ["a rig without a queue", () => ({ command: { type: "resume_queue" } }), []],
      [
        "a queue that is parked",
        async (rig) => {
          withTrains(rig);
          await submitted(rig);
          await arrives(rig, { stopped: { class: "place", code: "protected_branch", words: "GH006" } });
          return { command: { type: "resume_queue" } };
        },
        ["queue.resumed"],
      ],
    ],
    again: "nothing",
    refuses: [],
  },
  complete_train: {
    accepts: [
      ["of the train that runs", (rig) => reported(rig), ["review.checked", "train.reported", "review.completed"]],
      [
        "of a train that was given up: an older dispatch of it is stale, and what it pushed has its receipt",
        async (rig) => {
          const asked = await reported(rig);
          const { review_lease_ms } = rig.rig.world.rig.context.settings;
          rig.container.down = "it is away";
          await rig.tickAt(rig.now + review_lease_ms);
          return asked;
        },
        ["review.checked", "report.stale", "review.completed"],
        "is recorded again",
      ],
    ],
    again: "nothing",
    refuses: [
      ["a train that never was", (rig) => reported(rig, "rig1:9"), 404, /no train rig1:9/],
      ["a train of another rig", (rig) => reported(rig, "rig2:1"), 404, /no train rig2:1/],
    ],
  },
  retry_bead: {
    accepts: [
      ["a failed bead", (rig) => ({ command: { type: "retry_bead", beadId: failed(rig) } }), ["bead.retried"]],
      ["an open bead", (rig) => ({ command: { type: "retry_bead", beadId: openBead(rig) } }), []],
    ],
    again: "nothing",
    refuses: [
      noBead({ type: "retry_bead", beadId: "ghost" }),
      [
        "a closed bead",
        (rig) => ({ command: { type: "retry_bead", beadId: closed(rig) } }),
        409,
        /is closed and cannot be tried again/,
      ],
    ],
  },
  retry_beads: {
    accepts: [
      [
        "those of them that failed",
        (rig) => ({ command: { type: "retry_beads", beadIds: [failed(rig), closed(rig), failed(rig)] } }),
        ["bead.retried", "bead.retried"],
      ],
    ],
    again: "nothing",
    refuses: [noBead({ type: "retry_beads", beadIds: ["ghost"] })],
  },
  revert_bead: {
    accepts: [
      [
        "one that is merged, and what does it again behind it",
        async (rig) => ({ command: revert(await merged(rig)) }),
        ["bead.created", "review.submitted", "bead.created"],
      ],
      [
        "one that is merged",
        async (rig) => ({ command: revert(await merged(rig), false) }),
        ["bead.created", "review.submitted"],
      ],
    ],
    again: "makes another",
    refuses: [
      noBead(revert("ghost")),
      [
        "one that put nothing on the target",
        (rig) => ({ command: revert(closed(rig)) }),
        409,
        /is closed and has no commit on the target/,
      ],
      [
        "where no container runs trains",
        async (rig) => {
          const beadId = await merged(rig);
          rig.tell({ type: "container.met", inspects: true, ephemeral: false, trains: false });
          return { command: revert(beadOf(rig, beadId).context.id) };
        },
        409,
        /needs a container that runs trains/,
      ],
    ],
  },
} satisfies Record<string, Case>;
