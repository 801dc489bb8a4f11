import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createOrigin, git, tempDir } from "./world.ts";

const DRIVER = fileURLToPath(new URL("steps.ts", import.meta.url));
/** A sample; all of them take minutes, and are a part of `npm run soak`. */
const EVERY = Number(process.env["KILL_STEPS"] ?? 311);
const FILES = 200;

interface Place {
  /** How the store is made. */
  readonly clone: string;
  readonly url: string;
  readonly workDir: string;
  readonly trace: string;
}

function place(kind: string): Place {
  const { url: folder, clone } = createOrigin();
  git(folder, "config", "uploadpack.allowFilter", "true");
  const url = `file://${folder}`;
  for (let n = 0; n < FILES; n++) {
    mkdirSync(path.join(clone, `d${n % 10}`), { recursive: true });
    writeFileSync(path.join(clone, `d${n % 10}`, `f${n}`), `${n}\n`);
  }
  git(clone, "add", "--all");
  git(clone, "commit", "--quiet", "-m", "many files");
  git(clone, "push", "--quiet", "origin", "main");
  const workDir = tempDir();
  return { clone: kind, url, workDir, trace: path.join(tempDir(), "trace") };
}

const drive = ({ clone, url, workDir, trace }: Place, dieAt: number): ReturnType<typeof spawnSync> =>
  spawnSync(process.execPath, [DRIVER, workDir, url, String(dieAt), trace, clone], { encoding: "utf8" });

function expectAllMerged({ url: address }: Place, when: string): void {
  const url = fileURLToPath(address);
  const files = git(url, "ls-tree", "-r", "--name-only", "main").split("\n");
  expect(files.length, when).toBe(FILES + 4);
  const subjects = git(url, "log", "--format=%s", "main").split("\n");
  const second = git(url, "log", "-1", "--grep=^work of b2$", "--format=", "--name-only", "main");
  expect(second, when).toBe("b2.txt");
  for (const bead of ["b1", "b2"]) {
    expect(
      subjects.filter((one) => one === `work of ${bead}`),
      when,
    ).toHaveLength(1);
    expect(
      subjects.filter((one) => one === `Merge ticktown/${bead} (${bead})`),
      when,
    ).toHaveLength(1);
  }
}

/** Kills a run at a sample of its steps, each in a place of its own, and starts again. */
function killEverywhere(kind: string, every: number, and = / checkout /): void {
  const whole = place(kind);
  expect(drive(whole, 0)).toMatchObject({ status: 0, stderr: "" });
  expectAllMerged(whole, "never killed");
  const steps = readFileSync(whole.trace, "utf8").trim().split("\n");
  expect(steps.length).toBeGreaterThan(60);
  const chosen = steps.flatMap((what, n) => ((n + 1) % every === 0 || and.test(what) ? [n + 1] : []));
  for (const step of chosen) {
    const there = place(kind);
    const when = `killed at step ${step}: ${steps[step - 1]}`;
    expect(drive(there, step).signal, when).toBe("SIGKILL");
    const again = drive(there, 0);
    expect(again.status, `${when}\n${String(again.stderr)}`).toBe(0);
    expectAllMerged(there, when);
    execFileSync("rm", ["-rf", there.workDir]);
  }
}

test("F-201 killed with its git at any step, the next start uses nothing half made: main loses no file, nothing is committed twice", () => {
  killEverywhere("full", EVERY);
}, 1_800_000);

test.each(["shallow:2", "blobless"])(
  "the same where the store is %s",
  (kind) => killEverywhere(kind, EVERY, /^begun git checkout/),
  1_800_000,
);

test("killed at any step of keeping leftovers at the remote, or of taking them up, the next start has all of them", () => {
  const driver = fileURLToPath(new URL("away-steps.ts", import.meta.url));
  const { url } = createOrigin();
  const run = (what: string, workDir: string, dieAt: number, trace: string): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [driver, what, workDir, url, String(dieAt), trace], { encoding: "utf8" });
  const stepsOf = (what: string, workDir: string): number => {
    const trace = path.join(tempDir(), "trace");
    expect(run(what, workDir, 0, trace)).toMatchObject({ status: 0, stderr: "" });
    return readFileSync(trace, "utf8").trim().split("\n").length;
  };
  const [toLeave, toTake] = [stepsOf("leave", tempDir()), stepsOf("take", tempDir())];
  expect(Math.min(toLeave, toTake)).toBeGreaterThan(15);
  const every = Math.min(EVERY, 11);
  for (let step = every; step <= Math.max(toLeave, toTake); step += every) {
    git(url, "update-ref", "-d", "refs/ticktown/left/b1");
    const [first, second, trace] = [tempDir(), tempDir(), path.join(tempDir(), "trace")];
    if (step <= toLeave) expect(run("leave", first, step, trace).signal, `leave ${step}`).toBe("SIGKILL");
    expect(run("leave", first, 0, trace), `leave ${step}`).toMatchObject({ status: 0, stderr: "" });
    if (step <= toTake) expect(run("take", second, step, trace).signal, `take ${step}`).toBe("SIGKILL");
    const after = run("take", second, 0, trace);
    expect(after, `take ${step}`).toMatchObject({ status: 0, stdout: "mine\ndraft\n" });
  }
}, 1_800_000);
