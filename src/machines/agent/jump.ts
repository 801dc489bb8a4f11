import { expect, type MachineEvent } from "../event.ts";
import { leasesMovedBy, movedBy, moves } from "../time.ts";
import type { AgentContext } from "./context.ts";

/** The clocks of an agent when the clock has jumped: what runs goes on from where it was. */

const LEASES = ["leaseUntil", "stopUntil"] as const;
const CLOCKS = ["progressAt", "quarantinedUntil", "blockedAt"] as const;
const OWN = ["preparing", "activeAt"] as const;

/** A clock that was put back: what its container has seen of it was seen by a clock of its own, and is never later than now. */
const seenBack = ({ progressAt, activeAt }: AgentContext, at: number, by: number): Partial<AgentContext> =>
  by > 0
    ? {}
    : {
        ...(progressAt === null ? {} : { progressAt: Math.min(progressAt, at) }),
        ...(activeAt === undefined ? {} : { activeAt: Math.min(activeAt, at) }),
      };

export function afterJump(context: AgentContext, event: MachineEvent): Partial<AgentContext> {
  const { by } = expect(event, "clock.jumped");
  const { backoffUntil, waiting, handIn, exit } = context;
  return {
    ...leasesMovedBy(context, LEASES, by, event.at),
    ...movedBy(context, CLOCKS, by),
    ...movedBy(context, OWN, by),
    ...seenBack(context, event.at, by),
    // Until when a provider lets nobody in is a time of its own: it has come nearer meanwhile.
    ...(backoffUntil === null || (by > 0 && exit?.outcome === "rate_limited")
      ? {}
      : { backoffUntil: backoffUntil + by }),
    ...(waiting === undefined ? {} : { waiting: { ...waiting, ...movedBy(waiting, ["since", "until"], by) } }),
    ...(handIn === undefined ? {} : { handIn: { ...handIn, askAt: handIn.askAt + by } }),
    ...(exit === null ? {} : { exit: { ...exit, at: exit.at + by } }),
  };
}

export const hasClocks = (context: AgentContext): boolean =>
  moves(context, LEASES) ||
  moves(context, CLOCKS) ||
  moves(context, OWN) ||
  context.backoffUntil !== null ||
  context.waiting !== undefined ||
  context.handIn !== undefined ||
  context.exit !== null;
