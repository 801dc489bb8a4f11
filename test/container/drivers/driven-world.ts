/** A control server whose coding agents are a program without a model, and a rig that takes what they hand in. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect } from "vitest";
import {
  type Control,
  type FakeRig,
  createFakeRig,
  createOrigin,
  eventually,
  startBody,
  startControl,
  tempDir,
} from "../world.ts";

export const PROGRAM = path.join(import.meta.dirname, "program.mjs");
export const COMMIT = "echo hello > HELLO.md && git add HELLO.md && git commit -qm hello";

export interface DrivenWorld {
  readonly control: Control;
  readonly rig: FakeRig;
  readonly note: string;
  readonly url: string;
  readonly start: (more?: Record<string, unknown>, fake?: Record<string, string>) => Promise<unknown>;
  /** What the program noted. */
  readonly noted: () => Record<string, string>[];
}

/** @param runtime `acp`, or a preset's name, whose program is ours */
export async function drivenWorld(runtime: string, env: Record<string, string> = {}): Promise<DrivenWorld> {
  const bin = tempDir();
  // Where these tests are root's, an agent in a box is somebody else.
  chmodSync(bin, 0o755);
  for (const name of ["claude", "codex", "kilo"]) {
    const spoken = name === "kilo" ? "acp" : `${name} "$@"`;
    writeFileSync(path.join(bin, name), `#!/bin/sh\nexec "${process.execPath}" "${PROGRAM}" ${spoken}\n`);
    chmodSync(path.join(bin, name), 0o755);
  }
  const rig = await createFakeRig();
  rig.answer = ({ path: to }) =>
    to.endsWith("/done")
      ? { status: 200, data: { done: true, hand_in: { code: "accepted", sentence: "Your work was taken." } } }
      : { status: 200 };
  const control = await startControl({
    AGENT_RUNTIME: runtime === "acp" ? `acp:"${process.execPath}" "${PROGRAM}" acp` : runtime,
    GASTOWN_API_URL: rig.url,
    HEARTBEAT_MS: "200",
    PATH: `${bin}:${process.env["PATH"]}`,
    ...env,
  });
  const { url } = createOrigin();
  const note = path.join(tempDir(), "note");
  const start = async (more: Record<string, unknown> = {}, fake: Record<string, string> = {}): Promise<unknown> => {
    const envVars = { FAKE_SHELL: COMMIT, FAKE_NOTE: note, GIT_TOKEN: "git-token-value", ...fake };
    const reply = await control.post(
      "/agents/start",
      startBody(url, "", { dispatchId: "a1:1", beadId: "b1", ...more, envVars }),
    );
    expect(reply.status, JSON.stringify(reply.body)).toBe(201);
    return reply.body;
  };
  const noted = (): Record<string, string>[] =>
    existsSync(note)
      ? readFileSync(note, "utf8")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as Record<string, string>)
      : [];
  return { control, rig, note, url, start, noted };
}

export const completed = (rig: FakeRig): Promise<Record<string, unknown>> =>
  eventually("the end is reported", () => rig.to("/completed").at(-1)?.body);
