import { choicesOf, verdictOf, whatCanBeDone } from "../core/needs-actions.ts";
import type { Need } from "../core/needs.ts";
import type { Caller, Command } from "../core/decide/index.ts";
import type { ActItem, ActResult, NeedsAct } from "../wire/acts.ts";
import { reasonOf } from "./alarm.ts";
import { needsFirst } from "./needs.ts";
import { execute, type Rig } from "./rig.ts";
import { iso } from "./shapes.ts";

/** What is done about needs of a rig: each as it was told, or not at all. */

type Told = ReturnType<typeof needsFirst>["listed"][number];
type Order = Pick<NeedsAct, "action" | "answer" | "option" | "preview">;
type Outcome = Omit<ActResult, "rig_id" | "key">;

const nothing = (result: ActResult["result"], sentence: string): Outcome => ({
  result,
  sentence,
  agents: [],
  beads: [],
});

/** The words or the choice that an agent is given; a string: why there is none. */
function replyTo(
  told: Told,
  { action, answer, option }: Order,
): { answer: string | null; option: string | null } | string {
  const choices = choicesOf(told);
  if (action === "allow" || action === "deny") {
    const verdict = verdictOf(told, action === "allow") ?? { id: null, label: action };
    return verdict.id === null ? { answer: verdict.label, option: null } : { answer: null, option: verdict.id };
  }
  if (option === undefined) return { answer: answer ?? "", option: null };
  const chosen = choices.find(({ id, label }) => (id ?? label) === option);
  if (chosen === undefined)
    return `it offers ${choices.map(({ id, label }) => id ?? label).join(", ") || "nothing to choose from"}`;
  return chosen.id === null ? { answer: chosen.label, option: null } : { answer: null, option: chosen.id };
}

/** Runs the commands of one need. @returns why, where not one of the first kind was taken */
function run(rig: Rig, commands: readonly Command[], then: readonly Command[], caller: Caller): string | null {
  let refusal: string | null = null;
  let taken = 0;
  for (const command of commands) {
    const decision = execute(rig, command, caller);
    if (decision.ok) taken++;
    else refusal ??= decision.error;
  }
  if (taken === 0) return refusal ?? "there was nothing to do";
  // An escalation that is settled already is no trouble.
  for (const command of then) execute(rig, command, caller);
  return null;
}

function act(
  rig: Rig,
  item: ActItem,
  found: { need: Need; told: Told } | undefined,
  order: Order,
  caller: Caller,
): Outcome {
  if (found === undefined) return nothing("gone", "nobody is needed for it any more");
  const { need, told } = found;
  const since = need.since === null ? null : Date.parse(iso(need.since));
  if (since !== (item.since === null ? null : Date.parse(item.since)))
    return nothing("changed", `it is since ${told.since ?? "an unknown time"} now: look at it again`);
  if (item.ask_id != null && item.ask_id !== (told.ask?.id ?? null))
    return nothing("changed", "something else is asked now: look at it again");
  const { action, preview } = order;
  if (!whatCanBeDone(told).includes(action))
    return nothing("cannot", `${action} is nothing that can be done about this`);
  if (action === "retry") {
    const what = { agents: [], beads: [...need.beads] };
    const sentence = `${need.beads.length === 1 ? "one bead" : `${need.beads.length} beads`} to try again`;
    if (preview) return { result: "would", sentence, ...what };
    const refusal = run(rig, [{ type: "retry_beads", beadIds: need.beads }], [], caller);
    return refusal === null ? { result: "done", sentence, ...what } : nothing("refused", refusal);
  }
  const reply = replyTo(told, order);
  if (typeof reply === "string") return nothing("cannot", reply);
  const what = { agents: [...need.agents], beads: [...need.beads] };
  const sentence = `${told.agents.map(({ name }) => name).join(", ")} told: ${reply.answer ?? reply.option}`;
  if (preview) return { result: "would", sentence, ...what };
  const refusal = run(
    rig,
    need.agents.map((agentId): Command => ({ type: "answer", agentId, ...reply })),
    need.escalations.map((beadId): Command => ({ type: "close_bead", beadId })),
    caller,
  );
  return refusal === null ? { result: "done", sentence, ...what } : nothing("refused", refusal);
}

/** In the order of the items; the same need named twice is done once. */
export function actOnNeeds(rig: Rig, items: readonly ActItem[], order: Order, caller: Caller): ActResult[] {
  const { all, listed } = needsFirst(rig, Number.POSITIVE_INFINITY);
  const open = new Map(all.map((need, n) => [need.key, { need, told: listed[n] as Told }]));
  return items.map((item) => {
    const { rig_id, key } = item;
    const found = open.get(key);
    open.delete(key);
    try {
      return { rig_id, key, ...act(rig, item, found, order, caller) };
    } catch (error) {
      return { rig_id, key, ...nothing("refused", reasonOf(error)) };
    }
  });
}
