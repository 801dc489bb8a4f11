/** Keeps a program away from everything on this machine but what it was given: with bubblewrap, where that works. */
import { accessSync, chmodSync, constants, writeFileSync } from "node:fs";
import path from "node:path";
import { BOX_PROBE_TIMEOUT_MS } from "../limits.ts";
import { exec } from "../processes/exec.ts";
import { type BoxSpec, bwrapArgs, dropping, isIn, realOf } from "./bwrap.ts";
import { keysFilter } from "./seccomp.ts";
import { isRoot, nextUser } from "./users.ts";

export type { BoxSpec } from "./bwrap.ts";

export interface Box {
  readonly kind: "bwrap" | "none";
  /** The program to run, with its arguments, so that it is in the box. Its environment and its network are as given outside. */
  readonly within: (spec: BoxSpec, argv: readonly string[]) => readonly string[];
  /** @returns what lies in this folder that no box shows, for which the folder itself is not shown either; null: nothing */
  readonly hiddenIn: (folder: string) => string | null;
}

/** Nothing is kept from anybody. */
export const NO_BOX: Box = { kind: "none", within: (_, argv) => argv, hiddenIn: () => null };

export interface BoxOptions {
  /** Where bubblewrap is looked for. */
  readonly path: string;
  /** Folders that nobody in a box sees: the state folder, the operator's home. Real paths. */
  readonly hidden: readonly string[];
  /** A file that a box must hide, or it is none. Beside it is written what a box may not ask the kernel for. */
  readonly secret: string;
  /** Boxes are begun by others than this user too: the launcher's. */
  readonly isLaunched?: boolean;
}

/** @returns the box, or none with the reason: it is tried, since a container or a kernel may forbid it */
export async function openBox({
  path: pathVariable,
  hidden,
  secret,
  isLaunched = false,
}: BoxOptions): Promise<{ box: Box; why: string }> {
  const program = findProgram("bwrap", pathVariable);
  if (program === null) return { box: NO_BOX, why: "bubblewrap (bwrap) is not installed" };
  const closed = isRoot() ? [] : await withoutNamespaces(program, pathVariable);
  const begunBy = (begin: readonly string[]): Box => ({
    kind: "bwrap",
    within: (spec, argv) => [...begin, ...closed, ...bwrapArgs(spec, hidden), "--", ...dropping(spec.uid, argv)],
    hiddenIn: (folder) => hidden.find((secret) => isIn(secret, realOf(folder))) ?? null,
  });
  // As it will be used: where this server is root, by somebody who is not.
  const uid = nextUser();
  const probed: BoxSpec = { cwd: "/", writable: [], readable: [], ...(uid === null ? {} : { uid }) };
  const script = 'test ! -e "$1" && test "$$" -lt 100 && test "$(id -u)" -ne 0 && ! true > /usr/ticktown-probe';
  const looks = ["sh", "-c", `( ${script} ) 2> /dev/null`, "sh", secret];
  const tried = await probe(begunBy([program]).within(probed, looks), pathVariable);
  if (tried.code === 0)
    return {
      box: begunBy(await withoutKeys(program, pathVariable, `${secret}.calls`, isLaunched ? 0o644 : 0o600)),
      why: "",
    };
  return {
    box: NO_BOX,
    why: `bubblewrap does not work here: ${lastLine(tried.stderr) || "it hides nothing"}`,
  };
}

/** Runs what a box is to be made of, for its exit code alone. */
export const probe = ([command = "", ...args]: readonly string[], pathVariable: string): ReturnType<typeof exec> =>
  exec(command, args, { cwd: "/", env: { PATH: pathVariable }, timeout_ms: BOX_PROBE_TIMEOUT_MS });

/** @returns how bubblewrap is begun: where the kernel takes a filter, nobody in a box reaches a keyring */
async function withoutKeys(
  program: string,
  pathVariable: string,
  file: string,
  mode: number,
): Promise<readonly string[]> {
  const filter = keysFilter(process.arch);
  if (filter === null) return [program];
  writeFileSync(file, filter);
  chmodSync(file, mode);
  const begin = ["/bin/sh", "-c", 'exec 9< "$0" && exec "$@"', file, program, "--seccomp", "9"];
  const tried = await probe([...begin, "--ro-bind", "/", "/", "--", "true"], pathVariable);
  return tried.code === 0 ? begin : [program];
}

const CLOSED = ["--unshare-user", "--disable-userns"];

/** Where bubblewrap can, nobody in it makes a namespace, and so no folder in memory that has no bound. */
async function withoutNamespaces(program: string, pathVariable: string): Promise<readonly string[]> {
  const tried = await probe([program, ...CLOSED, "--ro-bind", "/", "/", "--", "true"], pathVariable);
  return tried.code === 0 ? CLOSED : [];
}

export const lastLine = (text: string): string => text.trim().split("\n").at(-1) ?? "";

/** @returns where it is among the folders of a PATH; null: nowhere */
export function findProgram(name: string, pathVariable: string): string | null {
  for (const dir of pathVariable.split(path.delimiter)) {
    const file = path.join(dir, name);
    try {
      if (!path.isAbsolute(dir)) continue;
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here.
    }
  }
  return null;
}
