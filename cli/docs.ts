/** docs/cli.md, made from the table. */
import { EXITS } from "./exits.ts";
import { flagsOf, placeOf } from "./parse.ts";
import { FAMILIES, GLOBALS } from "./table.ts";
import type { Options, Verb } from "./verb.ts";

const HEAD = `# The command line

<!-- made by \`node scripts/cli-docs.ts\` -->

\`ticktown VERB\` speaks to a Ticktown over its API. In a clone of the project it is \`npx ticktown\` within the clone, and \`node CLONE/cli/ticktown.ts\` anywhere. \`ticktown VERB --help\` shows what is
below, and \`ticktown completion bash|zsh|fish\` makes the shell finish words.

**Which Ticktown**: the one of \`--url\` or \`--state\`; or of TICKTOWN_URL; or the one that runs on a folder \`.ticktown\`, here or in a folder above; or the
last \`ticktown login\`.

**Which bead, which agent**: by its title or name (in any case of letters), by the beginning of its id (at least 4 characters), or by a part of its title. What
may be several is none: nothing is done, and they are listed.

**For programs**: \`--json\` answers in JSON, and an error is one line of it on stderr. What people are asked is asked on a terminal only; what
cannot be taken back wants \`--yes\` elsewhere. What others wrote is printed without control characters.

| exit code | means |
| --- | --- |
`;

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, " ");

function optionRows(options: Options): string[] {
  return Object.entries(options).map(
    ([name, option]) => `| \`${cell(flagsOf(name, option))}\` | ${cell(option.about)} |`,
  );
}

/** \`sling [titles...]\` */
export const usageOf = ({ name, args }: Verb): string =>
  [name, ...Object.entries(args).map(([argument, shape]) => placeOf(argument, shape))].join(" ");

function section(verb: Verb): string {
  const { about, more, args, options, examples = [], effect, atTerminal } = verb;
  const rows = [
    ...Object.entries(args).map(([name, shape]) => `| \`${placeOf(name, shape)}\` | ${cell(shape.about)} |`),
    ...optionRows(options),
  ];
  return [
    `### \`ticktown ${usageOf(verb)}\``,
    `${about.charAt(0).toUpperCase()}${about.slice(1)}.${effect === "destroys" ? " Cannot be taken back." : ""}${atTerminal === undefined ? "" : ` No tool of \`ticktown mcp\`: ${atTerminal}.`}`,
    ...(more === undefined ? [] : [more]),
    ...(rows.length === 0 ? [] : [["| | |", "| --- | --- |", ...rows].join("\n")]),
    ...(examples.length === 0
      ? []
      : [["```sh", ...examples.map((example) => `ticktown ${example}`), "```"].join("\n")]),
  ].join("\n\n");
}

export function cliDocs(): string {
  const exits = Object.values(EXITS).map(({ code, means }) => `| ${code} | ${means} |`);
  const families = FAMILIES.map(({ title, verbs }) => [`## ${title}`, ...verbs.map(section)].join("\n\n"));
  const common = ["## For every verb", ["| | |", "| --- | --- |", ...optionRows(GLOBALS)].join("\n")].join("\n\n");
  return `${HEAD}${exits.join("\n")}\n\n${[common, ...families].join("\n\n")}\n`;
}
