/**
 * The git configuration that Ticktown and its agents run under. It is a file of our own; what lets git reach and log in to
 * a remote is taken over from the operator's files by name, and nothing else of them can stop a rig.
 */
import { chmodSync, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { exec } from "../processes/exec.ts";
import { hostEnvForGit } from "../processes/host-env.ts";
import { GIT_CONFIG_LINES_MAX, GIT_TIMEOUT_MS } from "../limits.ts";

type HostEnv = Readonly<Record<string, string | undefined>>;

/** How to reach a remote and who to be there; what an operator wants ignored; git-lfs, which keeps its filter here. */
const TAKEN_OVER: readonly RegExp[] = [
  /^credential\./,
  /^https?\./,
  /^url\..*\.(insteadof|pushinsteadof)$/,
  /^core\.(sshcommand|gitproxy|excludesfile)$/,
  /^ssh\.variant$/,
  /^safe\.directory$/,
  /^filter\.lfs\./,
  /^lfs\./,
];

/** Ours, after what was taken over, so that it wins. */
const OURS: readonly Entry[] = [
  { key: "gc.auto", value: "0" }, // Nothing is pruned while anybody borrows objects.
  { key: "maintenance.auto", value: "false" },
  { key: "init.defaultBranch", value: "main" },
  { key: "advice.detachedHead", value: "false" },
];

interface Entry {
  readonly key: string;
  /** null: no value, which git reads as true. */
  readonly value: string | null;
}

interface Source {
  readonly name: string;
  readonly args: readonly string[];
  /** null: git knows where it is. */
  readonly file: string | null;
}

/** Where agents' git finds its global configuration. */
export function gitConfigFile(workDir: string): string {
  return path.join(workDir, "git", "config");
}

/** Where it is of who is in a box, or is a user of its own: it logs in nowhere. */
export function boxConfigFile(workDir: string): string {
  return path.join(workDir, "git", "box-config");
}

/** Of what was taken over, what is nobody's secret, nor leads to one. */
const SHOWN: readonly RegExp[] = [
  /^filter\.lfs\./,
  /^lfs\./,
  /^core\.excludesfile$/,
  /^http\.(.*\.)?(sslcainfo|sslcapath|sslverify|proxy|version|postbuffer)$/,
  /^url\..*\.(insteadof|pushinsteadof)$/,
];
/** A name or a password in an address. */
const LOGIN = /:\/\/[^/?#]*@/;

const isShown = ({ key, value }: Entry): boolean =>
  SHOWN.some((one) => one.test(key)) && !LOGIN.test(`${key}\n${value ?? ""}`);

/** The store that it fetches from is another user's, where it is one of its own; it sees no other repository. */
const TRUSTING: Entry = { key: "safe.directory", value: "*" };

const written = new Map<string, { readonly seen: string; readonly warnings: Promise<readonly string[]> }>();

/**
 * Writes the configuration if it is not there or the operator's files have changed since.
 * @returns what of the operator's files could not be read, with the line that git names; empty when all could
 */
export async function ensureGitConfig(workDir: string, host: HostEnv): Promise<readonly string[]> {
  const sources = sourcesOf(host);
  const seen = sources.map(({ file }) => (file === null ? "" : stampOf(file))).join(" ");
  const file = gitConfigFile(workDir);
  const known = written.get(file);
  if (known?.seen === seen && stampOf(file) !== "none") return known.warnings;
  // One after the other: two at the same moment would write the same draft.
  const before = known?.warnings ?? Promise.resolve([]);
  const warnings = before.catch(() => []).then(() => write(file, sources, host));
  written.set(file, { seen, warnings });
  warnings.catch(() => written.delete(file));
  return warnings;
}

function sourcesOf(host: HostEnv): Source[] {
  const home = host["HOME"];
  const given = host["GIT_CONFIG_GLOBAL"];
  const xdg = host["XDG_CONFIG_HOME"] || (home === undefined ? undefined : path.join(home, ".config"));
  const files =
    given === undefined
      ? [xdg && path.join(xdg, "git", "config"), home && path.join(home, ".gitconfig")].filter((file) => !!file)
      : [given].filter((file) => file !== "");
  return [
    ...(host["GIT_CONFIG_NOSYSTEM"]
      ? []
      : [{ name: "the system's git configuration", args: ["--system"], file: null }]),
    ...files.map((file) => ({ name: file as string, args: ["--file", file as string], file: file as string })),
  ];
}

async function write(file: string, sources: readonly Source[], host: HostEnv): Promise<readonly string[]> {
  const warnings: string[] = [];
  const entries: Entry[] = [];
  for (const { name, args, file: source } of sources) {
    if (source !== null && stampOf(source) === "none") continue;
    const { code, stdout, stderr } = await exec("git", ["config", ...args, "--includes", "--list", "-z"], {
      cwd: "/",
      env: { ...hostEnvForGit(host), LC_ALL: "C" },
      timeout_ms: GIT_TIMEOUT_MS,
    });
    if (code === 0) entries.push(...parse(stdout).filter(({ key }) => TAKEN_OVER.some((wanted) => wanted.test(key))));
    else if (source !== null || /bad config/.test(stderr))
      warnings.push(`git cannot read ${name} (${stderr.trim().split("\n").at(-1)}), so nothing of it is used`);
  }
  if (entries.length > GIT_CONFIG_LINES_MAX)
    warnings.push(`of the git configuration only the last ${GIT_CONFIG_LINES_MAX} of ${entries.length} lines are used`);
  const used = entries.slice(-GIT_CONFIG_LINES_MAX);
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o711 });
  replace(path.join(path.dirname(file), "box-config"), [...used.filter(isShown), TRUSTING, ...OURS], 0o644);
  replace(file, [...used, ...OURS], 0o600);
  return warnings;
}

function replace(file: string, entries: readonly Entry[], mode: number): void {
  const draft = `${file}.${process.pid}.tmp`;
  const text = entries.map(lineOf).join("");
  writeFileSync(draft, `# Written by Ticktown at each start; changes are lost.\n${text}`, { mode });
  // Whatever the umask says: who reads it may be somebody else.
  chmodSync(draft, mode);
  renameSync(draft, file);
}

function parse(listed: string): Entry[] {
  return listed.split("\0").flatMap((item): Entry[] => {
    const end = item.indexOf("\n");
    if (item === "") return [];
    return end < 0 ? [{ key: item, value: null }] : [{ key: item.slice(0, end), value: item.slice(end + 1) }];
  });
}

/** `a.b.c` as `[a "b"]` and `c`; only what is between the first and the last dot may hold anything. */
export function lineOf({ key, value }: Entry): string {
  const first = key.indexOf(".");
  const last = key.lastIndexOf(".");
  const subsection = first === last ? "" : ` "${key.slice(first + 1, last).replaceAll(/["\\]/g, "\\$&")}"`;
  const name = key.slice(last + 1);
  const quoted = value === null ? name : `${name} = "${escaped(value)}"`;
  return `[${key.slice(0, first)}${subsection}]\n\t${quoted}\n`;
}

function escaped(value: string): string {
  return value.replaceAll(/["\\]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\t", "\\t");
}

/** Changes when the file does. */
function stampOf(file: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(file);
    return `${ino}:${mtimeMs}:${size}`;
  } catch {
    return "none";
  }
}
