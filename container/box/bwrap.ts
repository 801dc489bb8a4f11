/** What a boxed program sees, as arguments of bubblewrap: the system read-only, what it was given, and nothing else of this machine. */
import { lstatSync, readlinkSync, realpathSync } from "node:fs";
import path from "node:path";

export interface BoxSpec {
  /** Where it begins: in something that it sees. */
  readonly cwd: string;
  /** Folders that it may write. Everything keeps its path inside. */
  readonly writable: readonly string[];
  /** Folders and files that it may read beside the system's. What is not there is left out. */
  readonly readable: readonly string[];
  /** The one socket that it reaches in place of every network; without it, it has the machine's. */
  readonly socket?: string;
  /** What its folders in memory may hold, each. */
  readonly memory_bytes?: number;
  /** Where this server is root: who it becomes before its program begins. */
  readonly uid?: number;
  /** Where this server is root: it reads what is anybody's, as a program of ours has to that looks at an agent's files. */
  readonly readsAll?: boolean;
  /** Files that are seen in another one's place. */
  readonly copies?: readonly { readonly from: string; readonly to: string }[];
}

/** Where the socket is inside. */
export const SOCKET_IN_BOX = "/run/ticktown/gateway.sock";

/** Where a system keeps its programs and their settings. Not /var, /run, /home, /root, /srv, /mnt: they hold what is somebody's. */
const SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix", "/sys"];
/** Settings that are secrets. */
const SECRETS = ["/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers"];
const SECRET_FOLDERS = ["/etc/ssh", "/etc/sudoers.d", "/etc/ssl/private"];

const ALONE = "--unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try --die-with-parent --cap-drop ALL".split(
  " ",
);

/** Of root's, what is left until its program begins: then it is somebody else, and has none. */
function capabilities({ uid, readsAll = false }: BoxSpec): string[] {
  if (process.getuid?.() !== 0) return [];
  const kept = [...(uid === undefined ? [] : ["CAP_SETUID", "CAP_SETGID"]), ...(readsAll ? ["CAP_DAC_OVERRIDE"] : [])];
  return kept.flatMap((name) => ["--cap-add", name]);
}

/** The program that a box begins with. */
export function dropping(uid: number | undefined, argv: readonly string[]): readonly string[] {
  if (uid === undefined) return argv;
  return ["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--inh-caps=-all", "--", ...argv];
}

/** Folders that anybody may go through: bubblewrap keeps those that it has to make for root. */
const entered = (folders: readonly string[]): string[] => folders.flatMap((dir) => ["--perms", "0755", "--dir", dir]);

/** The folders that lie above these, from the outside to the inside, as far as they are not the system's. */
function above(files: readonly string[], hidden: readonly string[]): string[] {
  const all = files.flatMap((file) => {
    const parts = path.dirname(path.normalize(file)).split(path.sep).filter(Boolean);
    return parts.map((_, n) => `/${parts.slice(0, n + 1).join(path.sep)}`);
  });
  const isMade = (dir: string): boolean =>
    !SYSTEM.some((root) => isIn(dir, root)) || hidden.some((secret) => dir !== secret && isIn(dir, secret));
  return [...new Set(all)].filter((dir) => isMade(dir) && !IN_MEMORY.includes(dir) && dir !== "/dev").sort();
}

/** Folders of its own, in memory. `/dev` holds devices, and nothing is written beside them. */
const IN_MEMORY = ["/tmp", "/var/tmp", "/dev/shm"];

function ownFolders(bytes: number | undefined): string[] {
  const size = bytes === undefined ? [] : ["--size", String(bytes)];
  const anybodys = ["--perms", "1777"];
  const folders = IN_MEMORY.flatMap((dir) => [...anybodys, ...size, "--tmpfs", dir]);
  return ["--dev", "/dev", ...entered(["/var", "/run"]), ...folders];
}

const kindOf = (file: string): "link" | "folder" | "file" | null => {
  try {
    const stat = lstatSync(file);
    if (stat.isSymbolicLink()) return "link";
    return stat.isDirectory() ? "folder" : "file";
  } catch {
    return null; // Not there, or in a folder of somebody else's, who may not be asked.
  }
};

/** Where a path leads: a link, or a second slash, makes nothing else of it. */
export function realOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return path.normalize(file);
  }
}

export const isIn = (file: string, folder: string): boolean =>
  file === folder || file.startsWith(`${folder.replace(/\/$/, "")}/`);

/** @param hidden what is not seen even where it lies in something that is, as a state folder in /opt */
export function bwrapArgs(spec: BoxSpec, hidden: readonly string[]): string[] {
  const covered = [
    ...hidden.filter((dir) => dir !== "/" && SYSTEM.some((root) => isIn(dir, root))),
    ...SECRET_FOLDERS.filter((dir) => kindOf(dir) === "folder"),
  ];
  const args = [
    ...ALONE,
    ...capabilities(spec),
    ...SYSTEM.flatMap((dir) => {
      const kind = kindOf(dir);
      if (kind === "link") return ["--symlink", readlinkSync(dir), dir];
      return kind === "folder" ? ["--ro-bind", dir, dir] : [];
    }),
    ...covered.flatMap((dir) => ["--tmpfs", dir]),
    ...SECRETS.filter((file) => kindOf(file) === "file").flatMap((file) => ["--ro-bind", "/dev/null", file]),
    "--proc",
    "/proc",
    // For root they would be as writable as outside.
    ...["/proc/sys", "/proc/sysrq-trigger"].flatMap((file) => (kindOf(file) === null ? [] : ["--ro-bind", file, file])),
    ...ownFolders(spec.memory_bytes),
    ...resolver(),
  ];
  // The same path twice, or one below another: what is bound later lies on top.
  const isSeenAnyway = (file: string): boolean =>
    SYSTEM.some((root) => isIn(file, root)) && !covered.some((dir) => isIn(file, dir));
  // Each of them takes bubblewrap some time.
  const readable = [...new Set(spec.readable)].filter((file) => {
    const real = realOf(file);
    const isAsked = path.isAbsolute(file) && !hidden.some((secret) => isIn(secret, real));
    return isAsked && !(isSeenAnyway(path.normalize(file)) && isSeenAnyway(real));
  });
  const sockets = spec.socket === undefined ? [] : [SOCKET_IN_BOX];
  const there = readable.filter((file) => kindOf(file) !== null);
  const shown = [...there, ...spec.writable, ...(spec.copies ?? []).map(({ to }) => to), ...sockets];
  args.push(...entered(above(shown, hidden)));
  for (const file of readable) args.push("--ro-bind-try", file, file);
  for (const { from, to } of spec.copies ?? []) args.push("--ro-bind", from, to);
  for (const dir of spec.writable) args.push("--bind", dir, dir);
  if (spec.socket !== undefined) args.push("--unshare-net", "--ro-bind", spec.socket, SOCKET_IN_BOX);
  // What lies between all these is in memory as well, and nobody's to write.
  const closed = ["/dev", ...covered, "/"].flatMap((dir) => ["--remount-ro", dir]);
  return [...args, ...closed, "--chdir", spec.cwd];
}

/** Who asks for names: often a link into /run. */
function resolver(): string[] {
  try {
    const real = realpathSync("/etc/resolv.conf");
    return isIn(real, "/etc") ? [] : ["--ro-bind", real, real];
  } catch {
    return [];
  }
}

/** Variables that name files of certificates, which programs in a box have to read. */
export const CERTIFICATES = ["SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"];

/** What programs on the PATH need beside the system's: a folder `bin` with its libraries, or all of a `node_modules`. */
export function toolsOn(pathVariable: string): string[] {
  const folders = pathVariable.split(path.delimiter).filter((dir) => path.isAbsolute(dir) && kindOf(dir) !== null);
  return folders
    .filter((dir) => !SYSTEM.some((root) => isIn(dir, root)))
    .flatMap((dir) => {
      const parent = path.dirname(dir);
      if (path.basename(dir) === ".bin") return [parent];
      return path.basename(dir) === "bin" ? [dir, ...["lib", "libexec"].map((one) => path.join(parent, one))] : [dir];
    });
}
