import { clip, type BeadType } from "../events/facts.ts";
import type { JsonValue } from "../events/json.ts";
import { LIMITS } from "../events/limits.ts";
import { KINDS, type Kind } from "../events/row.ts";
import { columnOf, valuesOf } from "./columns.ts";
import type { Head, PackedActors, PackedBoard } from "./packed-board.ts";

/** The board: all that a page starts from, as of one seq. It goes over the wire as columns. */

/** Why it is that way is in the rows of the rig: a board that has these folds the facts that follow with the same charts. */
export interface BoardActor {
  readonly kind: Kind;
  readonly id: string;
  readonly v: number;
  readonly value: unknown;
  readonly context: unknown;
  /** What damaged it, or null. */
  readonly error: string | null;
}

/** What a board shows of a bead beside its row. */
export interface BoardContent {
  readonly title: string;
  readonly labels: readonly string[];
  readonly createdBy: string | null;
  /** Of what is for people: whom it is about, and the answers to choose from. */
  readonly metadata: Readonly<Record<string, JsonValue>>;
  /** Of what people are asked; other texts are fetched when they are opened. */
  readonly body?: string;
  /** There was no room for its whole title, or for its question: they are fetched with the bead. */
  readonly isCut?: true;
}

export interface Content {
  readonly title: string;
  readonly labels: readonly string[];
  readonly createdBy: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly body: string | null;
}

/** What needs and lists are made from; the rest of it is fetched with the bead. */
const KEPT = ["kind", "agent_id", "bead_id", "options"];

/** What of a bead's texts is on a board: the same whether it came with the board or with a fact. */
export function contentOf(type: BeadType, { title, labels, createdBy, metadata, body }: Content): BoardContent {
  const kept = KEPT.filter((key) => type !== "issue" && Object.hasOwn(metadata, key));
  return {
    title,
    labels,
    createdBy,
    metadata: Object.fromEntries(kept.map((key) => [key, metadata[key] as JsonValue])),
    ...(type === "escalation" ? { body: clip(body ?? "", LIMITS.need_text_chars) } : {}),
  };
}

/** Actors, and what is beside the rows of the beads among them. */
export interface Shown {
  /** On a board: all agents, all beads and reviews that have not ended, and the newest of those that have. */
  readonly actors: readonly BoardActor[];
  readonly content: Readonly<Record<string, BoardContent>>;
}

/**
 * All that a board shows of a rig, as of one seq: whoever has it and follows the feed from there folds the same facts with
 * the same machines, and needs to ask for nothing again.
 */
export interface Board extends Head, Shown {
  /** Last sign of life per agent, ms; only what the rig remembers. */
  readonly heard: Readonly<Record<string, number>>;
}

/** An actor without its kind, and without its id where its context has it. */
interface Row {
  readonly id?: string;
  readonly v: number;
  readonly value: JsonValue;
  readonly context: JsonValue;
  readonly error: string | null;
  readonly content?: JsonValue;
}

/** The others are read by the rig's own rules. */
const RIG_FIRST = ["rig", ...KINDS.filter((kind) => kind !== "rig")] as const;

const idIn = (context: unknown): unknown => (context as { id?: unknown } | null)?.id;

export function packActors({ actors, content }: Shown): PackedActors {
  const rows = new Map<Kind, Row[]>(KINDS.map((kind) => [kind, []]));
  for (const { kind, id, v, value, context, error } of actors) {
    const own = idIn(context) === id ? {} : { id };
    const texts = kind === "bead" && content[id] !== undefined ? { content: content[id] as unknown as JsonValue } : {};
    rows.get(kind)?.push({ ...own, v, value: value as JsonValue, context: context as JsonValue, error, ...texts });
  }
  const columns = Array.from(rows, ([kind, of]) => [kind, columnOf(of as unknown as JsonValue[])]);
  return Object.fromEntries(columns) as PackedActors;
}

export function unpackActors(packed: PackedActors): Shown {
  const actors: BoardActor[] = [];
  const content: Record<string, BoardContent> = {};
  for (const kind of RIG_FIRST)
    for (const row of valuesOf(packed[kind]) as unknown as Row[]) {
      const { v, value, context, error } = row;
      const id = row.id ?? (idIn(context) as string);
      actors.push({ kind, id, v, value, context, error });
      if (row.content !== undefined) content[id] = row.content as unknown as BoardContent;
    }
  return { actors, content };
}

export function packBoard({ actors, content, heard, ...head }: Board): PackedBoard {
  return {
    ...head,
    actors: packActors({ actors, content }),
    heard: { ids: columnOf(Object.keys(heard)), at: columnOf(Object.values(heard)) },
  };
}

export function unpackBoard({ actors, heard, ...head }: PackedBoard): Board {
  const times = valuesOf(heard.at) as number[];
  return {
    ...head,
    ...unpackActors(actors),
    heard: Object.fromEntries((valuesOf(heard.ids) as string[]).map((id, i) => [id, times[i] ?? 0])),
  };
}
