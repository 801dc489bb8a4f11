/** From a command line to a verb and what it is run with. */
import { Command, CommanderError, Option as Flag } from "commander";
import type { Globals } from "./context.ts";
import { Failure } from "./exits.ts";
import { FAMILIES, GLOBALS } from "./table.ts";
import { type Argument, type Input, type Option, type Options, typed, type Verb } from "./verb.ts";

export interface Asked {
  readonly verb: Verb;
  readonly input: Input;
  readonly globals: Globals;
}

/** @returns what is to be run, or the help that was asked for @throws Failure with the words and where to look */
export function parse(args: readonly string[], version: string): Asked | { readonly help: string } {
  let asked: Asked | null = null;
  let help = "";
  const { program, leaves } = build(version, (text) => (help += text));
  if (args.length === 0) return { help: program.helpInformation() };
  for (const [command, verb] of leaves)
    command.action(() => {
      asked = askedOf(verb, command);
    });
  try {
    program.parse([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // The first word alone of verbs that have two is helped with.
    if (error.exitCode === 0 || error.code === "commander.help") return { help };
    throw new Failure("misuse", `${error.message.replace(/^error: /, "")}\nTry: ticktown ${nameIn(args)}--help`);
  }
  return asked ?? { help };
}

/** The longest verb at the beginning of a command line. */
function nameIn(args: readonly string[]): string {
  const names = FAMILIES.flatMap(({ verbs }) => verbs.map(({ name }) => name));
  const found = [args.slice(0, 2).join(" "), args[0] ?? ""].find((name) => names.includes(name));
  return found === undefined ? "" : `${found} `;
}

function build(version: string, write: (text: string) => void) {
  const leaves = new Map<Command, Verb>();
  const program = made(new Command("ticktown"))
    .description("Runs coding agents on a repository until every piece of work is merged.")
    .version(version)
    .helpOption("-h, --help", "show this")
    .usage("VERB [options]");
  addOptions(program, GLOBALS);
  for (const { title, verbs } of FAMILIES) {
    program.commandsGroup(`${title}:`);
    for (const verb of verbs) {
      const [first = "", second] = verb.name.split(" ");
      const known = program.commands.find((command) => command.name() === first);
      const parent =
        second === undefined ? program : (known ?? made(program.command(first)).description(groupAbout(first)));
      leaves.set(leaf(parent, second ?? first, verb), verb);
    }
  }
  return { program, leaves };

  function made(command: Command): Command {
    return command
      .exitOverride()
      .configureOutput({ writeOut: write, writeErr: write, outputError: () => {} })
      .helpCommand(false)
      .configureHelp({ helpWidth: 100, subcommandTerm: termOf });
  }

  function leaf(parent: Command, name: string, verb: Verb): Command {
    const command = made(parent.command(name)).description(
      [verb.about, verb.more?.replaceAll("\n", " ") ?? []].flat().join("\n\n"),
    );
    command.summary(verb.about).helpOption("-h, --help", "show this");
    for (const [name, argument] of Object.entries(verb.args)) command.argument(placeOf(name, argument), argument.about);
    addOptions(command, verb.options);
    command.optionsGroup("For every verb:");
    addOptions(command, GLOBALS);
    return command;
  }
}

const termOf = (command: Command): string =>
  [
    command.name(),
    ...command.registeredArguments.map((one) => placeOf(one.name(), { about: "", ...shapeOf(one) })),
  ].join(" ");

const shapeOf = ({
  variadic,
  required,
}: {
  variadic: boolean;
  required: boolean;
}): Pick<Argument, "many" | "optional"> => ({
  ...(variadic ? { many: true } : {}),
  ...(required ? {} : { optional: true }),
});

/** Of the first word of verbs that have two: the words that may follow. */
const groupAbout = (first: string): string => {
  const seconds = FAMILIES.flatMap(({ verbs }) =>
    verbs.flatMap(({ name }) => (name.startsWith(`${first} `) ? name.split(" ")[1] : [])),
  );
  return seconds.join(", ");
};

/** As commander and the docs write it: `<bead>`, `[beads...]`. */
export function placeOf(name: string, { many, optional }: Argument): string {
  const word = many === true ? `${name}...` : name;
  return optional === true ? `[${word}]` : `<${word}>`;
}

/** `-f, --file <FILE>` */
export function flagsOf(name: string, { type, value = "VALUE", short, choices }: Option): string {
  const long = `--${typed(name)}${type === "flag" ? "" : ` <${choices?.join("|") ?? value}>`}`;
  return short === undefined ? long : `-${short}, ${long}`;
}

function addOptions(command: Command, options: Options): void {
  for (const [name, option] of Object.entries(options)) {
    // Its own word is the nearer one.
    if (command.options.some((known) => known.attributeName() === name)) continue;
    const flag = new Flag(flagsOf(name, option), option.about);
    if (option.type === "number") flag.argParser(numberOf);
    if (option.type === "texts")
      flag.argParser((value, before: readonly string[] | undefined) => [...(before ?? []), value]);
    if (option.choices !== undefined) flag.choices(option.choices);
    command.addOption(flag);
  }
}

function numberOf(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new CommanderError(2, "ticktown.number", `"${text}" is no number`);
  return Number(text);
}

function askedOf(verb: Verb, command: Command): Asked {
  const given: Record<string, unknown> = command.opts();
  const outer: Record<string, unknown> = command.optsWithGlobals();
  const args = Object.keys(verb.args).map((name, n) => [name, command.processedArgs[n] as unknown] as const);
  return {
    verb,
    input: inputOf(verb, { ...Object.fromEntries(args), ...given }),
    globals: { ...outer, ...given } as Globals,
  };
}

/** What a verb may count on: a flag is true or false, what may be given again is a list. */
export function inputOf({ args, options }: Verb, given: Readonly<Record<string, unknown>>): Input {
  const ofArgs = Object.entries(args).map(([name, { many }]) => [
    name,
    given[name] ?? (many === true ? [] : undefined),
  ]);
  const empty = { flag: false, texts: [], text: undefined, number: undefined } as const;
  const ofOptions = Object.entries(options).map(([name, { type }]) => [name, given[name] ?? empty[type]]);
  return Object.fromEntries([...ofArgs, ...ofOptions]) as Input;
}
