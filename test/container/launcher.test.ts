/** The image's launcher, without an image: root starts it, the control server is somebody else, and each agent a user of its own. */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { execFileSync, spawn } from "node:child_process";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { launch, signalLaunched } from "../../container/launcher/client.ts";
import { startLauncher } from "../../container/launcher/launcher.ts";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import { sh, trainBody } from "./train-world.ts";
import { gitOf, isRun } from "./escapes-world.ts";
import {
  type ControlProcess,
  cleanUp,
  createFakeRig,
  createOrigin,
  eventually,
  pushBranch,
  spawnControl,
  startBody,
  storeOf,
  worktreeOf,
} from "./world.ts";

const IS_ROOT = process.getuid?.() === 0;
const [CONTROL, FIRST] = [60_990, 61_000];
if (!IS_ROOT) process.stderr.write("the launcher of the image: not applicable here, these tests are not root's\n");

/** A folder that others may enter, whose content is somebody's. */
function folderOf(): string {
  const base = realpathSync(mkdtempSync(path.join(tmpdir(), "ticktown-launcher-")));
  cleanUp(() => rmSync(base, { recursive: true, force: true, maxRetries: 5 }));
  chmodSync(base, 0o755);
  return base;
}

interface World {
  readonly control: ControlProcess;
  readonly workDir: string;
  readonly url: string;
  /** Of the branch `ready`. */
  readonly commit: string;
  /** Runs a script as an agent, to its end. @returns what it printed */
  readonly ran: (agentId: string, script: string, more?: Record<string, unknown>) => Promise<string[]>;
}

async function world(env: Record<string, string> = {}): Promise<World> {
  const base = folderOf();
  const [workDir, url] = [path.join(base, "work"), path.join(base, "origin.git")];
  const origin = createOrigin();
  const commit = pushBranch(origin.clone, "ready", "ready.txt", "ready");
  cpSync(origin.url, url, { recursive: true });
  execFileSync("chown", ["-R", `${CONTROL}:${CONTROL}`, url]);
  const home = path.join(base, "home");
  mkdirSync(home, { mode: 0o755 });
  writeFileSync(path.join(home, ".gitconfig"), "[safe]\n\tdirectory = *\n");
  const control = await spawnControl(
    {
      WORK_DIR: workDir,
      HOME: home,
      LAUNCHER_SOCKET: path.join(base, "run", "launcher.sock"),
      CONTROL_UID: String(CONTROL),
      AGENT_FIRST_UID: String(FIRST),
      BOX: "none",
      ...env,
    },
    [],
    cleanUp,
    "launcher/main.ts",
  );
  return {
    control,
    workDir,
    url,
    commit,
    ran: async (agentId, script, more = {}) => {
      const reply = await control.post("/agents/start", startBody(url, script, { agentId, ...more }));
      expect([reply.status, reply.body.error]).toEqual([201, undefined]);
      await control.ended(agentId);
      return control.lines(agentId);
    },
  };
}

test("LAUNCH-user each agent is a user of its own: it works in its clone, and reads neither the state folder nor another agent's, nor what the control server was given", async () => {
  if (!IS_ROOT) return;
  const { control, workDir, url, ran } = await world({ OPERATORS_OWN: "secret-of-the-operator", AGENT_PIDS: "300" });
  const setup = { command: "id -u > setup-user", cache_keys: [], cache_dirs: [], timeout_ms: 60_000 };
  await control.post(
    "/agents/start",
    startBody(url, "echo mine > mine.txt; git add .; git commit -qm mine; id -u; sleep 600", {
      agentId: "a2",
      dispatchId: "a2:1",
    }),
  );
  await eventually("the other one runs", async () => (await control.lines("a2")).length > 0);
  const [theirs = ""] = await control.lines("a2");
  const looks = [
    `cat '${workDir}/identity.json'`,
    `ls '${workDir}/pids'`,
    `ls '${workDir}/rigs'`,
    `cat '${worktreeOf(workDir, "a2")}/mine.txt'`,
    `touch '${storeOf(workDir)}/HEAD.mine'`,
    "grep -aqs 'secret-of-the-operato[r]' /proc/[0-9]*/environ",
    `for pid in $(ls /proc | grep '^[0-9]'); do test "$(stat -c %u /proc/$pid)" = ${CONTROL} && kill -9 $pid && exit 0; done; exit 1`,
  ];
  const lines = await ran(
    "a1",
    [
      "id -u; id -G; cat setup-user; sed -n 's/^Max processes *\\([0-9]*\\).*/\\1/p' /proc/self/limits",
      ...looks.map((look) => `( ${look} ) > /dev/null 2>&1 && echo ESCAPED || echo refused`),
      'echo x > "$HOME/x" && echo work > work.txt && git add work.txt && git commit -qm work && git fetch -q && git push -q origin HEAD && echo worked',
    ].join("\n"),
    { place: { ...DEFAULT_PLACE, setup }, checkpoint: { step: 1 } },
  );
  const [mine = "", groups, ofSetup = "", processes, ...rest] = lines;
  expect([Number(mine) >= FIRST, Number(theirs) >= FIRST, mine !== theirs, Number(ofSetup) >= FIRST]).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect([groups, processes]).toEqual([mine, "300"]);
  expect(rest).toEqual([...looks.map(() => "refused"), "worked"]);
  // The other one's work is taken while it runs.
  const handIn = { rigId: "rig1", townId: "town1", beadId: "b2", gitUrl: url, targetBranch: "main", asIs: null };
  const asked = {
    ...handIn,
    dispatchId: "a2:1",
    branch: "work/a2",
    named: "work/a2",
    resolution: "work",
    maxDeletions: 9,
  };
  expect((await control.post("/agents/a2/inspect", asked)).body).toMatchObject({ result: "accepted" });
  // What it leaves is the control server's again.
  expect(statSync(path.join(worktreeOf(workDir), "work.txt")).uid).toBe(CONTROL);
  expect(gitOf(path.join(worktreeOf(workDir), ".git"), "log", "-1", "--format=%s")).toBe("work");
  expect((await control.get("/health")).body.box).toMatch(/each is a user of its own; at most .* 300 \(rlimit\)/);
  // Its next dispatch, as whomever, goes on where it was.
  expect(await ran("a1", "cat work.txt; git status --porcelain", { dispatchId: "a1:2" })).toContain("work");
});

test("LAUNCH-checks what is checked is run by a user of its own, who leaves nothing in the control server's folders", async () => {
  if (!IS_ROOT) return;
  const rig = await createFakeRig();
  const { control, url, commit, workDir } = await world({ GASTOWN_API_URL: rig.url });
  const looks = [
    `test $(id -u) -ge ${FIRST}`,
    `! cat '${workDir}/identity.json'`,
    "echo x > /tmp/$$",
    "test -s ready.txt",
  ];
  const one = {
    entryId: "e1",
    beadId: "b1",
    agentId: "a1",
    branch: "ready",
    commit,
    title: "Ready",
    approvedTree: null,
  };
  const body = trainBody(url, [one], { gate: { checks: sh(looks.join(" && ")) } });
  expect((await control.post("/git/train", body)).status).toBe(202);
  const report = (await eventually("the report", () => rig.to("/complete")[0])).body;
  expect(report).toMatchObject({ runs: [{ verdict: "green" }], pushed: { boxed: false } });
});

test("LAUNCH-end an agent that is another user hears that it is to end, and ends as a whole, with what has left its session and cleaned its environment", async () => {
  if (!IS_ROOT) return;
  const { control, url, workDir } = await world({ STOP_GRACE_MS: "20000" });
  const script = `setsid env -i sleep 73.25 & trap 'sleep 0.5; echo saved > saved.txt; exit 3' TERM; echo up; while :; do sleep 0.1; done`;
  await control.post("/agents/start", startBody(url, script, { dispatchId: "a1:1" }));
  await eventually("it is up", async () => (await control.lines("a1")).includes("up") && isRun("sleep", "73.25"));
  await control.post("/agents/a1/stop", { dispatchId: "a1:1" });
  await control.ended("a1");
  expect(existsSync(path.join(worktreeOf(workDir), "saved.txt"))).toBe(true);
  expect(isRun("sleep", "73.25")).toBe(false);
});

test("LAUNCH-gives the launcher gives nothing that is not the control server's, signals nobody but agents, and hears nobody else", async () => {
  if (!IS_ROOT) {
    await expect(
      startLauncher({ socket: "/nowhere", control: { uid: 1, gid: 1 }, uids: [], workDir: "/" }),
    ).rejects.toThrow("root");
    return;
  }
  const base = folderOf();
  const [workDir, outside] = [path.join(base, "work"), path.join(base, "outside")];
  for (const folder of [workDir, outside]) mkdirSync(folder);
  const socket = path.join(base, "run", "launcher.sock");
  const launcher = await startLauncher({
    socket,
    control: { uid: CONTROL, gid: CONTROL },
    uids: [FIRST + 50],
    workDir,
  });
  cleanUp(launcher.close);
  const theirs = path.join(workDir, "theirs");
  mkdirSync(theirs);
  const start = (owns: string[]) =>
    launch(socket, ["sleep", "600"], { cwd: "/", env: { PATH: process.env["PATH"] ?? "" }, owns, hasInput: false });
  for (const owns of [outside, "/etc/passwd", `${workDir}/../outside`, workDir])
    await expect(start([owns]), owns).rejects.toThrow("is not this server's to give");
  // Root's own is not given either.
  const program = await start([theirs]);
  await program.started;
  expect([statSync(theirs).uid, statSync(`/proc/${program.pid()}`).uid]).toEqual([0, FIRST + 50]);
  await expect(start([])).rejects.toThrow("all 1 users of agents are taken");

  const victim = spawn("sleep", ["600"], { stdio: "ignore" });
  cleanUp(() => victim.kill("SIGKILL"));
  signalLaunched(socket, victim.pid ?? 0, false, "SIGKILL");
  signalLaunched(socket, victim.pid ?? 0, true, "SIGKILL");
  signalLaunched(socket, program.pid() ?? 0, false, "SIGTERM");
  expect(await program.exited).toEqual({ code: null, signal: "SIGTERM" });
  expect([victim.exitCode, victim.signalCode]).toEqual([null, null]);
  await program.release();
  expect(statSync(path.dirname(socket)).mode & 0o077).toBe(0);
  for (const said of ["nothing\n", '{"op":"start"}\n', `${"x".repeat(5 * 1024 * 1024)}`]) {
    const one = connect(socket);
    const closed = new Promise((resolve) => one.once("close", resolve));
    one.on("error", () => {}).write(said);
    await closed;
  }
});
