import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { loginFilesOf } from "../../../container/agents/runtimes/logins.ts";
import { credentialOf, presetNamed } from "../../../scripts/stack/presets.ts";
import { PROJECT } from "../../../scripts/stack/project.ts";

const dir = mkdtempSync(path.join(tmpdir(), "ticktown-login-test-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const state = path.join(dir, "state");
const bin = path.join(dir, "bin");
mkdirSync(bin);

/** What stands for a program: a login of it does this. */
function program(name: string, login: string): void {
  writeFileSync(
    path.join(bin, name),
    `#!/bin/sh\n[ "$1" = --version ] && echo 0.169.0 && exit 0\numask 022\n${login}\n`,
  );
  chmodSync(path.join(bin, name), 0o755);
}

const login = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(PROJECT, "scripts/login.ts"), ...args, "--state", state],
    {
      encoding: "utf8",
      input: "a code\n",
      env: {
        PATH: `${bin}:${process.env["PATH"]}`,
        HOME: path.join(dir, "person"),
        CODEX_HOME: path.join(dir, "elsewhere"),
        OPENAI_API_KEY: "a-key",
      },
    },
  );
  return { status, stdout, stderr };
};

test("a program logs in by itself, in a home of Ticktown's: what it leaves is readable by its owner only, and is what agents of it use", () => {
  const kept = path.join(state, "logins/codex/.codex/auth.json");
  program(
    "codex",
    'read code; mkdir -p "$HOME/.codex"; echo "$1 $code ${OPENAI_API_KEY-no key} ${CODEX_HOME-no other home}" > "$HOME/.codex/auth.json"',
  );
  const preset = presetNamed("codex");
  if (preset === undefined) throw new Error("there is no codex");
  const env = { AGENT_LOGINS: path.join(state, "logins"), HOME: path.join(dir, "person") };
  // As long as nothing is kept, a person's own is used.
  expect(loginFilesOf(preset, env)).toEqual([path.join(dir, "person/.codex/auth.json")]);
  expect(credentialOf(preset, env).isThere).toBe(false);

  expect(login("codex")).toMatchObject({ status: 0, stdout: expect.stringContaining(kept) });
  expect(readFileSync(kept, "utf8")).toBe("login a code no key no other home\n");
  expect(statSync(kept).mode & 0o777).toBe(0o600);
  for (const folder of ["logins", "logins/codex"]) expect(statSync(path.join(state, folder)).mode & 0o777).toBe(0o700);
  expect(loginFilesOf(preset, env)).toEqual([kept]);
  expect(credentialOf(preset, env)).toEqual({ isThere: true, says: `logged in by ${kept}` });
});

test("what came to nothing is said: no such agent, no such program, a login that failed, and one that left nothing", () => {
  expect(login("plumber")).toMatchObject({ status: 1, stderr: expect.stringContaining("by name there are claude") });
  expect(login()).toMatchObject({ status: 2 });
  expect(login("claude", "codex")).toMatchObject({ status: 2 });
  program("opencode", "exit 3");
  expect(login("opencode")).toMatchObject({ status: 1, stderr: expect.stringContaining("auth login ended with 3") });
  program("kilo", "exit 0");
  expect(login("kilo")).toMatchObject({ status: 1, stderr: expect.stringContaining("has left no login") });
});
