import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { called } from "../../../scripts/stack/project.ts";

test("a command that is printed for people works in any folder with any PATH, asks no registry, and names its state folder", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "it's elsewhere "));
  try {
    const command = called(`sling "Say hello" --help`, path.join(folder, "state"), false);
    expect(command).not.toContain("npx");
    expect(command).toContain("/cli/ticktown.ts sling");
    const env = { PATH: "/usr/bin:/bin", HOME: folder };
    expect(execFileSync("sh", ["-c", command], { cwd: folder, env, encoding: "utf8" })).toContain("sling");
    // Nothing runs on that state folder: it is that one that was looked at.
    const needs = called("needs", path.join(folder, "state"), false);
    expect(() => execFileSync("sh", ["-c", needs], { cwd: folder, env, stdio: "pipe" })).toThrow(
      `no Ticktown runs on ${path.join(folder, "state")}`,
    );
    expect(called("open", "/a/state", true)).toBe("ticktown open --state /a/state");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
