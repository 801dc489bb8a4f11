import type { FactOf } from "../events/facts.ts";
import { dispatchNumber } from "../events/dispatch-id.ts";
import { LIMITS } from "../events/limits.ts";
import { actorKey, type World } from "./world.ts";

/**
 * What a container has is compared with what its rig knows. What nobody knows for some time is ordered away. What a bead that lives, or may be
 * tried again, needs is none of it: its branch, its leftovers and what was handed in are refs of the store, which nobody clears here; its
 * clone is its agent's, whom the rig knows, or is emptied into the store before it goes; and who runs for it runs by the dispatch that the rig granted last.
 */

/** What a container has of a rig. */
export interface Existing {
  readonly processes: readonly { readonly agentId: string; readonly dispatchId: string | null }[];
  readonly clones: readonly {
    readonly agentId: string;
    readonly branch: string | null;
    readonly beadId: string | null;
  }[];
  readonly folders: readonly string[];
}

/** What was seen that nobody knows, by what it is: since when, how often it was ordered away, and when last (ms). */
export type Suspects = Readonly<Record<string, Suspect>>;
export interface Suspect {
  readonly since: number;
  readonly orders: number;
  readonly at: number;
}

export interface Compared {
  /** To be compared with the next time. */
  readonly suspects: Suspects;
  /** Agents whose folders nobody knows. */
  readonly clones: ReadonlySet<string>;
  /** What has stayed unknown for long enough; null: nothing is to be ordered now. */
  readonly found: FactOf<"strays.found"> | null;
}

/** @param now ms, by the rig's clock */
export function compare(world: World, existing: Existing, before: Suspects, now: number): Compared {
  const unknown = [
    ...existing.processes
      .filter((one) => !isKnownProcess(world, one))
      .map((one) => ({ kind: "processes", key: `process:${one.dispatchId ?? `${one.agentId}:`}`, one }) as const),
    ...existing.clones
      .filter(({ agentId }) => !isKnownAgent(world, agentId))
      .map((one) => ({ kind: "clones", key: `clone:${one.agentId}`, one }) as const),
    ...existing.folders.map((name) => ({ kind: "folders", key: `folder:${name}`, one: { name } }) as const),
  ].slice(0, LIMITS.strays_remembered);
  const suspects: Record<string, Suspect> = {};
  const due: (typeof unknown)[number][] = [];
  for (const one of unknown) {
    const known = before[one.key];
    // A clock that was put back counts from anew.
    const suspect =
      known === undefined || known.since > now || known.at > now ? { since: now, orders: 0, at: 0 } : known;
    const isDue = now >= dueAt(suspect);
    if (isDue) due.push(one);
    suspects[one.key] = isDue ? { since: suspect.since, orders: suspect.orders + 1, at: now } : suspect;
  }
  const clones = new Set(unknown.flatMap(({ kind, one }) => (kind === "clones" ? [one.agentId] : [])));
  if (due.length === 0) return { suspects, clones, found: null };
  const sinceOf = ({ key }: { readonly key: string }): number => suspects[key]?.since ?? now;
  const some = <K extends (typeof unknown)[number]["kind"]>(kind: K) =>
    due
      .filter((one): one is Extract<(typeof unknown)[number], { kind: K }> => one.kind === kind)
      .slice(0, LIMITS.strays_named);
  return {
    suspects,
    clones,
    found: {
      type: "strays.found",
      processes: some("processes").map((one) => ({ ...one.one, since: sinceOf(one) })),
      clones: some("clones").map((one) => {
        const { agentId, branch, beadId } = one.one;
        return { agentId, branch, beadId, since: sinceOf(one) };
      }),
      folders: some("folders").map((one) => ({ ...one.one, since: sinceOf(one) })),
      total: due.length,
    },
  };
}

/** When it is ordered away: at first once it has stayed for so long, then each time after twice as long. */
function dueAt({ since, orders, at }: Suspect): number {
  if (orders === 0) return since + LIMITS.stray_ms;
  return at + Math.min(LIMITS.stray_ms * 2 ** (orders - 1), LIMITS.stray_again_max_ms);
}

/** What cannot be read right now is not unknown. */
const isKnownAgent = ({ agents, broken }: World, agentId: string): boolean =>
  agents.has(agentId) || broken.has(actorKey("agent", agentId));

/**
 * Only the newest dispatch of an agent runs, and only while the agent has a place among those that run; or waits for somebody to look at
 * what it has handed in, which may have to be mended.
 */
function isKnownProcess(world: World, { agentId, dispatchId }: Existing["processes"][number]): boolean {
  if (world.broken.has(actorKey("agent", agentId))) return true;
  const agent = world.agents.get(agentId);
  if (agent === undefined || (!agent.hasTag("slot") && !agent.matches({ exited: "handing_in" }))) return false;
  return dispatchId === null || dispatchNumber(agentId, dispatchId) === agent.context.dispatchN;
}
