/**
 * The control server on one machine listens on a unix socket: unlike a port, it cannot be taken by another user's program
 * that waits for it to be free, and nobody else can reach it. What protects it is its folder, so the folder is checked.
 */
import { createHash } from "node:crypto";
import {
  type Stats,
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  rmdirSync,
  statSync,
} from "node:fs";
import { connect } from "node:net";
import path from "node:path";

/** What the kernel has room for (sun_path without its NUL). Node 20 cuts a longer path and listens somewhere else. */
export const SOCKET_PATH_MAX_BYTES = process.platform === "darwin" ? 103 : 107;

const PRIVATE_DIR = 0o700;
const PRIVATE_FILE = 0o600;
const OTHERS = 0o077;
/** Long enough that two state folders of one user do not meet, short enough for every path. */
const HASH_CHARS = 16;

/**
 * Where the control server of a state folder listens: a short path that is the same at every start of it.
 * `$XDG_RUNTIME_DIR/ticktown-<hash>/control.sock` where that folder is the user's own, else `/tmp/ticktown-<uid>-<hash>/control.sock`.
 * @throws Error when the state folder is not there
 */
export function controlSocketOf(stateDir: string, env: Readonly<Record<string, string | undefined>>): string {
  const hash = createHash("sha256").update(realpathSync(stateDir)).digest("hex").slice(0, HASH_CHARS);
  const runtime = env["XDG_RUNTIME_DIR"];
  if (runtime !== undefined && path.isAbsolute(runtime) && isOwn(runtime)) {
    const socket = path.join(runtime, `ticktown-${hash}`, "control.sock");
    if (Buffer.byteLength(socket) <= SOCKET_PATH_MAX_BYTES) return socket;
  }
  return path.join("/tmp", `ticktown-${ownUid()}-${hash}`, "control.sock");
}

export interface ControlSocket {
  readonly path: string;
  /** Why it is not where it is otherwise, or null. */
  readonly note: string | null;
  /** Takes the folder away again, unless something else lies there. */
  readonly leave: () => void;
}

/**
 * Makes the folder for a state folder's socket, for its owner alone. Where somebody was there first, who could know the name, the
 * folder gets a name that nobody knows before it is made.
 * @throws Error when no folder can be made
 */
export function openControlSocket(stateDir: string, env: Readonly<Record<string, string | undefined>>): ControlSocket {
  const usual = controlSocketOf(stateDir, env);
  const dir = path.dirname(usual);
  const found = lstatSync(dir, { throwIfNoEntry: false });
  const why = found === undefined ? null : whyNotOwn(found);
  if (why === null) {
    makeOwnFolder(dir);
    return { path: usual, note: null, leave: () => removeEmpty(dir) };
  }
  const other = mkdtempSync(path.join(path.dirname(dir), `ticktown-${ownUid()}-`));
  const note = `${dir} ${why}, so it was left alone: the control server listens in ${other}`;
  return { path: path.join(other, path.basename(usual)), note, leave: () => removeEmpty(other) };
}

/** @throws Error for a path that is not absolute, or longer than a socket's path can be */
export function checkSocketPath(file: string): void {
  if (!path.isAbsolute(file)) throw new Error(`LISTEN_SOCKET is "${file}"; it must be an absolute path`);
  const bytes = Buffer.byteLength(file);
  if (bytes > SOCKET_PATH_MAX_BYTES) {
    throw new Error(
      `LISTEN_SOCKET is ${bytes} bytes long, and the path of a unix socket has room for ${SOCKET_PATH_MAX_BYTES}: ` +
        `nothing listens now. Choose a shorter path than ${file}`,
    );
  }
}

/**
 * Makes the socket's folder, or checks the one that is there, and takes away a socket that nobody listens on any more.
 * @returns a function that removes the folder again if it was made here
 * @throws Error when somebody else could reach the folder, or another server listens there
 */
export async function prepareSocket(file: string): Promise<() => void> {
  checkSocketPath(file);
  const dir = path.dirname(file);
  const isNew = makeOwnFolder(dir);
  await removeDeadSocket(file);
  return () => {
    if (isNew) removeEmpty(dir);
  };
}

function removeEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch {
    // Something else lies there, which is not ours to remove; or it has gone.
  }
}

/** The folder keeps others out already; a socket that says the same survives a folder that is opened by mistake. */
export function makePrivateSocket(file: string): void {
  chmodSync(file, PRIVATE_FILE);
}

/** @returns whether it was made @throws Error when it is not a folder of ours alone */
function makeOwnFolder(dir: string): boolean {
  let isNew = false;
  try {
    mkdirSync(dir, { mode: PRIVATE_DIR });
    isNew = true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") {
      throw new Error(`the folder ${dir} for the control socket cannot be made: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  const why = whyNotOwn(lstatSync(dir));
  if (why === null) return isNew;
  throw new Error(
    `the folder ${dir} for the control socket ${why}, so another user could stand between: nothing listens there. ` +
      "Remove it, or choose another LISTEN_SOCKET in a folder of your own with mode 700",
  );
}

function whyNotOwn(stats: Stats): string | null {
  if (stats.isSymbolicLink()) return "is a symbolic link";
  if (!stats.isDirectory()) return "is not a folder";
  if (stats.uid !== ownUid()) return `belongs to the user with id ${stats.uid}`;
  if ((stats.mode & OTHERS) !== 0) return `can be entered by others (mode ${(stats.mode & 0o777).toString(8)})`;
  return null;
}

async function removeDeadSocket(file: string): Promise<void> {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) throw new Error(`${file} is there and is not a socket; it was left alone. Remove it`);
  if (await isAnswered(file)) {
    throw new Error(`another program listens on ${file}; stop it, or choose another LISTEN_SOCKET`);
  }
  rmSync(file, { force: true });
}

function isAnswered(file: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(file);
    const settle = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
  });
}

function isOwn(dir: string): boolean {
  const stats = statSync(dir, { throwIfNoEntry: false });
  return stats !== undefined && whyNotOwn(stats) === null;
}

function ownUid(): number {
  return process.getuid?.() ?? 0;
}
