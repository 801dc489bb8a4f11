/** From what somebody types to the thing that is meant. */
import type { Overview } from "../src/wire/overview.ts";
import { execFileSync } from "node:child_process";
import type { Agent, ApiClient, Bead, RigInfo, Town } from "../scripts/stack/api-client.ts";
import { Failure } from "./exits.ts";
import { meant, pick, type Candidate } from "./pick.ts";

export interface InRig<T> {
  readonly rig: RigInfo;
  readonly it: T;
}

export interface Finder {
  /** The one that was named, or all; in their order. */
  readonly rigs: () => Promise<readonly RigInfo[]>;
  /** Of the rigs that may be meant, all but those that have told that nobody is needed: they are asked for nothing, and go on sleeping. */
  readonly rigsInNeed: () => Promise<readonly RigInfo[]>;
  /** The one that was named, the only one, or the one of the repository one stands in. */
  readonly rig: () => Promise<RigInfo>;
  readonly towns: () => Promise<readonly Town[]>;
  /** A bead of work by title or id, in the rigs that may be meant. */
  readonly bead: (text: string) => Promise<InRig<Bead>>;
  readonly agent: (text: string) => Promise<InRig<Agent>>;
  /** An agent by its name or id, or that of a bead. */
  readonly agentOf: (text: string) => Promise<InRig<Agent>>;
  readonly beads: (rig: RigInfo, query?: string) => Promise<readonly Bead[]>;
  readonly agents: (rig: RigInfo) => Promise<readonly Agent[]>;
}

const PAGE = 1_000;
/** Older ones are found by their whole id. */
const MOST_PAGES = 20;

export const rigPath = (rig: Pick<RigInfo, "id">, rest: string): string =>
  `/api/rigs/${encodeURIComponent(rig.id)}${rest}`;

interface From {
  readonly api: ApiClient;
  readonly userPath: (rest: string) => string;
  /** By name or id; null: nobody named one. */
  readonly rig: string | null;
  readonly cwd: string;
}

/** One alone is asked itself, and says what is so at this moment. */
async function inNeed(there: readonly RigInfo[], look: () => Promise<Overview>): Promise<readonly RigInfo[]> {
  if (there.length < 2) return there;
  const isQuiet = ({ state }: Overview["rigs"][number]): boolean =>
    state !== null && state.needs.now + state.needs.soon + state.needs.know === 0;
  const quiet = new Set((await look()).rigs.filter(isQuiet).map(({ id }) => id));
  return there.filter(({ id }) => !quiet.has(id));
}

export function createFinder({ api, userPath, rig: named, cwd }: From): Finder {
  let known: Promise<readonly RigInfo[]> | null = null;
  const towns = (): Promise<readonly Town[]> => api.call<Town[]>("GET", userPath("/towns"));
  const all = (): Promise<readonly RigInfo[]> =>
    (known ??= towns().then(async (towns) => {
      const lists = towns.map(({ id }) =>
        api.call<RigInfo[]>("GET", userPath(`/towns/${encodeURIComponent(id)}/rigs`)),
      );
      return (await Promise.all(lists)).flat();
    }));
  const rigs = async (): Promise<readonly RigInfo[]> => {
    const there = await all();
    return named === null ? there : [pick("rig", named, there.map(asRig))].map(({ it }) => it);
  };
  const rig = async (): Promise<RigInfo> => {
    const there = await rigs();
    const [only] = there;
    if (only === undefined)
      throw new Failure("unknown", "there is no rig yet: `ticktown rig add PATH_OR_URL` makes one");
    if (there.length === 1) return only;
    const here = meantHere(there, cwd);
    if (here !== null) return here;
    throw new Failure(
      "misuse",
      `there are ${there.length} rigs, so say which with --rig: ${there.map(({ name }) => name).join(", ")}`,
    );
  };
  const beads = async (rig: RigInfo, query = ""): Promise<readonly Bead[]> => {
    const found: Bead[] = [];
    for (let page = 0; page < MOST_PAGES; page++) {
      const next = await api.call<Bead[]>("GET", rigPath(rig, `/beads?limit=${PAGE}&offset=${page * PAGE}${query}`));
      found.push(...next);
      if (next.length < PAGE) break;
    }
    return found;
  };
  const agents = (rig: RigInfo): Promise<readonly Agent[]> => api.call<Agent[]>("GET", rigPath(rig, "/agents"));
  const everywhere = async <T>(list: (rig: RigInfo) => Promise<readonly T[]>): Promise<InRig<T>[]> =>
    (await Promise.all((await rigs()).map(async (rig) => (await list(rig)).map((it) => ({ rig, it }))))).flat();
  const work = (): Promise<InRig<Bead>[]> => everywhere((rig) => beads(rig, "&type=issue"));
  const bead = async (text: string): Promise<InRig<Bead>> =>
    pick(
      "bead",
      text,
      (await work()).map((found) => asBead(found)),
    );
  const agent = async (text: string): Promise<InRig<Agent>> =>
    pick(
      "agent",
      text,
      (await everywhere(agents)).map((found) => asAgent(found)),
    );
  return {
    rigs,
    rigsInNeed: async () => inNeed(await rigs(), () => api.call<Overview>("GET", userPath("/needs"))),
    rig,
    towns,
    beads,
    agents,
    bead,
    agent,
    agentOf: async (text) => {
      const known = (await everywhere(agents)).map((found) => asAgent(found));
      if (meant(text, known).length > 0) return pick("agent", text, known);
      const found = meant(
        text,
        (await work()).map((one) => asBead(one)),
      );
      if (found.length === 0) throw new Failure("unknown", `there is neither an agent nor a bead "${text}"`);
      const { it } = pick("bead", text, found);
      const its = known.find(
        ({ it: agent }) => agent.id === it.assignee_agent_id || agent.current_hook_bead_id === it.id,
      );
      if (its === undefined) throw new Failure("unknown", `no agent has "${it.title}": it is ${it.status}`);
      return its;
    },
  };
}

type Found<T> = Candidate & InRig<T>;
const asRig = (it: RigInfo): Candidate & { it: RigInfo } => ({ id: it.id, title: it.name, note: it.git_url, it });
const asBead = (found: InRig<Bead>): Found<Bead> => ({
  ...found,
  id: found.it.id,
  title: found.it.title,
  note: `${found.rig.name}, ${found.it.status}`,
});
const asAgent = (found: InRig<Agent>): Found<Agent> => ({
  ...found,
  id: found.it.id,
  title: found.it.name,
  note: `${found.rig.name}, ${found.it.status}`,
});

/** The rig of the repository one stands in: by its folder, or by the address of its `origin`. */
function meantHere(rigs: readonly RigInfo[], cwd: string): RigInfo | null {
  const git = (...args: string[]): string => {
    try {
      return execFileSync("git", args, {
        cwd,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
        timeout: 5_000,
      }).trim();
    } catch {
      return "";
    }
  };
  const names = [git("rev-parse", "--show-toplevel"), git("remote", "get-url", "origin")].filter((name) => name !== "");
  const found = rigs.filter(({ git_url }) => names.includes(git_url));
  return found.length === 1 ? (found[0] ?? null) : null;
}
