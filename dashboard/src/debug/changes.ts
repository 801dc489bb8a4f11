import { stateName } from "../../../src/core/decide/index.ts";
import type { AnySnapshot } from "../../../src/core/step.ts";
import type { World } from "../../../src/core/world.ts";
import { allActors } from "../lib/world.ts";
import { refText, type ActorRef } from "./actor.ts";
import type { Source } from "./source.ts";

/** What lies between two moments, and where in the journal a time is. */

/** One value of an actor that is not what it was; undefined: it was not there, or is not any more. */
export interface Changed {
  readonly name: string;
  readonly was: unknown;
  readonly is: unknown;
}

export interface Change {
  readonly actor: ActorRef;
  /** The state before and after; null: it did not exist. */
  readonly was: string | null;
  readonly is: string | null;
  readonly fields: readonly Changed[];
}

/** Every actor that differs between two worlds, in the order of the later one; those that are gone come last. */
export function changesBetween(before: World, after: World): Change[] {
  const gone = new Map<string, { actor: ActorRef; snapshot: AnySnapshot }>();
  for (const { kind, id, snapshot } of allActors(before))
    gone.set(refText({ kind, id }), { actor: { kind, id }, snapshot });
  const changes: Change[] = [];
  for (const { kind, id, snapshot } of allActors(after)) {
    const actor = { kind, id };
    const old = gone.get(refText(actor));
    gone.delete(refText(actor));
    // A snapshot that no event has touched is the same object.
    if (old?.snapshot === snapshot) continue;
    const fields = fieldsBetween(old?.snapshot, snapshot);
    const [was, is] = [old === undefined ? null : stateName(old.snapshot), stateName(snapshot)];
    if (was !== is || fields.length > 0) changes.push({ actor, was, is, fields });
  }
  for (const { actor, snapshot } of gone.values())
    changes.push({ actor, was: stateName(snapshot), is: null, fields: fieldsBetween(snapshot, undefined) });
  return changes;
}

function fieldsBetween(before: AnySnapshot | undefined, after: AnySnapshot | undefined): Changed[] {
  const [was, is] = [before, after].map((one) => (one?.context ?? {}) as unknown as Record<string, unknown>);
  const names = new Set([...Object.keys(was ?? {}), ...Object.keys(is ?? {})]);
  return Array.from(names, (name) => ({ name, was: was?.[name], is: is?.[name] })).filter(
    (one) => JSON.stringify(one.was) !== JSON.stringify(one.is),
  );
}

/** Seq of the newest fact that was written by then; 1 where none was. Halves the journal until it is found. */
export async function seqAt(source: Source, at: number): Promise<number> {
  let [low, high] = [1, source.last()];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const [entry] = await source.entries(middle, middle);
    if (entry !== undefined && entry.fact.at > at) high = middle - 1;
    else low = middle;
  }
  return low;
}

/** When the journal begins and ends, ms. */
export async function spanOf(source: Source): Promise<readonly [from: number, to: number] | null> {
  const last = source.last();
  const [[first], [newest]] = await Promise.all([source.entries(1, 1), source.entries(last, last)]);
  return first === undefined || newest === undefined ? null : [first.fact.at, newest.fact.at];
}
