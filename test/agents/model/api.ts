/** What the scripted model reads and says, whichever of the four APIs it is asked by. */

/** A tool as the CLI offers it. */
export interface Offered {
  readonly name: string;
  /** Responses API: the group that it is in, which a call has to name as well. */
  readonly group?: string;
}

/** A request, as far as a script cares. */
export interface Heard {
  readonly model: string;
  readonly isStream: boolean;
  /** How often the model has spoken before: which step of the script is due, also in a conversation that was resumed. */
  readonly spoken: number;
  readonly offered: readonly Offered[];
  /** The newest words that are not the model's: a prompt, a message, what a tool has answered. */
  readonly last: string;
}

export interface Call {
  readonly id: string;
  readonly name: string;
  readonly group?: string;
  readonly args: object;
}

export interface Tokens {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
}

export interface Said {
  readonly id: string;
  readonly model: string;
  readonly text: string;
  readonly calls: readonly Call[];
  readonly tokens: Tokens;
}

export interface Failure {
  readonly status: number;
  readonly type: string;
  readonly message: string;
}

/** One of the four: how a request is read, and an answer or a failure is put. */
export interface Api {
  readonly name: string;
  readonly path: RegExp;
  readonly hear: (body: Json, path: string) => Heard;
  readonly whole: (said: Said) => unknown;
  /** The data of each event; `type` is its name as well, where the API names its events. */
  readonly events: (said: Said) => readonly Json[];
  /** Said at the very end, where the API says so. */
  readonly epilogue?: string;
  readonly namesEvents: boolean;
  readonly failure: (failure: Failure) => unknown;
}

export type Json = Readonly<Record<string, unknown>>;

export const list = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);

/** All text in a message's content, whatever it is nested in. */
export function textIn(content: unknown): string {
  if (typeof content === "string") return content;
  if (Array.isArray(content)) return content.map(textIn).join("\n");
  if (typeof content !== "object" || content === null) return "";
  const { text, content: inner, output, response, functionResponse } = content as Json;
  return [text, inner, output, response, functionResponse].map(textIn).filter(Boolean).join("\n");
}

/** How many turns of the model there are in a row of messages: those that follow each other are one. */
export const turnsIn = (isModel: readonly boolean[]): number =>
  isModel.filter((mine, index) => mine && isModel[index - 1] !== true).length;
