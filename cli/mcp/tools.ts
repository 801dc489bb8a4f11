/** The verbs as MCP tools: made from the table, like everything else. */
import { contextOf, type Globals, type World } from "../context.ts";
import { messageOf, StackError } from "../../scripts/stack/errors.ts";
import { GLOBALS } from "../table.ts";
import { inputOf } from "../parse.ts";
import type { Option, Verb } from "../verb.ts";

export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: {
    readonly type: "object";
    readonly properties: Readonly<Record<string, object>>;
    readonly required: readonly string[];
    readonly additionalProperties: false;
  };
  readonly annotations: {
    readonly readOnlyHint: boolean;
    readonly destructiveHint: boolean;
    readonly openWorldHint: false;
  };
}

export interface Result {
  readonly content: readonly [{ readonly type: "text"; readonly text: string }];
  readonly isError: boolean;
}

/** `rig add` is `rig_add`. */
export const toolNameOf = ({ name }: Verb): string => name.replaceAll(" ", "_");

/** Verbs that are tools. */
export const toolVerbs = (verbs: readonly Verb[]): readonly Verb[] =>
  verbs.filter(({ atTerminal }) => atTerminal === undefined);

const TYPES = { flag: { type: "boolean" }, text: { type: "string" }, number: { type: "integer", minimum: 0 } } as const;

function schemaOf({ type, about, choices }: Option): object {
  if (type === "texts") return { type: "array", items: { type: "string" }, description: about };
  return { ...TYPES[type], description: about, ...(choices === undefined ? {} : { enum: choices }) };
}

const optionsOf = ({ options }: Verb) => Object.entries(options).filter(([, { atTerminal }]) => atTerminal !== true);

export function toolOf(verb: Verb): Tool {
  const args = Object.entries(verb.args);
  const ofArgs = args.map(
    ([name, { about, many }]) => [name, schemaOf({ type: many === true ? "texts" : "text", about })] as const,
  );
  const ofOptions = optionsOf(verb).map(([name, option]) => [name, schemaOf(option)] as const);
  const common = [
    ["rig", schemaOf(GLOBALS.rig)],
    ["json", { type: "boolean", description: "answer in JSON, with whole ids" }],
  ] as const;
  return {
    name: toolNameOf(verb),
    description: verb.more === undefined ? verb.about : `${verb.about}\n\n${verb.more}`,
    inputSchema: {
      type: "object",
      // Its own word is the nearer one.
      properties: Object.fromEntries([...common, ...ofArgs, ...ofOptions]),
      required: args.flatMap(([name, { optional }]) => (optional === true ? [] : name)),
      additionalProperties: false,
    },
    annotations: {
      readOnlyHint: verb.effect === "reads",
      destructiveHint: verb.effect === "destroys",
      openWorldHint: false,
    },
  };
}

/** @returns what is wrong with it, or null: whoever calls a tool has read its schema, and is told all the same */
function whyNot(
  { inputSchema: { properties, required } }: Tool,
  given: Readonly<Record<string, unknown>>,
): string | null {
  const unknown = Object.keys(given).find((name) => !(name in properties));
  if (unknown !== undefined) return `there is no "${unknown}"; there are ${Object.keys(properties).join(", ")}`;
  const missing = required.find((name) => given[name] === undefined);
  if (missing !== undefined) return `"${missing}" is missing`;
  for (const [name, value] of Object.entries(given)) {
    const { type, enum: choices } = properties[name] as { type: string; enum?: readonly unknown[] };
    const isFit =
      type === "array" ? Array.isArray(value) && value.every((one) => typeof one === "string") : fits(type, value);
    if (!isFit) return `"${name}" must be ${type === "array" ? "an array of strings" : `of type ${type}`}`;
    if (choices !== undefined && !choices.includes(value)) return `"${name}" must be one of ${choices.join(", ")}`;
  }
  return null;
}

const fits = (type: string, value: unknown): boolean =>
  type === "integer" ? Number.isInteger(value) && (value as number) >= 0 : typeof value === type;

const said = (text: string, isError: boolean): Result => ({ content: [{ type: "text", text }], isError });

/**
 * Runs a tool. Never throws: what was refused is said to whoever called it.
 * @param globals of the command line that started the server: which Ticktown, and whose rigs
 */
export async function callTool(
  verbs: readonly Verb[],
  { name, given }: { readonly name: string; readonly given: Readonly<Record<string, unknown>> },
  globals: Globals,
  world: Omit<World, "say" | "out" | "stdin" | "ask">,
): Promise<Result> {
  const verb = toolVerbs(verbs).find((one) => toolNameOf(one) === name);
  if (verb === undefined) return said(`there is no tool ${name}`, true);
  const wrong = whyNot(toolOf(verb), given);
  if (wrong !== null) return said(wrong, true);
  const { rig, json, ...own } = given;
  const isOwnRig = "rig" in verb.args || "rig" in verb.options;
  const lines: string[] = [];
  const add = (line: string): void => void lines.push(line);
  const context = contextOf(
    // Whether it is to be done was asked of the person by the program that called, which knows from the listing that it destroys.
    {
      ...globals,
      rig: isOwnRig ? globals.rig : ((rig as string | undefined) ?? globals.rig),
      json: json === true,
      yes: true,
    },
    { ...world, say: add, out: add, stdin: async () => "", ask: null },
  );
  try {
    const { data, text, exit = 0 } = await verb.run(inputOf(verb, isOwnRig ? { ...own, rig } : own) as never, context);
    const answer = json === true ? JSON.stringify(data) : text;
    return said([...lines, answer].filter((one) => one !== "").join("\n") || "done", exit !== 0);
  } catch (error) {
    const words =
      error instanceof StackError || !(error instanceof Error) ? messageOf(error) : `it failed: ${error.message}`;
    return said([...lines, words].join("\n"), true);
  }
}
