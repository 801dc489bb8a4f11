import { dispatchId } from "../../events/dispatch-id.ts";
import { clip, type Fact } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import { isHandingIn, statusLine, type AgentSnapshot } from "../../machines/agent.ts";
import { isUndecided } from "../../machines/agent/context.ts";
import { takenAsIs } from "../../machines/agent/says.ts";
import { fenceOf } from "../../machines/rig.ts";
import { isProbe, limitOf } from "../accounts.ts";
import type { World } from "../world.ts";
import { anyOf, itself, operators, system } from "./authority.ts";
import type { CommandOf, Decision, Json, Rows, Surroundings } from "./command.ts";
import { accept, asStale, bytes, cannot, noAgent, noBead, refuse, staleness, takes } from "./tools.ts";

/** What may be said to a prompt whose driver gives no answers to choose from. */
const PERMISSION = [
  { id: "allow", label: "Allow" },
  { id: "deny", label: "Deny" },
  { id: "always", label: "Always" },
];

/** The container reports with the token of the agent that it reports of. */
const ofItself = anyOf<{ readonly agentId: string }>(operators, itself);
/** And the patrol has looked for itself. */
const observed = anyOf<{ readonly agentId: string }>(operators, itself, system);

/** What a dispatch says of itself, or the container of it. */
export const REPORTS: Rows<
  | "done"
  | "settle_hand_in"
  | "exited"
  | "heard"
  | "progressed"
  | "checkpoint"
  | "say_status"
  | "asked"
  | "permission_asked"
  | "permission_answered"
> = {
  done: { may: ofItself, run: done },
  settle_hand_in: { may: operators, run: settleHandIn },
  exited: {
    may: observed,
    run: exited,
  },
  heard: {
    may: observed,
    run: (world, { agentId, dispatchId: named }, around) =>
      report(world, agentId, named ?? around.caller.dispatchId, "heartbeat", around, (dispatch) => ({
        type: "agent.heard",
        agentId,
        dispatchId: dispatch,
      })),
  },
  progressed: {
    may: ofItself,
    run: (world, { agentId, what }, around) =>
      report(world, agentId, around.caller.dispatchId, "progress", around, (dispatch, agent) =>
        isFreshEnough(agent, around.at) && !isProbe(world, dispatch)
          ? null
          : { type: "agent.progressed", agentId, dispatchId: dispatch, what: clip(what) },
      ),
  },
  checkpoint: { may: ofItself, run: (world, { agentId, data }, around) => checkpoint(world, agentId, data, around) },
  say_status: {
    may: ofItself,
    run: (world, { agentId, line }, around) =>
      report(world, agentId, around.caller.dispatchId, "status", around, (dispatch, { context }) =>
        // Said again it is no news.
        statusLine(context) === line ? null : { type: "agent.status_said", agentId, dispatchId: dispatch, line },
      ),
  },
  asked: {
    may: ofItself,
    run: asked,
  },
  permission_asked: {
    may: ofItself,
    run: (world, { agentId, prompt }, around) =>
      report(world, agentId, around.caller.dispatchId, "permission prompt", around, (dispatch) => ({
        type: "permission.asked",
        agentId,
        dispatchId: dispatch,
        prompt: clip(prompt),
      })),
  },
  permission_answered: {
    may: ofItself,
    run: (world, { agentId }, around) =>
      report(world, agentId, around.caller.dispatchId, "permission answer", around, (dispatch) => ({
        type: "permission.answered",
        agentId,
        dispatchId: dispatch,
      })),
  },
};

/** One more than may wait is refused, so that whoever asks can ask again: it would never be answered otherwise. */
function asked(world: World, { agentId, dispatchId: named, ask }: CommandOf<"asked">, around: Surroundings): Decision {
  const { id: askId, kind, text, command, options } = ask;
  const choices = kind === "permission" && options.length === 0 ? PERMISSION : options;
  const decision = report(world, agentId, named ?? around.caller.dispatchId, "ask", around, (dispatch) => ({
    type: "agent.asked",
    agentId,
    dispatchId: dispatch,
    askId,
    kind,
    text,
    command,
    options: [...choices],
  }));
  const isNews = decision.ok && decision.facts.some(({ type }) => type === "agent.asked");
  const waiting = world.agents.get(agentId)?.context.asks?.length ?? 0;
  return isNews && waiting >= LIMITS.asks_waiting
    ? refuse(429, `agent ${agentId} waits for ${waiting} answers already; ask again when one of them was given`)
    : decision;
}

function exited(world: World, command: CommandOf<"exited">, around: Surroundings): Decision {
  const { agentId, dispatchId: named, outcome, reason, resetAt, ending, runtime, isUnheard, setAside = [] } = command;
  const limit =
    outcome === "rate_limited" && command.limited !== undefined
      ? limitOf(world, agentId, command.limited, around.at)
      : null;
  const agent = world.agents.get(agentId);
  if (agent !== undefined && isOfTheOneBefore(world, agent, around))
    return asStale(world, agentId, around.caller.dispatchId, "completed", agent.context.hook);
  const decision = report(world, agentId, named ?? around.caller.dispatchId, "completed", around, (dispatch) => ({
    type: "agent.exited",
    agentId,
    dispatchId: dispatch,
    outcome,
    reason: clip(reason),
    resetAt,
    ...(ending === undefined ? {} : { ending }),
    ...(runtime === undefined ? {} : { runtime }),
    ...(limit === null ? {} : { account: limit.account }),
    ...(isUnheard === true ? { unheard: true as const } : {}),
  }));
  const beadId = agent?.context.hook ?? null;
  const isNews = decision.ok && decision.facts.some(({ type }) => type === "agent.exited");
  const first = isNews && limit !== null ? [limit] : [];
  if (!isNews || beadId === null) return decision.ok ? { ...decision, facts: [...first, ...decision.facts] } : decision;
  const told = setAside.map(({ ref, files, sentence }): Fact => {
    const why = clip(sentence) || "no reason was given";
    return { type: "work.set_aside", agentId, beadId, ref, files, givenBack: false, why };
  });
  return { ...decision, facts: [...first, ...decision.facts, ...told] };
}

/** A report of a dispatch: stale ones are recorded, news becomes a fact, anything else is nothing new. */
function report(
  world: World,
  agentId: string,
  spokenOf: string | null,
  what: string,
  around: Surroundings,
  make: (dispatch: string, agent: AgentSnapshot) => Fact | null,
): Decision {
  const agent = world.agents.get(agentId);
  if (!agent) return noAgent(agentId);
  const stale = staleness(world, agentId, spokenOf, what, agent.context.hook);
  if (stale) return stale;
  const fact = make(dispatchId(agentId, agent.context.dispatchN), agent);
  return accept(fact !== null && takes(world, agent, fact, around.at) ? [fact] : [], { agentId });
}

/** A running agent whose clock was moved a moment ago: another fact would tell nothing. */
const isFreshEnough = (agent: AgentSnapshot, at: number): boolean =>
  agent.matches({ working: { process: "running", progress: "fresh" } }) &&
  agent.context.heard &&
  agent.context.progressAt !== null &&
  at - agent.context.progressAt < LIMITS.progress_granularity_ms;

/** Branches that the rig has granted are named like this. */
const GRANTED = /^ticktown\//;

/** Where no report names its dispatch, the branch tells whose work it was: a done of the bead before is not one of this one. */
function ofAnotherBead(
  world: World,
  { context: { id, hook, branch: granted } }: AgentSnapshot,
  branch: string,
  { caller }: Surroundings,
): Decision | null {
  if (caller.kind !== "agent" || fenceOf(world.rig) !== "agent" || hook === null) return null;
  return GRANTED.test(branch) && branch !== granted ? asStale(world, id, caller.dispatchId, "done", hook) : null;
}

/** Where no report names its dispatch, an end that is told before anything was heard of a start may be that of the process before (F-401). */
function isOfTheOneBefore(
  world: World,
  { context: { heard, leaseUntil } }: AgentSnapshot,
  { at, caller }: Surroundings,
): boolean {
  return caller.kind === "agent" && fenceOf(world.rig) === "agent" && !heard && leaseUntil !== null && at < leaseUntil;
}

function done(world: World, command: CommandOf<"done">, around: Surroundings): Decision {
  const { agentId, branch, prUrl, summary, resolution = "work", note = null } = command;
  const agent = world.agents.get(agentId);
  if (!agent) return noAgent(agentId);
  const stale =
    staleness(world, agentId, around.caller.dispatchId, "done", agent.context.hook) ??
    ofAnotherBead(world, agent, branch, around);
  if (stale) return stale;
  const beadId = agent.context.hook;
  // The second done of a dispatch finds the hook cleared: nothing is left to do (KC-1487).
  if (beadId === null)
    return agent.context.dispatchN > 0
      ? accept([], { agentId })
      : cannot("agent", agentId, agent, "be done without a bead");
  // Its hand-in has no answer yet: to say so twice is to say it once.
  if (isHandingIn(agent)) return accept([], { agentId, beadId });
  const said = { agentId, dispatchId: dispatchId(agentId, agent.context.dispatchN), beadId, branch, prUrl, summary };
  const hasClone = !agent.matches("idle") && agent.context.dispatchBead === beadId && agent.context.isLookedAt === true;
  const fact: Fact =
    hasClone && around.isUnseeing !== true
      ? { type: "work.handed_in", ...said, resolution, note }
      : { type: "agent.done", ...said, ...(hasClone ? { unseen: true as const } : {}) };
  return takes(world, agent, fact, around.at)
    ? accept([fact], { agentId, beadId })
    : cannot("agent", agentId, agent, "be done");
}

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

function checkpoint(world: World, agentId: string, data: Json, around: Surroundings): Decision {
  const agent = world.agents.get(agentId);
  if (!agent) return noAgent(agentId);
  const size = bytes(data);
  if (size > LIMITS.checkpoint_bytes)
    return refuse(
      413,
      `a checkpoint may have ${LIMITS.checkpoint_bytes} bytes of JSON, this one has ${size}; the one before is kept`,
    );
  const stale = staleness(world, agentId, around.caller.dispatchId, "checkpoint", agent.context.hook);
  if (stale) return stale;
  const sum = digest(JSON.stringify(data));
  const head = around.headOf?.(agentId);
  // The same checkpoint again proves nothing and changes nothing.
  if (agent.context.checkpoint?.digest === sum) return accept([], { agentId });
  return accept(
    [
      {
        type: "agent.checkpointed",
        agentId,
        dispatchId: dispatchId(agentId, agent.context.dispatchN),
        beadId: agent.context.hook,
        digest: sum,
        data,
        ...(head === undefined ? {} : { head }),
      },
    ],
    { agentId },
  );
}

/** Ends the back and forth of a hand-in: sent back, closed as no change, or the commit that was seen is taken as it is. */
function settleHandIn(world: World, command: CommandOf<"settle_hand_in">, around: Surroundings): Decision {
  const { beadId, decision, note } = command;
  const bead = world.beads.get(beadId);
  if (!bead) return noBead(beadId);
  const agent = world.agents.get(bead.context.assignee ?? "");
  const refused = agent?.context.hook === beadId ? agent.context.handIn?.refused : undefined;
  if (agent === undefined || refused == null || !isUndecided(agent.context))
    return refuse(409, `bead ${beadId} has no hand-in that waits for a person`);
  if (decision === "as_is" && (!takenAsIs(refused.code) || refused.commit === null))
    return refuse(
      409,
      `what was handed in for bead ${beadId} cannot be taken as it is: it was refused for ${refused.code}; send it back, or close it as no change`,
    );
  const fact: Fact = {
    type: "hand_in.settled",
    agentId: agent.context.id,
    beadId,
    decision,
    note,
    commit: decision === "as_is" ? refused.commit : null,
    by: around.caller.id,
  };
  return takes(world, agent, fact, around.at)
    ? accept([fact], { agentId: agent.context.id, beadId })
    : cannot("agent", agent.context.id, agent, "have its hand-in settled");
}
