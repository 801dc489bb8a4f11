/** Verbs about pieces of work. */
import type { Bead } from "../../scripts/stack/api-client.ts";
import { BeadStatus, Priority } from "../../src/events/facts.ts";
import { type Attempt, whyNoTail } from "../../src/wire/attempts.ts";
import type { Context } from "../context.ts";
import { Failure } from "../exits.ts";
import { type InRig, rigPath } from "../find.ts";
import { meant, shorten } from "../pick.ts";
import { ago, columns, oneLine, plural, printable } from "../text.ts";
import { verb } from "../verb.ts";
import { allNeeds, type Need } from "../needs.ts";
import { diff } from "./diff.ts";

const BEAD = { about: "its title, or the beginning of its id" } as const;
export const beadPath = ({ rig, it }: InRig<Bead>, rest = ""): string =>
  rigPath(rig, `/beads/${encodeURIComponent(it.id)}${rest}`);
const named = ({ title, status }: Bead): string => `"${oneLine(title)}" is ${status.replace("_", " ")}`;

const OVER: ReadonlySet<string> = new Set(["closed", "failed"]);
const ENDED_SHOWN = 5;

export const ls = verb({
  name: "ls",
  about: "the work: what is open, who has it, and what ended last",
  effect: "reads",
  examples: ["ls", "ls --status failed", "ls --all --json"],
  args: {},
  options: {
    status: { type: "text", about: "only those", choices: BeadStatus.options },
    all: { type: "flag", about: "also all that have ended", short: "a" },
  },
  run: async ({ status, all }, { find, now }) => {
    const found = await Promise.all(
      (await find.rigs()).map(async (rig) => {
        const [beads, agents] = await Promise.all([
          find.beads(rig, `&type=issue${status === undefined ? "" : `&status=${status}`}`),
          find.agents(rig),
        ]);
        const names = new Map(agents.map(({ id, name }) => [id, name]));
        let ended = 0;
        const shown = beads.filter(
          (bead) => all || status !== undefined || !OVER.has(bead.status) || ++ended <= ENDED_SHOWN,
        );
        return shown.map((it) => ({ rig, it, agent: names.get(it.assignee_agent_id ?? "") ?? "" }));
      }),
    );
    const rows = found.flat();
    const short = shorten(rows.map(({ it }) => it.id));
    const isMany = found.length > 1;
    return {
      data: rows.map(({ rig, it }) => ({ ...it, rig: rig.id })),
      text: columns(
        rows.map(({ rig, it, agent }) => [
          short.get(it.id) ?? it.id,
          ...(isMany ? [rig.name] : []),
          it.status.replace("_", " "),
          agent,
          ago(it.updated_at, now()),
          it.title,
        ]),
        "nothing; `ticktown sling TITLE` gives work",
      ),
    };
  },
});

interface Why {
  readonly reason: string;
  readonly sentence: string;
}

export const show = verb({
  name: "show",
  about: "a bead: what it says, where it is and why, and how each attempt at it ended",
  effect: "reads",
  args: { bead: BEAD },
  options: {},
  run: async ({ bead: text }, { api, find, now }) => {
    const found = await find.bead(text);
    const { it: bead, rig } = found;
    const [why, attempts] = await Promise.all([
      api.call<Why>("GET", beadPath(found, "/why")),
      api.call<Attempt[]>("GET", beadPath(found, "/attempts")),
    ]);
    const tried = attempts.map((attempt) =>
      [
        `${ago(attempt.ended_at, now())}: ${attempt.status}, ${oneLine(attempt.reason)}`,
        ...printable(attempt.tail === "" ? whyNoTail(attempt) : attempt.tail)
          .trimEnd()
          .split("\n")
          .slice(-5)
          .map((line) => `    ${line}`),
      ].join("\n"),
    );
    return {
      data: { ...bead, rig: rig.id, why, attempts },
      text: [
        `${oneLine(bead.title)}`,
        `${bead.id} in ${rig.name}: ${bead.status.replace("_", " ")}, ${bead.priority} priority, changed ${ago(bead.updated_at, now())}`,
        oneLine(why.sentence),
        ...(bead.body === null ? [] : ["", printable(bead.body).trimEnd()]),
        ...(tried.length === 0 ? [] : ["", `${plural(tried.length, "attempt")}:`, ...tried]),
      ].join("\n"),
    };
  },
});

export const why = verb({
  name: "why",
  about: "why a bead or an agent is where it is, in one sentence",
  effect: "reads",
  examples: [`why "Fix the login"`, "why polecat-2"],
  args: { what: { about: "a bead's title, an agent's name, or the beginning of an id" } },
  options: {},
  run: async ({ what }, { api, find }) => {
    const agents = await Promise.all(
      (await find.rigs()).map(async (rig) => (await find.agents(rig)).map((it) => ({ rig, it }))),
    );
    const isAgent =
      meant(
        what,
        agents.flat().map(({ it }) => ({ id: it.id, title: it.name })),
      ).length > 0;
    const { rig, it } = isAgent ? await find.agent(what) : await find.bead(what);
    const said = await api.call<Why>(
      "GET",
      rigPath(rig, `/${isAgent ? "agents" : "beads"}/${encodeURIComponent(it.id)}/why`),
    );
    return { data: { id: it.id, ...said }, text: printable(said.sentence) };
  },
});

/** One after the other, so that what was done before a refusal is known. */
async function each(
  beads: readonly string[],
  context: Context,
  act: (found: InRig<Bead>) => Promise<Bead>,
): Promise<Bead[]> {
  const found: InRig<Bead>[] = [];
  for (const text of beads) found.push(await context.find.bead(text));
  const done: Bead[] = [];
  for (const one of found) done.push(await act(one));
  return done;
}

const said = (beads: readonly Bead[]) => ({ data: beads, text: beads.map(named).join("\n") });

export const cancel = verb({
  name: "cancel",
  about: "cancel beads; what runs for them is stopped",
  effect: "destroys",
  args: { beads: { ...BEAD, many: true } },
  options: {},
  run: async ({ beads }, context) =>
    said(await each(beads, context, (found) => context.api.call<Bead>("POST", beadPath(found, "/cancel"), {}))),
});

const isFailure = ({ code, title, text, key }: Need, cause: string): boolean =>
  code === "failed" && `${title} ${text} ${key}`.toLowerCase().includes(cause.toLowerCase());

export const retry = verb({
  name: "retry",
  about: "have failed beads tried again: the same ones, with their history, and what waits for them",
  more: "With --all, those that somebody is needed for; --cause keeps to one cause. --dry-run only lists them.",
  effect: "changes",
  examples: [`retry "Fix the login"`, "retry --all --dry-run", `retry --all --cause "no key"`],
  args: { beads: { ...BEAD, many: true, optional: true } },
  options: {
    all: { type: "flag", about: "all failed beads that are among the needs", short: "a" },
    cause: { type: "text", about: "of those, only where the need's words have this in them", value: "WORDS" },
    dryRun: { type: "flag", about: "do nothing, only say which", short: "n" },
  },
  run: async ({ beads, all, cause, dryRun }, context) => {
    if (beads.length === 0 && !all) throw new Failure("misuse", "say which beads, or --all");
    const named = await Promise.all(beads.map((text) => context.find.bead(text)));
    const needs = all ? (await allNeeds(context)).filter(({ need }) => isFailure(need, cause ?? "")) : [];
    if (cause !== undefined && needs.length === 0)
      throw new Failure("unknown", `nothing that failed has "${oneLine(cause)}" in its words`);
    const gathered = needs.flatMap(({ rig, need }) => need.beads.map((it) => ({ rig, it })));
    const chosen = new Map([...named, ...gathered].map(({ rig, it }) => [it.id, { rig, id: it.id, title: it.title }]));
    const list = [...chosen.values()];
    const names = columns(
      list.map(({ rig, title }) => [rig.name, title]),
      "none has failed",
    );
    // The list of a need is cut; its count is not.
    const cut = needs.filter(({ need }) => need.count > need.beads.length).map(({ need }) => oneLine(need.title));
    const more = cut.length === 0 ? "" : `\nand more, for which it is to be said again: ${cut.join(", ")}`;
    if (dryRun || list.length === 0)
      return { data: { retried: [], would: list.map(({ id }) => id) }, text: `${names}${more}` };
    for (const rig of new Set(list.map(({ rig }) => rig))) {
      const ids = list.filter((one) => one.rig === rig).map(({ id }) => id);
      await context.api.call("POST", rigPath(rig, "/beads/retry"), { ids });
    }
    return { data: { retried: list.map(({ id }) => id) }, text: `tried again:\n${names}${more}` };
  },
});

export const revert = verb({
  name: "revert",
  about: "take back what a bead has put on the target, through the same gate",
  effect: "changes",
  args: { bead: BEAD },
  options: {
    why: { type: "text", about: "said in the commit, and to whoever does it again", value: "TEXT" },
    redo: { type: "flag", about: "and have it done again, behind the revert" },
  },
  run: async ({ bead, why, redo }, context) => {
    if (why === undefined) throw new Failure("misuse", "say why, with --why");
    const found = await context.find.bead(bead);
    return said([await context.api.call<Bead>("POST", beadPath(found, "/revert"), { why, redo })]);
  },
});

export const edit = verb({
  name: "edit",
  about: "change what a bead says or waits for; an agent that is at work on it sees it at its next start",
  effect: "changes",
  args: { bead: BEAD },
  options: {
    title: { type: "text", about: "its title", value: "TEXT" },
    body: { type: "text", about: "what is to be done, in full; - reads it from stdin", value: "TEXT", short: "b" },
    priority: { type: "text", about: "its priority", choices: Priority.options, short: "p" },
    label: { type: "texts", about: "its labels, in place of those it has; may be given again", value: "LABEL" },
    after: { type: "texts", about: "all that it waits for from now on; may be given again", value: "BEAD" },
    free: { type: "flag", about: "it waits for nothing any more" },
    runtime: { type: "text", about: "which agent program, by its name; - as its rig says", value: "NAME" },
    model: { type: "text", about: "which model; - as its rig says", value: "NAME" },
  },
  run: async ({ bead, title, body, priority, label, after, free, runtime, model }, context) => {
    const found = await context.find.bead(bead);
    const blockers = await Promise.all(after.map(async (text) => (await context.find.bead(text)).it.id));
    const changes = {
      ...(title === undefined ? {} : { title }),
      ...(body === undefined ? {} : { body: body === "-" ? await context.stdin() : body }),
      ...(priority === undefined ? {} : { priority }),
      ...(label.length === 0 ? {} : { labels: label }),
      ...(free || blockers.length > 0 ? { blocked_by: blockers } : {}),
      ...(runtime === undefined ? {} : { runtime: runtime === "-" ? null : runtime }),
      ...(model === undefined ? {} : { model: model === "-" ? null : model }),
    };
    if (Object.keys(changes).length === 0)
      throw new Failure("misuse", "say what is to be changed: --title, --body, ...");
    return said([await context.api.call<Bead>("PATCH", beadPath(found), changes)]);
  },
});

export const WORK = [ls, show, why, diff, cancel, retry, revert, edit];
