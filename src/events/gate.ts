/** What is checked before anything gets onto the target, and how: settings of the rig, which every train carries. */
import * as z from "zod";

const MINUTE_MS = 60_000;
const SECOND_MS = 1_000;

/** One command that decides. It is run by `sh -c` in a copy of exactly the merged tree. */
export const Check = z.strictObject({
  name: z
    .string()
    .trim()
    .regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}$/, "must be 1 to 60 of A-Z a-z 0-9 space . _ -"),
  command: z.string().trim().min(1).max(10_000),
  /** It is stopped then, and is red. */
  timeout_ms: z
    .int()
    .min(SECOND_MS)
    .max(360 * MINUTE_MS)
    .default(30 * MINUTE_MS),
  /** What must stand in its output: exit 0 without it is red, as when no test ran. */
  expect: z.string().min(1).max(500).optional(),
});
export type Check = z.infer<typeof Check>;

/** `src/*.ts`, `db/**`: from the root of the repository. A star stays within a folder, two go on below. */
const Glob = z
  .string()
  .min(1)
  .max(500)
  .refine(
    (glob) =>
      !glob.startsWith("/") && !glob.includes("\0") && glob.split("/").every((part) => !["", ".", ".."].includes(part)),
    "must be a path from the root of the repository, without . and .., with * and **",
  );

const unique = (checks: readonly Check[]): boolean => new Set(checks.map(({ name }) => name)).size === checks.length;

/** In this order; the first that is red ends it. */
export const Checks = z.array(Check).max(20).refine(unique, "no two checks may have one name");

/** How a bead's work gets onto the target. `hand_over`: its branch is pushed, and somebody else merges it. */
export const Strategy = z.enum(["merge", "squash", "rebase", "hand_over"]);
export type Strategy = z.infer<typeof Strategy>;

export const Gate = z.object({
  /** Null: what `.ticktown/checks.json` of the target says; it says nothing where there is no such file. */
  checks: Checks.nullable().default(null),
  /** Who changes one of these waits for a person's approval by name. `.ticktown/**` always is one of them. */
  protect: z.array(Glob).max(100).default([]),
  /** Gates that run at the same time, beside the agents. */
  gate_slots: z.int().min(1).max(32).default(1),
  /** Reviews in one train. */
  train_max: z.int().min(1).max(64).default(8),
  strategy: Strategy.default("merge"),
  /** Who commits; null: Ticktown. */
  committer: z
    .strictObject({
      name: z
        .string()
        .trim()
        .min(1)
        .max(100)
        .regex(/^[^<>\r\n\0]+$/, "must not contain < > or line breaks"),
      email: z
        .string()
        .trim()
        .min(3)
        .max(200)
        .regex(/^[^<>\s\0]+@[^<>\s\0]+$/, "must be an address"),
    })
    .nullable()
    .default(null),
});
export type Gate = z.infer<typeof Gate>;

export const DEFAULT_GATE: Gate = Gate.parse({});

/** What nobody may change without an approval, whatever the settings say. */
export const ALWAYS_PROTECTED = ".ticktown/**";
