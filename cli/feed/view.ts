/** What `ticktown feed` shows, as text: nothing here knows a terminal. */
import { choicesOf } from "../../src/core/needs-actions.ts";
import { detailsOf, type Needed } from "../needs.ts";
import { cut, filled, oneLine, plural, printable, span } from "../text.ts";

export interface Runner {
  readonly rig: string;
  readonly id: string;
  readonly name: string;
  readonly status: string;
  /** What it works on; empty: nothing. */
  readonly title: string;
  /** Its own line for people. */
  readonly says: string;
  readonly lastActivityAt: string | null;
}

/** As it is in the rigs. */
export interface Seen {
  readonly url: string;
  readonly needs: readonly Needed[];
  readonly runners: readonly Runner[];
  /** Work by its status. */
  readonly beads: Readonly<Record<string, number>>;
  readonly at: number;
  /** Why what is shown is old; null: it is not. */
  readonly trouble: string | null;
}

/** What is asked for at the bottom line. */
export interface Asking {
  readonly what: "answer";
  readonly text: string;
}

export interface View {
  readonly seen: Seen;
  /** Which of the needs and then of the runners; it stays on its thing when others come and go. */
  readonly selected: string | null;
  readonly asking: Asking | null;
  readonly following: { readonly name: string; readonly lines: readonly string[] } | null;
  /** What was done last, in words. */
  readonly told: string;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export const needKey = ({ rig, need }: Needed): string => `need ${rig.id} ${need.key}`;
export const runnerKey = ({ rig, id }: Runner): string => `agent ${rig} ${id}`;

/** All that can be selected, in the order in which it is shown. */
export const keysOf = ({ needs, runners }: Seen): string[] => [...needs.map(needKey), ...runners.map(runnerKey)];

export function selectedOf({ seen, selected }: View): { readonly need: Needed | null; readonly runner: Runner | null } {
  const key = selected ?? keysOf(seen)[0];
  return {
    need: seen.needs.find((one) => needKey(one) === key) ?? null,
    runner: seen.runners.find((one) => runnerKey(one) === key) ?? null,
  };
}

const DETAIL_LINES = 6;

/** Left and right in one line of so many columns; what stands on the left keeps its own. */
function spread(left: string, right: string, columns: number): string {
  const room = Math.max(0, columns - right.length - (right === "" ? 0 : 1));
  return `${filled(cut(left, room), room)}${right === "" ? "" : ` ${right}`}`.trimEnd();
}

const since = (at: string | null, now: number): string => (at === null ? "" : span(now - Date.parse(at)));
const mark = (isSelected: boolean): string => (isSelected ? ">" : " ");

interface Shown {
  readonly isSelected: boolean;
  readonly now: number;
  readonly columns: number;
}

function needLines({ need, rig }: Needed, isMany: boolean, { isSelected, now, columns }: Shown): string[] {
  const title = oneLine(isMany ? `${rig.name}: ${need.title}` : need.title);
  const head = spread(`${mark(isSelected)} ${need.level.padEnd(4)} ${title}`, since(need.since, now), columns);
  if (!isSelected) return [head];
  const details = detailsOf(need).map((text) => `       ${cut(oneLine(text), columns - 7)}`);
  return [head, ...details.slice(0, DETAIL_LINES), ...(details.length > DETAIL_LINES ? ["       ..."] : [])];
}

function runnerLine(runner: Runner, width: number, { isSelected, now, columns }: Shown): string {
  const { name, status, title, says, lastActivityAt } = runner;
  const what = oneLine([title, says].filter((text) => text !== "").join(": "));
  const who = filled(cut(oneLine(name), width), width);
  return spread(`${mark(isSelected)} ${who}  ${status.padEnd(10)}  ${what}`, since(lastActivityAt, now), columns);
}

/** The keys that do something about what is selected. */
export function helpFor(view: View): string {
  if (view.asking !== null) return "Enter sends  Esc goes back";
  if (view.following !== null) return "q goes back";
  const { need, runner } = selectedOf(view);
  const keys = ["up/down"];
  if (need !== null) {
    const { code, agents } = need.need;
    if (code === "permission") keys.push("y allow", "n deny");
    if (agents.length > 0 && (code === "question" || code === "over_budget" || code === "not_authorized")) {
      keys.push("a answer");
      if (choicesOf(need.need).length > 0) keys.push("1-9 choose");
    }
    if (code === "failed") keys.push("r retry");
    if (code === "escalation" || code === "failed") keys.push("s settled");
    if (agents.length > 0) keys.push("f follow");
  }
  if (runner !== null) keys.push("f follow");
  return [...keys, "o open", "q quit"].join("  ");
}

/** Exactly so many lines, none longer than the terminal is wide. */
export function render(view: View, { columns, rows }: Size): string[] {
  const { seen, asking, following, told } = view;
  // Of a long answer the end is seen, where it is typed.
  const bottom =
    asking === null
      ? told
      : `answer: ${Array.from(asking.text)
          .slice(-Math.floor(columns / 2))
          .join("")}_`;
  const clock = new Date(seen.at).toISOString().slice(11, 19);
  const counts = Object.entries(seen.beads).map(([status, count]) => `${count} ${status.replace("_", " ")}`);
  const head = spread(oneLine(`ticktown ${seen.url}: ${counts.join(", ") || "no work"}`), `${clock}Z`, columns);
  const foot = [
    ...(seen.trouble === null ? [] : [cut(oneLine(`OLD: ${seen.trouble}`), columns)]),
    cut(oneLine(bottom), columns),
    cut(helpFor(view), columns),
  ];
  const room = Math.max(0, rows - 1 - foot.length);
  const body = following === null ? listed(view, columns) : followed(following, columns, room);
  const from = following === null ? scrolled(body, room) : 0;
  const shown = body.slice(from, from + room);
  return [head, ...shown, ...Array.from({ length: room - shown.length }, () => ""), ...foot].slice(0, rows);
}

function listed(view: View, columns: number): string[] {
  const { seen } = view;
  const { need: chosen, runner: chosenRunner } = selectedOf(view);
  const isMany = new Set([...seen.needs.map(({ rig }) => rig.id), ...seen.runners.map(({ rig }) => rig)]).size > 1;
  const shown = (isSelected: boolean): Shown => ({ isSelected, now: seen.at, columns });
  const width = Math.min(16, Math.max(8, ...seen.runners.map(({ name }) => name.length)));
  return [
    seen.needs.length === 0 ? "Nobody is needed." : `${plural(seen.needs.length, "need")}:`,
    ...seen.needs.flatMap((one) => needLines(one, isMany, shown(one === chosen))),
    "",
    seen.runners.length === 0 ? "No agent is at work." : `${plural(seen.runners.length, "agent")} at work:`,
    ...seen.runners.map((one) => runnerLine(one, width, shown(one === chosenRunner))),
  ];
}

const followed = (
  { name, lines }: { readonly name: string; readonly lines: readonly string[] },
  columns: number,
  room: number,
): string[] => {
  const cutLines = lines
    .flatMap((line) => printable(line).replaceAll("\t", "  ").split("\n"))
    .map((line) => cut(line, columns));
  return [cut(oneLine(`What ${name} prints:`), columns), ...cutLines.slice(-Math.max(0, room - 1))];
};

/** What is selected is seen, with its details as far as there is room. */
function scrolled(body: readonly string[], room: number): number {
  const at = body.findIndex((line) => line.startsWith(">"));
  if (at < 0 || body.length <= room) return 0;
  return Math.min(Math.max(0, at - Math.floor(room / 3)), body.length - room);
}
