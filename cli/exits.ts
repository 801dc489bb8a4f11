/** How a command ends. */
import { StackError } from "../scripts/stack/errors.ts";

/** Exit codes, as docs/cli.md lists them. */
export const EXITS = {
  done: { code: 0, means: "it is done" },
  refused: { code: 1, means: "it was refused, or it failed, or the answer is no; one sentence on stderr says why" },
  misuse: { code: 2, means: "the command cannot be understood, or needs a word more; nothing was done" },
  unknown: { code: 3, means: "nothing has that name, or several have; nothing was done" },
  unreachable: { code: 4, means: "no Ticktown answers there" },
  forbidden: { code: 5, means: "the token is missing, not good, or not good for this" },
  interrupted: { code: 130, means: "interrupted" },
} as const;

export type Exit = keyof typeof EXITS;

/** Ends a command with one sentence and its exit code. */
export class Failure extends StackError {
  readonly exit: Exit;
  constructor(exit: Exit, sentence: string) {
    super(sentence);
    this.exit = exit;
  }
}
