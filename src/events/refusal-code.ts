import * as z from "zod";

/** Why a hand-in is refused: what the container saw of the agent's clone. */
export const RefusalCode = z.enum([
  "no_commits",
  "dirty",
  "unfinished_merge",
  "conflict_markers",
  "wrong_branch",
  "unknown_branch",
  "bad_name",
  "another_agents_branch",
  "too_many_deletions",
  "broken_clone",
  "unrelated",
]);
export type RefusalCode = z.infer<typeof RefusalCode>;
