import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { openState } from "../../scripts/stack/state.ts";
import { tempDir } from "./world.ts";

test("F-712 what an earlier version left readable in a state folder is its owner's alone once it is opened", () => {
  const dir = tempDir();
  const database = path.join(dir, "worker", "v3", "do", "ticktown-RigDO", "rig.sqlite");
  mkdirSync(path.dirname(database), { recursive: true });
  const outside = path.join(tempDir(), "outside");
  const files = [database, path.join(dir, "secrets.json"), path.join(dir, "worker.capnp"), outside];
  for (const file of files) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, "{}");
    chmodSync(file, 0o644);
  }
  chmodSync(path.dirname(database), 0o755);
  symlinkSync(outside, path.join(dir, "worker", "link"));
  openState(dir).unlock();
  for (const file of files.slice(0, 3)) expect([file, statSync(file).mode & 0o777]).toEqual([file, 0o600]);
  expect(statSync(path.dirname(database)).mode & 0o777).toBe(0o700);
  expect(statSync(outside).mode & 0o777).toBe(0o644);
});
