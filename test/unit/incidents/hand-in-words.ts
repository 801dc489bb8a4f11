import { expect } from "vitest";
import { replaySync } from "../../../src/core/replay.ts";
import { storedActors } from "../../../src/do/store.ts";
import type { InspectAnswer } from "../../../src/wire/container.ts";
import type { TestRig } from "../../support/node-rig.ts";
import { as, journal, town } from "./words.ts";

/** What tests of hand-ins share. */

export const COMMIT = "c".repeat(40);
export const accepted: InspectAnswer = {
  result: "accepted",
  branch: "ticktown/x",
  commit: COMMIT,
  base: null,
  ahead: 1,
  files: 1,
  deletions: 0,
};
export const refusing = (code: "no_commits" | "dirty" | "wrong_branch" = "no_commits"): InspectAnswer => ({
  result: "refused",
  code,
  sentence: "nothing was committed.",
  commit: code === "no_commits" ? null : COMMIT,
});

/** A town whose container looks at what is handed in. */
export function seeing(answer: InspectAnswer | (() => InspectAnswer) = accepted): TestRig {
  const rig = town();
  rig.container.can = { inspect: true, ephemeral: false };
  rig.container.onInspect = typeof answer === "function" ? answer : () => answer;
  return rig;
}

export const say = (rig: TestRig, agentId: string, more: object = {}) =>
  rig.run({ type: "done", agentId, branch: "ticktown/x", prUrl: null, summary: "s", ...more }, as(rig, agentId));

/** The rows are what the journal folds to. */
export function expectReplays(rig: TestRig): void {
  expect(replaySync(journal(rig), [...storedActors(rig.ports.sql)]).divergence).toBe(null);
}
