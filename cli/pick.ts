/** Which thing is meant: by its title, its name, or as much of its id as is its alone. */
import { Failure } from "./exits.ts";
import { columns, indented, oneLine } from "./text.ts";

export interface Candidate {
  readonly id: string;
  /** A bead's title, an agent's name. */
  readonly title: string;
  /** What tells it from another of the same title. */
  readonly note?: string;
}

/** Shorter pieces of an id are words that a title might have. */
const LEAST_ID_CHARS = 4;
const SHORT_CHARS = 8;
const LISTED = 8;

/** `bead-3f2a…` without its kind. */
const bare = (id: string): string => id.replace(/^[a-z]+-/, "");

/** With its kind or without; what looks like a kind in the text may be a part of the id. */
function isIdOf(text: string, { id }: Candidate): boolean {
  const kind = id.slice(0, id.length - bare(id).length);
  const own = kind !== "" && text.startsWith(kind) ? text.slice(kind.length) : text;
  return own.length >= LEAST_ID_CHARS && bare(id).startsWith(own);
}

/** In this order: the first that anything agrees to decides. */
const WAYS: readonly ((text: string, candidate: Candidate) => boolean)[] = [
  (text, { id }) => id === text,
  (text, { title }) => oneLine(title).toLowerCase() === oneLine(text).toLowerCase(),
  isIdOf,
  (text, { title }) => oneLine(title).toLowerCase().includes(oneLine(text).toLowerCase()),
];

/** @returns all that are meant equally, in their order; empty: none */
export function meant<C extends Candidate>(text: string, candidates: readonly C[]): readonly C[] {
  if (text.trim() === "") return [];
  for (const agrees of WAYS) {
    const found = candidates.filter((candidate) => agrees(text, candidate));
    if (found.length > 0) return found;
  }
  return [];
}

/** @param kind in words: "bead" @throws Failure when nothing is meant, or several are */
export function pick<C extends Candidate>(kind: string, text: string, candidates: readonly C[]): C {
  const [one, ...others] = meant(text, candidates);
  if (one === undefined) throw new Failure("unknown", `there is no ${kind} "${oneLine(text)}"`);
  if (others.length === 0) return one;
  const short = shorten(candidates.map(({ id }) => id));
  const all = [one, ...others];
  const rows = all.slice(0, LISTED).map(({ id, title, note = "" }) => [short.get(id) ?? id, note, title]);
  throw new Failure(
    "unknown",
    `"${oneLine(text)}" may be ${all.length} ${kind}s; say which by the beginning of its id:\n${indented(columns(rows, ""))}${all.length > LISTED ? "\n  ..." : ""}`,
  );
}

/** Each id by as much of it as is its alone, and at least 8 characters. */
export function shorten(ids: readonly string[]): ReadonlyMap<string, string> {
  const all = [...new Set(ids)].map((id) => ({ id, bare: bare(id) }));
  const sorted = all.toSorted((a, b) => (a.bare < b.bare ? -1 : 1));
  const common = (a: string, b = ""): number => {
    let n = 0;
    while (n < a.length && a[n] === b[n]) n++;
    return n;
  };
  return new Map(
    sorted.map(({ id, bare }, n) => {
      const shared = Math.max(common(bare, sorted[n - 1]?.bare), common(bare, sorted[n + 1]?.bare));
      return [id, bare.slice(0, Math.max(SHORT_CHARS, shared + 1))];
    }),
  );
}
