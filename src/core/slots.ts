import type { Recorded } from "../events/facts.ts";

/** Since when each dispatch holds a place of its rig's capacity, read from facts alone, without folding a chart; a test holds it against the charts. */

/** A place that was given back, or is held still. */
export interface Held {
  readonly agentId: string;
  readonly from: number;
  readonly to: number;
}

/** After these its agent holds none, whatever dispatch they name. */
const ENDS = [
  "agent.exited",
  "dispatch.failed",
  "agent.done",
  "agent.unhooked",
  "agent.deleted",
  "start.refused",
  "start.failed",
  "hand_in.accepted",
  "hand_in.no_change",
  "hand_in.unseen",
  "hand_in.unanswered",
  "work.lost",
] as const satisfies readonly Recorded["type"][];

export const SLOT_FACTS = [
  ...ENDS,
  "dispatch.granted",
  "agent.asked_help",
  "agent.answered",
  "actor.quarantined",
  "rig.draining",
  "rig.destroyed",
] as const satisfies readonly Recorded["type"][];

type End = Extract<Recorded, { type: (typeof ENDS)[number] }>;
const ENDING: ReadonlySet<string> = new Set(ENDS);
const isEnd = (fact: Recorded): fact is End => ENDING.has(fact.type);

export class Slots {
  readonly #held = new Map<string, { readonly dispatchId: string; readonly at: number; isAsking: boolean }>();

  /** @returns the places that are given back by it */
  take(fact: Recorded): Held[] {
    if (isEnd(fact)) return this.#end(fact.agentId, fact.at, "dispatchId" in fact ? fact.dispatchId : null);
    switch (fact.type) {
      case "dispatch.granted": {
        const before = this.#end(fact.agentId, fact.at, null);
        this.#held.set(fact.agentId, { dispatchId: fact.dispatchId, at: fact.at, isAsking: false });
        return before;
      }
      case "agent.asked_help":
      case "agent.answered": {
        const held = this.#held.get(fact.agentId);
        if (held !== undefined) held.isAsking = fact.type === "agent.asked_help";
        return [];
      }
      case "actor.quarantined":
        return fact.kind === "agent" ? this.#end(fact.id, fact.at, null) : [];
      case "rig.draining":
        // Who waits for an answer waits for it without a process; the others end by themselves.
        return this.#endAll(fact.at, ({ isAsking }) => isAsking);
      case "rig.destroyed":
        return this.#endAll(fact.at, () => true);
      default:
        return [];
    }
  }

  /** Those that are held still. */
  until(at: number): Held[] {
    return Array.from(this.#held, ([agentId, held]) => ({ agentId, from: held.at, to: Math.max(at, held.at) }));
  }

  #end(agentId: string, at: number, dispatchId: string | null): Held[] {
    const held = this.#held.get(agentId);
    if (held === undefined || (dispatchId !== null && dispatchId !== held.dispatchId)) return [];
    this.#held.delete(agentId);
    // A clock may have been put back meanwhile.
    return [{ agentId, from: held.at, to: Math.max(at, held.at) }];
  }

  #endAll(at: number, which: (held: { readonly isAsking: boolean }) => boolean): Held[] {
    return [...this.#held].filter(([, held]) => which(held)).flatMap(([agentId]) => this.#end(agentId, at, null));
  }
}
