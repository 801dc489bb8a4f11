/** How a rig's clones are made, made fit to work in, and kept: settings of the rig, which every order to the container carries. */
import * as z from "zod";

const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;

/** Below the clone, by its shortest name: what is looked for, or copied, must not lie anywhere else. */
const PathInClone = z
  .string()
  .min(1)
  .max(500)
  .refine(
    (name) =>
      !name.startsWith("/") &&
      !name.includes("\0") &&
      name.split("/").every((part) => !["", ".", "..", ".git"].includes(part)),
    "must be a path inside the clone, without . and ..",
  );

/** What a clone needs before anybody can work or check in it, such as `npm ci`. */
export const Setup = z.strictObject({
  /** Run by `sh -c` in the clone, before the agent. */
  command: z.string().trim().min(1).max(10_000),
  /** Files that decide what the command makes: lock files. A missing one counts as such. */
  cache_keys: z.array(PathInClone).max(50).default([]),
  /** Folders that it makes: kept under the digest of command and keys, and copied into the next clone. */
  cache_dirs: z.array(PathInClone).max(20).default([]),
  timeout_ms: z
    .int()
    .min(SECOND_MS)
    .max(360 * MINUTE_MS)
    .default(10 * MINUTE_MS),
});
export type Setup = z.infer<typeof Setup>;

/** How long one command may take, ms. */
const limit = (fallback: number) =>
  z
    .int()
    .min(SECOND_MS)
    .max(360 * MINUTE_MS)
    .default(fallback);

export const Place = z.object({
  /** How much of the remote's history the rig's store holds: all; all but old contents of files; the last N commits. */
  clone: z
    .string()
    .regex(/^(full|blobless|shallow:[1-9]\d{0,6})$/, "must be full, blobless or shallow:N, N from 1 to 9999999")
    .default("full"),
  /** Whether submodules are checked out in each clone. */
  submodules: z.enum(["none", "init"]).default("none"),
  /** Large files: fetched, kept and pushed by git-lfs where it is installed and the repository uses it; or left alone. */
  lfs: z.enum(["auto", "off"]).default("auto"),
  /** The first copy of the remote, and whatever brings a clone what is missing of it. */
  clone_timeout_ms: limit(10 * MINUTE_MS),
  fetch_timeout_ms: limit(2 * MINUTE_MS),
  push_timeout_ms: limit(2 * MINUTE_MS),
  /** The merge itself, without fetch and push. */
  merge_timeout_ms: limit(10 * MINUTE_MS),
  setup: Setup.nullable().default(null),
  /** What an agent leaves uncommitted may leave a container whose disk does not last: sealed, and never as a branch. */
  leftovers_remote: z.boolean().default(false),
  /** More deleted files than this in one hand-in are refused. */
  max_deletions: z.int().min(0).max(10_000_000).default(1_000),
  /** Whether an agent may be started where no box works that keeps it from the rest of the machine. */
  box: z.enum(["any", "required"]).default("any"),
  /** Files and folders that a boxed agent may read beside the system's and its own, such as a toolchain in somebody's home. */
  box_read: z
    .array(
      z
        .string()
        .max(500)
        .regex(/^\/[^\0]*$/, "must be an absolute path"),
    )
    .max(50)
    .default([]),
  /** What a boxed agent reaches: as the container says; or Ticktown's API and the agents' door alone, whatever it says. */
  box_network: z.enum(["any", "gateway"]).default("any"),
  /** Clone and refs of a bead that has ended are kept so long. */
  keep_days: z.number().min(0).max(3_650).default(7),
});
export type Place = z.infer<typeof Place>;

export const DEFAULT_PLACE: Place = Place.parse({});
