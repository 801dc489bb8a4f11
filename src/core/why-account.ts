import type { Account } from "../machines/accounts.ts";
import type { AgentSnapshot } from "../machines/agent.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import { choicesFor } from "../events/programs.ts";
import { programFor } from "./accounts.ts";
import { iso } from "./iso.ts";
import { get, type World } from "./world.ts";
import { why, type Why } from "./why-what.ts";

/** What a limited account has to do with where a bead is. */

/** Every program that it may be run by has a limited account. */
export function whyLimited(world: World, bead: BeadSnapshot): Why | null {
  const { held } = programFor(world, bead, "polecat");
  if (held === null) return null;
  const who = `The account ${held.id} of the program that would run it (${named(held)})`;
  return why(
    "backing_off_until",
    held.until === null
      ? `${who} was limited, and one start finds out whether that is over: nobody is charged, and it follows when a model answers.`
      : `${who} is limited until ${iso(held.until)}: nobody is charged, and then one start finds out whether that is over.`,
    { account: held.id, limits_in_a_row: held.count, probe: held.probe?.dispatchId ?? null },
    held.until,
  );
}

/** A program that stands later in the rig's list is run because the account of an earlier one is limited. */
export function insteadOf(world: World, { context }: AgentSnapshot): string {
  const bead = get(world, "bead", context.hook ?? "");
  if (context.program === undefined || bead === undefined) return "";
  const choices = choicesFor(world.rig.context.settings, context.role, bead.context);
  const [first] = choices;
  if (first.runtime === context.program || !choices.some(({ runtime }) => runtime === context.program)) return "";
  const account = world.accounts?.context.held.find(({ programs }) => programs.includes(first.runtime ?? ""));
  const until = account?.until ?? null;
  return ` It is run by ${context.program} and not by ${first.runtime ?? "the container's own"}, whose account ${until === null ? "was limited" : `is limited until ${iso(until)}`}.`;
}

const named = ({ programs }: Account): string =>
  programs.map((name) => (name === "" ? "the container's own" : name)).join(", ");
