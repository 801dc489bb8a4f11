/** Which boxes this server has: one for checks and setups, one for agents; found out by trying, and said. */
import { totalmem } from "node:os";
import path from "node:path";
import type { AgentDoor } from "../agents/door/door.ts";
import type { Config } from "../config.ts";
import { boxConfigFile } from "../git/user-config.ts";
import type { Log } from "../log.ts";
import { identityOf } from "../processes/marks.ts";
import { whatIsNotShown, whyNoSignals } from "./agent-box.ts";
import { type Bounds, type Holder, createHolder } from "./bounds.ts";
import { type Box, NO_BOX, findProgram, openBox } from "./box.ts";
import { realOf, toolsOn } from "./bwrap.ts";
import { type Forwards, findForwarding } from "./forwarding.ts";
import { isRoot } from "./users.ts";
import { walled } from "./walled.ts";
import { type Gateways, createGateways } from "./gateway.ts";

export interface Boxes {
  readonly checks: Box;
  /** What one check, or setup before checks, is held to. */
  readonly checksHolder: Holder;
  readonly agents: AgentBoxes;
  /** How git reads what an agent wrote; null: as this server, where agents have no box either. */
  readonly reading: Config["reading"];
  /** What checks are in, for receipts. */
  readonly checksIn: string;
  /** One line for people: what agents and checks are kept in. */
  readonly says: string;
}

/** What agents are kept in. */
export interface AgentBoxes {
  readonly box: Box;
  readonly holder: Holder;
  readonly gateways: Gateways;
  /** Tried once: how a box without a network begins here. */
  readonly forwards: () => Promise<Forwards>;
}

export interface BoxesOptions {
  readonly config: Config;
  /** The mark of the WORK_DIR. */
  readonly mark: string;
  readonly door: AgentDoor;
  readonly log: Log;
}

/** @throws Error where the operator said that agents must be in one, or reach nothing but Ticktown, and it does not work */
export async function openBoxes({ config, mark, door, log }: BoxesOptions): Promise<Boxes> {
  const isWanted = config.box !== "none" || config.agentBox !== "none";
  const tried = isWanted ? await tryBox(config) : null;
  const checks = config.box === "none" ? null : tried;
  const agents = config.agentBox === "none" || tried === null ? null : await withSignals(tried, config);
  if (checks !== null && checks.why !== "") log(`checks run without a box: ${checks.why}`);
  if (agents !== null && agents.why !== "") {
    if (config.agentBox === "bwrap") throw new Error(`AGENT_BOX is bwrap, but ${agents.why}`);
    log(`agents run WITHOUT A BOX: ${agents.why}. What they run can read and write whatever this user can`);
  }
  const box = agents?.box ?? NO_BOX;
  const opened = agentBoxes({ config, mark, door, log }, box);
  if (config.agentNetwork === "gateway") {
    const why = box.kind === "none" ? "agents have no box" : (await opened.forwards()).why;
    if (why !== "") throw new Error(`AGENT_BOX_NETWORK is gateway, but ${why}`);
  }
  const says = inWords(config, opened, checks?.box ?? NO_BOX);
  if (box.kind !== "none") log(says);
  for (const note of whatIsNotShown(tried?.box ?? NO_BOX, config.boxVisible)) log(`BOX_VISIBLE: ${note}`);
  const reading = box.kind === "none" ? null : readingIn(config, box);
  const ofChecks = checks?.box ?? NO_BOX;
  const checksHolder = holderFor(config, ofChecks, `ticktown-${mark}-check-`);
  return { checks: ofChecks, checksHolder, agents: opened, reading, checksIn: kindOf(ofChecks), says };
}

function readingIn({ workDir, hostEnv }: Config, box: Box): NonNullable<Config["reading"]> {
  const settings = boxConfigFile(workDir);
  const always = [...toolsOn(hostEnv["PATH"] ?? ""), settings];
  // Nobody logs in anywhere by what is read.
  const plain = ["env", "-u", "GIT_TOKEN", "-u", "GIT_USERNAME", `GIT_CONFIG_GLOBAL=${settings}`];
  const wall = (argv: readonly string[]): readonly string[] => walled(argv, hostEnv["PATH"] ?? "");
  return ({ readable, writable = [], cwd = "/" }, argv) =>
    box.within({ cwd, writable, readable: [...always, ...readable], readsAll: true }, [...plain, ...wall(argv)]);
}

function agentBoxes({ config, mark, door, log }: BoxesOptions, box: Box): AgentBoxes {
  const searched = config.hostEnv["PATH"] ?? "";
  const gateways = createGateways(door, log);
  let tried: Promise<Forwards> | null = null;
  return {
    box,
    gateways,
    holder: holderFor(config, box, `ticktown-${mark}-agent-`),
    forwards: () =>
      (tried ??=
        config.launcher === null
          ? findForwarding(box, gateways, searched)
          : Promise.resolve({
              forwarding: (argv) => argv,
              why: "agents are users of their own here, who do not reach the socket",
            })),
  };
}

function holderFor(config: Config, { kind }: Box, begin: string): Holder {
  const isBoxed = kind !== "none";
  const bounds = boundsOf(config);
  // Who is another user is not below this server's processes for ever, and so cannot be added up.
  const ofUser = config.launcher === null ? UNBOUNDED : { ...bounds, memory_bytes: null };
  return createHolder({
    bounds: isBoxed ? bounds : ofUser,
    ...(isBoxed && config.agentCgroups === "auto" ? {} : { places: [] }),
    hasPrlimit: findProgram("prlimit", config.hostEnv["PATH"] ?? "") !== null,
    // In a box nobody is root.
    isRoot: !isBoxed && isRoot(),
    isLaunched: config.launcher !== null,
    begin,
  });
}

const UNBOUNDED: Bounds = { memory_bytes: null, pids: null, files: null, disk_bytes: null, disk_files: null };

/** Of the machine's memory, or of the container's, one agent may have so much where nobody has said how much. */
const MEMORY_SHARE = 3 / 4;

function boundsOf({ agentMemory_bytes, agentPids, agentFiles, agentDisk_bytes, agentDisk_files }: Config): Bounds {
  const bound = (number: number): number | null => (number === 0 ? null : number);
  const there = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  return {
    memory_bytes: bound(agentMemory_bytes ?? Math.floor(there * MEMORY_SHARE)),
    pids: bound(agentPids),
    files: bound(agentFiles),
    disk_bytes: bound(agentDisk_bytes),
    disk_files: bound(agentDisk_files),
  };
}

function inWords({ agentNetwork, launcher }: Config, { box, holder }: AgentBoxes, checks: Box): string {
  const ofChecks = checks.kind === "none" ? "checks have NO BOX" : `checks are in a box (${checks.kind})`;
  if (box.kind === "none" && launcher === null) return `agents have NO BOX and no limits; ${ofChecks}`;
  if (box.kind === "none")
    return `agents have NO BOX, but each is a user of its own; at most ${holder.says}; ${ofChecks}`;
  const users = launcher === null && !isRoot() ? "" : ", a user of its own,";
  const network = agentNetwork === "open" ? "the machine's network" : "no network but Ticktown";
  return `each agent${users} is in a box (${box.kind}) with ${network}; at most ${holder.says}; ${ofChecks}`;
}

export const kindOf = ({ kind }: Pick<Box, "kind">): string => (kind === "none" ? "no box" : `a box (${kind})`);

type Tried = Awaited<ReturnType<typeof openBox>>;

function tryBox({ workDir, stateDir, hostEnv, launcher }: Config): Promise<Tried> {
  const secret = [workDir, stateDir ?? "", hostEnv["HOME"] ?? ""].filter((dir) => path.isAbsolute(dir));
  // By the name that it is known by, and by where that leads.
  const hidden = [...new Set(secret.flatMap((dir) => [path.normalize(dir), realOf(dir)]))];
  return openBox({
    path: hostEnv["PATH"] ?? "",
    hidden,
    secret: identityOf(workDir),
    isLaunched: launcher !== null,
  });
}

/** The same box, if an agent in it can be told to end. */
async function withSignals(tried: Tried, { hostEnv }: Config): Promise<Tried> {
  const why = tried.why === "" ? await whyNoSignals(hostEnv["PATH"] ?? "") : tried.why;
  return why === "" ? tried : { box: NO_BOX, why };
}
