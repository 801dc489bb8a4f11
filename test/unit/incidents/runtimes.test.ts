import { expect, test } from "vitest";
import { RUNTIMES } from "../../../container/agents/runtimes/runtimes.ts";
import { OWN_ACP, RUNTIME_NAMES } from "../../../src/events/runtimes.ts";
import { BeadEdit, SettingsEdit } from "../../../src/wire/edits.ts";
import { BeadCreate } from "../../../src/wire/schemas.ts";

/** Which coding agents may be asked for. */

test("the names that may be asked for are those that the container knows", () => {
  expect([...RUNTIMES.map(({ name }) => name), OWN_ACP]).toEqual(RUNTIME_NAMES);
});

test.each(["claude", "codex", "acp", "acp:my-agent"])("%s may be asked for", (runtime) => {
  expect(BeadCreate.safeParse({ type: "issue", title: "x", runtime }).success).toBe(true);
  expect(BeadEdit.safeParse({ runtime }).success).toBe(true);
  expect(SettingsEdit.safeParse({ runtime, programs: { polecat: { runtimes: [{ runtime }] } } }).success).toBe(true);
});

test("RUNTIME-unknown a coding agent that there is not is refused where it is asked for, with the names of those that there are", () => {
  const saidOf = (result: { error?: { issues: readonly { path: PropertyKey[]; message: string }[] } | undefined }) =>
    (result.error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
  const text = `there is no coding agent klaude; there are ${RUNTIME_NAMES.join(", ")}`;
  const runtime = "klaude";
  expect(saidOf(BeadCreate.safeParse({ type: "issue", title: "x", runtime }))).toEqual([`runtime: ${text}`]);
  expect(saidOf(BeadEdit.safeParse({ runtime }))).toEqual([`runtime: ${text}`]);
  const settings = { runtime, runtimes: [{ runtime: "claude" }, { runtime }], programs: { polecat: { runtime } } };
  expect(saidOf(SettingsEdit.safeParse(settings))).toEqual([
    `runtime: ${text}`,
    `runtimes.1.runtime: ${text}`,
    `programs.polecat.runtime: ${text}`,
  ]);
});
