/** Which boxes this server has: one for checks and setups, one for agents; found out by trying, and said. */
import path from "node:path";
import type { Config } from "../config.ts";
import type { Log } from "../log.ts";
import { identityOf } from "../processes/marks.ts";
import { whyNoSignals } from "./agent-box.ts";
import { type Box, NO_BOX, openBox } from "./box.ts";

export interface Boxes {
  readonly checks: Box;
  readonly agents: Box;
}

/** @throws Error where the operator said that agents must be in one, and it does not work */
export async function openBoxes(config: Config, log: Log): Promise<Boxes> {
  const isWanted = config.box !== "none" || config.agentBox !== "none";
  const tried = isWanted ? await tryBox(config) : null;
  const checks = config.box === "none" ? null : tried;
  const agents = config.agentBox === "none" || tried === null ? null : await withSignals(tried, config);
  if (checks !== null && checks.why !== "") log(`checks run without a box: ${checks.why}`);
  if (agents !== null && agents.why !== "") {
    if (config.agentBox === "bwrap") throw new Error(`AGENT_BOX is bwrap, but ${agents.why}`);
    log(`agents run WITHOUT A BOX: ${agents.why}. What they run can read and write whatever this user can`);
  }
  return { checks: checks?.box ?? NO_BOX, agents: agents?.box ?? NO_BOX };
}

type Tried = Awaited<ReturnType<typeof openBox>>;

function tryBox({ workDir, hostEnv }: Config): Promise<Tried> {
  const hidden = [workDir, hostEnv["HOME"] ?? ""].filter((dir) => path.isAbsolute(dir));
  return openBox({ path: hostEnv["PATH"] ?? "", hidden, secret: identityOf(workDir) });
}

/** The same box, if an agent in it can be told to end. */
async function withSignals(tried: Tried, { hostEnv }: Config): Promise<Tried> {
  const why = tried.why === "" ? await whyNoSignals(hostEnv["PATH"] ?? "") : tried.why;
  return why === "" ? tried : { box: NO_BOX, why };
}
