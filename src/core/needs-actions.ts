import type { NeedCode } from "../events/needs.ts";

/** What a person can do about a need in one step, and what may be chosen: the same for the board, the command line and whoever acts on many. */

/** As far as it is looked at here: what people are told of a need. */
export interface Told {
  readonly code: NeedCode;
  readonly agents: readonly unknown[];
  readonly beads: readonly unknown[];
  readonly escalations: readonly { readonly options: readonly string[] }[];
  readonly ask: { readonly options: readonly { readonly id: string; readonly label: string }[] } | null;
}

export interface Choice {
  /** Null: what is said is its label. */
  readonly id: string | null;
  readonly label: string;
}

/** An agent that waits for words: an answer lets it go on. */
const ANSWERED: ReadonlySet<NeedCode> = new Set([
  "question",
  "permission",
  "over_budget",
  "not_authorized",
  "agent_rests",
  "hand_in_refused",
]);

export const isAnswered = ({ code, agents }: Pick<Told, "code" | "agents">): boolean =>
  ANSWERED.has(code) && agents.length > 0;

/** What may be chosen instead of words. */
export const choicesOf = ({ ask, escalations }: Pick<Told, "ask" | "escalations">): readonly Choice[] =>
  ask === null ? (escalations[0]?.options ?? []).map((label) => ({ id: null, label })) : ask.options;

const YES = [/^allow$/i, /^(allow|accept|approve|yes)\b(?!.*always)/i, /^(allow|accept|approve|yes)/i];
const NO = [/^deny$/i, /^(deny|reject|refuse|no)\b(?!.*always)/i, /^(deny|reject|refuse|no)/i];

/** The option that lets a permission prompt go on, or that does not: for once rather than for ever. */
export function verdictOf(need: Pick<Told, "ask" | "escalations">, allows: boolean): Choice | undefined {
  for (const pattern of allows ? YES : NO)
    for (const choice of choicesOf(need))
      if (pattern.test(choice.id ?? "") || pattern.test(choice.label)) return choice;
  return undefined;
}

/** Of a prompt without choices, which a person answers at its agent, both can be said; of another only what it offers. */
function verdicts(need: Told): ("allow" | "deny")[] {
  if (choicesOf(need).length === 0) return ["allow", "deny"];
  return (["allow", "deny"] as const).filter((name) => verdictOf(need, name === "allow") !== undefined);
}

export function whatCanBeDone(need: Told): ("answer" | "allow" | "deny" | "retry")[] {
  return [
    ...(isAnswered(need) ? ["answer" as const] : []),
    ...(need.code === "permission" && need.agents.length > 0 ? verdicts(need) : []),
    ...(need.code === "failed" && need.beads.length > 0 ? ["retry" as const] : []),
  ];
}
