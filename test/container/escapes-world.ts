/** A control server of somebody, with an agent in its box that tries to get out, and with what is worth getting at. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { type Server, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import path from "node:path";
import { json } from "node:stream/consumers";
import { afterAll } from "vitest";
import { DEFAULT_PLACE } from "../../src/wire/container.ts";
import {
  CONTROL_TOKEN,
  commitFile,
  createOrigin,
  eventually,
  git,
  spawnControl,
  startBody,
  storeOf,
  worktreeOf,
} from "./world.ts";

const MIB = 1024 * 1024;
const NOBODY = 65_534;
const IS_ROOT = process.getuid?.() === 0;

/** Whose control server it is. null: of whoever runs the tests. */
export interface Who {
  readonly name: string;
  readonly uid: number | null;
  /** Without one everything leads out: what is refused in a box is refused by the box. */
  readonly isBoxed?: false;
}

export const WHO: readonly Who[] = IS_ROOT
  ? [
      { name: "root", uid: null },
      { name: "a plain user", uid: NOBODY },
    ]
  : [{ name: "a plain user", uid: null }];

/** Who has no box: somebody to compare with. */
export const UNBOXED: Who = { name: "without a box", uid: IS_ROOT ? NOBODY : null, isBoxed: false };

const [SECRET, MODEL_KEY] = ["secret-of-the-operator", "sk-key-of-the-model"];
/** How long what is left behind would sleep. */
export const LEFT = "71.25";
export const LEFT_UNBOXED = "72.25";

/** A pattern that finds a text, and not itself: what an agent runs is in its environment. */
const pattern = (text: string): string => `'${text.slice(0, -1)}[${text.slice(-1)}]'`;

export interface EscapeWorld {
  readonly who: Who;
  readonly workDir: string;
  readonly url: string;
  /** What each look came to: `refused` or `ESCAPED`. */
  readonly looks: ReadonlyMap<string, string>;
  /** A folder of the operator's in which whatever runs outside of the box may leave something. */
  readonly marks: string;
  readonly victim: ChildProcess;
  /** Something of another rig that its agents alone may read: the id of a folder. */
  readonly foreignTree: string;
  readonly start: (
    agentId: string,
    script: string,
    more?: Record<string, unknown>,
  ) => Promise<{ reason: string; lines: string[] }>;
  readonly handIn: (agentId: string, n: number) => Promise<Record<string, unknown>>;
}

const tasks: (() => unknown)[] = [];
afterAll(async () => {
  for (const task of tasks.splice(0).toReversed()) await task();
});

const worlds = new Map<string, Promise<EscapeWorld>>();
/** Made once, however many tests look at it. */
export function worldOf(who: Who): Promise<EscapeWorld> {
  const known = worlds.get(who.name) ?? makeWorld(who);
  worlds.set(who.name, known);
  return known;
}

function give(who: Who, folder: string): void {
  if (who.uid === null) return;
  chownSync(folder, who.uid, who.uid);
  for (const { name, parentPath } of readdirSync(folder, { recursive: true, withFileTypes: true }))
    chownSync(path.join(parentPath, name), who.uid, who.uid);
}

async function makeWorld(who: Who): Promise<EscapeWorld> {
  const base = realpathSync(mkdtempSync(path.join(tmpdir(), "ticktown-escapes-")));
  tasks.push(() => rmSync(base, { recursive: true, force: true, maxRetries: 5 }));
  chmodSync(base, 0o755);
  const [home, workDir, marks] = ["home", "work", "marks"].map((name) => path.join(base, name)) as [
    string,
    string,
    string,
  ];
  for (const folder of [home, workDir, marks]) mkdirSync(folder);
  writeFileSync(path.join(home, "key"), SECRET);
  const [url, foreign] = [path.join(base, "origin.git"), path.join(base, "foreign.git")];
  cpSync(createOrigin().url, url, { recursive: true });
  const other = createOrigin();
  commitFile(other.clone, "secret.txt", SECRET);
  git(other.clone, "push", "--quiet", "origin", "main");
  cpSync(other.url, foreign, { recursive: true });
  give(who, base);
  const socket = path.join(base, "run", "control.sock");
  // As whoever starts it may have left something open.
  const open = ["bash", "-c", 'exec 20< "$0"; exec "$@"', base];
  const within =
    who.uid === null ? open : [...open, "setpriv", `--reuid=${who.uid}`, `--regid=${who.uid}`, "--clear-groups", "--"];
  const control = await spawnControl(
    {
      WORK_DIR: workDir,
      HOME: home,
      LISTEN_SOCKET: socket,
      ...(who.isBoxed === false ? {} : { AGENT_BOX: "bwrap", AGENT_BOX_NETWORK: "gateway" }),
      AGENT_PIDS: "150",
      AGENT_DISK_BYTES: String(64 * MIB),
      OPERATORS_OWN: SECRET,
      ANTHROPIC_API_KEY: MODEL_KEY,
    },
    within,
    (task) => void tasks.push(task),
  );
  const ids = who.uid === null ? {} : { uid: who.uid, gid: who.uid };
  const victim = spawn("sleep", ["600"], { stdio: "ignore", cwd: "/", ...ids });
  tasks.push(() => victim.kill("SIGKILL"));
  const call = callerOf(socket);
  const start: EscapeWorld["start"] = async (agentId, script, more = {}) => {
    const body = startBody(url, script, { agentId, dispatchId: `${agentId}:1`, ...more });
    const reply = await call("POST", "/agents/start", body);
    if (reply["error"] !== undefined) throw new Error(String(reply["error"]));
    const status = await eventually(`${agentId} ends`, async () => {
      const now = await call("GET", `/agents/${agentId}/status`);
      return now["status"] === "exited" || now["status"] === "failed" ? now : null;
    });
    const { events } = (await call("GET", `/agents/${agentId}/events`)) as {
      events: { type: string; data: { line: string } }[];
    };
    return {
      reason: String(status["exitReason"]),
      lines: events.filter(({ type }) => type === "output").map(({ data }) => data.line),
    };
  };
  await start("a2", "echo mine > mine.txt");
  await start("b1", "true", { rigId: "rig2", gitUrl: foreign });
  const paths = {
    home,
    workDir,
    socket,
    marks,
    pid: control.process.pid ?? 0,
    victim: victim.pid ?? 0,
    ...(await neighbours(base)),
    left: who.isBoxed === false ? LEFT_UNBOXED : LEFT,
  };
  const { lines } = await start("a1", looksOf(paths), { place: { ...DEFAULT_PLACE, box_read: [base] } });
  return {
    who,
    workDir,
    url,
    marks,
    victim,
    looks: new Map(
      lines.filter((line) => / (refused|ESCAPED)$/.test(line)).map((line) => line.split(" ") as [string, string]),
    ),
    foreignTree: gitOf(foreign, "rev-parse", "main^{tree}"),
    start,
    handIn: (agentId, n) =>
      call("POST", `/agents/${agentId}/inspect`, {
        dispatchId: `${agentId}:${n}`,
        rigId: "rig1",
        townId: "town1",
        beadId: "bead1",
        gitUrl: url,
        branch: `work/${agentId}`,
        named: `work/${agentId}`,
        targetBranch: "main",
        resolution: "work",
        asIs: null,
        maxDeletions: 100,
      }),
  };
}

/** An address that is not the loopback that every program asks first: this machine's own on a network, if it is on one. */
const elsewhere = (): string =>
  Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === "IPv4" && !one.internal)?.address ?? "127.169.254.254";

async function neighbours(base: string): Promise<Pick<Paths, "port" | "abstract" | "metadata">> {
  const answer = (): Server => createServer((_, response) => response.end("reached"));
  const [near, far, named] = [answer(), answer(), answer()];
  const abstract = `ticktown-${path.basename(base)}`;
  await new Promise<void>((resolve) => near.listen(0, "127.0.0.1", resolve));
  const address = elsewhere();
  await new Promise<void>((resolve) => far.listen(0, address, resolve));
  await new Promise<void>((resolve) => named.listen(`\0${abstract}`, resolve));
  tasks.push(() => [near, far, named].map((server) => server.close()));
  const metadata = `${address}:${(far.address() as AddressInfo).port}`;
  return { port: (near.address() as AddressInfo).port, abstract, metadata };
}

interface Paths {
  readonly home: string;
  readonly workDir: string;
  readonly socket: string;
  readonly marks: string;
  readonly pid: number;
  readonly victim: number;
  /** Of something else on loopback. */
  readonly port: number;
  /** Where something answers as the metadata of a cloud do, at an address of a network's. */
  readonly metadata: string;
  /** The name of a socket that is in no file system. */
  readonly abstract: string;
  /** How long what is left behind sleeps. */
  readonly left: string;
}

/** The number of the call by which a program asks for its keyring: https://man7.org/linux/man-pages/man2/keyctl.2.html */
const KEYCTL = process.arch === "arm64" ? 219 : 250;

/** What the agent tries, each by its name, and what it leaves behind for whoever comes by with more rights. */
function looksOf({ home, workDir, socket, marks, pid, victim, port, metadata, abstract, left }: Paths): string {
  const [store, other] = [storeOf(workDir), worktreeOf(workDir, "a2")];
  const looks: Record<string, string> = {
    state: `cat '${workDir}/identity.json' || ls '${workDir}/pids'`,
    home: `cat '${home}/key'`,
    environ: `grep -aq ${pattern(SECRET)} /proc/${pid}/environ || grep -aqs ${pattern(SECRET)} /proc/[0-9]*/environ`,
    clone: `cat '${other}/mine.txt' || echo x > '${other}/theirs.txt'`,
    proc: `ls /proc/${pid}/ || test "$(ls /proc | grep -c '^[0-9]')" -gt 25`,
    kill: `kill -9 ${victim}`,
    symlink: `ln -s '${workDir}/identity.json' leak; cat leak`,
    hardlink: `ln '${store}/HEAD' stolen || cat ../../a2/clone/mine.txt || cat ../../../../../identity.json`,
    socket: `curl -sf --unix-socket '${socket}' http://x/health`,
    refs: `git --git-dir='${store}' update-ref refs/heads/mine HEAD || echo x > '${store}/refs/heads/mine'`,
    config: `git config -f '${store}/config' core.fsmonitor x || echo '[core]' >> '${store}/config'`,
    hook: `mkdir -p '${store}/hooks' && echo x > '${store}/hooks/post-update'`,
    alternates: `echo / > '${store}/objects/info/alternates'`,
    network: `curl -sf -m 10 http://127.0.0.1:${port}/`,
    // Where there is no cloud nobody answers at its own address.
    metadata: `curl -sf -m 10 http://169.254.169.254/ || curl -sf -m 10 http://${metadata}/latest/meta-data/`,
    abstract: `perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); exit !connect(S, pack("Sa*", AF_UNIX, "\\0${abstract}"))'`,
    root: `cat /proc/${pid}/root/proc/${pid}/environ || ls /proc/${pid}/fd/ || ls /proc/${pid}/cwd/`,
    key: `env | grep -q ${pattern(MODEL_KEY)} || grep -aqs ${pattern(MODEL_KEY)} /proc/[0-9]*/environ || grep -rqs ${pattern(MODEL_KEY)} "$HOME" .git`,
    keys: `perl -e 'exit(syscall(${KEYCTL}, 0, -3, 1) <= 0)'`,
    receipt: `git --git-dir='${store}' notes --ref=ticktown add -m forged HEAD`,
  };
  const plant = (what: string): string => `printf '#!/bin/sh\\ntouch ${marks}/${what}\\n'`;
  return [
    'try() { if ( eval "$2" ) > /dev/null 2>&1; then echo "$1 ESCAPED"; else echo "$1 refused"; fi; }',
    ...Object.entries(looks).map(([name, script]) => `try ${name} "$(cat <<'END'\n${script}\nEND\n)"`),
    "rm -f leak; echo work > work.txt; git add work.txt; git commit -qm work",
    "git push -q origin HEAD HEAD:refs/notes/ticktown",
    `setsid env -i sleep ${left} > /dev/null 2>&1 &`,
    `mkdir -p .git/hooks ../inbox.git/hooks; for hook in post-checkout post-index-change reference-transaction post-update post-receive; do for in in .git ../inbox.git; do ${plant("hook")} > $in/hooks/$hook; chmod +x $in/hooks/$hook; done; done`,
    `${plant("fsmonitor")} > .git/watch; chmod +x .git/watch; git config core.fsmonitor .git/watch`,
  ].join("\n");
}

/** Git in a repository of whomever. */
export const gitOf = (repository: string, ...args: string[]): string =>
  git("/", "-c", "safe.directory=*", "--git-dir", repository, ...args);

type Call = (method: string, to: string, body?: unknown) => Promise<Record<string, unknown>>;

const callerOf =
  (socketPath: string): Call =>
  (method, to, body) =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${CONTROL_TOKEN}`, "content-type": "application/json" };
      const asked = request({ socketPath, method, path: to, headers }, (answer) => {
        json(answer).then((value) => resolve(value as Record<string, unknown>), reject);
      });
      asked.once("error", reject).end(body === undefined ? undefined : JSON.stringify(body));
    });

/** Whether a process with these arguments runs, of whomever. */
export const isRun = (...argv: string[]): boolean =>
  readdirSync("/proc").some((pid) => {
    const file = `/proc/${pid}/cmdline`;
    try {
      return /^\d+$/.test(pid) && existsSync(file) && readFileSync(file, "utf8") === [...argv, ""].join("\0");
    } catch {
      return false;
    }
  });
