import type { AnyStateMachine } from "xstate";

/** What an action says to others: an effect (the world is asked to do something) or a fact (other actors are told). */
export interface Said {
  readonly as: "effect" | "fact";
  /** The effect's kind or the fact's type, such as `container.start` or `bead.failed`. */
  readonly what: string;
}

/**
 * Which of a machine's actions say something, and what. A type is gone at run time, so the return types are read from the
 * chart's own source. Every action that is no `assign` must be found there.
 * @throws Error naming an action that cannot be told.
 */
export function saidBy(machine: AnyStateMachine, source: string): Map<string, Said> {
  const said = new Map<string, Said>();
  for (const [name, action] of Object.entries(machine.implementations.actions)) {
    if ((action as { type?: string }).type === "xstate.assign") continue;
    const body = new RegExp(`^    ${name}: \\([\\s\\S]*?(?=^    \\w+: |^  \\})`, "m").exec(source)?.[0] ?? "";
    const as = /\): (Effect|Fact)(\[\])? =>/.exec(body)?.[1];
    const what = literalIn(body) ?? literalIn(helperOf(body, source));
    if (as === undefined || what === undefined)
      throw new Error(
        `the source of action ${name} does not tell what it returns: write (...): Effect or (...): Fact, with its kind or type`,
      );
    said.set(name, { as: as === "Effect" ? "effect" : "fact", what });
  }
  return said;
}

const literalIn = (body: string): string | undefined => /\b(?:kind|type): "([\w.]+)"/.exec(body)?.[1];

/** The function that an action leaves the work to. */
function helperOf(body: string, source: string): string {
  const name = /\b(\w+)\(\s*context\b/.exec(body)?.[1];
  return name === undefined
    ? ""
    : (new RegExp(`^(?:export )?const ${name} = [\\s\\S]*?^(?:\\}|(?:export )?const )`, "m").exec(source)?.[0] ?? "");
}
