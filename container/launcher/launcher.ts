/**
 * The one program of the image that is root: it starts agents as users of their own, gives each its folders and takes them back, and
 * passes on signals to them. As root it runs chown and find alone, reads no repository, and listens to nobody but the control server.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { type Server, type Socket, createServer } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { CHOWN_TIMEOUT_MS, GROUP_POLL_MS, KILL_WAIT_MS } from "../limits.ts";
import { exec } from "../processes/exec.ts";
import { groupMembers } from "../processes/groups.ts";
import { readLines } from "./lines.ts";
import { Asked, RELEASE, STDIO_READY, type Told } from "./protocol.ts";

export interface LauncherOptions {
  readonly socket: string;
  /** Whose files the control server's are, and who alone may speak to this socket. */
  readonly control: { readonly uid: number; readonly gid: number };
  /** Users of agents: none of them is anybody else's. */
  readonly uids: readonly number[];
  /** Nothing outside of it is given to anybody. */
  readonly workDir: string;
}

export interface Launcher {
  /** Ends whatever runs as one of the agents' users, and listens no more. */
  readonly close: () => Promise<void>;
}

interface Place {
  readonly asked: Extract<Asked, { op: "start" }>;
  readonly uid: number;
  readonly stdio: (Socket | undefined)[];
  readonly begin: () => void;
}

/** @throws Error when it is not root, or the socket cannot be made */
export async function startLauncher(options: LauncherOptions): Promise<Launcher> {
  if (process.getuid?.() !== 0) throw new Error("the launcher must be root");
  const free = [...options.uids];
  const places = new Map<string, Place>();
  await endAllOf(options.uids);
  await takeAll(options);
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    readLines(socket, (line, more) => hear(options, { free, places }, socket, line, more));
  });
  await listenFor(server, options);
  return {
    close: async () => {
      server.close();
      await endAllOf(options.uids);
      rmSync(options.socket, { force: true });
    },
  };
}

interface State {
  readonly free: number[];
  readonly places: Map<string, Place>;
}

/** @param more how the next lines are heard; a connection that becomes a program's is read by that alone */
function hear(
  options: LauncherOptions,
  state: State,
  socket: Socket,
  line: string,
  more: (next: (line: string) => void) => void,
): void {
  const asked = Asked.safeParse(parsed(line)).data;
  if (asked === undefined) return void socket.destroy();
  if (asked.op === "signal") {
    for (const pid of asked.isGroup ? groupMembers(asked.pid) : [asked.pid])
      if (options.uids.includes(uidOf(pid) ?? -1)) tryKill(pid, asked.signal);
    return void socket.end();
  }
  if (asked.op === "stdio") {
    const place = state.places.get(asked.ticket);
    if (place === undefined || place.stdio[asked.fd] !== undefined) return void socket.destroy();
    place.stdio[asked.fd] = socket;
    socket.write(STDIO_READY, place.begin);
    return;
  }
  start(options, state, socket, asked, more).catch((error: unknown) => {
    tell(socket, { error: error instanceof Error ? error.message : String(error) });
    socket.end();
  });
}

async function start(
  options: LauncherOptions,
  { free, places }: State,
  socket: Socket,
  asked: Place["asked"],
  more: (next: (line: string) => void) => void,
): Promise<void> {
  const owns = asked.owns.map((file) => inside(options.workDir, file));
  const uid = free.shift();
  if (uid === undefined) throw new Error(`all ${options.uids.length} users of agents are taken`);
  const ticket = randomUUID();
  const released = new Promise<void>((resolve) => {
    more((line) => line === RELEASE && resolve());
    socket.once("close", () => resolve());
  });
  try {
    for (const file of owns) {
      await give(file, options.control.uid, { uid, gid: options.control.gid });
      // Its group is the control server's, which looks at it; other agents are neither.
      if (isFolder(file)) chmodSync(file, 0o750);
    }
    const wanted = asked.hasInput ? [0, 1, 2] : [1, 2];
    const stdio: (Socket | undefined)[] = [];
    const attached = new Promise<void>((resolve) => {
      const begin = (): void => void (wanted.every((fd) => stdio[fd] !== undefined) && resolve());
      places.set(ticket, { asked, uid, stdio, begin });
    });
    tell(socket, { ticket, uid });
    await Promise.race([attached, released]);
    if (wanted.every((fd) => stdio[fd] !== undefined)) run(socket, asked, uid, stdio);
    await released;
  } finally {
    places.delete(ticket);
    await endAllOf([uid]);
    for (const file of owns) await give(file, uid, options.control);
    free.push(uid);
    tell(socket, { released: true });
    socket.end();
  }
}

function run(socket: Socket, asked: Place["asked"], uid: number, stdio: readonly (Socket | undefined)[]): void {
  const [program = "", ...args] = asked.argv;
  let child: ChildProcess;
  const fds = [0, 1, 2].map((fd) => stdio[fd] ?? ("ignore" as const));
  try {
    // libuv gives up all groups as well, where a user is set.
    child = spawn(program, args, { cwd: asked.cwd, env: asked.env, detached: true, uid, gid: uid, stdio: fds });
  } catch (error) {
    return tell(socket, { error: (error as Error).message });
  }
  child.once("error", (error) => tell(socket, { error: error.message }));
  child.once("spawn", () => tell(socket, { pid: child.pid as number }));
  child.once("exit", (code, signal) => tell(socket, { code, signal }));
  // The program has them now.
  for (const one of stdio) one?.destroy();
}

const tell = (socket: Socket, told: Told): void => void (socket.writable && socket.write(`${JSON.stringify(told)}\n`));

/** @returns the path @throws Error for what lies elsewhere, or is reached by a link */
function inside(workDir: string, file: string): string {
  const real = path.join(realpathSync(path.dirname(file)), path.basename(file));
  if (real !== file || !file.startsWith(`${workDir}${path.sep}`))
    throw new Error(`${file} is not this server's to give`);
  return file;
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whatever in it is of the one becomes the other's; nothing else that was linked there changes hands, and no link is followed. Nobody who
 * could write there runs meanwhile. How deep a folder is does not matter to chown, which an agent may have made.
 */
const give = (file: string, from: number, { uid, gid }: Owner): Promise<unknown> =>
  rootRuns("chown", ["-h", "-R", "-P", `--from=${from}`, `${uid}:${gid}`, "--", file]);

/** What a launcher before could not take back, and a folder that root has made. */
function takeAll({ workDir, control, uids }: LauncherOptions): Promise<unknown> {
  const [least = 0, most = 0] = [Math.min(...uids), Math.max(...uids)];
  const theirs = ["(", "-uid", "0", "-o", "(", "-uid", `+${least - 1}`, "-uid", `-${most + 1}`, ")", ")"];
  return rootRuns("find", [
    workDir,
    "-xdev",
    ...theirs,
    "-exec",
    "chown",
    "-h",
    `${control.uid}:${control.gid}`,
    "{}",
    "+",
  ]);
}

const rootRuns = (program: string, args: readonly string[]): Promise<unknown> =>
  exec(program, args, { cwd: "/", env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" }, timeout_ms: CHOWN_TIMEOUT_MS });

const isFolder = (file: string): boolean => lstatSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;

function uidOf(pid: number): number | null {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return null;
  }
}

/** A user of one agent's is all that it has started, in whichever group, session or environment. */
async function endAllOf(uids: readonly number[]): Promise<void> {
  const theirs = new Set<number | null>(uids);
  const deadline = Date.now() + KILL_WAIT_MS;
  for (;;) {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && theirs.has(uidOf(Number(name))));
    if (pids.length === 0 || Date.now() > deadline) return;
    for (const pid of pids) tryKill(Number(pid), "SIGKILL");
    await sleep(GROUP_POLL_MS);
  }
}

function tryKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile.
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}

/** In a folder that the control server may enter and nobody else. */
function listenFor(server: Server, { socket, control }: LauncherOptions): Promise<void> {
  const folder = path.dirname(socket);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chownSync(folder, control.uid, control.gid);
  chmodSync(folder, 0o500);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(socket, () => {
      chownSync(socket, control.uid, control.gid);
      chmodSync(socket, 0o600);
      resolve();
    });
  });
}
