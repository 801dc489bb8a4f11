import type { Recorded } from "../events/facts.ts";
import type { Entry } from "../core/fold.ts";
import { route } from "../core/route.ts";
import type { AnySnapshot, Kind } from "../core/step.ts";
import { actorKey, get, singlesOf, type World } from "../core/world.ts";
import { guardName } from "../machines/xstate.ts";
import type { Rig } from "./rig.ts";

/**
 * The Stately inspection protocol: three JSON messages that its tools understand. Pure transitions emit none, so they are
 * written here, from the commits. Every actor of the rig is an actor of one system whose root is the rig itself.
 */

const VERSION = "0.7.2";
const ROOT = "rig";

interface Base {
  readonly rootId: string;
  readonly sessionId: string;
  readonly createdAt: string;
  readonly id: string;
  readonly _version: string;
}
interface Shown {
  readonly status: string;
  readonly context: unknown;
  readonly value: unknown;
}
export type InspectionMessage =
  | (Base & {
      readonly type: "@xstate.actor";
      readonly name: string;
      readonly snapshot: Shown;
      readonly definition: string | undefined;
      readonly parentId: string | undefined;
    })
  | (Base & { readonly type: "@xstate.event"; readonly event: unknown; readonly sourceId: string | undefined })
  | (Base & { readonly type: "@xstate.snapshot"; readonly event: unknown; readonly snapshot: Shown });

export interface Inspection {
  /** What a client is told first: every actor that has not ended, as it is now. */
  hello(): string[];
  /** One commit: each fact as an event of the actors it went to, then each actor that it changed, as it is now. */
  committed(entries: readonly Entry[]): string[];
}

/**
 * Speaks for one rig. A commit is all or nothing, so its actors are shown as they are after it. What was shown is remembered,
 * so that a TICK, which goes to every agent, is told only of those that it moved.
 */
export function inspection(rig: Rig): Inspection {
  const shown = new Map<string, AnySnapshot>();
  for (const [kind, id, snapshot] of actors(rig.world)) shown.set(actorKey(kind, id), snapshot);
  return {
    hello: () =>
      Array.from(actors(rig.world), ([kind, id, snapshot]) => JSON.stringify(actorMessage(rig, kind, id, snapshot))),
    committed(entries) {
      const messages: InspectionMessage[] = [];
      const touched = new Map<string, { kind: Kind; id: string; fact: Recorded }>();
      for (const { fact } of entries) {
        const isForAll = fact.type === "TICK";
        for (const { kind, id } of route(rig.world, fact)) {
          const key = actorKey(kind, id);
          const snapshot = get(rig.world, kind, id) as AnySnapshot | undefined;
          if (isForAll && snapshot === shown.get(key)) continue;
          if (snapshot !== undefined && !shown.has(key)) {
            shown.set(key, snapshot);
            messages.push(actorMessage(rig, kind, id, snapshot));
          }
          messages.push({
            ...base(rig, key, fact),
            type: "@xstate.event",
            event: fact,
            sourceId: fact.cause === null ? undefined : ROOT,
          });
          touched.set(key, { kind, id, fact });
        }
      }
      for (const [key, { kind, id, fact }] of touched) {
        const snapshot = get(rig.world, kind, id) as AnySnapshot | undefined;
        messages.push({
          ...base(rig, key, fact),
          type: "@xstate.snapshot",
          event: fact,
          snapshot: snapshot === undefined ? { status: "stopped", context: {}, value: {} } : show(snapshot),
        });
        if (snapshot === undefined || isOver(kind, snapshot)) shown.delete(key);
        else shown.set(key, snapshot);
      }
      return messages.map((message) => JSON.stringify(message));
    },
  };
}

function* actors(world: World): Generator<[Kind, string, AnySnapshot]> {
  yield ["rig", "rig", world.rig];
  for (const [id, snapshot] of world.agents) yield ["agent", id, snapshot];
  for (const [id, snapshot] of world.beads) yield ["bead", id, snapshot];
  for (const [id, snapshot] of world.reviews) yield ["review", id, snapshot];
  for (const [kind, snapshot] of singlesOf(world)) yield [kind, kind, snapshot];
}

/** Ended beads and reviews leave the rig's memory; nothing more is told of them. */
const isOver = (kind: Kind, snapshot: AnySnapshot): boolean =>
  (kind === "bead" || kind === "review") && (snapshot.tags as Set<string>).has("terminal");

const sessionOf = (key: string): string => (key === "rig:rig" ? ROOT : key);

const base = (rig: Rig, key: string, fact: Recorded | null): Base => ({
  rootId: ROOT,
  sessionId: sessionOf(key),
  createdAt: String(fact?.at ?? rig.world.at),
  id: fact === null ? `hello:${key}` : `${fact.seq}:${key}`,
  _version: VERSION,
});

const show = (snapshot: AnySnapshot): Shown => ({
  status: snapshot.status,
  context: snapshot.context,
  value: snapshot.value,
});

function actorMessage(rig: Rig, kind: Kind, id: string, snapshot: AnySnapshot): InspectionMessage {
  const key = actorKey(kind, id);
  const isRoot = kind === "rig";
  return {
    ...base(rig, key, null),
    type: "@xstate.actor",
    name: isRoot ? (rig.world.rig.context.config?.name ?? "rig") : id,
    snapshot: show(snapshot),
    definition: definitionOf(kind, snapshot),
    parentId: isRoot ? undefined : ROOT,
  };
}

const definitions = new Map<Kind, string>();

/** The chart as JSON, once per kind: it is what draws it in the tool. */
function definitionOf(kind: Kind, snapshot: AnySnapshot): string {
  let definition = definitions.get(kind);
  if (definition === undefined) {
    definition = JSON.stringify(snapshot.machine.config, (name, value: unknown) =>
      name === "context" ? undefined : typeof value === "function" ? guardName(value) : value,
    );
    definitions.set(kind, definition);
  }
  return definition;
}
