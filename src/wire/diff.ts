/**
 * What a bead's work changes, in files, hunks and commits: asked of the container, told to people. Ticktown. All of it is text that an
 * agent may have written.
 */
import * as z from "zod";
import { BranchName, CommitId, EnvVars, Id, Place } from "./container.ts";

/** POST /git/diff. What is known of the work, newest last; the container takes the newest that it has. */
export const DiffRequest = z.object({
  rigId: Id,
  gitUrl: z.string().min(1).max(2048),
  targetBranch: BranchName,
  beadId: Id,
  /** Where the work is; null: nobody has begun it. */
  branch: BranchName.nullable(),
  /** Who is at work on it now: its clone is looked at as it is. */
  agentId: Id.nullable(),
  /** Exactly what was handed in, where somebody looked. */
  commit: CommitId.nullable(),
  /** The commit of the target that has it. */
  merged: CommitId.nullable(),
  envVars: EnvVars.optional(),
  place: Place.optional(),
});
export type DiffRequest = z.infer<typeof DiffRequest>;

const count = z.int().min(0);

/** Lines with their sign in front: a space, + or -; \ for what git says of a missing end of line. */
const DiffHunk = z.object({
  old_start: count,
  new_start: count,
  /** What git names it by, as the function that it is in; may be empty. */
  section: z.string(),
  lines: z.array(z.string()),
});
export type DiffHunk = z.infer<typeof DiffHunk>;

export const DiffFile = z.object({
  path: z.string(),
  /** Of a renamed or copied one. */
  from: z.string().nullable(),
  kind: z.enum(["added", "deleted", "modified", "renamed", "copied", "type"]),
  /** Null for what has no lines. */
  added: count.nullable(),
  deleted: count.nullable(),
  /** Its modes before and now, where they differ. */
  modes: z.tuple([z.string(), z.string()]).nullable(),
  /** Why its lines are not here; null: they are. `cut`: there was no room left for all of them. */
  omitted: z.enum(["binary", "large", "cut"]).nullable(),
  hunks: z.array(DiffHunk),
});
export type DiffFile = z.infer<typeof DiffFile>;

const DiffCommit = z.object({ id: z.string(), subject: z.string(), author: z.string(), at: z.string() });

export const Diff = z.discriminatedUnion("result", [
  /** There is nothing to be shown, and why. */
  z.object({ result: z.literal("none"), sentence: z.string() }),
  z.object({
    result: z.literal("found"),
    /** `clone`: as it lies in its agent's clone now; `branch`: as it was last taken out of one. */
    of: z.enum(["clone", "branch", "handed_in", "merged"]),
    /** Where it parted from the target; null: the two have no commit in common. */
    base: z.string().nullable(),
    tip: z.string(),
    target: z.string(),
    /** The target as this container knows it; null: there is none. */
    target_tip: z.string().nullable(),
    /** Some of it is in no commit yet. */
    uncommitted: z.boolean(),
    /** Files that do not merge; empty: it merges cleanly; null: nobody knows, or it is merged. */
    conflicts: z.array(z.string()).nullable(),
    /** Newest first. */
    commits: z.array(DiffCommit),
    commit_count: count,
    files: z.array(DiffFile),
    file_count: count,
    added: count,
    deleted: count,
  }),
]);
export type Diff = z.infer<typeof Diff>;
export type FoundDiff = Extract<Diff, { result: "found" }>;
