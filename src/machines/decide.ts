import { dispatchId, dispatchNumber } from "../events/dispatch-id.ts";
import { clip, type BeadStatus, type BeadType, type Fact, type Outcome, type Priority, type Role } from "../events/facts.ts";
import { LIMITS } from "../events/limits.ts";
import type { SettingsPatch } from "../events/settings.ts";
import { currentDispatch, type AgentSnapshot } from "./agent.ts";
import type { BeadSnapshot } from "./bead.ts";
import type { MachineEvent } from "./event.ts";
import { freePolecats, hook as hookFact, polecatName } from "./schedule.ts";
import type { AnySnapshot, Kind, Stored } from "./step.ts";
import { actorKey, get, type World } from "./world.ts";

/**
 * Commands: what somebody asks for. `decide` turns one into root facts, or refuses it with a reason. The chart is the
 * judge: whether an actor can take a fact in its state is asked of the machine, not written down here a second time.
 */

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

export interface BeadInput {
  readonly type: BeadType;
  readonly title: string;
  readonly body: string | null;
  readonly priority: Priority;
  readonly labels: string[];
  readonly metadata: Record<string, Json>;
  readonly convoyId: string | null;
  readonly blockedBy: string[];
  /** ms since epoch. */
  readonly deferUntil: number | null;
}

/**
 * Who speaks. An agent's token names its dispatch, which fences it; an operator, or a client whose token names none, is not
 * fenced and speaks of the newest dispatch.
 */
export interface Caller {
  readonly id: string;
  readonly dispatchId: string | null;
}

export type Command =
  | { type: "configure"; rigId: string; townId: string; userId: string; name: string; gitUrl: string; defaultBranch: string }
  | { type: "set_settings"; settings: SettingsPatch }
  | { type: "pause" }
  | { type: "resume" }
  | { type: "drain" }
  | { type: "destroy" }
  | { type: "repair"; kind: Kind; id: string }
  | { type: "create_bead"; bead: BeadInput; assignTo: string | null }
  | { type: "sling"; bead: BeadInput }
  | { type: "set_bead_status"; beadId: string; status: BeadStatus }
  | { type: "close_bead"; beadId: string }
  | { type: "cancel_bead"; beadId: string }
  | { type: "delete_bead"; beadId: string }
  | { type: "escalate"; title: string; body: string | null; priority: Priority; metadata: Record<string, Json>; agentId: string | null }
  | { type: "register_agent"; role: Role; name: string; identity: string }
  | { type: "get_or_create_agent"; role: Role }
  | { type: "delete_agent"; agentId: string }
  | { type: "hook"; agentId: string; beadId: string }
  | { type: "unhook"; agentId: string }
  | { type: "answer"; agentId: string; answer: string }
  | { type: "done"; agentId: string; branch: string; prUrl: string | null; summary: string | null }
  | { type: "exited"; agentId: string; dispatchId: string | null; outcome: Outcome; reason: string; resetAt: number | null }
  | { type: "heard"; agentId: string; dispatchId: string | null }
  | { type: "progressed"; agentId: string; what: string }
  | { type: "checkpoint"; agentId: string; data: Json }
  | { type: "permission_asked"; agentId: string; prompt: string }
  | { type: "permission_answered"; agentId: string }
  | { type: "send_mail"; from: string; to: string; subject: string; body: string }
  | { type: "read_mail"; agentId: string; mailIds: string[] }
  | { type: "submit_review"; agentId: string; beadId: string; branch: string; prUrl: string | null; summary: string | null }
  | { type: "complete_review"; reviewId: string; claimId: string | null; verdict: "merged" | "conflict" | "failed"; permanent: boolean; message: string; commitSha: string | null };
export type CommandType = Command["type"];

export interface Refusal {
  readonly ok: false;
  /** HTTP status: 404 unknown, 409 the chart refuses, 413/422/429 a limit or a contradiction. */
  readonly status: 404 | 409 | 413 | 422 | 429;
  readonly error: string;
  /** The state that refuses. */
  readonly state?: string;
  /** The facts that the state would take. */
  readonly allowed?: string[];
}
export interface Decided {
  readonly ok: true;
  readonly facts: Fact[];
  /** Ids that the answer is about. */
  readonly beadId?: string;
  readonly agentId?: string;
  readonly reviewId?: string;
  /** The report was of an older dispatch: recorded, changes nothing. */
  readonly stale?: boolean;
}
export type Decision = Decided | Refusal;

/** What a decision may look at besides the world. */
export interface Surroundings {
  /** ms since epoch. */
  readonly at: number;
  readonly caller: Caller;
  newId(kind: "bead" | "agent" | "mail"): string;
  undeliveredMail(agentId: string): number;
  openBeads(): number;
  /**
   * Of a quarantined actor: the state before its row was lost, null when it is held and only threw, undefined when nothing
   * tells it any more.
   */
  stateBefore(kind: Kind, id: string): Stored | null | undefined;
}

const refuse = (status: Refusal["status"], error: string, more: Pick<Refusal, "state" | "allowed"> = {}): Refusal => ({ ok: false, status, error, ...more });
const accept = (facts: Fact[], more: Omit<Decided, "ok" | "facts"> = {}): Decided => ({ ok: true, facts, ...more });

/** "working.process.running" and the like: the active leaf states, for people. */
export function stateName(snapshot: AnySnapshot): string {
  const path = (value: unknown): string[] =>
    typeof value === "string" ? [value] : Object.entries(value as Record<string, unknown>).flatMap(([key, inner]) => path(inner).map((rest) => `${key}.${rest}`));
  return path(snapshot.value).join(" + ");
}

/** The facts that have any transition in the snapshot's state. */
export const allowedIn = (snapshot: AnySnapshot): string[] =>
  [...new Set(snapshot._nodes.flatMap((node) => node.ownEvents as string[]))].filter((type) => type !== "").sort();

/** Whether the actor's chart would do anything with this fact now. */
export function takes(world: World, snapshot: AnySnapshot, fact: Fact, at: number): boolean {
  const event = { ...fact, seq: world.seq + 1, at: Math.max(at, world.at), cause: null, settings: world.rig.context.settings } as MachineEvent;
  return snapshot.can(event as never);
}

const cannot = (kind: Kind, id: string, snapshot: AnySnapshot, what: string): Refusal =>
  refuse(409, `${kind} ${id} is ${stateName(snapshot)} and cannot ${what}; in this state it takes: ${allowedIn(snapshot).join(", ") || "nothing"}`, {
    state: stateName(snapshot),
    allowed: allowedIn(snapshot),
  });

const noAgent = (id: string): Refusal => refuse(404, `no agent ${id} in this rig`);
const noBead = (id: string): Refusal => refuse(404, `no bead ${id} in this rig`);

const tooLong = (what: string, text: string): Refusal => refuse(413, `${what} may have ${LIMITS.mail_body_chars} characters, this one has ${text.length}`);

const bytes = (value: Json): number => JSON.stringify(value).length;

/** 64-bit FNV-1a of a text, in hex. Tells two checkpoints apart; it is no security. */
export function digest(text: string): string {
  let low = 0x84222325;
  let high = 0xcbf29ce4;
  for (let i = 0; i < text.length; i++) {
    low = (low ^ text.charCodeAt(i)) >>> 0;
    // Multiply the 64-bit state by 2^40 + 0x1b3 in two 32-bit halves.
    const product = low * 0x1b3;
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 2 ** 32) + (low << 8)) >>> 0;
    low = product >>> 0;
  }
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

/** Turns a command into root facts or a refusal. Reads the world; changes nothing. */
export function decide(world: World, command: Command, around: Surroundings): Decision {
  if (world.rig.matches({ life: "destroyed" })) return refuse(404, "this rig was deleted");
  switch (command.type) {
    case "configure": {
      const { type: _, ...config } = command;
      const now = world.rig.context.config;
      if (now !== null && now.rigId !== config.rigId) return refuse(409, `this rig is ${now.rigId} already`);
      return accept(now !== null && Object.keys(differing(now, config)).length === 0 ? [] : [{ type: "rig.configured", ...config }]);
    }
    case "set_settings": {
      const settings = { ...world.rig.context.settings, ...command.settings };
      if (!(settings.gupp_check_ms <= settings.gupp_escalate_ms && settings.gupp_escalate_ms <= settings.gupp_restart_ms)) {
        return refuse(422, `gupp_check_ms (${settings.gupp_check_ms}) must not be above gupp_escalate_ms (${settings.gupp_escalate_ms}), nor that above gupp_restart_ms (${settings.gupp_restart_ms})`);
      }
      const changes = differing(world.rig.context.settings, command.settings);
      return accept(Object.keys(changes).length === 0 ? [] : [{ type: "rig.settings_changed", changes }]);
    }
    case "pause":
      return ofRig(world, around, { type: "rig.paused", by: around.caller.id }, world.rig.matches({ life: { alive: "paused" } }));
    case "resume":
      return ofRig(world, around, { type: "rig.resumed", by: around.caller.id }, world.rig.matches({ life: { alive: "open" } }));
    case "drain":
      return ofRig(world, around, { type: "rig.draining", by: around.caller.id }, world.rig.matches({ life: "draining" }));
    case "destroy":
      return accept([{ type: "rig.destroyed", by: around.caller.id }]);
    case "repair":
      return repair(world, command.kind, command.id, around);

    case "create_bead":
      return createBead(world, command.bead, command.assignTo, around);
    case "sling":
      return sling(world, command.bead, around);
    case "escalate":
      return escalate(world, command, around);
    case "set_bead_status":
      return ofBead(world, around, command.beadId, (bead) => (bead.value === command.status ? null : { type: "bead.status_set", beadId: command.beadId, status: command.status, by: around.caller.id }), `become ${command.status} by hand`);
    case "close_bead":
      return ofBead(world, around, command.beadId, (bead) => (bead.value === "closed" ? null : { type: "bead.closed", beadId: command.beadId, by: around.caller.id }), "be closed");
    case "cancel_bead":
      return ofBead(world, around, command.beadId, (bead) => (bead.value === "failed" ? null : { type: "bead.cancelled", beadId: command.beadId, by: around.caller.id }), "be cancelled");
    case "delete_bead":
      return get(world, "bead", command.beadId) === undefined ? noBead(command.beadId) : accept([{ type: "bead.deleted", beadId: command.beadId }], { beadId: command.beadId });

    case "register_agent":
      return registerAgent(world, command.role, command.name, command.identity, around);
    case "get_or_create_agent":
      return getOrCreateAgent(world, command.role, around);
    case "delete_agent":
      return world.agents.has(command.agentId) ? accept([{ type: "agent.deleted", agentId: command.agentId }], { agentId: command.agentId }) : noAgent(command.agentId);
    case "hook":
      return hook(world, command.agentId, command.beadId, around);
    case "unhook": {
      const agent = world.agents.get(command.agentId);
      if (!agent) return noAgent(command.agentId);
      const { hook: beadId } = agent.context;
      return accept(beadId === null ? [] : [{ type: "agent.unhooked", agentId: command.agentId, beadId, reason: `unhooked by ${clip(around.caller.id, 200)}` }], { agentId: command.agentId });
    }
    case "answer": {
      const agent = world.agents.get(command.agentId);
      if (!agent) return noAgent(command.agentId);
      if (command.answer.length > LIMITS.mail_body_chars) return tooLong("an answer", command.answer);
      const fact: Fact = { type: "agent.answered", agentId: command.agentId, answer: command.answer, by: around.caller.id };
      return takes(world, agent, fact, around.at) ? accept([fact], { agentId: command.agentId }) : cannot("agent", command.agentId, agent, "be unblocked");
    }

    case "done":
      return done(world, command, around);
    case "exited":
      return report(world, command.agentId, command.dispatchId ?? around.caller.dispatchId, "completed", around, (dispatch) => ({
        type: "agent.exited",
        agentId: command.agentId,
        dispatchId: dispatch,
        outcome: command.outcome,
        reason: clip(command.reason),
        resetAt: command.resetAt,
      }));
    case "heard":
      return report(world, command.agentId, command.dispatchId ?? around.caller.dispatchId, "heartbeat", around, (dispatch) => ({ type: "agent.heard", agentId: command.agentId, dispatchId: dispatch }));
    case "progressed":
      return report(world, command.agentId, around.caller.dispatchId, "progress", around, (dispatch, agent) =>
        isFreshEnough(agent, around.at) ? null : { type: "agent.progressed", agentId: command.agentId, dispatchId: dispatch, what: clip(command.what) },
      );
    case "permission_asked":
      return report(world, command.agentId, around.caller.dispatchId, "permission prompt", around, (dispatch) => ({ type: "permission.asked", agentId: command.agentId, dispatchId: dispatch, prompt: clip(command.prompt) }));
    case "permission_answered":
      return report(world, command.agentId, around.caller.dispatchId, "permission answer", around, (dispatch) => ({ type: "permission.answered", agentId: command.agentId, dispatchId: dispatch }));
    case "checkpoint":
      return checkpoint(world, command.agentId, command.data, around);

    case "send_mail": {
      if (!world.agents.has(command.to)) return noAgent(command.to);
      if (command.body.length > LIMITS.mail_body_chars) return tooLong("a mail's body", command.body);
      if (around.undeliveredMail(command.to) >= LIMITS.undelivered_mail) {
        return refuse(429, `agent ${command.to} has ${LIMITS.undelivered_mail} undelivered mails; it must read some first`);
      }
      const stale = staleness(world, command.from, around.caller.dispatchId, "mail", null);
      if (stale) return stale;
      return accept([{ type: "mail.sent", mailId: around.newId("mail"), from: command.from, to: command.to, subject: command.subject, body: command.body }]);
    }
    case "read_mail":
      if (!world.agents.has(command.agentId)) return noAgent(command.agentId);
      if (staleness(world, command.agentId, around.caller.dispatchId, "mail reading", null)) return accept([], { stale: true });
      return accept(command.mailIds.length === 0 ? [] : [{ type: "mail.delivered", agentId: command.agentId, mailIds: command.mailIds }]);

    case "submit_review": {
      const { beadId, agentId, branch, prUrl, summary } = command;
      if (!world.agents.has(agentId)) return noAgent(agentId);
      const stale = staleness(world, agentId, around.caller.dispatchId, "review", beadId);
      if (stale) return stale;
      return ofBead(world, around, beadId, (bead) => (bead.value === "in_review" ? null : { type: "review.submitted", beadId, agentId, branch, prUrl, summary }), "be submitted for review");
    }
    case "complete_review":
      return completeReview(world, command, around);
  }
}

/** The part of `wanted` that is not so already. */
const differing = <T extends object>(now: T, wanted: Partial<T>): Partial<T> =>
  Object.fromEntries(Object.entries(wanted).filter(([name, value]) => value !== undefined && value !== now[name as keyof T])) as Partial<T>;

function ofRig(world: World, around: Surroundings, fact: Fact, already: boolean): Decision {
  if (already) return accept([]);
  return takes(world, world.rig, fact, around.at) ? accept([fact]) : cannot("rig", world.rig.context.config?.rigId ?? "", world.rig, fact.type.replace("rig.", "be "));
}

/** What is sound is left as it is. */
function repair(world: World, kind: Kind, id: string, around: Surroundings): Decision {
  if (!world.broken.has(actorKey(kind, id))) return get(world, kind, id) === undefined ? refuse(404, `no ${kind} ${id} in this rig`) : accept([]);
  const state = around.stateBefore(kind, id);
  if (state === undefined) return refuse(409, `${kind} ${id} cannot be repaired: the journal that this rig holds does not reach back to a state of it`);
  return accept([{ type: "actor.repaired", kind, id, by: around.caller.id, state: state as Extract<Fact, { type: "actor.repaired" }>["state"] }]);
}

/** `make` returns null when there is nothing left to do: the same request again is no error. */
function ofBead(world: World, around: Surroundings, beadId: string, make: (bead: BeadSnapshot) => Fact | null, what: string): Decision {
  const bead = get(world, "bead", beadId);
  if (!bead) return noBead(beadId);
  const fact = make(bead);
  if (fact === null) return accept([], { beadId });
  return takes(world, bead, fact, around.at) ? accept([fact], { beadId }) : cannot("bead", beadId, bead, what);
}

function created(world: World, input: BeadInput, around: Surroundings, createdBy: string | null): Extract<Fact, { type: "bead.created" }> | Refusal {
  if (input.body !== null && input.body.length > LIMITS.bead_body_chars) return refuse(413, `a bead's body may have ${LIMITS.bead_body_chars} characters, this one has ${input.body.length}`);
  if (bytes(input.metadata) > LIMITS.metadata_bytes) return refuse(413, `a bead's metadata may have ${LIMITS.metadata_bytes} bytes of JSON`);
  if (around.openBeads() >= LIMITS.open_beads) return refuse(429, `this rig has ${LIMITS.open_beads} open beads already; close or delete some first`);
  const blockedBy: string[] = [];
  for (const id of new Set(input.blockedBy)) {
    const blocker = get(world, "bead", id);
    if (!blocker) return refuse(422, `blocked_by names ${id}, but there is no such bead in this rig`);
    if (blocker.value !== "closed") blockedBy.push(id);
  }
  const { type: beadType, title, body, priority, labels, metadata, convoyId, deferUntil } = input;
  return { type: "bead.created", beadId: around.newId("bead"), beadType, title, body, priority, labels, metadata, convoyId, blockedBy, deferUntil, createdBy };
}

const isRefusal = (value: Fact | Refusal): value is Refusal => "ok" in value;

function createBead(world: World, input: BeadInput, assignTo: string | null, around: Surroundings): Decision {
  const bead = created(world, input, around, around.caller.id);
  if (isRefusal(bead)) return bead;
  if (assignTo === null) return accept([bead], { beadId: bead.beadId });
  const agent = world.agents.get(assignTo);
  if (!agent) return noAgent(assignTo);
  const hooked: Fact = { type: "agent.hooked", agentId: assignTo, beadId: bead.beadId, attempts: 0, branch: null };
  return takes(world, agent, hooked, around.at) ? accept([bead, hooked], { beadId: bead.beadId, agentId: assignTo }) : cannot("agent", assignTo, agent, "take a bead");
}

/** A bead, hooked to an idle polecat or a new one, in one commit. An agent that has a hook is never picked (KC-411). */
function sling(world: World, input: BeadInput, around: Surroundings): Decision {
  const bead = created(world, input, around, around.caller.id);
  if (isRefusal(bead)) return bead;
  const free = freePolecats(world)[0];
  const registered = free ? null : newAgent(world, "polecat", around);
  if (registered !== null && isRefusal(registered)) return registered;
  const agentId = free?.context.id ?? (registered?.type === "agent.registered" ? registered.agentId : "");
  const hooked: Fact = { type: "agent.hooked", agentId, beadId: bead.beadId, attempts: 0, branch: null };
  return accept([bead, ...(registered ? [registered] : []), hooked], { beadId: bead.beadId, agentId });
}

function newAgent(world: World, role: Role, around: Surroundings, name?: string, identity?: string): Extract<Fact, { type: "agent.registered" }> | Refusal {
  if (world.agents.size >= LIMITS.agents) return refuse(429, `this rig has ${LIMITS.agents} agents already; delete some first`);
  const agentId = around.newId("agent");
  const called = name ?? (role === "polecat" ? polecatName(world) : role);
  const known = identity ?? `${world.rig.context.config?.name ?? "rig"}/${role === "polecat" ? "polecats" : role}/${world.seq + 1}`;
  if (world.index.identities.has(known)) return refuse(409, `identity ${known} belongs to agent ${world.index.identities.get(known) ?? ""} already`);
  return { type: "agent.registered", agentId, role, name: called, identity: known };
}

function registerAgent(world: World, role: Role, name: string, identity: string, around: Surroundings): Decision {
  const fact = newAgent(world, role, around, name, identity);
  return isRefusal(fact) ? fact : accept([fact], { agentId: fact.agentId });
}

/** An idle unhooked one first; refinery, witness and mayor are singletons. */
function getOrCreateAgent(world: World, role: Role, around: Surroundings): Decision {
  const known = role === "polecat" ? freePolecats(world)[0] : [...world.agents.values()].find((agent) => agent.context.role === role);
  if (known) return accept([], { agentId: known.context.id });
  const fact = newAgent(world, role, around);
  return isRefusal(fact) ? fact : accept([fact], { agentId: fact.agentId });
}

function hook(world: World, agentId: string, beadId: string, around: Surroundings): Decision {
  const agent = world.agents.get(agentId);
  if (!agent) return noAgent(agentId);
  const bead = get(world, "bead", beadId);
  if (!bead) return noBead(beadId);
  if (agent.context.hook === beadId) return accept([], { agentId, beadId });
  const fact = hookFact(bead, agentId);
  if (!takes(world, agent, fact, around.at)) return cannot("agent", agentId, agent, `take bead ${beadId}`);
  if (!takes(world, bead, fact, around.at)) {
    return bead.context.assignee === null ? cannot("bead", beadId, bead, "be hooked") : refuse(409, `bead ${beadId} is on the hook of agent ${bead.context.assignee} already`, { state: stateName(bead), allowed: allowedIn(bead) });
  }
  return accept([fact], { agentId, beadId });
}

/** Null when the speaker may speak of the agent's newest dispatch; otherwise the recorded, harmless answer (design rule 1). */
function staleness(world: World, agentId: string, spokenOf: string | null, what: string, about: string | null): Decided | null {
  const agent = world.agents.get(agentId);
  if (!agent || spokenOf === null) return null;
  const n = dispatchNumber(agentId, spokenOf);
  const overtaken = n === null || n !== agent.context.dispatchN;
  // Its own bead may have been taken away and another one hooked since: the dispatch may not speak for that one.
  const elsewhere = agent.context.hook !== null && agent.context.dispatchBead !== null && agent.context.hook !== agent.context.dispatchBead;
  if (!overtaken && !elsewhere) return null;
  return accept([{ type: "report.stale", agentId, dispatchId: clip(spokenOf, LIMITS.id_chars), report: what, current: currentDispatch(agent.context), about }], { agentId, stale: true });
}

/** A report of a dispatch: stale ones are recorded, news becomes a fact, anything else is nothing new. */
function report(world: World, agentId: string, spokenOf: string | null, what: string, around: Surroundings, make: (dispatch: string, agent: AgentSnapshot) => Fact | null): Decision {
  const agent = world.agents.get(agentId);
  if (!agent) return noAgent(agentId);
  const stale = staleness(world, agentId, spokenOf, what, agent.context.hook);
  if (stale) return stale;
  const fact = make(dispatchId(agentId, agent.context.dispatchN), agent);
  return accept(fact !== null && takes(world, agent, fact, around.at) ? [fact] : [], { agentId });
}

/** A running agent whose clock was moved a moment ago: another fact would tell nothing. */
const isFreshEnough = (agent: AgentSnapshot, at: number): boolean =>
  agent.matches({ working: { process: "running", progress: "fresh" } }) && agent.context.heard && agent.context.progressAt !== null && at - agent.context.progressAt < LIMITS.progress_granularity_ms;

function done(world: World, command: Extract<Command, { type: "done" }>, around: Surroundings): Decision {
  const { agentId, branch, prUrl, summary } = command;
  const agent = world.agents.get(agentId);
  if (!agent) return noAgent(agentId);
  const stale = staleness(world, agentId, around.caller.dispatchId, "done", agent.context.hook);
  if (stale) return stale;
  const beadId = agent.context.hook;
  // The second done of a dispatch finds the hook cleared: nothing is left to do (KC-1487).
  if (beadId === null) return agent.context.dispatchN > 0 ? accept([], { agentId }) : cannot("agent", agentId, agent, "be done without a bead");
  const fact: Fact = { type: "agent.done", agentId, dispatchId: dispatchId(agentId, agent.context.dispatchN), beadId, branch, prUrl, summary };
  return takes(world, agent, fact, around.at) ? accept([fact], { agentId, beadId }) : cannot("agent", agentId, agent, "be done");
}

function checkpoint(world: World, agentId: string, data: Json, around: Surroundings): Decision {
  const agent = world.agents.get(agentId);
  if (!agent) return noAgent(agentId);
  const size = bytes(data);
  if (size > LIMITS.checkpoint_bytes) return refuse(413, `a checkpoint may have ${LIMITS.checkpoint_bytes} bytes of JSON, this one has ${size}; the one before is kept`);
  const stale = staleness(world, agentId, around.caller.dispatchId, "checkpoint", agent.context.hook);
  if (stale) return stale;
  const sum = digest(JSON.stringify(data));
  // The same checkpoint again proves nothing and changes nothing.
  if (agent.context.checkpoint?.digest === sum) return accept([], { agentId });
  return accept([{ type: "agent.checkpointed", agentId, dispatchId: dispatchId(agentId, agent.context.dispatchN), beadId: agent.context.hook, digest: sum, data }], { agentId });
}

/** An escalation about an escalation joins its parent (KC-1878). One raised by a live dispatch blocks its agent. */
function escalate(world: World, command: Extract<Command, { type: "escalate" }>, around: Surroundings): Decision {
  const { title, body, priority, metadata, agentId } = command;
  const about = typeof metadata["bead_id"] === "string" ? get(world, "bead", metadata["bead_id"]) : undefined;
  if (about?.context.type === "escalation" && !about.hasTag("terminal")) {
    return accept([{ type: "escalation.joined", beadId: about.context.id, title, body, by: agentId }], { beadId: about.context.id });
  }
  const bead = created(world, { type: "escalation", title, body, priority, labels: [], metadata, convoyId: null, blockedBy: [], deferUntil: null }, around, agentId);
  if (isRefusal(bead)) return bead;
  const agent = agentId === null ? undefined : world.agents.get(agentId);
  if (!agent || agentId === null) return accept([bead], { beadId: bead.beadId });
  if (staleness(world, agentId, around.caller.dispatchId, "escalation", bead.beadId)) return accept([bead], { beadId: bead.beadId, stale: true });
  const asked: Fact = { type: "agent.asked_help", agentId, dispatchId: dispatchId(agentId, agent.context.dispatchN), escalationId: bead.beadId };
  return accept(takes(world, agent, asked, around.at) ? [bead, asked] : [bead], { beadId: bead.beadId, agentId });
}

function completeReview(world: World, command: Extract<Command, { type: "complete_review" }>, around: Surroundings): Decision {
  const { reviewId, verdict, permanent, message, commitSha } = command;
  const review = get(world, "review", reviewId);
  if (!review) return refuse(404, `no review ${reviewId} in this rig`);
  const claim = command.claimId === null ? review.context.claim : dispatchNumber(reviewId, command.claimId);
  if (claim !== review.context.claim) {
    return accept([{ type: "report.stale", agentId: review.context.agentId, dispatchId: clip(command.claimId ?? "", LIMITS.id_chars) || null, report: "merge", current: dispatchId(reviewId, review.context.claim), about: review.context.beadId }], { reviewId, stale: true });
  }
  const fact: Fact = { type: "review.completed", reviewId, claim, verdict, permanent, message: clip(message), commitSha };
  return accept(takes(world, review, fact, around.at) ? [fact] : [], { reviewId });
}
