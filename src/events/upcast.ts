import { Fact, FACT_TYPES, type FactType } from "./facts.ts";
import { NEWEST_RULES } from "./rules.ts";

/**
 * The registry of fact versions. A stored fact of an older version passes through one function per version step until it
 * has today's shape. A version newer than we know is refused: guessing would corrupt the fold.
 */

type Json = Record<string, unknown>;
type Upcaster = (old: Json) => Json;

/** Today's version per fact; a fact that is not named here is at version 1. */
const VERSIONS: Partial<Record<FactType, number>> = { "actor.repaired": 2, "rig.configured": 2 };

/** `UPCASTERS[type][v]` turns version v into v + 1. */
const UPCASTERS: Partial<Record<FactType, Record<number, Upcaster>>> = {
  "actor.repaired": { 1: (old) => ({ ...old, state: null }) },
  "rig.configured": { 1: (old) => ({ ...old, rules: 1 }) },
};

export interface Upcasting {
  readonly versions: Partial<Record<string, number>>;
  readonly upcasters: Partial<Record<string, Record<number, Upcaster>>>;
}
const CURRENT: Upcasting = { versions: VERSIONS, upcasters: UPCASTERS };

/** Something was written by a newer Ticktown than this one, which therefore must not guess, nor go on. */
export class NewerError extends Error {
  override name = "NewerError";
}

const KNOWN: ReadonlySet<string> = new Set(FACT_TYPES);

/** @throws NewerError when facts of this type and version are not known here. */
export function checkKnown(type: string, v: number, versions: Upcasting["versions"] = VERSIONS): void {
  const current = versions[type] ?? 1;
  if (v > current)
    throw new NewerError(
      `fact ${type} has version ${v}, but this Ticktown knows only up to ${current}: use a newer one`,
    );
  if (!KNOWN.has(type)) throw new NewerError(`fact ${type} is not known to this Ticktown: use a newer one`);
}

/** @throws NewerError when a journal follows rules that are not known here. */
export function checkRules(rules: number): void {
  if (rules > NEWEST_RULES)
    throw new NewerError(
      `the journal follows rules ${rules}, but this Ticktown knows only up to ${NEWEST_RULES}: use a newer one`,
    );
}

export const factVersion = (type: FactType): number => VERSIONS[type] ?? 1;

/**
 * Brings a stored fact to today's shape and validates it.
 * @throws Error naming the fact and version when it cannot be read.
 */
export function readFact(type: string, v: number, body: Json, registry: Upcasting = CURRENT): Fact {
  checkKnown(type, v, registry.versions);
  const current = registry.versions[type] ?? 1;
  let value = body;
  for (let version = v; version < current; version++) {
    const upcast = registry.upcasters[type]?.[version];
    if (!upcast) throw new Error(`fact ${type} has no upcaster from version ${version}`);
    value = upcast(value);
  }
  const parsed = Fact.safeParse({ ...value, type });
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new Error(
      `fact ${type} v${v} is malformed at ${issue?.path.join(".") || "(root)"}: ${issue?.message ?? "unknown"}`,
    );
  }
  if ("rules" in parsed.data) checkRules(parsed.data.rules);
  return parsed.data;
}
