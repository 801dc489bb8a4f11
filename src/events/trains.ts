import * as z from "zod";
import { AN, BY, id, ms, ofBead, ofReview, reason, TEXT, title } from "./fields.ts";
import { sha } from "./hand-in.ts";
import { LIMITS } from "./limits.ts";
import { fact } from "./row.ts";
import { Boarded, Knowledge, NOTHING_KNOWN, StopClass, TRAIN_MEMBERS_MAX } from "./train.ts";

const CLAIM = { reviewId: AN.reviewId, claim: 1 };
const COMMIT = "0000000000000000000000000000000000000000";
const OLDER = "Of an older train, or of one that has ended.";
const ELSEWHERE = "The review is on no train by this claim: it was on an older one, or has ended.";
const ofClaim = { ...ofReview, claim: ms };
const STOPPED = { class: "place", code: "protected_branch", words: TEXT } as const;
const REPORTED = {
  train: 1,
  target: COMMIT,
  pushed: null,
  known: { ...NOTHING_KNOWN, suspects: [], flaky: [] },
  merged: 0,
  sentBack: 0,
  stopped: null,
};

/** Facts about the queue and its trains: reviews that are stacked on the target, gated together, and pushed up to the last green one. */
export const TRAIN_FACTS = [
  fact(
    "queue.opened",
    {},
    {
      to: ["queue"],
      makes: "queue",
      example: {},
      ignored: { queue: "Makes the queue. A queue that exists is not made again." },
    },
  ),
  /** This rig has checks, and its container can run none. */
  fact(
    "queue.blocked",
    { words: reason },
    { to: ["queue"], example: { words: TEXT }, ignored: { queue: "Told once; a train that runs is heard out first." } },
  ),
  fact(
    "queue.resumed",
    { by: id },
    {
      to: ["queue"],
      arms: true,
      example: { by: BY },
      ignored: { queue: "Nothing is in its way, or a train is finding out." },
    },
  ),
  fact(
    "train.departed",
    {
      train: ms,
      members: z.array(Boarded).max(TRAIN_MEMBERS_MAX),
      gates: z.array(z.int().min(0)).max(TRAIN_MEMBERS_MAX + 1),
      again: Boarded.nullable(),
    },
    {
      to: ["queue"],
      example: { train: 1, members: [CLAIM], gates: [1], again: null },
      ignored: { queue: "One train at a time, each with the next number. Any other is a repetition." },
    },
  ),
  fact(
    "train.reported",
    {
      train: ms,
      target: sha.nullable(),
      pushed: sha.nullable(),
      /** What it told, with what was known before. */
      known: Knowledge,
      merged: ms,
      sentBack: ms,
      stopped: z.object({ class: StopClass, code: z.string().max(64), words: reason }).nullable(),
    },
    {
      to: ["queue"],
      arms: true,
      example: REPORTED,
      variants: [
        { name: "it went" },
        ...(["place", "target", "passing"] as const).map((of) => ({
          name: `stopped: ${of}`,
          fields: { stopped: { ...STOPPED, class: of } },
        })),
      ],
      ignored: { queue: OLDER },
    },
  ),
  /** The container runs it: its lease begins again. Said when half of the lease is over, not at every look. */
  fact("train.seen", { train: ms }, { to: ["queue"], example: { train: 1 }, ignored: { queue: OLDER } }),
  /** The container does not know it. */
  fact(
    "train.lost",
    { train: ms },
    {
      to: ["queue"],
      example: { train: 1 },
      ignored: { queue: "It was asked for a moment ago; or it is an older one." },
    },
  ),
  fact(
    "train.refused",
    { train: ms, status: z.int(), error: reason },
    { to: ["queue"], example: { train: 1, status: 422, error: TEXT }, ignored: { queue: OLDER } },
  ),
  fact(
    "train.unknown",
    { train: ms, error: reason },
    { to: ["queue"], example: { train: 1, error: TEXT }, ignored: { queue: OLDER } },
  ),
  fact(
    "review.boarded",
    { ...ofClaim, train: ms },
    {
      to: ["review"],
      example: { ...CLAIM, train: 1 },
      ignored: {
        review: "A claim has the next number, and only a queued review is boarded. Any other is a repetition.",
      },
    },
  ),
  /** It goes with a later one, at nobody's cost. */
  fact(
    "review.unboarded",
    { ...ofClaim, why: reason },
    { to: ["review"], arms: true, example: { ...CLAIM, why: TEXT }, ignored: { review: ELSEWHERE } },
  ),
  /** Red, and again when it was repeated, on what was green. */
  fact(
    "review.rejected",
    { ...ofClaim, check: title, words: z.string().max(LIMITS.check_words_chars) },
    { to: ["review"], example: { ...CLAIM, check: "test", words: TEXT }, ignored: { review: ELSEWHERE } },
  ),
  /** It changes protected files: a person must say yes to exactly this tree. */
  fact(
    "review.protected",
    { ...ofClaim, files: z.array(z.string().max(500)).max(50), tree: sha },
    {
      to: ["review"],
      example: { ...CLAIM, files: [".ticktown/checks.json"], tree: COMMIT },
      ignored: { review: ELSEWHERE },
    },
  ),
  fact(
    "review.approved",
    { ...ofReview, tree: sha, by: id },
    {
      to: ["review"],
      arms: true,
      example: { reviewId: AN.reviewId, tree: COMMIT, by: BY },
      command: { review: { command: "approve" } },
    },
  ),
  /** Its branch is at the remote, for somebody else to merge. */
  fact(
    "review.handed_over",
    { ...ofClaim, commit: sha.nullable() },
    { to: ["review"], example: { ...CLAIM, commit: COMMIT }, ignored: { review: ELSEWHERE } },
  ),
  fact(
    "review.held",
    { ...ofReview, by: id },
    {
      to: ["review"],
      example: { reviewId: AN.reviewId, by: BY },
      command: { review: { command: "hold", already: ["review.held"] } },
    },
  ),
  fact(
    "review.released",
    { ...ofReview, by: id },
    {
      to: ["review"],
      arms: true,
      example: { reviewId: AN.reviewId, by: BY },
      command: { review: { command: "release", already: ["review.pending"] } },
    },
  ),
  fact(
    "review.jumped",
    { ...ofReview, by: id },
    {
      to: ["review"],
      arms: true,
      example: { reviewId: AN.reviewId, by: BY },
      command: { review: { command: "jump the queue" } },
    },
  ),
  /** The receipt of one push: what got onto the target, and what was run on exactly this tree before. Nobody moves on it; `verify` reads it. */
  fact(
    "review.checked",
    {
      train: ms,
      from: sha,
      to: sha,
      tree: sha,
      checks: z
        .array(
          z.object({
            name: z.string().max(60),
            commandDigest: z.string().max(64),
            exit: z.int().nullable(),
            ms,
            outputDigest: z.string().max(64),
          }),
        )
        .max(20),
      /** Whether what was run could touch nothing else of its machine. */
      boxed: z.boolean(),
      /** What agents and checks were kept in, in one line; a container of before does not say it. */
      box: z.string().max(200).optional(),
      members: z
        .array(
          z.object({
            ...ofReview,
            ...ofBead,
            handedIn: sha,
            commit: sha,
            /** It was red before, on what was the same. */
            flaky: z.boolean(),
          }),
        )
        .max(TRAIN_MEMBERS_MAX),
    },
    {
      to: [],
      about: ({ members }) =>
        members.flatMap(({ reviewId, beadId }) => [
          { kind: "review" as const, id: reviewId },
          { kind: "bead" as const, id: beadId },
        ]),
      example: { train: 1, from: COMMIT, to: COMMIT, tree: COMMIT, checks: [], boxed: false, members: [] },
    },
  ),
] as const;
