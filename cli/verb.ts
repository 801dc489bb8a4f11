/** What a verb is: one row of the table from which the parser, the help, the completion, docs/cli.md and the MCP tools are made. */
import type { Context } from "./context.ts";

export interface Argument {
  readonly about: string;
  /** As many as are given. */
  readonly many?: true;
  readonly optional?: true;
}

export interface Option {
  /** `texts`: may be given again. */
  readonly type: "flag" | "text" | "texts" | "number";
  readonly about: string;
  /** What stands for the value in the help: `BRANCH`. */
  readonly value?: string;
  readonly short?: string;
  readonly choices?: readonly string[];
  /** For whoever sits at a terminal, and no tool has it. */
  readonly atTerminal?: true;
}

export type Arguments = Readonly<Record<string, Argument>>;
export type Options = Readonly<Record<string, Option>>;

type OfArgument<A extends Argument> = A extends { many: true }
  ? readonly string[]
  : A extends { optional: true }
    ? string | undefined
    : string;
interface OfOption {
  readonly flag: boolean;
  readonly text: string | undefined;
  readonly texts: readonly string[];
  readonly number: number | undefined;
}

/** What a verb is run with: every argument and option by its name. */
export type InputOf<A extends Arguments, O extends Options> = {
  readonly [Name in keyof A]: OfArgument<A[Name]>;
} & { readonly [Name in keyof O]: OfOption[O[Name]["type"]] };

export type Input = Readonly<Record<string, string | boolean | number | readonly string[] | undefined>>;

/** What a verb came to. */
export interface Answer {
  /** For programs: what `--json` prints, and what an MCP tool answers. */
  readonly data: unknown;
  /** For people, without a line end; empty: nothing is printed. */
  readonly text: string;
  /** Not 0 where the answer is no. */
  readonly exit?: number;
}

/** `reads` changes nothing; `destroys` cannot be taken back: it asks on a terminal, and elsewhere wants `--yes`. */
export type Effect = "reads" | "changes" | "destroys";

export interface Verb<A extends Arguments = Arguments, O extends Options = Options> {
  /** One word or two: `sling`, `rig add`. */
  readonly name: string;
  readonly about: string;
  /** More than one line of it, for its help and docs/cli.md. */
  readonly more?: string;
  readonly effect: Effect;
  /** Why it is for whoever sits at a terminal, and no tool of `ticktown mcp`. */
  readonly atTerminal?: string;
  /** Works without a Ticktown that runs. */
  readonly isLocal?: true;
  /** For docs/cli.md: what follows `ticktown`. */
  readonly examples?: readonly string[];
  readonly args: A;
  readonly options: O;
  run(input: InputOf<A, O>, context: Context): Promise<Answer>;
}

/** Keeps the types of the arguments together with what is run, and lets all verbs live in one table. */
export const verb = <const A extends Arguments, const O extends Options>(spec: Verb<A, O>): Verb =>
  spec as unknown as Verb;

/** An option's name as it is typed: `updateInstead` is `update-instead`. */
export const typed = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
