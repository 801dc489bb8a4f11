/** The control server's end of the launcher: a program that is started as a user of its own. */
import { type Socket, connect } from "node:net";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { Asked, RELEASE, STDIO_READY, Told } from "./protocol.ts";

/** A program, wherever it was started. */
export interface Program {
  readonly pid: () => number | undefined;
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  /** Rejects when it could not be started. */
  readonly started: Promise<void>;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** Whose it is, where it is a user of its own. */
  readonly uid: number | null;
  /** Ends whatever still runs as its user; resolves when its folders are this server's again. */
  readonly release: () => Promise<void>;
}

export interface LaunchOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Folders and files that are its user's until it is released. */
  readonly owns: readonly string[];
  readonly hasInput: boolean;
}

/** @throws Error when the launcher has no user for it, or may not give what it is to own */
export async function launch(
  socketPath: string,
  argv: readonly string[],
  { cwd, env, owns, hasInput }: LaunchOptions,
): Promise<Program> {
  const control = connect(socketPath);
  const ticket = deferred<{ readonly ticket: string; readonly uid: number }>();
  const [started, released] = [deferred<void>(), deferred<void>()];
  const exited = deferred<Awaited<Program["exited"]>>();
  for (const { promise } of [ticket, started]) promise.catch(() => {});
  let pid: number | undefined;
  const fails = (error: Error): void => {
    ticket.reject(error);
    started.reject(error);
  };
  control.on("error", fails).once("close", () => {
    fails(new Error("the launcher has gone"));
    exited.resolve({ code: null, signal: "SIGKILL" });
    released.resolve();
  });
  createInterface({ input: control, crlfDelay: Infinity }).on("line", (line) => {
    const told = Told.parse(JSON.parse(line));
    if ("ticket" in told) ticket.resolve(told);
    if ("error" in told) fails(new Error(told.error));
    if ("released" in told) released.resolve();
    if ("code" in told) exited.resolve({ code: told.code, signal: told.signal as NodeJS.Signals | null });
    if ("pid" in told) {
      pid = told.pid;
      started.resolve();
    }
  });
  say(control, { op: "start", argv: [...argv], cwd, env: { ...env }, owns: [...owns], hasInput });
  const { ticket: own, uid } = await ticket.promise;
  const [stdin = null, stdout = null, stderr = null] = await Promise.all(
    [0, 1, 2].map((fd) => (fd === 0 && !hasInput ? null : streamOf(socketPath, own, fd))),
  );
  return {
    pid: () => pid,
    stdin,
    stdout,
    stderr,
    started: started.promise,
    exited: exited.promise,
    uid,
    release: () => {
      if (control.writable) control.write(`${RELEASE}\n`);
      return released.promise;
    },
  };
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function deferred<T>(): Deferred<T> {
  let [resolve, reject]: [Deferred<T>["resolve"], Deferred<T>["reject"]] = [() => {}, () => {}];
  const promise = new Promise<T>((one, other) => ([resolve, reject] = [one, other]));
  return { promise, resolve, reject };
}

/** Nothing is written before the launcher has let go of it: it would be read by the launcher. */
function streamOf(socketPath: string, ticket: string, fd: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: socketPath, allowHalfOpen: true }, () => say(socket, { op: "stdio", ticket, fd }));
    socket.once("error", reject);
    // Read by hand, so that what follows waits for whoever reads it.
    socket.once("readable", () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return reject(new Error("the launcher has closed a stream"));
      const rest = chunk.subarray(STDIO_READY.length);
      if (rest.length > 0) socket.unshift(rest);
      resolve(socket);
    });
  });
}

/** To a process of an agent's user, or to a group of one. Said, and not waited for. */
export function signalLaunched(socketPath: string, pid: number, isGroup: boolean, signal: NodeJS.Signals): void {
  const asked = Asked.safeParse({ op: "signal", pid, isGroup, signal });
  if (!asked.success) return;
  const socket = connect(socketPath, () => say(socket, asked.data));
  socket.on("error", () => {}).resume();
}

const say = (socket: Socket, asked: Asked): void => void socket.write(`${JSON.stringify(asked)}\n`);
