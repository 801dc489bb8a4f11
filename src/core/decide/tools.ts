import { dispatchNumber } from "../../events/dispatch-id.ts";
import { clip, type Fact } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import { currentDispatch } from "../../machines/agent.ts";
import { canTake, eventsOf } from "../../machines/xstate.ts";
import { inScope } from "../../machines/event.ts";
import type { AnySnapshot, Kind } from "../step.ts";
import type { World } from "../world.ts";
import type { Decided, Json, Refusal } from "./command.ts";

/** What the handlers of all commands share: how to refuse, what a chart would take, and the fence. */

export const refuse = (
  status: Refusal["status"],
  error: string,
  more: Pick<Refusal, "state" | "allowed"> = {},
): Refusal => ({
  ok: false,
  status,
  error,
  ...more,
});
export const accept = (facts: Fact[], more: Omit<Decided, "ok" | "facts"> = {}): Decided => ({
  ok: true,
  facts,
  ...more,
});

/** "working.process.running" and the like: the active leaf states, for people. */
export function stateName(snapshot: AnySnapshot): string {
  const path = (value: unknown): string[] =>
    typeof value === "string"
      ? [value]
      : Object.entries(value as Record<string, unknown>).flatMap(([key, inner]) =>
          path(inner).map((rest) => `${key}.${rest}`),
        );
  return path(snapshot.value).join(" + ");
}

/** The facts that have any transition in the snapshot's state. */
export const allowedIn = (snapshot: AnySnapshot): string[] => eventsOf(snapshot).sort();

/** Whether the actor's chart would do anything with this fact now. */
export function takes(world: World, snapshot: AnySnapshot, fact: Fact, at: number): boolean {
  const stamp = { seq: world.seq + 1, at: Math.max(at, world.at), cause: null };
  const event = inScope({ ...fact, ...stamp }, world.rig.context);
  return canTake(snapshot, event);
}

export const cannot = (kind: Kind, id: string, snapshot: AnySnapshot, what: string): Refusal =>
  refuse(
    409,
    `${kind} ${id} is ${stateName(snapshot)} and cannot ${what}; in this state it takes: ${allowedIn(snapshot).join(", ") || "nothing"}`,
    {
      state: stateName(snapshot),
      allowed: allowedIn(snapshot),
    },
  );

export const noAgent = (id: string): Refusal => refuse(404, `no agent ${id} in this rig`);
export const noBead = (id: string): Refusal => refuse(404, `no bead ${id} in this rig`);

export const tooLong = (what: string, text: string): Refusal =>
  refuse(413, `${what} may have ${LIMITS.mail_body_chars} characters, this one has ${text.length}`);

export const bytes = (value: Json): number => JSON.stringify(value).length;

export const isRefusal = (value: Fact | Refusal): value is Refusal => "ok" in value;

/** Null when the speaker may speak of the agent's newest dispatch; otherwise the recorded, harmless answer (design rule 1). */
export function staleness(
  world: World,
  agentId: string,
  spokenOf: string | null,
  what: string,
  about: string | null,
): Decided | null {
  const agent = world.agents.get(agentId);
  if (!agent || spokenOf === null) return null;
  const n = dispatchNumber(agentId, spokenOf);
  const overtaken = n === null || n !== agent.context.dispatchN;
  // Its own bead may have been taken away and another one hooked since: the dispatch may not speak for that one.
  const elsewhere =
    agent.context.hook !== null &&
    agent.context.dispatchBead !== null &&
    agent.context.hook !== agent.context.dispatchBead;
  return overtaken || elsewhere ? asStale(world, agentId, spokenOf, what, about) : null;
}

/** Recorded, and harmless. */
export function asStale(
  world: World,
  agentId: string,
  spokenOf: string | null,
  what: string,
  about: string | null,
): Decided {
  const agent = world.agents.get(agentId);
  return accept(
    [
      {
        type: "report.stale",
        agentId,
        dispatchId: spokenOf === null ? null : clip(spokenOf, LIMITS.id_chars),
        report: what,
        current: agent === undefined ? null : currentDispatch(agent.context),
        about,
      },
    ],
    { agentId, stale: true },
  );
}
