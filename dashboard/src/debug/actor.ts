import type { BoardContent } from "../../../src/wire/board.ts";
import type { Need } from "../../../src/core/needs.ts";
import type { AgentContext } from "../../../src/machines/agent.ts";
import { stateName } from "../../../src/core/decide/index.ts";
import type { AnySnapshot, Kind } from "../../../src/core/step.ts";
import { KINDS } from "../../../src/events/row.ts";
import { get, type World } from "../../../src/core/world.ts";
import { beadStateOf } from "../lib/bead-state.ts";
import { agentStateOf } from "../lib/does-now.ts";
import { agentName, beadTitle, short } from "../lib/names.ts";

/** One actor as the address names it, `agent:<id>`. */
export interface ActorRef {
  readonly kind: Kind;
  readonly id: string;
}

export function actorRef(text: string | null): ActorRef | null {
  const at = (text ?? "").indexOf(":");
  const kind = (text ?? "").slice(0, at);
  return at > 0 && (KINDS as readonly string[]).includes(kind)
    ? { kind: kind as Kind, id: (text ?? "").slice(at + 1) }
    : null;
}

export const refText = ({ kind, id }: ActorRef): string => `${kind}:${id}`;

/** Whoever is likely to be looked for: an agent in trouble, one at work, any agent, the rig. */
export function firstActor(world: World): ActorRef {
  const agents = [...world.agents.values()];
  const agent =
    agents.find((one) => one.matches("blocked")) ?? agents.find((one) => one.matches("working")) ?? agents[0];
  return agent === undefined ? { kind: "rig", id: "rig" } : { kind: "agent", id: agent.context.id };
}

export const snapshotOf = (world: World, { kind, id }: ActorRef): AnySnapshot | undefined =>
  get(world, kind, id) as AnySnapshot | undefined;

export function actorName(world: World, content: ReadonlyMap<string, BoardContent>, { kind, id }: ActorRef): string {
  switch (kind) {
    case "rig":
      return world.rig.context.config?.name ?? "the rig";
    case "queue":
      return "the merge queue";
    case "budget":
      return "the budget";
    case "accounts":
      return "the accounts";
    case "agent":
      return agentName(world, id);
    case "bead":
      return beadTitle(content, id);
    case "review": {
      const bead = world.reviews.get(id)?.context.beadId;
      return bead === undefined ? short(id) : `Review of ${beadTitle(content, bead)}`;
    }
  }
}

/** What it is and does, in the words of the board; what the chart calls it where the board has none. */
export function actorWord(world: World, content: ReadonlyMap<string, BoardContent>, actor: ActorRef): string {
  const snapshot = snapshotOf(world, actor);
  if (snapshot === undefined) return "";
  if (actor.kind === "agent") {
    const agent = world.agents.get(actor.id);
    const { hook = null } = agent?.context ?? {};
    const word = agent === undefined ? "" : agentStateOf(agent).word;
    return hook === null ? word : `${word} · ${beadTitle(content, hook)}`;
  }
  if (actor.kind === "bead") {
    const bead = world.beads.get(actor.id);
    return bead === undefined ? "" : beadStateOf(bead, world, world.at).word;
  }
  return leaf(snapshot).replaceAll("_", " ");
}

/** The actor that a need is about, for the debugger: whoever waits, else what it is about. */
export function actorOfNeed(need: Pick<Need, "agents" | "beads" | "reviews" | "escalations" | "actors">): string {
  const [agent] = need.agents;
  const [review] = need.reviews;
  const [bead = need.escalations[0]] = need.beads;
  if (need.actors[0] !== undefined) return need.actors[0];
  if (agent !== undefined) return `agent:${agent}`;
  if (review !== undefined) return `review:${review}`;
  return bead === undefined ? "rig:rig" : `bead:${bead}`;
}

/** The last part of each active state: what a list has room for. */
export const leaf = (snapshot: AnySnapshot): string =>
  stateName(snapshot)
    .split(" + ")
    .map((path) => path.split(".").slice(-2).join(" "))
    .join(", ");

/** Every time in an actor's context that something waits for, soonest first. */
export function deadlines(world: World, { kind, id }: ActorRef): { name: string; at: number }[] {
  const snapshot = snapshotOf(world, { kind, id });
  if (snapshot === undefined) return [];
  const context = snapshot.context as unknown as Record<string, unknown>;
  const { settings } = world.rig.context;
  const NAMES: Record<string, string> = {
    leaseUntil: "end of the start lease",
    stopUntil: "end of the stop lease",
    backoffUntil: "end of the backoff",
    quarantinedUntil: "end of the rest",
    claimUntil: "end of the merge claim",
    resendAt: "merge is asked for again",
    until: "end of the train’s lease",
    lookAt: "looked for on the target again",
    deferUntil: "deferred until",
  };
  const found = Object.entries(NAMES).flatMap(([name, text]) =>
    typeof context[name] === "number" ? [{ name: text, at: context[name] }] : [],
  );
  if (kind === "agent" && typeof (context as unknown as AgentContext).progressAt === "number") {
    const since = (context as unknown as AgentContext).progressAt ?? 0;
    found.push(
      { name: "GUPP check", at: since + settings.gupp_check_ms },
      { name: "GUPP escalation", at: since + settings.gupp_escalate_ms },
      { name: "GUPP restart", at: since + settings.gupp_restart_ms },
    );
  }
  if (kind === "rig" && world.rig.matches({ gate: "suspended" }) && world.rig.context.openedAt !== null)
    found.push({
      name: "end of the breaker’s cool-down",
      at: world.rig.context.openedAt + settings.breaker_cooldown_ms,
    });
  return found.sort((a, b) => a.at - b.at);
}
