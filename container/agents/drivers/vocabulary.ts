/**
 * The one vocabulary in which an agent is spoken with, whatever protocol its program has. A driver is a pure machine over lines: it
 * is given the lines that the program prints, and says which lines to write and what has happened. It starts nothing and has no clock of its own.
 */

/** How a conversation with a program is held. */
export type DriverKind = "acp" | "claude" | "codex";

/** Why a dispatch ended, as far as it says something else than that the work is over. */
export type EndingKind =
  | "rate_limited"
  | "over_budget"
  | "not_authorized"
  | "context_full"
  | "crashed"
  | "ended_without_done";

/** Of the whole session so far, its earlier processes included where the program counts them; whole numbers. */
export interface Usage {
  readonly input_tokens: number;
  /** Of the input, what was read from the provider's cache. */
  readonly cached_tokens: number;
  readonly output_tokens: number;
  readonly model: string | null;
  readonly cost_microdollars: number | null;
}

export interface AskOption {
  readonly id: string;
  readonly label: string;
}

/** What the agent wants to know before it goes on. */
export interface Ask {
  /** Of one dispatch: the same id is the same ask. At most 64 characters. */
  readonly id: string;
  readonly kind: "question" | "permission";
  readonly text: string;
  /** Exactly what would be run, when that is known. */
  readonly command: string | null;
  readonly options: readonly AskOption[];
}

/** One of the options, or words of one's own. */
export interface Answer {
  readonly optionId?: string | undefined;
  readonly text?: string | undefined;
  /** Nobody can say, so it is No: never so for words that a person said. */
  readonly denies?: true;
}

/** How a turn ended: `cancelled`: as it was told to; `failed`: it was broken off by itself, so nothing says that the work is done. */
export type TurnEnd = "finished" | "cancelled" | "failed";

/** What a driver says has happened, in this order of a life: opened, turns with tools in them, ended. */
export type DriverEvent =
  /** The conversation is open. `resumed`: it is the one that was asked for. */
  | {
      readonly type: "session";
      readonly id: string;
      readonly resumed: boolean;
      /** It cannot be given Ticktown's tools in this way. */
      readonly withoutTools?: boolean;
    }
  /** The one that was asked for cannot be gone on in. Where the program can do so, a new one is opened, and `session` follows; else it ends. */
  | { readonly type: "session_lost"; readonly says: string }
  /** New words of the agent, not repeated ones. */
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "tool_start"; readonly id: string; readonly name: string; readonly title: string }
  | { readonly type: "tool_end"; readonly id: string; readonly name: string; readonly ok: boolean }
  | { readonly type: "usage"; readonly usage: Usage }
  | { readonly type: "asks"; readonly ask: Ask }
  /** Nobody waits for the answer any more. */
  | { readonly type: "asks_no_more"; readonly askId: string }
  /** The model does not answer at present. `until`: ISO, when it is asked again; null: nobody knows. Any later event but `output` ends it. */
  | { readonly type: "waiting"; readonly until: string | null; readonly says: string }
  /** It has stopped working and waits for the next prompt. */
  | { readonly type: "turn_end"; readonly stop: TurnEnd }
  /** It cannot go on. Said at most once; nothing follows but `usage` and `output`. */
  | { readonly type: "ended"; readonly kind: EndingKind; readonly until: string | null; readonly says: string }
  /** A message that was taken by `message` and then not put into the turn after all. */
  | { readonly type: "unsaid"; readonly text: string }
  /** A line that is not of the protocol. */
  | { readonly type: "output"; readonly line: string };

export interface Driver {
  readonly kind: DriverKind;
  /** Opens the conversation: the one with this id, or a new one. Once, before anything else. */
  readonly open: (session: string | null) => void;
  /** Begins a turn; after `session`, and not while a turn runs. @returns false when it could not be written */
  readonly prompt: (text: string) => boolean;
  /** Puts words into the turn that runs. @returns false when that cannot be done now: they can be prompted after the turn */
  readonly message: (text: string) => boolean;
  /** Ends the turn that runs, if there is one; `turn_end` follows if the agent obeys. */
  readonly cancel: () => void;
  /** @returns false when nobody waits for it, or it could not be written */
  readonly answer: (askId: string, answer: Answer) => boolean;
  /** One whole line of the program's standard output, without its end. Never throws, whatever it says. */
  readonly line: (text: string) => void;
}

/** HTTP on loopback with a bearer token: Ticktown's own tools. */
export interface McpPlace {
  readonly url: string;
  readonly token: string;
}

/** What a driver is made with. */
export interface DriverWorld {
  /** One line to the program's standard input. @returns false when it does not read, or has gone */
  readonly write: (line: string) => boolean;
  readonly emit: (event: DriverEvent) => void;
  /** ms since epoch */
  readonly now: () => number;
  /** A UUID that was never used before, also not in the conversation that is gone on in. */
  readonly newId: () => string;
  /** Where the agent works. */
  readonly cwd: string;
  readonly model: string | null;
  /** Given over when the conversation is opened, by protocols that can. */
  readonly mcp: McpPlace | null;
  /** false: it may do what it likes and is to ask nobody. */
  readonly asksPermission: boolean;
  /** The id that a new conversation was given on the command line, where a program takes it from there. */
  readonly chosenSession?: string;
  /** Of the protocol: what one of its programs needs and others do not. */
  readonly mode?: string;
  /** Whether a prompt during a turn is taken into it; where it would end the turn, it is held back. */
  readonly takesMessages: boolean;
}
