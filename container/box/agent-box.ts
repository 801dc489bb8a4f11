/**
 * An agent in a box: it sees the system, its own clone and home, and of the rig's store what its `git fetch` reads. No state folder,
 * no other agent, no home of the operator, no process but its own. It ends as a whole, and still hears the signal that it is to end.
 */
import { mkdirSync, realpathSync, statSync } from "node:fs";
import path from "node:path";
import type { Place } from "../../src/wire/container.ts";
import type { Config } from "../config.ts";
import { agentFoldersOf, foldersOf } from "../git/layout.ts";
import { gitConfigFile } from "../git/user-config.ts";
import { Refusal } from "../refusal.ts";
import { BOX_PROBE_TIMEOUT_MS } from "../limits.ts";
import { exec } from "../processes/exec.ts";
import { type Box, lastLine } from "./box.ts";
import { CERTIFICATES, toolsOn } from "./bwrap.ts";

/** How the program of one dispatch is started. */
export interface AgentBox {
  readonly kind: Box["kind"];
  /** The program to run, with its arguments. */
  readonly within: (argv: readonly string[]) => readonly string[];
  /** Its environment, with a home of its own in place of the operator's. */
  readonly env: (given: Readonly<Record<string, string>>, home?: string) => Record<string, string>;
  /** How what makes its clone fit to work in is run: with nothing that outlives it but the clone. */
  readonly setup: Pick<AgentBox, "within" | "env">;
}

export interface AgentBoxOptions {
  readonly box: Box;
  readonly config: Config;
  readonly place: Pick<Place, "box" | "box_read">;
  readonly rigId: string;
  readonly agentId: string;
  /** Paths in the operator's home that hold a login of its program. */
  readonly logins: readonly string[];
  readonly checkpointFile: string | null;
}

const AS_IT_IS = {
  within: (argv: readonly string[]) => argv,
  env: (given: Readonly<Record<string, string>>) => ({ ...given }),
};
const NOT_BOXED: AgentBox = { kind: "none", ...AS_IT_IS, setup: AS_IT_IS };

/** @throws Refusal 422 box_required: the rig lets nobody work without one, and none works here */
export function agentBoxOf(options: AgentBoxOptions): AgentBox {
  const { box, config, place, rigId, agentId } = options;
  if (box.kind === "none") {
    if (place.box === "required")
      throw new Refusal(422, "box_required", "the rig requires a box for its agents, and this container has none");
    return NOT_BOXED;
  }
  const folders = foldersOf(config.workDir, rigId);
  const mine = agentFoldersOf(folders, agentId);
  const person = config.hostEnv["HOME"];
  const searched = config.hostEnv["PATH"] ?? "";
  const readable = [
    ...toolsOn(searched),
    ...CERTIFICATES.flatMap((name) => config.hostEnv[name] ?? []),
    ...config.boxVisible,
    ...place.box_read,
    folders.store,
    gitConfigFile(config.workDir),
  ];
  const spec = {
    cwd: mine.clone,
    writable: [mine.clone, mine.inbox, mine.home],
    readable: [
      ...readable,
      ...(person === undefined ? [] : options.logins.map((name) => path.join(person, name))),
      ...(options.checkpointFile === null ? [] : [options.checkpointFile]),
    ],
  };
  const setup = { cwd: mine.clone, writable: [mine.clone], readable };
  return {
    kind: box.kind,
    within: (argv) => {
      const seen = { ...spec, readable: [...spec.readable, ...programsIn(commandOf(argv), searched)] };
      return ["env", ...DEAF, ...box.within(seen, ["env", ...HEARING, ...argv])];
    },
    env: ({ TMPDIR: _, ...given }, own = path.join(mine.home, COMMANDS_OWN)) => {
      mkdirSync(own, { recursive: true, mode: 0o700 });
      return { ...given, HOME: own };
    },
    setup: {
      within: (argv) => box.within(setup, argv),
      env: ({ TMPDIR: _, ...given }) => ({ ...given, HOME: "/tmp" }),
    },
  };
}

/** Of what is run, the part that the operator has chosen: never a text of a bead's, which may name any file. */
function commandOf([program = "", flag, script = ""]: readonly string[]): string {
  return program === "sh" && flag === "-c" ? script : program;
}

/** The home of a plain command, beside those of the coding agents that are spoken with. */
const COMMANDS_OWN = "command";

/**
 * Bubblewrap itself would end by the signal that its program is to hear, and take it along before it could save anything: outside of the
 * box these are ignored, which everything started there inherits, and inside they do again what they are for.
 */
const SIGNALS = ["TERM", "INT", "HUP", "QUIT"];
const DEAF = SIGNALS.map((name) => `--ignore-signal=${name}`);
const HEARING = SIGNALS.map((name) => `--default-signal=${name}`);

/** @returns why agents in a box could not be told to end here: what `env` says of it; empty: they can */
export async function whyNoSignals(pathVariable: string): Promise<string> {
  const args = [...DEAF, "env", ...HEARING, "true"];
  const tried = await exec("env", args, { cwd: "/", env: { PATH: pathVariable }, timeout_ms: BOX_PROBE_TIMEOUT_MS });
  return tried.code === 0 ? "" : `its env cannot do what a box needs: ${lastLine(tried.stderr)}`;
}

/**
 * What of a command lies outside of the system's folders and has to be seen: files and folders that it names by their whole path, and
 * where the program that it begins with really is. Of a package of npm, all packages beside it, which it needs.
 */
export function programsIn(command: string, pathVariable: string): string[] {
  const named = Array.from(
    command.matchAll(/'(\/[^'\n]+)'|"(\/[^"\n$`]+)"|(?<![^\s='";&|(])(\/[^\s'"|&;<>()$`\\]+)/g),
    (found) => (found[1] ?? found[2] ?? found[3]) as string,
  );
  const [, program] = /^\s*(?:exec\s+)?([A-Za-z0-9_][^\s'"|&;<>()$`\\=]*)(?=\s|$)/.exec(command) ?? [];
  const onPath =
    program === undefined || program.includes("/")
      ? []
      : pathVariable
          .split(path.delimiter)
          .filter((dir) => path.isAbsolute(dir))
          .map((dir) => path.join(dir, program));
  return [...named, ...onPath.slice(0, PATH_FOLDERS_MAX)].slice(0, NAMED_MAX).flatMap((file) => {
    const real = realOf(file);
    return real === null ? [] : [file, packagesOf(real) ?? real];
  });
}

const NAMED_MAX = 200;
const PATH_FOLDERS_MAX = 100;

/** @returns null for what is not there, and for folders: a folder is shown by its name in `box_read` alone */
function realOf(file: string): string | null {
  try {
    const real = realpathSync(file);
    return statSync(real).isFile() ? real : null;
  } catch {
    return null;
  }
}

/** The outermost folder of packages that a file lies in. */
function packagesOf(file: string): string | null {
  const parts = file.split(path.sep);
  const at = parts.indexOf("node_modules");
  return at === -1 ? null : parts.slice(0, at + 1).join(path.sep);
}
