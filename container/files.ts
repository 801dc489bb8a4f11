/** Small private files that must be either old or new after a crash, never half written. */
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";

const PRIVATE_FILE = 0o600;
const PRIVATE_DIR = 0o700;

export function makePrivateDir(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: PRIVATE_DIR });
}

/** Makes a folder of an agent's home. Its agent may have put a link on the way, which leads to somebody else's: it goes. */
export function ownFolder(home: string, folder: string): void {
  makePrivateDir(home);
  let at = home;
  for (const part of path.normalize(folder).split(path.sep)) {
    if (part === "" || part === ".") continue;
    at = path.join(at, part);
    const there = lstatSync(at, { throwIfNoEntry: false });
    if (there !== undefined && !there.isDirectory()) rmSync(at, { force: true });
    if (there?.isDirectory() !== true) mkdirSync(at, { mode: PRIVATE_DIR });
  }
}

/** Readable by the owner only; replaces the old content in one step. */
export function writePrivateJson(file: string, value: unknown): void {
  makePrivateDir(path.dirname(file));
  const draft = `${file}.tmp`;
  // A new one, whatever lies there: a link is not followed.
  rmSync(draft, { force: true });
  const fd = openSync(draft, "wx", PRIVATE_FILE);
  try {
    writeFileSync(fd, JSON.stringify(value));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(draft, file);
}

/** What the file holds; null when it is not there or was cut off. */
export function readPrivateJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as unknown;
  } catch {
    return null;
  }
}

/** Tells a folder from a copy of it, wherever that lies; one that was renamed is still itself. */
export function folderIdOf(dir: string): string {
  const { dev, ino } = statSync(dir, { bigint: true });
  return `${dev}:${ino}`;
}

/** Every `*.json` in the folder with what it holds; a file that cannot be read is left alone and passed to `onBroken`. */
export function readJsonDir(dir: string, onBroken: (file: string) => void): { file: string; value: unknown }[] {
  makePrivateDir(dir);
  return readdirSync(dir)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .flatMap((name) => {
      const file = path.join(dir, name);
      try {
        return [{ file, value: JSON.parse(readFileSync(file, "utf8")) as unknown }];
      } catch {
        onBroken(file);
        return [];
      }
    });
}

export function removeFile(file: string): void {
  rmSync(file, { force: true });
}

/**
 * Opens a file below a folder step by step, each held while the next is looked for: whoever exchanges a folder on the way for a link, at
 * whichever moment, leads nowhere. @throws Error where any part of the way is a link, or it is no plain file
 */
export function openBeneath(folder: string, file: string): number {
  const parts = path.relative(folder, file).split(path.sep);
  const name = parts.pop() as string;
  let at = openSync(folder, FOLDER);
  try {
    for (const part of parts) {
      const next = openSync(`/proc/self/fd/${at}/${part}`, FOLDER);
      closeSync(at);
      at = next;
    }
    const fd = openSync(`/proc/self/fd/${at}/${name}`, PLAIN);
    if (fstatSync(fd).isFile()) return fd;
    closeSync(fd);
    throw new Error(`${file} is no plain file`);
  } finally {
    closeSync(at);
  }
}

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const PLAIN = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/**
 * A file that somebody else may have put there. What is no plain file is not opened to the end: a pipe of that name would never
 * answer, a device never end. @throws Error when it is a link, no plain file, or larger
 */
export function readPlain(file: string, max_bytes: number): string {
  const fd = openSync(file, PLAIN);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Error(`${file} is no plain file`);
    if (stat.size > max_bytes) throw new Error(`${file} is larger than ${max_bytes} bytes`);
    return readFileSync(fd, "utf8");
  } finally {
    closeSync(fd);
  }
}
