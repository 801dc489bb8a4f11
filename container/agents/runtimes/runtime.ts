/**
 * A coding agent as a program: how it is started, with what in its own home, and what it is spoken with. One small file each; what
 * they plan is pure, and written by home.ts. Flags and files are those of the versions in docs/agents.md.
 */
import type { DriverKind, McpPlace } from "../drivers/vocabulary.ts";

/** Whose models, in the words of the gateway. */
export type Provider = "anthropic" | "openai" | "gemini";

/** What the gateway gives one dispatch. */
export interface ModelDoor {
  /** In place of a key, and for the tools. */
  readonly token: string;
  /** The address that stands for a provider's. */
  readonly modelUrl: (provider: Provider) => string;
  /** Whether somebody has given a key for it. */
  readonly hasKey: (provider: Provider) => boolean;
}

export interface RuntimePlace {
  /** Its own, kept for its next dispatch. Absolute. */
  readonly home: string;
  /** As the rig names it; null: the program's own choice. */
  readonly model: string | null;
  readonly systemPrompt: string;
  readonly session: { readonly id: string; readonly resume: boolean };
  /** null: it has its keys itself. */
  readonly door: ModelDoor | null;
  readonly mcp: McpPlace | null;
  /** Whether it is to ask before it does something. */
  readonly asksPermission: boolean;
  /** Whether it has a key of its own beside the gateway; without either it has a login at most. */
  readonly hasOwnKey: boolean;
}

export interface RuntimePlan {
  readonly argv: readonly string[];
  /** Beside what every agent gets. */
  readonly env: Readonly<Record<string, string>>;
  /** Files in its home, by their path in it; written anew at each start, readable by its owner only. */
  readonly files: Readonly<Record<string, string>>;
  /** Handed over when the conversation is opened, and not by a file. */
  readonly mcp: McpPlace | null;
  /** Whether the system prompt stands in `argv` or a file; else it is the beginning of the first prompt. */
  readonly knowsSystemPrompt: boolean;
  /** See DriverWorld. */
  readonly mode?: string;
}

export interface Runtime {
  readonly name: string;
  readonly driver: DriverKind;
  /** What is looked for on the PATH. */
  readonly program: string;
  /** The version that docs/agents.md tells of, and those next to it that speak alike as far as is known. */
  readonly tried: string;
  readonly range: readonly [from: string, below: string];
  /** Names in the environment that may hold its key, of which it sees those that are set where there is no gateway. */
  readonly keys: readonly string[];
  /** Where its own login leaves something in a person's home. */
  readonly logins: readonly string[];
  /** What to do where there is neither. */
  readonly login: string;
  /** The program's own way to log in, at a terminal; empty: it has none that is known. */
  readonly loginArgv: readonly string[];
  /** Whose models it asks for by itself. */
  readonly provider: Provider;
  /** Whether words during a turn are taken into it. */
  readonly takesMessages: boolean;
  /** Whether what it says it has used is of this process alone, and not of the conversation. */
  readonly countsProcess: boolean;
  /** Whether keys that AGENT_PASS names reach it as they are, in place of the gateway's. */
  readonly takesPassed?: true;
  readonly plan: (place: RuntimePlace) => RuntimePlan;
}

/** Whether a version that a program said, in whatever words, is one of those that were tried or next to them. */
export function isInRange(said: string, [from, below]: Runtime["range"]): boolean {
  const version = numbersIn(said);
  return (
    version !== null && compare(version, numbersIn(from) ?? []) >= 0 && compare(version, numbersIn(below) ?? []) < 0
  );
}

function numbersIn(text: string): number[] | null {
  const [found] = /\d+(\.\d+)+/.exec(text) ?? [];
  return found === undefined ? null : found.split(".").map(Number);
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let n = 0; n < Math.max(a.length, b.length); n++) {
    const difference = (a[n] ?? 0) - (b[n] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
