/** What an agent exchanges while Ticktown looks at it, at the worst moment: between the last look at what there is and the reading of it. */
import { closeSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { openBeneath } from "../../container/files.ts";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import { findProgram } from "../../container/box/box.ts";
import {
  type Control,
  commitFile,
  createOrigin,
  eventually,
  git,
  hostEnv,
  startBody,
  startControl,
  storeOf,
  tempDir,
  worktreeOf,
} from "./world.ts";

interface Moment {
  readonly control: Control;
  readonly url: string;
  /** A shell script that runs when the next program of this name is about to begin. */
  readonly before: (program: string, script: string) => void;
  readonly marks: string;
}

/** A control server whose bwrap and git do something else first, when a test says so. */
async function momentWorld(): Promise<Moment> {
  const [bin, marks] = [tempDir(), tempDir()];
  const searched = hostEnv()["PATH"] ?? "";
  for (const name of ["bwrap", "git"]) {
    const hook = path.join(marks, name);
    const script = `#!/bin/sh\nif test -e '${hook}'; then . '${hook}'; fi\nexec '${findProgram(name, searched)}' "$@"\n`;
    writeFileSync(path.join(bin, name), script, { mode: 0o755 });
  }
  const control = await startControl({ AGENT_BOX: "bwrap", PATH: `${bin}:${searched}` });
  const before = (program: string, script: string): void => writeFileSync(path.join(marks, program), script);
  return { control, url: createOrigin().url, before, marks };
}

const handIn = (control: Control, gitUrl: string, place = DEFAULT_PLACE): Promise<{ body: Record<string, unknown> }> =>
  control.post("/agents/a1/inspect", {
    dispatchId: "a1:1",
    rigId: "rig1",
    townId: "town1",
    beadId: "b1",
    gitUrl,
    branch: "work/a1",
    named: "work/a1",
    targetBranch: "main",
    resolution: "work",
    asIs: null,
    maxDeletions: 100,
    place,
  });

test("ESC-exchange objects of another rig are not taken for the agent's own, also where its folder is exchanged for a link once it was looked at", async () => {
  for (const clone of ["full", "blobless"] as const) {
    const { control, url: plain, before } = await momentWorld();
    const url = `file://${plain}`;
    git(plain, "config", "uploadpack.allowFilter", "true");
    const foreign = createOrigin();
    const secret = commitFile(foreign.clone, "secret.txt", "of another rig");
    git(foreign.clone, "push", "--quiet", "origin", "main");
    const place = { ...DEFAULT_PLACE, clone };
    const other = { agentId: "b1", rigId: "rig2", dispatchId: "b1:1" };
    expect((await control.post("/agents/start", startBody(foreign.url, "true", other))).status).toBe(201);
    await control.ended("b1");
    const theirs = path.join(storeOf(control.workDir, "rig2"), "objects");
    // Its branch is a commit that it has heard of, and has not got.
    const script = `echo ${secret} > .git/refs/heads/work/a1; echo ready; exec sleep 60`;
    await control.post("/agents/start", startBody(url, script, { dispatchId: "a1:1", place }));
    await eventually("it is ready", async () => (await control.lines("a1")).includes("ready"));
    const objects = path.join(worktreeOf(control.workDir), ".git", "objects");
    before("bwrap", `test -L '${objects}' || { mv '${objects}' '${objects}.own' && ln -s '${theirs}' '${objects}'; }`);
    const { body } = await handIn(control, url, place);
    expect(body["result"]).toBe("refused");
    expect(existsSync(`${objects}.own`), "it was exchanged").toBe(true);
    expect(() => git(storeOf(control.workDir), "cat-file", "-e", secret)).toThrow();
  }
});

test("ESC-walk what goes through an agent's files while it is at work sees its clone and the store, and nothing else of this machine", async () => {
  const { control, url, before, marks } = await momentWorld();
  const script = "echo 1 > one.txt; git add one.txt; git commit -qm one; echo 2 > two.txt; echo ready; exec sleep 60";
  await control.post("/agents/start", startBody(url, script, { dispatchId: "a1:1" }));
  await eventually("it is ready", async () => (await control.lines("a1")).includes("ready"));
  const hidden = path.join(control.workDir, "identity.json");
  before(
    "git",
    `case " $* " in *" status "* | *" add "* | *" update-index "*) test -e '${hidden}' && echo outside >> '${marks}/status'; echo "$@" >> '${marks}/all' ;; esac`,
  );
  const { body } = await handIn(control, url);
  expect(body).toMatchObject({ result: "refused", code: "dirty", sentence: expect.stringContaining("two.txt") });
  const asked = { rigId: "rig1", beadId: "b1", agentId: "a1", branch: "work/a1", targetBranch: "main", gitUrl: url };
  const shown = await control.post("/git/diff", { ...asked, commit: null, merged: null });
  expect(JSON.stringify(shown.body)).toContain("two.txt");
  expect([existsSync(path.join(marks, "status")), existsSync(path.join(marks, "all"))]).toEqual([false, false]);
  rmSync(path.join(marks, "git"));
});

test("a file is opened below a folder by nothing that is a link", () => {
  const dir = tempDir();
  mkdirSync(path.join(dir, "in", "deep"), { recursive: true });
  const file = path.join(dir, "in", "deep", "file");
  writeFileSync(file, "x");
  const fd = openBeneath(dir, file);
  expect(readFileSync(fd, "utf8")).toBe("x");
  closeSync(fd);
  for (const [link, way] of [
    ["folder", "folder/deep/file"],
    ["last", "last"],
    ["in/pipe", "in/pipe"],
  ] as const) {
    const to = { folder: path.join(dir, "in"), last: file, "in/pipe": "/dev/null" }[link];
    symlinkSync(to, path.join(dir, link));
    expect(() => openBeneath(dir, path.join(dir, way)), way).toThrow();
  }
  expect(() => openBeneath(dir, path.join(dir, "in", "deep"))).toThrow("no plain file");
});
