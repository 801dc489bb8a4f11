import type { EffectOf } from "../../events/effects.ts";
import { clip, type RecordedOf } from "../../events/facts.ts";
import type { RigContext } from "./context.ts";

/** What the container has of the rig that the rig does not know, from when it is told to clear it until nothing of it is left. */
export interface Strays {
  readonly since: number;
  readonly count: number;
  /** What it is, in words. */
  readonly words: string;
}

type Found = RecordedOf<"strays.found">;

export const straysOf = (before: Strays | undefined, fact: Found): Strays => ({
  since: before?.since ?? fact.at,
  count: fact.total,
  words: wordsOf(fact),
});

/** In one line. */
function wordsOf({ processes, clones, folders, total }: Found): string {
  const named = [
    ...processes.map(({ agentId, dispatchId }) =>
      dispatchId === null ? `what a process of ${agentId} left behind` : `the process of ${dispatchId}`,
    ),
    ...clones.map(({ agentId }) => `the clone of ${agentId}`),
    ...folders.map(({ name }) => name),
  ];
  const shown = named.slice(0, SHOWN);
  const more = total - shown.length;
  return clip(`${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`);
}

const SHOWN = 5;

const keyOf = ({ config }: RigContext, what: string, { seq }: Found): string =>
  `${config?.rigId ?? "rig"}:${what}:${seq}`;

export const clearing = (context: RigContext, fact: Found): EffectOf<"container.clear"> => ({
  kind: "container.clear",
  key: keyOf(context, "clear", fact),
  processes: fact.processes.map(({ agentId, dispatchId }) => ({ agentId, dispatchId })),
  clones: fact.clones.map(({ agentId }) => agentId),
  folders: fact.folders.map(({ name }) => name),
});

export const straysAlert = (context: RigContext, fact: Found): EffectOf<"notify"> => ({
  kind: "notify",
  key: keyOf(context, "strays", fact),
  severity: "warning",
  title: "the container had what nobody knows",
  text: clip(`It is stopped and removed, and commits and uncommitted work are kept in the store: ${wordsOf(fact)}.`),
  beadId: null,
});
