/** Verbs for whoever is needed: what waits, and the answer to it. */
import type { Agent, Bead } from "../../scripts/stack/api-client.ts";
import { meantOption, offered } from "../../src/events/choice.ts";
import { HandInDecision } from "../../src/events/hand-in.ts";
import type { Context } from "../context.ts";
import { Failure } from "../exits.ts";
import { rigPath } from "../find.ts";
import { type Choice, choicesOf, isAnswered, verdictOf } from "../../src/core/needs-actions.ts";
import { allNeeds, commandsFor, detailsOf, type Needed, needOf } from "../needs.ts";
import { ago, oneLine, printable } from "../text.ts";
import { type Answer, verb } from "../verb.ts";

const WHAT = { about: "the agent's name, the title of its bead, or the beginning of an id" } as const;

export const needs = verb({
  name: "needs",
  about: "who needs a person, in all rigs, with the question and the command that settles it",
  effect: "reads",
  args: {},
  options: { all: { type: "flag", about: "also what is only to be known", short: "a" } },
  run: async ({ all }, context) => {
    const found = (await allNeeds(context)).filter(({ need }) => all || need.level !== "know");
    const isMany = (await context.find.rigs()).length > 1;
    const text = found.map((one) => {
      const { need, rig } = one;
      const head = [need.level.padEnd(4), ...(isMany ? [rig.name] : []), oneLine(need.title)].join("  ");
      const since = ago(need.since, context.now());
      return [
        since === "" ? head : `${head}  (${since})`,
        ...detailsOf(need).map((line) => `      ${printable(line)}`),
        ...commandsFor(one, found).map((command) => `      > ticktown ${command}`),
      ].join("\n");
    });
    return {
      data: found.map(({ rig, need }) => ({ rig: rig.id, ...need, commands: commandsFor({ rig, need }, found) })),
      text: text.length === 0 ? "nobody is needed" : text.join("\n"),
    };
  },
});

/** Lets the agent go on, and closes the escalation that asked for it. @param words told to it beside the option that is chosen */
export async function reply(
  { rig, need }: Needed,
  choice: Choice,
  { api }: Pick<Context, "api">,
  words = "",
): Promise<Answer> {
  const agentId = need.agents[0]?.id ?? "";
  const own = words === "" ? {} : { answer: words };
  const body = choice.id === null ? { answer: choice.label } : { option: choice.id, ...own };
  const agent = await api.call<Agent>("POST", rigPath(rig, `/agents/${encodeURIComponent(agentId)}/unblock`), body);
  for (const { id } of need.escalations)
    await api
      .call<Bead>("POST", rigPath(rig, `/beads/${encodeURIComponent(id)}/close`), { agent_id: "operator" })
      .catch(() => null);
  return { data: agent, text: `${oneLine(agent.name)} is ${agent.status}` };
}

const waiting = async (context: Context): Promise<Needed[]> =>
  (await allNeeds(context)).filter(({ need }) => isAnswered(need));

export const answer = verb({
  name: "answer",
  about: "answer an agent that waits: in words, or with one of the answers that it offers",
  more: "On a terminal, without words, the question is shown and the answer asked for.",
  effect: "changes",
  examples: [`answer "Fix the login" Use the session, not the cookie`, "answer polecat-2 --option 1"],
  args: { what: WHAT, words: { about: "the answer", many: true, optional: true } },
  options: {
    option: {
      type: "text",
      about: "an answer that was offered, by its id, its words or its number",
      value: "ID",
      short: "o",
    },
  },
  run: async ({ what, words, option }, context) => {
    const found = needOf(what, await waiting(context), "question");
    const choices = choicesOf(found.need);
    if (option !== undefined) return reply(found, chosen(option, choices), context, words.join(" "));
    let text = words.join(" ");
    if (text === "" && context.ask !== null) {
      for (const line of [found.need.title, ...detailsOf(found.need)]) context.say(printable(line));
      text = await context.ask("answer: ");
    }
    if (text.trim() === "") throw new Failure("misuse", "say the answer: words, or --option");
    return reply(found, answerTo(found.need, text), context);
  },
});

/** What is meant by these words: one of the answers that are offered, or, where it is a free question, the words themselves. */
export function answerTo(need: Needed["need"], text: string): Choice {
  const choices = choicesOf(need);
  const meant = meantOption(text, choices);
  if (meant === undefined && need.code === "permission" && choices.length > 0)
    throw new Failure(
      "misuse",
      `it asks for a permission, so the answer is one of ${offered(choices)}; nothing was said`,
    );
  return meant ?? { id: null, label: text };
}

function chosen(option: string, choices: readonly Choice[]): Choice {
  const found = choices.find(({ id }) => id === option) ?? meantOption(option, choices) ?? choices[Number(option) - 1];
  if (found !== undefined) return found;
  const all = choices.map(({ id, label }, n) => id ?? `${n + 1}: ${label}`).join(", ");
  throw new Failure("misuse", all === "" ? "nothing is offered to choose from: answer in words" : `offered are ${all}`);
}

const verdict = (name: "allow" | "deny", about: string) =>
  verb({
    name,
    about,
    effect: "changes",
    args: { what: WHAT },
    options: {},
    run: async ({ what }, context) => {
      const asking = (await allNeeds(context)).filter(({ need }) => need.code === "permission");
      const found = needOf(what, asking, "permission prompt");
      const choices = choicesOf(found.need);
      const choice = verdictOf(found.need, name === "allow");
      if (choice !== undefined) return reply(found, choice, context);
      // What its agent does not offer nobody can choose for it; a prompt without choices is answered by a person at its agent.
      if (choices.length > 0)
        throw new Failure(
          "misuse",
          `it offers other answers, so say which: ticktown answer ${what} --option ${choices.map(({ id, label }) => id ?? label).join("|")}`,
        );
      return reply(found, { id: null, label: name === "allow" ? "allow" : "deny" }, context);
    },
  });

export const allow = verdict("allow", "let an agent do, this once, what it asks a permission for");
export const deny = verdict("deny", "do not let an agent do what it asks a permission for");

export const settle = verb({
  name: "settle",
  about: "say that an escalation, or a failure, is settled: it is no need any more",
  effect: "changes",
  args: { what: { about: "its title, the title of the bead it is about, or the beginning of an id" } },
  options: {},
  run: async ({ what }, context) => {
    const told = (await allNeeds(context)).filter(({ need }) => need.escalations.length > 0 && !isAnswered(need));
    const { rig, need } = needOf(what, told, "escalation");
    const closed: Bead[] = [];
    for (const { id } of need.escalations)
      closed.push(
        await context.api.call<Bead>("POST", rigPath(rig, `/beads/${encodeURIComponent(id)}/close`), {
          agent_id: "operator",
        }),
      );
    return { data: closed, text: `settled: ${closed.map(({ title }) => oneLine(title)).join(", ")}` };
  },
});

export const decide = verb({
  name: "decide",
  about: "decide on a hand-in that was refused too often: send it back, no change, or its commit as it is",
  effect: "changes",
  args: { bead: WHAT, decision: { about: HandInDecision.options.join(", ") } },
  options: { note: { type: "text", about: "told to the agent", value: "TEXT" } },
  run: async ({ bead, decision, note }, context) => {
    const parsed = HandInDecision.safeParse(decision).data;
    if (parsed === undefined)
      throw new Failure("misuse", `the decision is one of ${HandInDecision.options.join(", ")}`);
    const refused = (await allNeeds(context)).filter(({ need }) => need.code === "hand_in_refused");
    const { rig, need } = needOf(bead, refused, "refused hand-in");
    const id = need.beads[0]?.id ?? "";
    const done = await context.api.call<Bead>("POST", rigPath(rig, `/beads/${encodeURIComponent(id)}/hand-in`), {
      decision: parsed,
      note,
    });
    return { data: done, text: `"${oneLine(done.title)}" is ${done.status.replace("_", " ")}` };
  },
});

export const PEOPLE = [needs, answer, allow, deny, settle, decide];
