/** Who needs a person, over all rigs, and what a person can do about it. */
import type * as z from "zod";
import type { RigInfo } from "../scripts/stack/api-client.ts";
import { choicesOf } from "../src/core/needs-actions.ts";
import type { Needs, WireNeed } from "../src/wire/needs.ts";
import type { Context } from "./context.ts";
import { Failure } from "./exits.ts";
import { rigPath } from "./find.ts";
import { type Candidate, pick, shorten } from "./pick.ts";
import { oneLine } from "./text.ts";

export type Need = z.infer<typeof WireNeed>;
export interface Needed {
  readonly rig: RigInfo;
  readonly need: Need;
}

const LEVELS = { now: 0, soon: 1, know: 2 } as const;

/** Of the rigs that may be meant; most urgent first, and of the same level the oldest. */
export async function allNeeds({ api, find }: Pick<Context, "api" | "find">): Promise<Needed[]> {
  const lists = await Promise.all(
    (await find.rigsInNeed()).map(async (rig) => {
      const { needs } = await api.call<z.infer<typeof Needs>>("GET", rigPath(rig, "/needs"));
      return needs.map((need) => ({ rig, need }));
    }),
  );
  const age = ({ need }: Needed): number => (need.since === null ? Number.POSITIVE_INFINITY : Date.parse(need.since));
  return lists.flat().toSorted((a, b) => LEVELS[a.need.level] - LEVELS[b.need.level] || age(a) - age(b));
}

/** What is shown of a need below its title: the question in full, the command, what may be chosen. */
export function detailsOf(need: Need): string[] {
  const { ask, prompt, escalations, text } = need;
  const asked = ask ?? prompt;
  const question = need.code === "question" ? (ask?.text ?? escalations[0]?.body ?? "") : (asked?.text ?? "");
  const command = asked?.command ?? null;
  const choices = choicesOf(need);
  return [
    ...(question === "" ? [text] : question.split("\n")),
    ...(command === null ? [] : command.split("\n").map((line) => `$ ${line}`)),
    ...(choices.length === 0
      ? []
      : [
          `choose: ${choices.map(({ id, label }) => (id === null || id === label ? label : `${label} (${id})`)).join(" | ")}`,
        ]),
  ].filter((line) => line.trim() !== "");
}

/** As a shell takes it, also one that is typed into: there ! means something within double quotes. */
function quote(text: string): string {
  const line = oneLine(text);
  const word = line.includes("!")
    ? `'${line.replaceAll("'", String.raw`'\''`)}'`
    : `"${line.replaceAll(/["\\$`]/g, String.raw`\$&`)}"`;
  return line.startsWith("-") ? `-- ${word}` : word;
}

/** A bead by its title, where no other need has that one; else by as much of its id as is its alone. */
function beadOf({ need }: Needed, all: readonly Needed[]): string | undefined {
  const [bead] = need.beads;
  if (bead === undefined) return undefined;
  const others = all.flatMap(({ need }) => need.beads).filter(({ id }) => id !== bead.id);
  const isAlone = others.every(({ title }) => oneLine(title).toLowerCase() !== oneLine(bead.title).toLowerCase());
  return isAlone ? quote(bead.title) : shorten([bead, ...others].map(({ id }) => id)).get(bead.id);
}

/** The commands that settle it, as they would be typed. @param all the needs among which it is named */
export function commandsFor(one: Needed, all: readonly Needed[] = [one]): string[] {
  const { need } = one;
  const who = beadOf(one, all) ?? need.agents[0]?.name ?? "";
  switch (need.code) {
    case "permission":
      return [`allow ${who}`, `deny ${who}`];
    case "question":
    case "over_budget":
    case "not_authorized":
      return [`answer ${who} TEXT`];
    case "bead_budget":
      return [`budget --dollars N ${who}`];
    case "day_budget":
      return ["spend", "rig settings"];
    case "hand_in_refused":
      return [`decide ${who} send_back|no_change|as_is`];
    case "failed":
      return need.count > 1 ? ["retry --all --dry-run", `show ${who}`] : [`retry ${who}`, `show ${who}`];
    case "escalation":
    case "settled_itself":
      return [`settle ${quote(need.escalations[0]?.title ?? "")}`];
    case "approval":
      return [`approve ${who}`];
    case "review_held":
      return [`release ${who}`];
    case "queue_parked":
    case "target_red":
    case "no_trains":
    case "queue_waits":
      return ["queue resume"];
    case "restored":
    case "paused":
    case "draining":
      return ["resume"];
    default:
      return who === "" ? [] : [`why ${who}`];
  }
}

/** The need that is meant by an agent's name, a bead's title, or an id. @throws Failure when there is none, or several */
export function needOf(text: string, needs: readonly Needed[], what: string): Needed {
  const ofNeed = ({ need, rig }: Needed, n: number): (Candidate & { n: number })[] =>
    [...need.agents.map(({ id, name }) => ({ id, title: name })), ...need.beads, ...need.escalations].map(
      ({ id, title }) => ({
        id,
        title,
        n,
        note: rig.name,
      }),
    );
  const candidates = needs.flatMap(ofNeed);
  if (candidates.length === 0) throw new Failure("unknown", `${what}: there is none`);
  const found = needs[pick(what, text, candidates).n];
  if (found === undefined) throw new Failure("unknown", `${what}: there is none`);
  return found;
}
