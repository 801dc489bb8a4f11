/** Whether agents are kept in a box of their own, and what is said of it before anything is started. */
import path from "node:path";
import { whyNoSignals } from "../../container/box/agent-box.ts";
import { whyNoBox } from "../box.ts";
import { StackError } from "./errors.ts";
import { PROJECT } from "./project.ts";
import { DEMO_AGENT, type StackOptions } from "./stack.ts";

/** `auto`: where one works. */
export const BOXES = ["auto", "bwrap", "none"] as const;
export type BoxWanted = (typeof BOXES)[number];

/** What an agent in a box reaches. */
export const NETWORKS = ["open", "gateway"] as const;
export type NetworkWanted = (typeof NETWORKS)[number];

export interface Wanted {
  readonly box: BoxWanted;
  readonly network: NetworkWanted;
}

/** What the demo agent is made of; the project's folder itself may hold the state folder. */
const DEMO_PARTS = ["container", "src", "node_modules", "package.json"].map((part) => path.join(PROJECT, part));

/** What is started, and with which environment. */
type Agent = Pick<StackOptions, "agentCommand" | "environment">;

/**
 * The same agent in a box, as far as one is wanted and works; which of the two it is, is said.
 * @throws StackError where there must be one and none works
 */
export async function inBox({ box, network }: Wanted, agent: Agent, say: (line: string) => void): Promise<Agent> {
  const { agentCommand, environment } = agent;
  const why = box === "none" ? "--box none was given" : await whyNotHere(environment["PATH"] ?? "");
  if (box === "bwrap" && why !== "") throw new StackError(`--box bwrap: ${why}`);
  if (network === "gateway" && why !== "")
    throw new StackError(`--box-network gateway takes a box, and there is none: ${why}`);
  say(
    why === ""
      ? `each agent sees its clone, a home of its own and the system, and nothing else of yours; ${REACHES[network]}`
      : `agents run WITHOUT A BOX (${why}): whatever your user can read, change or end, they can`,
  );
  const isOwnCommand = environment["AGENT_RUNTIME"] === undefined && agentCommand !== DEMO_AGENT;
  if (network === "gateway" && isOwnCommand)
    say("a command of your own reaches no model from there; a coding agent by name does (--agent claude and its like)");
  const parts = agentCommand === DEMO_AGENT ? DEMO_PARTS : [];
  const visible = [environment["BOX_VISIBLE"] ?? "", ...parts].filter((part) => part !== "");
  return {
    agentCommand,
    environment: {
      ...environment,
      AGENT_BOX: box,
      AGENT_BOX_NETWORK: network,
      BOX_VISIBLE: visible.join(path.delimiter),
    },
  };
}

const REACHES: Readonly<Record<NetworkWanted, string>> = {
  open: "it reaches what this machine does",
  gateway: "it reaches Ticktown, and no other address",
};

const whyNotHere = async (pathVariable: string): Promise<string> =>
  (await whyNoBox(pathVariable)) || whyNoSignals(pathVariable);
