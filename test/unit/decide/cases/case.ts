import type { Caller, Command } from "../../../../src/core/decide/index.ts";
import { bead } from "../../../support/node-rig.ts";
import type { TestRig } from "../../../support/node-rig.ts";
import { as, exits, SECOND, slung } from "../../incidents/words.ts";

/** How a case of a command is written down, and what is often so before. */

export interface Asked {
  command: Command;
  caller?: Caller;
}
export type Again = "nothing" | "makes another" | "is refused" | "is recorded again";
export type Setup = (rig: TestRig) => Asked | Promise<Asked>;
export interface Case {
  /** [what is so before, how it gets so, the root facts that the command becomes, what it does again if not as usual] */
  accepts: [string, Setup, string[], Again?][];
  /** What the same command again does: `nothing`, or why it is not the same any more. */
  again: Again;
  /** [what is so before, how it gets so, status, what the error says] */
  refuses: [string, Setup, number, RegExp][];
}

export const noAgent = (command: Command): Case["refuses"][number] => [
  "for an agent that does not exist",
  () => ({ command }),
  404,
  /no agent ghost/,
];
export const noBead = (command: Command): Case["refuses"][number] => [
  "for a bead that does not exist",
  () => ({ command }),
  404,
  /no bead ghost/,
];
export const polecat = (rig: TestRig): string =>
  rig.run({ type: "get_or_create_agent", role: "polecat" }).agentId ?? "";
export const paused = (rig: TestRig): TestRig => {
  rig.run({ type: "pause" });
  return rig;
};
export const openBead = (rig: TestRig, title = "open"): string =>
  paused(rig).run({ type: "create_bead", bead: bead(title), assignTo: null }).beadId ?? "";
export const work = { branch: "feature/x", prUrl: null, summary: null };

/** A running agent says something of its own dispatch. */
export const running =
  (
    make: (agentId: string, beadId: string) => Command,
    then: (rig: TestRig, agentId: string) => Promise<void> | void = () => {},
  ): Setup =>
  async (rig) => {
    const { agentId, beadId } = await slung(rig);
    await then(rig, agentId);
    return { command: make(agentId, beadId), caller: as(rig, agentId) };
  };
/** The same, and an operator asks for it. */
export const byOperator =
  (setup: Setup): Setup =>
  async (rig) => ({ command: (await setup(rig)).command });
/** The same, but another dispatch has taken its place. */
export const overtaken =
  (make: (agentId: string, beadId: string) => Command): Setup =>
  async (rig) => {
    const { agentId, beadId } = await slung(rig);
    await exits(rig, agentId);
    await rig.tickAt(rig.now + SECOND);
    return { command: make(agentId, beadId), caller: as(rig, agentId, 1) };
  };
