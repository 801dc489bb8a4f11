/** `ticktown sling`: one piece of work or many, from the command line, a list or JSON lines. */
import { readFileSync, statSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { Bead, RigInfo } from "../../scripts/stack/api-client.ts";
import { Priority } from "../../src/events/facts.ts";
import { messageOf } from "../../src/events/message-of.ts";
import type { Context } from "../context.ts";
import { Failure } from "../exits.ts";
import { rigPath } from "../find.ts";
import { shorten } from "../pick.ts";
import { columns, oneLine, plural } from "../text.ts";
import { verb } from "../verb.ts";

/** What one file may hold. */
export const SLUNG = { beads: 1_000, bytes: 4 * 1024 * 1024 } as const;

/** A line of JSON. `after`: titles of lines before it, or titles and ids of beads that are there. */
export const Line = z.strictObject({
  title: z.string().refine((title) => title.trim() !== "", "it is empty"),
  body: z.string().nullish(),
  priority: Priority.optional(),
  labels: z.array(z.string()).optional(),
  after: z.union([z.string(), z.array(z.string())]).optional(),
  runtime: z.string().optional(),
  model: z.string().optional(),
});
export type Line = z.infer<typeof Line>;

/**
 * What a file says: a line of JSON each, or a title each; a list's dashes, numbers and boxes are none of the title, and lines that are
 * empty or begin with # are left out.
 * @throws Failure naming the line
 */
export function linesOf(text: string, name: string): Line[] {
  const found: Line[] = [];
  for (const [n, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const wrong = (why: string): Failure => new Failure("misuse", `${name}, line ${n + 1}: ${why}; nothing was slung`);
    if (line.startsWith("{")) {
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch (error) {
        throw wrong(messageOf(error));
      }
      const { data, error } = Line.safeParse(value);
      if (data === undefined) throw wrong(z.prettifyError(error).replaceAll(/\s*\n\s*/g, ", "));
      found.push(data);
    } else {
      const title = line.replace(/^(?:[-*+]|\d+[.)])(?:\s+|$)(?:\[[ xX]\](?:\s+|$))?/, "");
      if (title === "") throw wrong("it has no title");
      found.push({ title });
    }
    if (found.length > SLUNG.beads) throw wrong(`a file may hold ${SLUNG.beads} beads`);
  }
  return found;
}

async function read(file: string, context: Context): Promise<string> {
  if (file === "-") return context.stdin();
  const whole = path.resolve(context.cwd, file);
  const size = statSync(whole, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new Failure("misuse", `there is no file ${whole}`);
  if (size > SLUNG.bytes) throw new Failure("misuse", `${whole} has ${size} bytes; at most ${SLUNG.bytes} are read`);
  return readFileSync(whole, "utf8");
}

interface Slung {
  readonly id: string;
  readonly title: string;
}

/** Makes them in order; what one waits for is among those before it, or in the rig. @param from how many of the file come before the first */
async function make(rig: RigInfo, lines: readonly Line[], from: number, context: Context): Promise<Slung[]> {
  const made: Slung[] = [];
  const idOf = async (after: string): Promise<string> =>
    made.findLast(({ title }) => oneLine(title) === oneLine(after))?.id ?? (await context.find.bead(after)).it.id;
  for (const { after, ...line } of lines) {
    try {
      const blocked_by = await Promise.all([after ?? []].flat().map(idOf));
      const bead = await context.api.call<Bead>("POST", rigPath(rig, "/beads"), { type: "issue", ...line, blocked_by });
      made.push({ id: bead.id, title: bead.title });
    } catch (error) {
      if (made.length > 0) context.say(`${made.length} of ${lines.length} were slung${goOn(from + made.length + 1)}`);
      throw error;
    }
    if (lines.length > 20 && made.length % 20 === 0) context.say(`${made.length} of ${lines.length} slung`);
  }
  return made;
}

/** Of titles on the command line there is no file to go on with. */
const goOn = (next: number): string => (next > 0 ? `; to go on: --from ${next}` : "");

/** @param titles on the command line @returns what is to be slung, and how many of the file are before it @throws Failure when nothing is */
export function chosenOf(
  titles: readonly string[],
  inFile: readonly Line[],
  from = 1,
): { given: Line[]; from: number } {
  if (titles.some((title) => title.trim() === "")) throw new Failure("misuse", "a title is empty; nothing was slung");
  if (from < 1) throw new Failure("misuse", "--from counts from 1");
  if (from > 1 && titles.length > 0) throw new Failure("misuse", "--from goes on with a file: leave the titles out");
  const given = [...titles.map((title): Line => ({ title })), ...inFile.slice(from - 1)];
  if (given.length > 0) return { given, from: from - 1 - titles.length };
  throw new Failure(
    "misuse",
    inFile.length === 0 ? "say what is to be done: a title, or --file" : `there are ${inFile.length} in the file`,
  );
}

const POLL_MS = 1_000;
const isOver = ({ status }: Bead): boolean => status === "closed" || status === "failed";

/** Says what becomes of them until all have ended. */
async function wait(rig: RigInfo, slung: readonly Slung[], context: Context): Promise<Bead[]> {
  const last = new Map<string, string>();
  for (;;) {
    const beads = await Promise.all(
      slung.map(({ id }) => context.api.call<Bead>("GET", rigPath(rig, `/beads/${encodeURIComponent(id)}`))),
    );
    for (const { id, status, title } of beads) {
      if (last.get(id) !== status) context.say(`${status.replace("_", " ")}: ${oneLine(title)}`);
      last.set(id, status);
    }
    if (beads.every(isOver)) return beads;
    await sleep(POLL_MS, undefined, { signal: context.signal });
  }
}

export const sling = verb({
  name: "sling",
  about: "give the rig work: one piece, several, or a file of them",
  more: `Each title is a bead of its own, which an agent gets as soon as it is ready and a slot is free. A file (--file) has a title on each
line, as a list or not, or a line of JSON each: {"title", "body", "priority", "labels", "after", "runtime", "model"}, where
"after" names titles of lines before it or beads that are there.`,
  effect: "changes",
  examples: [
    `sling "Fix the login" --body "See issue 12" --wait`,
    `sling "Add the column" "Fill it" "Show it" --chain`,
    "sling --file chores.txt --priority low",
  ],
  args: { titles: { about: "a title for each piece of work", many: true, optional: true } },
  options: {
    body: { type: "text", about: "what is to be done, in full; - reads it from stdin", value: "TEXT", short: "b" },
    file: { type: "text", about: "read titles or JSON lines from it; - is stdin", value: "FILE", short: "f" },
    from: { type: "number", about: "leave out what is before this one of the file", value: "N" },
    priority: { type: "text", about: "for all of them", choices: Priority.options, short: "p" },
    label: { type: "texts", about: "for all of them; may be given again", value: "LABEL" },
    after: { type: "texts", about: "begin only when this bead is merged; may be given again", value: "BEAD" },
    chain: { type: "flag", about: "each one after the one before it" },
    runtime: { type: "text", about: "which agent program, by its name", value: "NAME" },
    model: { type: "text", about: "which model", value: "MODEL" },
    wait: { type: "flag", about: "wait until all have ended; exit 1 when one failed", short: "w", atTerminal: true },
  },
  run: async (input, context) => {
    const text = input.file === undefined ? "" : await read(input.file, context);
    const inFile = linesOf(text, input.file ?? "");
    const body = input.body === "-" ? await context.stdin() : input.body;
    const { given, from } = chosenOf(input.titles, inFile, input.from);
    // The first of what is left of a chain waits for the last of what was slung.
    const before = (n: number): string | undefined => (n > 0 ? given[n - 1]?.title : inFile[from - 1]?.title);
    const rig = await context.find.rig();
    const lines = given.map((line, n): Line => ({
      ...line,
      body: line.body ?? body,
      priority: line.priority ?? (input.priority as Line["priority"]),
      labels: [...(line.labels ?? []), ...input.label],
      runtime: line.runtime ?? input.runtime,
      model: line.model ?? input.model,
      after: [...[line.after ?? []].flat(), ...input.after, ...[(input.chain ? before(n) : undefined) ?? []].flat()],
    }));
    const slung = await make(rig, lines, from, context);
    const short = shorten(slung.map(({ id }) => id));
    const listed = columns(
      slung.map(({ id, title }) => [short.get(id) ?? id, title]),
      "",
    );
    if (!input.wait) return { data: { rig: rig.id, beads: slung }, text: listed };
    const ended = await wait(rig, slung, context);
    const failed = ended.filter(({ status }) => status === "failed");
    return {
      data: { rig: rig.id, beads: ended },
      text:
        failed.length === 0
          ? `${plural(ended.length, "bead")} merged or closed`
          : `${failed.length} of ${plural(ended.length, "bead")} failed`,
      exit: failed.length === 0 ? 0 : 1,
    };
  },
});
