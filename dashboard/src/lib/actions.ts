import { usedText } from "../../../src/events/budget.ts";
import { messageOf } from "../../../src/events/message-of.ts";
import type { Agent as WireAgent, Bead as WireBead, TickReport } from "../../../src/wire/schemas.ts";
import type { AgentSnapshot } from "../../../src/machines/agent.ts";
import { api, post, rigPath } from "./api.ts";
import { plural } from "./names.ts";

/** What an operator may do. Each answers with what was done, in words for a notification. */
export interface Done {
  readonly title: string;
  readonly text?: string;
}

const agentPath = (rigId: string, agentId: string, rest: string): string =>
  rigPath(rigId, `/agents/${encodeURIComponent(agentId)}${rest}`);
const beadPath = (rigId: string, beadId: string, rest: string): string =>
  rigPath(rigId, `/beads/${encodeURIComponent(beadId)}${rest}`);

export interface SlingInput {
  title: string;
  body: string;
  priority: "low" | "medium" | "high" | "critical";
  blocked_by: string[];
}

export async function sling(rigId: string, input: SlingInput): Promise<Done & { beadId: string }> {
  const { bead, agent } = await post<{ bead: WireBead; agent: WireAgent }>(rigPath(rigId, "/sling"), {
    ...input,
    body: input.body === "" ? null : input.body,
  });
  return {
    title: `Slung “${bead.title}”`,
    text: `It is on the hook of ${agent.name}, which is ${agent.status}.`,
    beadId: bead.id,
  };
}

/** A bead without an agent: the rig gives it to one as soon as it is ready and a slot is free. */
export async function queue(rigId: string, input: SlingInput): Promise<Done & { beadId: string }> {
  const bead = await post<WireBead>(rigPath(rigId, "/beads"), {
    type: "issue",
    ...input,
    body: input.body === "" ? null : input.body,
  });
  return {
    title: `Created “${bead.title}”`,
    text: bead.status === "open" ? "It is open and is dispatched when it is ready." : `It is ${bead.status}.`,
    beadId: bead.id,
  };
}

export async function hook(
  rigId: string,
  agentId: string,
  beadId: string,
  names: { agent: string; bead: string },
): Promise<Done> {
  await post(agentPath(rigId, agentId, "/hook"), { bead_id: beadId });
  return { title: `Hooked ${names.agent}`, text: `“${names.bead}” is on its hook.` };
}

export async function unhook(rigId: string, agent: AgentSnapshot): Promise<Done> {
  await api("DELETE", agentPath(rigId, agent.context.id, "/hook"));
  return {
    title: `Unhooked ${agent.context.name}`,
    text: agent.hasTag("slot") ? "Its process is asked to stop; the bead is open again." : "The bead is open again.",
  };
}

/** Keeps an agent from new dispatches; what runs goes on. */
export async function hold(rigId: string, agent: AgentSnapshot, reason: string): Promise<Done> {
  await post(agentPath(rigId, agent.context.id, "/hold"), { reason });
  return {
    title: `Held ${agent.context.name}`,
    text: agent.hasTag("slot")
      ? "What it does now goes on; nothing new is started with it."
      : "Nothing is started with it.",
  };
}

/** Lets an agent that is held start again. */
export async function release(rigId: string, agent: AgentSnapshot): Promise<Done> {
  await post(agentPath(rigId, agent.context.id, "/release"));
  return { title: `Released ${agent.context.name}`, text: "It starts again as soon as a slot is free." };
}

/** Takes the bead away and gives it back: the running process is stopped, a new dispatch starts. */
export async function restart(rigId: string, agent: AgentSnapshot): Promise<Done> {
  const { id, hook: beadId, name } = agent.context;
  if (beadId === null) throw new Error(`${name} has no bead to be restarted on.`);
  await api("DELETE", agentPath(rigId, id, "/hook"));
  try {
    await post(agentPath(rigId, id, "/hook"), { bead_id: beadId });
  } catch (error) {
    throw new Error(`${name} was unhooked, but the bead could not be hooked again: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return {
    title: `Restarted ${name}`,
    text: "Its old process is asked to stop; a new dispatch follows as soon as a slot is free.",
  };
}

/** Starts all of these again now, without the rest of their wait. */
export async function restartAll(rigId: string, agents: readonly AgentSnapshot[]): Promise<Done> {
  for (const agent of agents) await restart(rigId, agent);
  return { title: `${plural(agents.length, "agent")} started again`, text: "Each goes on as soon as a slot is free." };
}

export async function unblock(
  rigId: string,
  agentId: string,
  answer: string,
  escalationId: string | null,
  option: string | null = null,
): Promise<Done> {
  const body = option === null ? { answer } : { option };
  const agent = await post<WireAgent>(agentPath(rigId, agentId, "/unblock"), body);
  const closed =
    escalationId === null
      ? false
      : await closeBead(rigId, escalationId).then(
          () => true,
          () => false,
        );
  return {
    title: `Answered ${agent.name}`,
    text: `It is ${agent.status} now.${closed ? " Its escalation is closed." : ""}`,
  };
}

const DECIDED = { send_back: "sent back", no_change: "closed as no change", as_is: "taken as it is" } as const;

/** What a person decides of a hand-in that was refused for the last time; its escalation is settled with it. */
export async function settleHandIn(
  rigId: string,
  beadId: string,
  decision: keyof typeof DECIDED,
  escalations: readonly string[],
): Promise<Done> {
  const bead = await post<WireBead>(beadPath(rigId, beadId, "/hand-in"), { decision });
  await settle(rigId, escalations);
  return { title: `“${bead.title}” was ${DECIDED[decision]}`, text: `It is ${bead.status.replace("_", " ")} now.` };
}

export async function closeBead(rigId: string, beadId: string): Promise<Done> {
  const bead = await post<WireBead>(beadPath(rigId, beadId, "/close"), { agent_id: "operator" });
  return { title: `Closed “${bead.title}”`, text: `It is ${bead.status}.` };
}

export async function cancelBead(rigId: string, beadId: string): Promise<Done> {
  const bead = await post<WireBead>(beadPath(rigId, beadId, "/cancel"), {});
  return { title: `Cancelled “${bead.title}”`, text: `It is ${bead.status}. What ran for it is asked to stop.` };
}

export async function sendMail(
  rigId: string,
  to: string,
  toName: string,
  subject: string,
  body: string,
): Promise<Done> {
  await post(rigPath(rigId, "/mail"), { from_agent_id: "operator", to_agent_id: to, subject, body });
  return { title: `Mail sent to ${toName}`, text: `“${subject}” waits for it to read.` };
}

export async function setLife(rigId: string, to: "pause" | "resume" | "drain"): Promise<Done> {
  const health = await post<{ life: string; counts: { agents: Record<string, number> } }>(rigPath(rigId, `/${to}`));
  const working = health.counts.agents["working"] ?? 0;
  const text = {
    pause: `Nothing new is dispatched. ${plural(working, "agent")} still working.`,
    resume: "Ready work is dispatched again.",
    drain: `Work is handed back by ${plural(working, "agent")}.`,
  }[to];
  return {
    title: { pause: "The rig is paused", resume: "The rig is resumed", drain: "The rig is draining" }[to],
    text,
  };
}

export async function tickNow(rigId: string): Promise<Done> {
  const { facts, effects, error } = await post<{
    facts: TickReport["entries"];
    effects: unknown[];
    error: string | null;
  }>(rigPath(rigId, "/tick"));
  return {
    title: "The rig looked at everything",
    text: `${facts.length === 0 ? "Nothing had to change." : `${plural(facts.length, "fact")}, ${plural(effects.length, "effect")}.`}${error === null ? "" : ` ${error}`}`,
  };
}

/** @param key kind and id, as `agent:…`. */
export async function repair(rigId: string, key: string): Promise<Done> {
  const [kind = "", ...id] = key.split(":");
  await post(rigPath(rigId, `/actors/${kind}/${encodeURIComponent(id.join(":"))}/repair`));
  return {
    title: `The ${kind} is back`,
    text: "Its state was folded again from the journal. Whoever disagreed with it has let go.",
  };
}

export async function replay(rigId: string): Promise<Done> {
  const { facts, effects, divergence } = await post<{
    facts: number;
    effects: number;
    divergence: { seq: number } | null;
  }>(rigPath(rigId, "/replay"));
  if (divergence !== null)
    throw new Error(`The journal and the stored state differ at seq ${divergence.seq}. Open that seq in the debugger.`);
  return {
    title: "Replay found no difference",
    text: `${plural(facts, "fact")} and ${plural(effects, "effect")} folded again: the same, byte for byte.`,
  };
}

/** Has failed beads tried again, and closes what told of them. */
export async function retryAll(
  rigId: string,
  beadIds: readonly string[],
  escalationIds: readonly string[],
): Promise<Done> {
  await post(rigPath(rigId, "/beads/retry"), { ids: beadIds });
  await settle(rigId, escalationIds);
  return { title: `${plural(beadIds.length, "bead")} tried again`, text: "What waits for them goes on." };
}

/** Lets beads spend more, and closes what told of it. */
export async function raiseBudget(
  rigId: string,
  beadIds: readonly string[],
  more: { tokens: number; microdollars: number },
  escalationIds: readonly string[],
): Promise<Done> {
  for (const id of beadIds) await post(rigPath(rigId, `/beads/${encodeURIComponent(id)}/budget`), more);
  await settle(rigId, escalationIds);
  return { title: "Its budget was raised", text: `By ${usedText({ ...more })}. It goes on from its checkpoint.` };
}

/** Approves exactly this tree of a review. */
export async function approve(rigId: string, reviewId: string, tree: string): Promise<Done> {
  const body = tree === "" ? {} : { tree };
  await post(rigPath(rigId, `/review-queue/${encodeURIComponent(reviewId)}/approve`), body);
  return {
    title: "Approved",
    text: `${tree === "" ? "Its tree" : `Tree ${tree.slice(0, 10)}`}, under your name. It goes with the next train.`,
  };
}

export type QueueAct = "hold" | "release" | "jump" | "remove";
const QUEUE_DONE: Record<QueueAct, string> = {
  hold: "Held back: it waits until it is released",
  release: "Released: it goes on",
  jump: "In front of the others",
  remove: "Taken out of the train",
};

/** Does the same with each of these reviews. */
export async function queueAll(rigId: string, reviewIds: readonly string[], act: QueueAct): Promise<Done> {
  for (const id of reviewIds) await post(rigPath(rigId, `/review-queue/${encodeURIComponent(id)}/${act}`));
  return { title: QUEUE_DONE[act], ...(act === "remove" ? { text: "Its work is cancelled." } : {}) };
}

export async function resumeQueue(rigId: string): Promise<Done> {
  await post(rigPath(rigId, "/review-queue/resume"));
  return { title: "The train is tried again now" };
}

export interface BeadChange {
  title?: string;
  body?: string | null;
  priority?: SlingInput["priority"];
  labels?: string[];
  blocked_by?: string[];
  defer_until?: string | null;
}

/** Changes what is named of a piece of work, and nothing else. */
export async function edit(rigId: string, beadId: string, change: BeadChange): Promise<Done> {
  const bead = await api<WireBead>("PATCH", beadPath(rigId, beadId, ""), change);
  return {
    title: `Changed “${bead.title}”`,
    text: `Its ${Object.keys(change).join(", ").replaceAll("_", " ")}, under your name.`,
  };
}

export interface Edge {
  readonly id: string;
  /** All that it waits for from now on. */
  readonly blockedBy: readonly string[];
}

/** Has work go on without what it waited for. */
export async function freeAll(rigId: string, edges: readonly Edge[]): Promise<Done> {
  for (const { id, blockedBy } of edges) await api("PATCH", beadPath(rigId, id, ""), { blocked_by: blockedBy });
  return { title: `Freed ${plural(edges.length, "piece")} of work`, text: "They go on without what failed." };
}

/** Does one thing to each, one after the other, and says of how many it was refused. */
export async function each(
  ids: readonly string[],
  verb: string,
  doing: (id: string) => Promise<unknown>,
): Promise<Done> {
  const refused: string[] = [];
  for (const id of ids) await doing(id).catch((error: unknown) => refused.push(messageOf(error)));
  const done = ids.length - refused.length;
  if (done === 0 && refused[0] !== undefined) throw new Error(refused[0]);
  const text = refused.length === 0 ? "" : `${plural(refused.length, "was", "were")} refused: ${refused[0] ?? ""}`;
  return { title: `${verb} ${plural(done, "piece")} of work`, ...(text === "" ? {} : { text }) };
}

/** Gives a piece of work to another agent: it goes on there from its branch. */
export async function move(
  rigId: string,
  from: AgentSnapshot,
  to: { id: string; name: string },
  title: string,
): Promise<Done> {
  const { hook: beadId, name } = from.context;
  if (beadId === null) throw new Error(`${name} has no work that could be moved.`);
  await api("DELETE", agentPath(rigId, from.context.id, "/hook"));
  try {
    await post(agentPath(rigId, to.id, "/hook"), { bead_id: beadId });
  } catch (error) {
    throw new Error(`${name} let go of it, but ${to.name} could not take it: ${messageOf(error)}`, { cause: error });
  }
  return { title: `Moved “${title}” to ${to.name}`, text: `${name} is asked to stop; what it has committed stays.` };
}

/** Takes back what a piece of work has put on the target, through the same gate. */
export async function revert(rigId: string, beadId: string, why: string, redo: boolean): Promise<Done> {
  const bead = await post<WireBead>(beadPath(rigId, beadId, "/revert"), { why, redo });
  return { title: `“${bead.title}” is under way`, text: "It goes through the same checks as any other work." };
}

/** Closes escalations. */
export async function settle(rigId: string, escalationIds: readonly string[]): Promise<Done> {
  for (const id of escalationIds) await closeBead(rigId, id);
  return { title: `Settled ${plural(escalationIds.length, "escalation")}` };
}

/** @param keys kind and id of each actor, as `agent:…`. */
export async function repairAll(rigId: string, keys: readonly string[]): Promise<Done> {
  let done: Done = { title: "Nothing is damaged" };
  for (const key of keys) done = await repair(rigId, key);
  return keys.length < 2 ? done : { ...done, title: `${plural(keys.length, "actor")} are back` };
}
