/** Runs a command line: what it answers goes to stdout, all else to stderr. */
import { StackError } from "../scripts/stack/errors.ts";
import { messageOf } from "../src/events/message-of.ts";
import { contextOf, type Context, type Globals, type World } from "./context.ts";
import { type Exit, EXITS, Failure } from "./exits.ts";
import { type Asked, parse } from "./parse.ts";
import { oneLine, printable } from "./text.ts";
import type { Input, Verb } from "./verb.ts";

/** @returns the exit code */
export async function run(args: readonly string[], version: string, world: World): Promise<number> {
  let asked: Asked | { readonly help: string };
  try {
    asked = parse(args, version);
  } catch (error) {
    return fail(error, args.includes("--json"), world);
  }
  if ("help" in asked) {
    world.out(asked.help.trimEnd());
    return EXITS.done.code;
  }
  const { verb, input, globals } = asked;
  try {
    const context = contextOf(globals, world);
    await confirm(verb, input, context);
    const { data, text, exit = 0 } = await verb.run(input as never, context);
    if (globals.json === true && data !== null) world.out(JSON.stringify(data));
    else if (globals.json !== true && text !== "") world.out(text);
    return world.signal.aborted ? EXITS.interrupted.code : exit;
  } catch (error) {
    return fail(error, globals.json === true, world);
  }
}

/** What cannot be taken back is asked for once more; where nobody can be asked, the command line must say so. */
export async function confirm(
  verb: Verb,
  input: Input,
  { globals, ask }: Pick<Context, "globals" | "ask">,
): Promise<void> {
  if (verb.effect !== "destroys" || globals.yes === true) return;
  const what = `${verb.name} ${Object.keys(verb.args)
    .flatMap((name) => input[name] ?? [])
    .join(", ")}`;
  if (ask === null) throw new Failure("misuse", `${oneLine(what)}: this cannot be taken back; say --yes`);
  const answer = await ask(`${oneLine(what)}: this cannot be taken back. Go on? [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw new Failure("misuse", "nothing was done");
}

/** A file or an address that is not as it should be is nobody's fault in this program. */
const isOfSystem = (error: unknown): boolean => error instanceof Error && "syscall" in error && "code" in error;

function fail(error: unknown, isJson: boolean, { say, signal }: World): number {
  const exit: Exit = signal.aborted ? "interrupted" : error instanceof Failure ? error.exit : "refused";
  const isKnown = error instanceof StackError || isOfSystem(error);
  const text = isKnown || !(error instanceof Error) ? messageOf(error) : (error.stack ?? error.message);
  if (exit !== "interrupted")
    say(isJson ? JSON.stringify({ error: text, exit: EXITS[exit].code }) : `ticktown: ${printable(text)}`);
  return EXITS[exit].code;
}

export type { Globals };
