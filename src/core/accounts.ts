import { dispatchId } from "../events/dispatch-id.ts";
import type { FactOf, Role } from "../events/facts.ts";
import { choicesFor, holdsAccounts, runtimeFor, type Choice } from "../events/programs.ts";
import { rulesAtLeast, rulesOf } from "../events/rules.ts";
import { programKey, type Account } from "../machines/accounts.ts";
import type { BeadSnapshot } from "../machines/bead.ts";
import { get, type World } from "./world.ts";

/** Which of a rig's programs a start is given: the first whose account is not limited. */

export type Program =
  | {
      readonly held: null;
      readonly choice: Choice;
      /** The account of which this start finds out whether it is free. */
      readonly probes?: string;
      /** What would have been run, had its account not been limited. */
      readonly insteadOf?: Account;
    }
  /** All that it may run with are limited: the one that is free first. */
  | { readonly held: Account };

const NOTHING: ReadonlySet<string> = new Set();

/** @param taken accounts that a start of the same decision finds out about already */
export function programFor(world: World, bead: BeadSnapshot, role: Role, taken = NOTHING): Program {
  const { settings } = world.rig.context;
  const choices = choicesFor(settings, role, bead.context);
  const held = world.broken.has("accounts:accounts") ? undefined : world.accounts?.context.held;
  if (held === undefined || held.length === 0) return { held: null, choice: choices[0] };
  let first: Account | undefined;
  for (const choice of choices) {
    const account = held.find(({ programs }) => programs.includes(programKey(choice.runtime)));
    const instead = first === undefined ? {} : { insteadOf: first };
    if (account === undefined) return { held: null, choice, ...instead };
    const { id, until, probe } = account;
    if (until === null && probe === null && !taken.has(id)) return { held: null, choice, probes: id, ...instead };
    if (first === undefined || (until ?? 0) < (first.until ?? 0)) first = account;
  }
  return { held: first as Account };
}

/** What the newest dispatch of an agent runs, as the rig itself has granted it. */
export function programOfDispatch(world: World, agentId: string): string | undefined {
  const agent = world.agents.get(agentId)?.context;
  if (agent === undefined) return undefined;
  const bead = get(world, "bead", agent.dispatchBead ?? "");
  return agent.program ?? runtimeFor(world.rig.context.settings, agent.role, bead?.context ?? {});
}

/**
 * The fact that an agent's newest dispatch has met a limit of an account, or null where that is no news or nobody holds accounts. Which
 * program it is of is for the rig to say, not for whoever tells it.
 */
export function limitOf(
  world: World,
  agentId: string,
  { account, until }: { readonly account: string; readonly until: number },
  at: number,
): FactOf<"account.limited"> | null {
  const agent = world.agents.get(agentId)?.context;
  const { settings } = world.rig.context;
  if (agent === undefined || !holdsAccounts(settings) || !rulesAtLeast(rulesOf(world.rig.context), 2)) return null;
  const dispatch = dispatchId(agentId, agent.dispatchN);
  if (until <= at && !isProbe(world, dispatch)) return null;
  return {
    type: "account.limited",
    agentId: agent.id,
    dispatchId: dispatch,
    account,
    runtime: programOfDispatch(world, agentId) ?? null,
    until,
  };
}

/** Whether it is the start that finds out whether an account is free: what it uses is told at once. */
export const isProbe = (world: World, dispatch: string): boolean =>
  world.accounts?.context.held.some(({ probe }) => probe?.dispatchId === dispatch) === true;

/** Whether the rig knows of an account that it is limited at least until then, for this program. */
export const isLimitKnown = (world: World, { account, runtime, until }: FactOf<"account.limited">): boolean =>
  world.accounts?.context.held.some(
    (one) => one.id === account && one.programs.includes(programKey(runtime)) && (one.until ?? 0) >= until,
  ) === true;
