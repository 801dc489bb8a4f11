/** What all parts of one train share, and how any of them stops it. */
import type * as z from "zod";
import type { Left, PassingCode, PlaceCode, TrainMember, TrainReport, TrainRequest } from "../../src/wire/train.ts";
import type { Git, GitIdentity } from "../git/git.ts";
import type { RigFolders } from "../git/layout.ts";
import type { Remote } from "../git/remotes.ts";
import { LEFT_FILES_MAX_CHARS, CONFLICT_FILES_MAX, TRAIN_WORDS_MAX_CHARS } from "../limits.ts";
import type { Redact } from "../redact.ts";

export interface TrainContext {
  readonly request: TrainRequest;
  readonly git: Git;
  readonly who: GitIdentity;
  readonly remote: Remote;
  readonly folders: RigFolders;
  readonly redact: Redact;
  /** This container's disk does not last. */
  readonly ephemeral: boolean;
  /** What checks are kept in, in words. */
  readonly checksIn: string;
  /** Aborted when this server ends, or the rig is deleted. */
  readonly signal: AbortSignal;
  /** What it does now, for people. */
  readonly say: (step: string) => void;
}

export type Stop = NonNullable<TrainReport["stopped"]>;

/** Nobody's work is to blame. What was seen before it holds. */
export class Stopped extends Error {
  readonly stop: Stop;

  constructor(stop: Stop) {
    super(stop.words);
    this.name = "Stopped";
    this.stop = stop;
  }
}

export const ofPlace = (code: z.infer<typeof PlaceCode>, words: string): Stopped =>
  new Stopped({ class: "place", code, words });
export const passing = (code: z.infer<typeof PassingCode>, words: string): Stopped =>
  new Stopped({ class: "passing", code, words });

/** It was ended from outside. */
export const interrupted = (): Stopped =>
  passing("interrupted", "the container was shut down meanwhile, everything was stopped, or the rig deleted");

/** @throws Stopped when nothing new may begin */
export function checkGoesOn({ signal }: Pick<TrainContext, "signal">): void {
  if (signal.aborted) throw interrupted();
}

/** A member that leaves, with no more files named than a request to the rig can carry. */
export function leaves(
  { entryId }: TrainMember,
  why: Left["why"],
  message: string,
  more: { readonly commit?: string; readonly tree?: string; readonly files?: readonly string[] } = {},
): Left {
  const files: string[] = [];
  let chars = 0;
  for (const file of (more.files ?? []).slice(0, CONFLICT_FILES_MAX)) {
    const told = file.slice(0, FILE_MAX_CHARS);
    chars += told.length;
    if (chars > LEFT_FILES_MAX_CHARS) break;
    files.push(told);
  }
  return {
    entryId,
    why,
    message: message.slice(0, TRAIN_WORDS_MAX_CHARS),
    commit: more.commit ?? null,
    tree: more.tree ?? null,
    files,
  };
}

const FILE_MAX_CHARS = 500;

/** The first few, and how many more. */
export function listed(files: readonly string[]): string {
  const more = files.length > 5 ? ` and ${files.length - 5} more` : "";
  return `${files.slice(0, 5).join(", ")}${more}`;
}
