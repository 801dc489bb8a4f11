/**
 * An agent in a box: it sees the system, its own clone and home, and of the rig's store what its `git fetch` reads. No state folder,
 * no other agent, no home of the operator, no process but its own. It ends as a whole, and still hears the signal that it is to end.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Place } from "../../src/wire/container.ts";
import type { Config } from "../config.ts";
import { ownFolder } from "../files.ts";
import { type AgentFolders, agentFoldersOf, foldersOf } from "../git/layout.ts";
import { boxConfigFile } from "../git/user-config.ts";
import { messageOf } from "../log.ts";
import { Refusal } from "../refusal.ts";
import { proxiesOf } from "../processes/host-env.ts";
import type { Held, Holder } from "./bounds.ts";
import { type Box, type BoxSpec, lastLine, probe } from "./box.ts";
import type { AgentBoxes } from "./boxes.ts";
import { CERTIFICATES, isIn, realOf, toolsOn } from "./bwrap.ts";
import { FORWARDING_FILES, type Forwarding } from "./forwarding.ts";
import { type Gateway, URL_IN_BOX } from "./gateway.ts";
import { commandOf, programsIn } from "./programs.ts";
import { type Runner, give, keptFromOthers, nextUser } from "./users.ts";

/** How a program is started. */
export interface Way {
  /** The program to run, with its arguments. */
  readonly within: (argv: readonly string[]) => readonly string[];
  /** Its environment, with a home of its own in place of the operator's. */
  readonly env: (given: Readonly<Record<string, string>>, home?: string) => Record<string, string>;
  /** Where it is a user of its own, whom it is started by, and what is that user's meanwhile; null: it is this server's. */
  readonly launcher: Runner | null;
}

/** The box of one dispatch, before anything runs in it. */
export interface AgentBox {
  /** What it is, for receipts. */
  readonly words: string;
  /**
   * How what makes its clone fit to work in is run: with nothing that outlives it but the clone, and held to what its agent is, which may have
   * written what it runs. @param name unlike that of any other box @throws Refusal 422 limits_failed
   */
  readonly openSetup: (name: string) => SetupBox;
  /** @param name unlike that of any other box @throws Refusal 422 box_required, limits_failed */
  readonly open: (name: string, apiUrl: string | null) => Promise<OpenBox>;
}

/** A box that a setup runs in. */
export interface SetupBox extends Way {
  /** @param onOver called when it has more than it may have: it is to end then @returns to be called when it is gone */
  readonly watch: (pid: number, onOver: (why: string) => void) => () => void;
  /** Once nothing runs in it. */
  readonly close: () => Promise<void>;
}

/** A box that programs of one dispatch run in, one after the other. */
export interface OpenBox extends Way {
  /** Where the agents' door is in it; null: where it is outside as well. */
  readonly doorUrl: string | null;
  /** What is not as somebody may have meant it, in words. */
  readonly notes: readonly string[];
  /** @param onOver called when it has more than it may have: the box is to end then */
  readonly watch: (pid: number, onOver: (why: string) => void) => void;
  /** Once nothing runs in it. @returns what it was kept from, in words */
  readonly close: () => Promise<readonly string[]>;
}

export interface AgentBoxOptions {
  readonly boxes: AgentBoxes;
  readonly config: Config;
  readonly place: Pick<Place, "box" | "box_read" | "box_network" | "setup">;
  readonly rigId: string;
  readonly agentId: string;
  /** Files that hold a login of its program, by their whole paths. */
  readonly logins: readonly string[];
  readonly checkpointFile: string | null;
}

const AS_IT_IS: Way = { within: (argv) => argv, env: (given) => ({ ...given }), launcher: null };
const NOT_BOXED: AgentBox = {
  words: "no box",
  openSetup: () => ({ ...AS_IT_IS, watch: () => () => {}, close: async () => {} }),
  open: async () => ({ ...AS_IT_IS, doorUrl: null, notes: [], watch: () => {}, close: async () => [] }),
};

/** Without a box, as a user of its own: the system counts what is that user's. */
function ofUser(launcher: Way["launcher"], mine: AgentFolders, holder: Holder, settings: string): AgentBox {
  const way: Way = {
    within: holder.rlimits,
    env: (given, own) => withHome(configured(given, settings), mine, own),
    launcher,
  };
  return {
    words: "no box, as a user of its own",
    openSetup: (name) => setupIn(way, mine, holder.hold(name)),
    open: async (name) => ({ ...way, doorUrl: null, notes: [], ...watching(holder.hold(name), mine) }),
  };
}

/** Its git reads what is meant for it, and nothing that the operator logs in with. */
const configured = (given: Readonly<Record<string, string>>, settings: string): Record<string, string> => ({
  ...given,
  ...(given["GIT_CONFIG_GLOBAL"] === undefined ? {} : { GIT_CONFIG_GLOBAL: settings }),
});

/** @param also what else is to be closed with it */
function watching(held: Held, mine: AgentFolders, also = (): void => {}): Pick<OpenBox, "watch" | "close"> {
  let unwatch = (): void => {};
  return {
    watch: (pid, onOver) => {
      unwatch();
      unwatch = held.watch({ pid, folder: mine.root, onOver });
    },
    close: async () => {
      unwatch();
      also();
      const hits = held.hits();
      await held.close();
      return hits;
    },
  };
}

function withHome(
  { TMPDIR: _, ...given }: Readonly<Record<string, string>>,
  mine: AgentFolders,
  own = path.join(mine.home, COMMANDS_OWN),
): Record<string, string> {
  ownFolder(mine.home, path.relative(mine.home, own));
  return { ...given, HOME: own };
}

/** @throws Refusal 422 box_read_refused: what is Ticktown's own is shown to nobody, whoever asks for it */
function refuseOurs({ config: { workDir, stateDir }, place }: AgentBoxOptions): void {
  const ours = [workDir, ...(stateDir === null ? [] : [stateDir])].map(realOf);
  const asked = place.box_read.find((file) => ours.some((folder) => isIn(realOf(file), folder)));
  if (asked === undefined) return;
  const why = `the rig's box_read names ${asked}, which is in a folder of Ticktown's own: nobody in a box sees anything there`;
  throw new Refusal(422, "box_read_refused", why);
}

/** @throws Refusal 422 box_read_refused; box_required: the rig lets nobody work without one, and none works here */
export function agentBoxOf(options: AgentBoxOptions): AgentBox {
  const { boxes, config, place, rigId, agentId, checkpointFile } = options;
  const { box } = boxes;
  const mine = agentFoldersOf(foldersOf(config.workDir, rigId), agentId);
  const owns = [mine.clone, mine.inbox, mine.home, ...(checkpointFile === null ? [] : [checkpointFile])];
  const own = config.launcher === null ? null : { socket: config.launcher, owns };
  if (box.kind === "none") {
    if (place.box === "required" || place.box_network === "gateway")
      throw new Refusal(422, "box_required", "the rig requires a box for its agents, and this container has none");
    return own === null ? NOT_BOXED : ofUser(own, mine, boxes.holder, boxConfigFile(config.workDir));
  }
  refuseOurs(options);
  const readable = readableOf(options);
  const settings = boxConfigFile(config.workDir);
  const isClosed = place.box_network === "gateway" || config.agentNetwork === "gateway";
  return {
    words: `a box (${box.kind})${isClosed ? " without a network" : ""}`,
    openSetup: (name) => setupOf(options, mine, readable, own, name),
    open: async (name, apiUrl) => {
      const forwards = isClosed ? await boxes.forwards() : null;
      if (forwards !== null && forwards.why !== "")
        throw new Refusal(
          422,
          "box_required",
          `the agent may reach Ticktown alone, and that does not work here: ${forwards.why}`,
        );
      const held = boxes.holder.hold(name);
      const uid = own === null ? nextUser() : null;
      const gateway = isClosed
        ? await boxes.gateways.open(apiUrl, uid).catch((error: unknown) => unheld(held, error))
        : null;
      const launcher = uid === null ? own : { uid, owns };
      const copies = await copiesOf(options.logins, mine, uid).catch((error: unknown) => unheld(held, error, gateway));
      const spec = { ...specOf(options, mine, readable, gateway), ...(uid === null ? {} : { uid, copies }) };
      const forwarding: Forwarding = forwards === null ? (argv) => argv : forwards.forwarding;
      return opened(options, spec, { mine, held, gateway, forwarding, launcher, settings });
    },
  };
}

const setupIn = (way: Way, { root }: AgentFolders, held: Held): SetupBox => ({
  ...way,
  watch: (pid, onOver) => held.watch({ pid, folder: root, onOver }),
  close: held.close,
});

/** In a box of its own, with the clone and nothing that outlives it. */
function setupOf(
  { boxes: { box, holder }, config, place }: AgentBoxOptions,
  mine: AgentFolders,
  readable: readonly string[],
  own: Way["launcher"],
  name: string,
): SetupBox {
  const { clone } = mine;
  const uid = own !== null || place.setup === null ? null : nextUser();
  const spec: BoxSpec = {
    cwd: clone,
    writable: [clone],
    readable,
    ...inMemory(holder),
    ...(uid === null ? {} : { uid }),
  };
  const held = holder.hold(name);
  const way: Way = {
    within: (argv) => held.outside(box.within(spec, holder.rlimits(argv))),
    env: ({ TMPDIR: _, ...given }) => ({ ...configured(given, boxConfigFile(config.workDir)), HOME: "/tmp" }),
    launcher: uid === null ? own : { uid, owns: [clone] },
  };
  return setupIn(way, mine, held);
}

/** Who is not this server's user does not read files that are for that one alone: it is shown copies of its own. */
async function copiesOf(
  logins: readonly string[],
  { root }: AgentFolders,
  uid: number | null,
): Promise<NonNullable<BoxSpec["copies"]>> {
  const folder = loginsOf(root);
  rmSync(folder, { recursive: true, force: true });
  if (uid === null) return [];
  const copies = logins.filter((file) => existsSync(file)).map((to, n) => ({ to, from: path.join(folder, String(n)) }));
  if (copies.length > 0) mkdirSync(folder, { mode: 0o700 });
  for (const { from, to } of copies) writeFileSync(from, readFileSync(to), { mode: 0o400 });
  await give(
    copies.map(({ from }) => from),
    uid,
  );
  return copies;
}

const loginsOf = (root: string): string => path.join(root, "logins");

/** @throws Refusal with the error of what was to be opened beside it */
async function unheld(held: Held, error: unknown, gateway: Gateway | null = null): Promise<never> {
  gateway?.close();
  await held.close();
  throw new Refusal(422, "limits_failed", `what the agent's box needs cannot be made: ${messageOf(error)}`);
}

function readableOf({ config, place, rigId }: AgentBoxOptions): string[] {
  return [
    ...toolsOn(config.hostEnv["PATH"] ?? ""),
    ...CERTIFICATES.flatMap((name) => config.hostEnv[name] ?? []),
    ...config.boxVisible,
    ...place.box_read,
    foldersOf(config.workDir, rigId).store,
    boxConfigFile(config.workDir),
  ];
}

/** How much of the bound of its memory each of a box's folders in memory may take. */
const IN_MEMORY_SHARE = 1 / 4;

export const inMemory = ({ bounds: { memory_bytes } }: Pick<Holder, "bounds">): Pick<BoxSpec, "memory_bytes"> =>
  memory_bytes === null ? {} : { memory_bytes: Math.floor(memory_bytes * IN_MEMORY_SHARE) };

function specOf(
  { boxes, logins, checkpointFile }: AgentBoxOptions,
  mine: AgentFolders,
  readable: readonly string[],
  gateway: Gateway | null,
): BoxSpec {
  return {
    cwd: mine.clone,
    writable: [mine.clone, mine.inbox, mine.home],
    readable: [
      ...readable,
      ...logins,
      ...(checkpointFile === null ? [] : [checkpointFile]),
      ...(gateway === null ? [] : FORWARDING_FILES),
    ],
    ...(gateway === null ? {} : { socket: gateway.socket }),
    ...inMemory(boxes.holder),
  };
}

interface Room {
  readonly mine: AgentFolders;
  readonly held: Held;
  readonly gateway: Gateway | null;
  readonly forwarding: Forwarding;
  readonly launcher: Way["launcher"];
  /** Of its git. */
  readonly settings: string;
}

function opened({ boxes, config, place }: AgentBoxOptions, spec: BoxSpec, room: Room): OpenBox {
  const { mine, held, gateway, forwarding, launcher, settings } = room;
  const searched = config.hostEnv["PATH"] ?? "";
  return {
    within: (argv) => {
      const seen = { ...spec, readable: [...spec.readable, ...programsIn(commandOf(argv), searched)] };
      const program = ["env", ...HEARING, ...argv];
      const inside = boxes.holder.rlimits(forwarding(program));
      return ["env", ...DEAF, ...held.outside(boxes.box.within(seen, inside))];
    },
    env: (given, own) => {
      const known = configured(given, settings);
      return withHome(gateway === null ? known : withoutNetwork(known), mine, own);
    },
    launcher,
    notes: [
      ...whatIsNotShown(boxes.box, [...config.boxVisible, ...place.box_read]),
      ...(spec.uid === undefined ? [] : keptFromOthers(spec.readable).map(unreadable)),
    ],
    doorUrl: gateway === null ? null : URL_IN_BOX,
    ...watching(held, mine, () => {
      gateway?.close();
      rmSync(loginsOf(mine.root), { recursive: true, force: true });
    }),
  };
}

/** What somebody asked to show, and is not shown, in words. */
export const whatIsNotShown = (box: Box, asked: readonly string[]): string[] =>
  [...new Set(asked)].flatMap((folder) => {
    const secret = box.hiddenIn(folder);
    return secret === null
      ? []
      : `${folder} is not shown in the box, though it is asked for: ${secret} is in it, which no box shows. Name what is needed of it`;
  });

const unreadable = (file: string): string =>
  `${file} is shown in the box, but only its owner may read it, and the agent is a user of its own: let others read it (chmod o+rX)`;

/** Ticktown is where the box's own loopback says; a proxy is nowhere. */
function withoutNetwork(given: Readonly<Record<string, string>>): Record<string, string> {
  const proxies = proxiesOf(given);
  const kept = Object.fromEntries(Object.entries(given).filter(([name]) => !Object.hasOwn(proxies, name)));
  return { ...kept, ...(given["GASTOWN_API_URL"] === undefined ? {} : { GASTOWN_API_URL: URL_IN_BOX }) };
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
  const tried = await probe(["env", ...DEAF, "env", ...HEARING, "true"], pathVariable);
  return tried.code === 0 ? "" : `its env cannot do what a box needs: ${lastLine(tried.stderr)}`;
}
