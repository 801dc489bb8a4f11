import type { World } from "../world.ts";
import { AGENTS } from "./agents.ts";
import { fenced, mayNot } from "./authority.ts";
import { BEADS } from "./beads.ts";
import type { Caller, Command, CommandType, Decision, Refusal, Row, Rows, Surroundings } from "./command.ts";
import { MAIL } from "./mail.ts";
import { REPORTS } from "./reports.ts";
import { REVIEWS } from "./reviews.ts";
import { RETRIES } from "./retries.ts";
import { RIG } from "./rig.ts";
import { TRAINS } from "./trains.ts";
import { refuse } from "./tools.ts";

/**
 * Commands: what somebody asks for. `decide` turns one into root facts, or refuses it with a reason. The chart is the
 * judge: whether an actor can take a fact in its state is asked of the machine, not written down here a second time.
 */

export type {
  LeftBehind,
  AgentCaller,
  BeadInput,
  Caller,
  Command,
  CommandType,
  Decided,
  Decision,
  Refusal,
  Surroundings,
} from "./command.ts";
export { admit, fenced } from "./authority.ts";
export { digest } from "./reports.ts";
export { allowedIn, stateName, takes } from "./tools.ts";

/** One row per command. A command without a row does not compile. */
export const COMMANDS: Rows<CommandType> = {
  ...RIG,
  ...BEADS,
  ...AGENTS,
  ...REPORTS,
  ...MAIL,
  ...REVIEWS,
  ...TRAINS,
  ...RETRIES,
};

const rowOf = (command: Command): Row<CommandType> => COMMANDS[command.type] as Row<CommandType>;

/** Why this caller may not do this to that actor now, or null: the one place where a command's rule is asked. */
export const forbidden = (world: World, command: Command, caller: Caller): Refusal | null =>
  mayNot(world, caller, command, rowOf(command).may);

/** Turns a command into root facts or a refusal. Reads the world; changes nothing. */
export function decide(world: World, command: Command, around: Surroundings): Decision {
  if (world.rig.matches({ life: "destroyed" }))
    return refuse(around.caller.kind === "agent" ? 401 : 404, "this rig was deleted");
  const caller = fenced(world, around.caller);
  const said = caller === around.caller ? command : withoutDispatch(command);
  return forbidden(world, said, caller) ?? rowOf(said).run(world, said, { ...around, caller });
}

/** What a report says of its dispatch is worth no more than what its token says of it. */
const withoutDispatch = (command: Command): Command =>
  "dispatchId" in command ? { ...command, dispatchId: null } : command;
