/** What one agent may have of the machine: by which means it is held to that, and what becomes of one that wants more. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { createAgentDoor } from "../../container/agents/door/door.ts";
import { type Bounds, createHolder, heldBy } from "../../container/box/bounds.ts";
import { type Hierarchy, groupsIn, hierarchies, makeCgroup } from "../../container/box/cgroups.ts";
import { openBoxes } from "../../container/box/boxes.ts";
import { diskOf } from "../../container/box/usage.ts";
import { below, tooFull } from "../../container/box/watch.ts";
import { readConfig } from "../../container/config.ts";
import {
  AGENT_DISK_FILES_MAX,
  AGENT_DISK_MAX_BYTES,
  AGENT_FILES_MAX,
  AGENT_PIDS_MAX,
  BOX_WATCH_MS,
  DISK_WATCH_MS,
  READING_CPU_MAX_S,
  READING_MEMORY_MAX_BYTES,
} from "../../container/limits.ts";
import { exec } from "../../container/processes/exec.ts";
import { identityOf, readMark } from "../../container/processes/marks.ts";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import { gated, member, redWhy, settings, sh, world } from "./train-world.ts";
import { cleanUp, createOrigin, eventually, startBody, startControl, tempDir } from "./world.ts";

const MIB = 1024 * 1024;
const BOXED = { AGENT_BOX: "bwrap" };
/** As where the system gives this server no control groups. */
const WATCHED = { ...BOXED, AGENT_CGROUPS: "none" };

/** Runs one script as an agent, to its end. @returns why it ended, and what it printed */
async function ran(
  env: Record<string, string>,
  script: string,
): Promise<{ reason: string; lines: string[]; workDir: string }> {
  const control = await startControl(env);
  const { url } = createOrigin();
  const started = await control.post("/agents/start", startBody(url, script));
  expect([started.status, started.body.error]).toEqual([201, undefined]);
  const { exitReason } = await control.ended("a1");
  return { reason: exitReason ?? "", lines: await control.lines("a1"), workDir: control.workDir };
}

/** Takes memory and holds it, MiB by MiB. */
const TAKE = (mib: number): string =>
  `'${process.execPath}' -e 'const a=[]; for (let i=0;i<${mib};i++) a.push(Buffer.alloc(1048576,1)); console.log("took it"); setTimeout(()=>{}, 30000)'`;
/** Starts so many processes at once, says how many there were and how many were refused, and ends them. */
const FORK = (count: number): string =>
  `'${process.execPath}' -e 'const {spawn}=require("child_process"); let up=0, no=0; const all=[]; for (let i=0;i<${count};i++) { const c=spawn("sleep",["30"]); c.on("spawn",()=>up++); c.on("error",()=>no++); all.push(c); } setTimeout(()=>{ console.log(up, no); for (const c of all) c.kill(); }, 500)'`;

test("LIMIT-memory an agent that takes more memory than it may is ended, where nobody but a watcher counts it", async () => {
  const { reason, lines } = await ran({ ...WATCHED, AGENT_MEMORY_BYTES: String(200 * MIB) }, TAKE(400));
  expect(reason).toMatch(/^memory_exceeded: it has \d+ of 200 MiB/);
  const small = await ran({ ...WATCHED, AGENT_MEMORY_BYTES: String(200 * MIB) }, "echo works");
  expect([small.reason, small.lines, lines.length < 2]).toEqual(["exit 0", ["works"], true]);
});

test("LIMIT-shared memory that processes share, files that nobody can find by a name, and folders in memory count", async () => {
  const bound = { ...WATCHED, AGENT_MEMORY_BYTES: String(200 * MIB) };
  const [mmap, read, memfd] = process.arch === "arm64" ? [222, 63, 279] : [9, 0, 319];
  const map = (mib: number): string =>
    `my $n=${mib}<<20; my $m=syscall(${mmap},0,$n,3,0x21,-1,0); open(Z,"/dev/zero"); for(my $o=0;$o<$n;){$o+=syscall(${read},fileno(Z),$m+$o,$n-$o)}`;
  const shared = `exec perl -e '${map(300)} sleep 60'`;
  const unnamed = `exec perl -e 'my $x="x"; open(F,">&=",syscall(${memfd},$x,0)); print F "x"x(1<<20) for 1..300; sleep 60'`;
  const folders =
    "for dir in /tmp /var/tmp /dev/shm; do head -c 45M /dev/zero > $dir/x; done; head -c 80M /dev/zero | tail -c 80M | sleep 60";
  const ended = await Promise.all([shared, unnamed, folders].map((script) => ran(bound, script)));
  for (const { reason } of ended) expect(reason).toMatch(/^memory_exceeded: it has \d+ of 200 MiB/);
  // Who only forks has nothing twice.
  const forks = `perl -e '${map(120)} fork; sleep 1'; echo whole`;
  expect(await ran(bound, forks)).toMatchObject({ reason: "exit 0", lines: ["whole"] });
});

test("LIMIT-pids an agent that starts more processes than it may is ended, where nobody but a watcher counts them", async () => {
  const holder = createHolder({ bounds: BOUNDS, places: [], hasPrlimit: true, isRoot: true, begin: "x" });
  expect(holder.by.pids).toBe("watch");
  const said: string[] = [];
  const watched = { pid: process.pid, folder: tempDir(), onOver: (why: string) => void said.push(why) };
  cleanUp(holder.hold("one").watch(watched));
  // This very process has more than one thread.
  await eventually("it is said", () => said.length > 0, 20_000);
  expect(said).toEqual([expect.stringMatching(/^pids_exceeded: it has \d+ processes and threads of 1$/)]);
});

test("LIMIT-files a process of an agent opens no more files than it may", async () => {
  const { lines } = await ran({ ...BOXED, AGENT_OPEN_FILES: "64" }, "ulimit -n; ulimit -Hn");
  expect(lines).toEqual(["64", "64"]);
});

test("LIMIT-disk an agent whose clone and home are larger than they may be is ended within seconds", async () => {
  const script = "yes > big & sleep 60; echo never";
  const { reason, lines } = await ran({ ...BOXED, AGENT_DISK_BYTES: String(16 * MIB) }, script);
  expect(reason).toMatch(/^disk_exceeded: its clone and its home have \d+ of 16 MiB$/);
  expect(lines).toEqual([]);
});

test("LIMIT-hidden what an agent has deleted and keeps open, counts for its disk; no single file outgrows it", async () => {
  const bound = { ...BOXED, AGENT_DISK_BYTES: String(16 * MIB) };
  const half = "head -c 12M /dev/zero > big";
  const deleted = `exec 3> gone; rm gone; head -c 12M /dev/zero >&3; ${half}; sleep 60`;
  const one = "( head -c 17M /dev/zero > big ) 2> /dev/null; echo $(( $(stat -c %s big) <= 16777216 )); rm big";
  const [unlinked, cut] = await Promise.all([deleted, one].map((script) => ran(bound, script)));
  expect(unlinked?.reason).toMatch(/^disk_exceeded: .* 12 of them in files that it has deleted and keeps open$/);
  expect([cut?.reason, cut?.lines.at(-1)]).toEqual(["exit 0", "1"]);
});

test("LIMIT-inodes AGENT_DISK_FILES_MAX: an agent has so many files and folders, however small they are, and with one more it is ended", async () => {
  const folder = tempDir();
  for (const name of ["a", "b", "c"]) writeFileSync(path.join(folder, name), "");
  const found = await diskOf(folder, true);
  expect(found).toMatchObject({ files: 4 });
  expect(tooFull(found, 0, { disk_bytes: null, disk_files: 4 })).toBe(null);
  expect(tooFull(found, 0, { disk_bytes: null, disk_files: 3 })).toBe(
    "disk_exceeded: its clone and its home have 4 of 3 files and folders",
  );
  const bounds = { ...BOUNDS, pids: null, disk_bytes: null, disk_files: 3 };
  const holder = createHolder({ bounds, places: [], hasPrlimit: true, isRoot: true, begin: "x" });
  expect([holder.by.disk, holder.says]).toEqual(["watch", expect.stringContaining("in 3 files (watched")]);
  const said: string[] = [];
  cleanUp(holder.hold("files").watch({ pid: process.pid, folder, onOver: (why) => void said.push(why) }));
  await eventually("it is said", () => said.length > 0, 20_000);
  expect(said).toEqual([expect.stringContaining("4 of 3 files and folders")]);
});

test("LIMIT-late DISK_MEASURE_TIMEOUT_MS: what could not be added up in time counts as too much", async () => {
  const bin = tempDir();
  writeFileSync(path.join(bin, "du"), "#!/bin/sh\nexec /bin/sleep 60\n", { mode: 0o755 });
  const searched = process.env["PATH"];
  process.env["PATH"] = bin;
  const late = await diskOf(tempDir(), true, 200).finally(() => (process.env["PATH"] = searched));
  expect(late).toBe(null);
  expect(tooFull(late, 0, { disk_bytes: 1e12, disk_files: null })).toBe(
    "disk_exceeded: its clone and its home could not be added up within 60 s",
  );
});

test("LIMIT-reading what reads an agent's files in a box is held to so much memory and time of a processor", async () => {
  const config = settings({ ...BOXED, AGENT_CGROUPS: "none" });
  const door = createAgentDoor({ log: () => {} });
  cleanUp(() => door.close());
  mkdirSync(path.dirname(identityOf(config.workDir)), { recursive: true });
  const { reading } = await openBoxes({ config, mark: "reading", door, log: () => {} });
  const [program = "", ...args] = reading?.({ readable: [] }, ["sh", "-c", "ulimit -d; ulimit -t"]) ?? [];
  const { stdout } = await exec(program, args, { cwd: "/", env: { PATH: "/usr/bin:/bin" }, timeout_ms: 60_000 });
  expect(stdout.split("\n")).toEqual([String(READING_MEMORY_MAX_BYTES / 1024), String(READING_CPU_MAX_S), ""]);
});

test("LIMIT-checks a check is held to what an agent is: it opens no more files, and is red when it takes more disk", async () => {
  const w = await world({ AGENT_OPEN_FILES: "64", AGENT_DISK_BYTES: String(16 * MIB) });
  const report = await gated(w, [member(w, "a", { "a.txt": "a" })], sh('test "$(ulimit -n)" = 64'));
  expect(report).toMatchObject({ runs: [{ verdict: "green", boxed: true }] });
  const red = await redWhy(w, sh("yes > big & sleep 60"));
  expect(red).toMatchObject({ why: "killed", words: expect.stringMatching(/^disk_exceeded/) });
});

test("LIMIT-setup a setup, which runs what an agent may have written, is held to what its agent is: before an agent, and before checks", async () => {
  const bound = { ...BOXED, AGENT_PIDS: "40", AGENT_DISK_BYTES: String(16 * MIB) };
  const setup = (command: string): Record<string, unknown> => ({
    ...DEFAULT_PLACE,
    setup: { command, cache_keys: [], cache_dirs: [], timeout_ms: 120_000 },
  });
  const control = await startControl(bound);
  const { url } = createOrigin();
  const full = startBody(url, "true", { place: setup("yes > big & sleep 60") });
  expect(await control.post("/agents/start", full)).toMatchObject({
    status: 422,
    body: { code: "setup_failed", error: expect.stringMatching(/was ended: disk_exceeded: .* of 16 MiB/) },
  });
  // What is watched is ended, and what is counted by the system is not started.
  const many = startBody(url, "cat up.txt", { agentId: "a2", place: setup(`${FORK(100)} > up.txt`) });
  const { status, body } = await control.post("/agents/start", many);
  if (status === 201) {
    await control.ended("a2");
    const [up = 100, refused = 0] = ((await control.lines("a2"))[0] ?? "").split(" ").map(Number);
    expect([up < 40, up + refused]).toEqual([true, 100]);
  } else expect(body).toMatchObject({ code: "setup_failed", error: expect.stringContaining("pids_exceeded") });

  const w = await world(bound);
  const place = setup("test ! -e fill || { yes > big & sleep 60; }");
  const report = await gated(w, [member(w, "fill", { fill: "x" })], sh("true"), { place });
  expect(report.runs[0]?.checks).toMatchObject([
    { name: "setup", why: "setup", words: expect.stringContaining("disk_exceeded") },
  ]);
});

const places = hierarchies();
const has = (name: "memory" | "pids"): boolean => places.some(({ controllers }) => controllers.includes(name));

test("LIMIT-group an agent in a control group of its own has no more processes and no more memory than that, and its end says so; the group goes with it", async () => {
  const control = { ...BOXED, AGENT_PIDS: "40", AGENT_MEMORY_BYTES: String(200 * MIB) };
  const { lines, reason, workDir } = await ran(control, `${FORK(100)}; ${TAKE(400)}; echo "exit $?"`);
  if (has("pids")) {
    const [up = 0, refused = 0] = (lines[0] ?? "").split(" ").map(Number);
    expect([up < 40, up + refused]).toEqual([true, 100]);
    expect(reason).toMatch(/processes were not started at the bound of their number/);
  }
  if (has("memory")) {
    expect(lines).toContain("exit 137");
    expect(reason).toMatch(/processes were ended at the bound of its memory/);
  } else expect(reason).toMatch(/^(memory_exceeded|pids_exceeded|exit 0)/);
  const left = places
    .flatMap(({ folder }) => readdirSync(folder))
    .filter((name) => name.includes(`${readMark(workDir)}`));
  expect(left).toEqual([]);
});

const ENDLESS = ["sh", "-c", "while :; do :; done"] as const;

/** Of a process, in ticks of the system's clock. */
function timeOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

test("LIMIT-share where two want more of a processor than there is, an agent's group has half of what another one has; where there are no such groups, that is said", async () => {
  const shared = places.filter(({ controllers }) => controllers.includes("cpu"));
  const some = { bounds: BOUNDS, hasPrlimit: true, isRoot: true, begin: `ticktown-test-${process.pid}-` };
  const { by, says } = createHolder(some);
  if (shared.length === 0) {
    expect([by.cpu, says]).toEqual(["nobody", expect.stringContaining("share of the processor (NOT BOUNDED)")]);
    return;
  }
  expect([by.cpu, says]).toEqual(["cgroup", expect.stringContaining("share of the processor (control group)")]);
  const cpuAlone = shared.map((place) => ({ ...place, controllers: ["cpu"] as const }));
  const name = `${some.begin}share`;
  const groups = [
    makeCgroup(cpuAlone, `${name}-agent`, BOUNDS),
    // With what the system gives to anybody.
    makeCgroup(
      shared.map((place) => ({ ...place, controllers: [] })),
      `${name}-other`,
      BOUNDS,
    ),
  ];
  // On one processor, so that both want the same one.
  const [cpu = "0"] = /^Cpus_allowed_list:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.slice(1) ?? [];
  const busy = groups.map(({ enter }) => {
    const [program = "", ...args] = enter(["taskset", "-c", cpu, ...ENDLESS]);
    return spawn(program, args, { stdio: "ignore" });
  });
  const end = async (): Promise<void> => {
    for (const one of busy) one.kill("SIGKILL");
    for (const one of groups) await one.close();
  };
  cleanUp(end);
  const times = (): number[] => busy.map(({ pid = 0 }) => timeOf(pid));
  await eventually("both run", () => times().every((ticks) => ticks > 10), 60_000);
  const begun = times();
  const [mine = 0, others = 0] = await eventually(
    "both have run for a while",
    () => {
      const ran = times().map((ticks, n) => ticks - (begun[n] ?? 0));
      return ran.reduce((sum, ticks) => sum + ticks, 0) > 200 ? ran : null;
    },
    120_000,
  );
  await end();
  // One third of both.
  expect([mine / (mine + others) < 0.42, mine > 0]).toEqual([true, true]);
});

const BOUNDS: Bounds = { memory_bytes: 1e12, pids: 1, files: 10, disk_bytes: 1e12, disk_files: null };

test("the system's own bounds are taken where there are some, a watcher's where not, and what nobody holds is said", () => {
  const group: Hierarchy = { version: 2, folder: "/x", controllers: ["memory", "pids", "cpu"] };
  const some = { bounds: BOUNDS, places: [], hasPrlimit: true, isRoot: false, kernel: "6.1.0-generic" };
  expect(heldBy({ ...some, places: [group] })).toMatchObject({ memory: "cgroup", pids: "cgroup", cpu: "cgroup" });
  expect(heldBy(some)).toEqual({ memory: "watch", pids: "rlimit", files: "rlimit", disk: "watch", cpu: "nobody" });
  expect(heldBy({ ...some, isRoot: true }).pids).toBe("watch");
  for (const [kernel, by] of [
    ["5.13.19", "watch"],
    ["5.14.0", "rlimit"],
    ["4.19", "watch"],
    ["10.0", "rlimit"],
  ] as const)
    expect(heldBy({ ...some, kernel }).pids, kernel).toBe(by);
  expect(heldBy({ ...some, hasPrlimit: false })).toMatchObject({ pids: "watch", files: "nobody" });
  const none = { memory_bytes: null, pids: null, files: null, disk_bytes: null, disk_files: null };
  expect(Object.values(heldBy({ ...some, bounds: none }))).toEqual(Array(5).fill("nobody"));
  const { says } = createHolder({ ...some, begin: "x" });
  expect(says).toContain("open files of a process 10 (rlimit)");
  expect(says).toContain("share of the processor (NOT BOUNDED)");
});

test("the groups of this process are found in either version, and in a container that sees a part of them", () => {
  const v1 = "9:name=systemd:/\n8:pids:/a\n5:cpu,cpuacct:/b\n0::/\n";
  const mounts = (root: string): string =>
    [
      `30 1 0:26 ${root} /sys/fs/cgroup/pids rw,relatime shared:1 - cgroup cgroup rw,pids`,
      "31 1 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
      "32 1 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
      "33 1 0:29 / /proc rw - proc proc rw",
    ].join("\n");
  expect(groupsIn(v1, mounts("/"))).toEqual([
    { version: 1, folder: "/sys/fs/cgroup/pids/a", controllers: ["pids"] },
    { version: 1, folder: "/sys/fs/cgroup/cpu,cpuacct/b", controllers: ["cpu", "cpuacct"] },
    { version: 2, folder: "/sys/fs/cgroup/unified", controllers: [] },
  ]);
  expect(groupsIn(v1, mounts("/a"))[0]?.folder).toBe("/sys/fs/cgroup/pids");
  expect(groupsIn(v1, mounts("/elsewhere")).map(({ version }) => version)).toEqual([1, 2]);
  expect(groupsIn("", "")).toEqual([]);
});

test("a group of version 2 is given its bounds in the words of version 2, and says in them what they kept", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "ticktown-test-group-"));
  cleanUp(() => rmSync(folder, { recursive: true }));
  const place: Hierarchy = { version: 2, folder, controllers: ["memory", "pids", "cpu"] };
  const group = makeCgroup([place], "one", { memory_bytes: 5, pids: 7 });
  const mine = path.join(folder, "one");
  expect(readdirSync(mine).toSorted()).toEqual(["cpu.weight", "memory.max", "memory.swap.max", "pids.max"]);
  writeFileSync(path.join(mine, "memory.events"), "low 0\noom 3\noom_kill 2\n");
  writeFileSync(path.join(mine, "pids.events"), "max 0\n");
  expect(group.hits()).toEqual(["2 processes were ended at the bound of its memory"]);
  expect(group.enter(["true"]).slice(-3)).toEqual([mine, "--", "true"]);
  const closed = path.join(folder, "closed");
  mkdirSync(closed);
  writeFileSync(path.join(closed, "one"), "");
  expect(() => makeCgroup([{ ...place, folder: closed }], "one", { memory_bytes: 5, pids: 7 })).toThrow("EEXIST");
  // Where groups can be made but not be bounded, they are not used.
  const useless: Hierarchy = { ...place, folder: path.join(closed, "one") };
  const holder = createHolder({ bounds: BOUNDS, places: [useless], hasPrlimit: true, isRoot: true, begin: "x" });
  expect(holder.by).toMatchObject({ memory: "watch", cpu: "nobody" });
  expect(existsSync(mine)).toBe(true);
});

test("all that came of a process is found, and nothing else", () => {
  const row = (pid: number, parent: number) => ({ pid, parent, threads: 1 });
  const table = [row(1, 0), row(10, 1), row(11, 10), row(12, 11), row(20, 1), row(13, 12)];
  expect(below(10, table).map(({ pid }) => pid)).toEqual([10, 11, 12, 13]);
  expect(below(99, table)).toEqual([]);
});

test("AGENT_PIDS_MAX, AGENT_FILES_MAX, AGENT_DISK_MAX_BYTES: what an agent may have unless the operator says otherwise; 0 is as much as there is", () => {
  const env = { LISTEN_SOCKET: "/run/x.sock" };
  expect(readConfig(env)).toMatchObject({
    agentMemory_bytes: null,
    agentPids: AGENT_PIDS_MAX,
    agentFiles: AGENT_FILES_MAX,
    agentDisk_bytes: AGENT_DISK_MAX_BYTES,
    agentDisk_files: AGENT_DISK_FILES_MAX,
    agentNetwork: "open",
  });
  const said = { AGENT_MEMORY_BYTES: "1000000", AGENT_PIDS: "0", AGENT_OPEN_FILES: "5", AGENT_DISK_BYTES: "7" };
  expect(readConfig({ ...env, ...said })).toMatchObject({
    agentMemory_bytes: 1_000_000,
    agentPids: 0,
    agentFiles: 5,
    agentDisk_bytes: 7,
  });
  expect(() => readConfig({ ...env, AGENT_PIDS: "many" })).toThrow('AGENT_PIDS is "many"');
  expect(() => readConfig({ ...env, AGENT_BOX_NETWORK: "closed" })).toThrow("it must be open or gateway");
  expect([BOX_WATCH_MS, DISK_WATCH_MS].map((ms) => ms <= 2000)).toEqual([true, true]);
});
