/** Which boxes this server has: one for checks and setups, one for agents; found out by trying, and said. */
import path from "node:path";
import type { Config } from "../config.ts";
import type { Log } from "../log.ts";
import { identityOf } from "../processes/marks.ts";
import { SIGNALS_PROBE } from "./agent-box.ts";
import { type Box, NO_BOX, openBox } from "./box.ts";

export interface Boxes {
  readonly checks: Box;
  readonly agents: Box;
}

/** @throws Error where the operator said that agents must be in one, and it does not work */
export async function openBoxes(config: Config, log: Log): Promise<Boxes> {
  const tried = await Promise.all([
    config.box === "none" ? null : tryBox(config),
    config.agentBox === "none" ? null : tryBox(config, SIGNALS_PROBE),
  ]);
  const [checks, agents] = tried;
  if (checks !== null && checks.why !== "") log(`checks run without a box: ${checks.why}`);
  if (agents !== null && agents.why !== "") {
    if (config.agentBox === "bwrap") throw new Error(`AGENT_BOX is bwrap, but ${agents.why}`);
    log(`agents run WITHOUT A BOX: ${agents.why}. What they run can read and write whatever this user can`);
  }
  return { checks: checks?.box ?? NO_BOX, agents: agents?.box ?? NO_BOX };
}

function tryBox({ workDir, hostEnv }: Config, probe: readonly string[] = []): ReturnType<typeof openBox> {
  const hidden = [workDir, hostEnv["HOME"] ?? ""].filter((dir) => path.isAbsolute(dir));
  return openBox({ path: hostEnv["PATH"] ?? "", hidden, secret: identityOf(workDir), probe });
}
