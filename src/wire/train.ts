/**
 * The wire of a train: reviews stacked on the target, gated, and pushed up to the last green one. The rig plans which are in it
 * and where it is gated; the container does it, and says what it saw. Ticktown's alone: POST /git/train, GET /git/train/:id,
 * and a callback. Times are ms.
 */
import * as z from "zod";
import { Checks, Gate } from "../events/gate.ts";
import { BranchName, CommitId, EnvVars, HttpUrl, Id, Place } from "./container.ts";

export { ALWAYS_PROTECTED, type Check, type Gate } from "../events/gate.ts";

/** `<rig id>:<n>`, n counting up: what an older one has to say is stale. */
export const TrainId = z
  .string()
  .max(160)
  .regex(/^.+:\d{1,15}$/, "must be <rig id>:<number>");

export const TrainMember = z.object({
  entryId: Id,
  beadId: Id,
  agentId: Id,
  branch: BranchName,
  /** Exactly what was handed in; without it the branch as it is now. */
  commit: CommitId.optional(),
  title: z.string().max(1_000),
  /** The tree of this member's commit, whose changes of protected files a person approved. */
  approvedTree: CommitId.nullable(),
  /** A commit of the target that this member takes back, in place of a branch; with it all of a bead that was rebased. */
  reverts: CommitId.optional(),
  /** Of `hand_over`: it was handed over before, so it is looked for and not pushed again. */
  handedOver: z.boolean().optional(),
});
export type TrainMember = z.infer<typeof TrainMember>;

const TRAIN_MEMBERS_MAX = 64;

export const TrainRequest = z.object({
  trainId: TrainId,
  rigId: Id,
  gitUrl: z.string().min(1).max(2048),
  targetBranch: BranchName,
  /** Stacked in this order. None: only the target is looked at. */
  members: z.array(TrainMember).max(TRAIN_MEMBERS_MAX),
  /**
   * Where the checks run: on the tree with so many members, ascending; 0 is the target alone. At most `gate.gate_slots` run at a time.
   * Only what is green is pushed, so the last that may be pushed stands here. Without checks: the number of members.
   * One that comes to the tree of the target alone is run only where 0 stands here too; those of one tree are run once, and told each.
   */
  gates: z.array(z.int().min(0).max(TRAIN_MEMBERS_MAX)).max(TRAIN_MEMBERS_MAX + 1),
  /** Gated once more, alone on the target, beside the others; never pushed by this train. */
  again: TrainMember.nullable(),
  gate: Gate,
  place: Place.optional(),
  envVars: EnvVars.optional(),
  /** Names in envVars that are the rig's own (see env-names.ts): of envVars `setup` sees these, without GIT_TOKEN; checks see none. */
  ownVars: z.array(z.string().max(256)).max(1_000).optional(),
  callbackUrl: HttpUrl.optional(),
});
export type TrainRequest = z.infer<typeof TrainRequest>;

/** Why a check is red: every one of them closes the gate. */
export const RedWhy = z.enum([
  "setup",
  "missing_command",
  "exit",
  "timeout",
  "killed",
  "expect",
  "dirty",
  "store_touched",
  /** The commit that a submodule points to is nowhere. */
  "submodule",
  /** Its files cannot be written to a disk, as one with a name that is too long, or `.git/config`. */
  "checkout",
]);
export type RedWhy = z.infer<typeof RedWhy>;

export const CheckRun = z.object({
  name: z.string().max(60),
  /** sha256 of the command, hex. */
  commandDigest: z.string().max(64),
  verdict: z.enum(["green", "red"]),
  why: RedWhy.nullable(),
  /** Null: it was ended by a signal or never began. */
  exit: z.int().nullable(),
  ms: z.int().min(0),
  /** sha256 of all that it printed, hex. */
  outputDigest: z.string().max(64),
  /** Its last lines, without secrets; empty when green. */
  words: z.string().max(4_096),
});
export type CheckRun = z.infer<typeof CheckRun>;

/** One run of the gate. */
export const GateRun = z.object({
  /** A gate of the request, as it says it: of its first so many members those that did not leave were stacked. Null: `again`. */
  upTo: z.int().min(0).nullable(),
  /** `place`: the setup fails on the target as well, so nobody's work is judged by it. Its words are in `checks`, as those of `setup`. */
  verdict: z.enum(["green", "red", "place"]),
  tree: CommitId,
  /** As far as they were run: the first red one ends it. */
  checks: z.array(CheckRun).max(20),
  boxed: z.boolean(),
  ms: z.int().min(0),
});
export type GateRun = z.infer<typeof GateRun>;

/** A member that was not stacked. */
export const Left = z.object({
  entryId: Id,
  why: z.enum([
    "conflict",
    /** It changes protected files, and nobody has approved this tree. */
    "protected",
    /** The target has it already; `commit` says where. Of what is taken back: nothing of it is left. */
    "contained",
    /** Neither here nor at the remote: the work must be done again. */
    "missing",
    /** Of `hand_over`: its branch is at the remote now. */
    "handed_over",
  ]),
  message: z.string().max(2_000),
  commit: CommitId.nullable(),
  /** Of protected: what a person would approve. */
  tree: CommitId.nullable(),
  /** Of conflict and protected: at most 50. */
  files: z.array(z.string().max(500)).max(50),
});
export type Left = z.infer<typeof Left>;

/** A push that was seen on the remote. */
export const Pushed = z.object({
  from: CommitId,
  to: CommitId,
  tree: CommitId,
  /** What is on the target now, in order. */
  members: z.array(
    z.object({
      entryId: Id,
      beadId: Id,
      /** What was handed in. */
      handedIn: CommitId,
      /** Where it is on the target: the merge, the squash, the last of the rebased. */
      commit: CommitId,
    }),
  ),
  checks: z.array(CheckRun).max(20),
  boxed: z.boolean(),
  /** What agents and checks of this rig were kept in then, in one line. A container of before does not say it. */
  box: z.string().max(200).optional(),
});
export type Pushed = z.infer<typeof Pushed>;

/** Why no train could run, which is nobody's work's fault. */
export const PlaceCode = z.enum([
  "protected_branch",
  "no_right_to_push",
  "checked_out",
  "linear_history_required",
  "target_missing",
  "empty_repository",
  "setup_failed",
  "checks_file_bad",
  "push_rejected",
]);
export type PlaceCode = z.infer<typeof PlaceCode>;
export const PassingCode = z.enum([
  "remote_unreachable",
  "disk_full",
  "target_moves",
  "locked",
  "interrupted",
  "internal",
]);
export type PassingCode = z.infer<typeof PassingCode>;

/** POST {rig API}/trains/:id/complete, or callbackUrl. */
export const TrainReport = z.object({
  trainId: TrainId,
  /** What the target was when it was stacked; null when that was never known. */
  target: CommitId.nullable(),
  left: z.array(Left).max(TRAIN_MEMBERS_MAX),
  runs: z.array(GateRun).max(TRAIN_MEMBERS_MAX + 2),
  pushed: Pushed.nullable(),
  /** Pushes of trains before it, whose report may never have been told: the server ended in between. Oldest first. */
  earlier: z
    .array(z.object({ trainId: TrainId, pushed: Pushed }))
    .max(8)
    .optional(),
  /** What stopped it; what is in `runs` and `pushed` holds nevertheless. */
  stopped: z
    .discriminatedUnion("class", [
      z.object({ class: z.literal("place"), code: PlaceCode, words: z.string().max(2_000) }),
      z.object({ class: z.literal("passing"), code: PassingCode, words: z.string().max(2_000) }),
    ])
    .nullable(),
});
export type TrainReport = z.infer<typeof TrainReport>;

export const TrainAnswer = z.object({ status: z.literal("accepted") });

/** GET /git/train/:id: 404 when this container does not know it, such as after a restart. */
export const TrainState = z.object({
  trainId: TrainId,
  state: z.enum(["waiting", "running", "finished"]),
  /** What it does now, for people: "checks on 4 of 8: npm test, 41 s". */
  step: z.string().max(200),
  /** When finished: said again, in case the callback was lost. */
  report: TrainReport.nullable(),
});
export type TrainState = z.infer<typeof TrainState>;

/** What `.ticktown/checks.json` of the target may say. */
export const ChecksFile = z.strictObject({
  checks: Checks,
  setup: Place.shape.setup.optional(),
});
export type ChecksFile = z.infer<typeof ChecksFile>;
