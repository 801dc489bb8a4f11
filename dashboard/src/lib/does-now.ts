import type { BoardContent } from "../../../src/wire/board.ts";
import { statusLine, type AgentSnapshot } from "../../../src/machines/agent.ts";
import { askOf } from "../../../src/machines/agent/driver.ts";
import { whyAgent } from "../../../src/core/why.ts";
import type { World } from "../../../src/core/world.ts";
import type { IconName } from "../ui/icons.tsx";
import type { Tone } from "../ui/parts.tsx";
import { duration } from "./time.ts";

/** What an agent is and does at this moment, in a few words. */

export interface AgentState {
  readonly word: string;
  readonly icon: IconName;
  readonly tone: Tone;
}

const ASKS: AgentState = { word: "Asks you", icon: "ask", tone: "warn" };
const STATES: readonly (readonly [value: Parameters<AgentSnapshot["matches"]>[0], AgentState])[] = [
  [{ blocked: "onHelp" }, ASKS],
  [{ blocked: "onPermission" }, { word: "Permission", icon: "lock", tone: "warn" }],
  [{ blocked: "overBudget" }, { word: "Over budget", icon: "coin", tone: "warn" }],
  [{ blocked: "notAuthorized" }, { word: "No key", icon: "key", tone: "warn" }],
  [{ blocked: "quarantined" }, { word: "Rests", icon: "pause", tone: "plain" }],
  [{ working: { process: "starting" } }, { word: "Starting", icon: "clock", tone: "busy" }],
  [{ working: { process: "draining" } }, { word: "Stopping", icon: "clock", tone: "plain" }],
  [{ restarting: "starting" }, { word: "Starting", icon: "clock", tone: "busy" }],
  ["working", { word: "Working", icon: "work", tone: "busy" }],
  [{ restarting: "backingOff" }, { word: "Backs off", icon: "clock", tone: "plain" }],
  [{ exited: "handing_in" }, { word: "Hands in", icon: "clock", tone: "busy" }],
  ["restarting", { word: "Waits", icon: "chain", tone: "plain" }],
  [{ idle: "hooked" }, { word: "Waits", icon: "chain", tone: "plain" }],
  [{ idle: "empty" }, { word: "Free", icon: "ready", tone: "plain" }],
  ["exited", { word: "Ended", icon: "clock", tone: "plain" }],
] as never;

const HELD: AgentState = { word: "Held", icon: "pause", tone: "plain" };

export function agentStateOf(agent: AgentSnapshot): AgentState {
  // What runs goes on, and whoever waits for a person does so first.
  if (agent.context.held !== undefined && !agent.hasTag("slot") && !agent.matches("blocked")) return HELD;
  return STATES.find(([value]) => agent.matches(value))?.[1] ?? { word: "Free", icon: "ready", tone: "plain" };
}

/** @param words whether it is the agent's own doing, and so shown as it was said. */
export interface DoesNow {
  readonly text: string;
  readonly isOwn: boolean;
}

/** @param question what it asked with an escalation, or null */
export function doesNow(world: World, agent: AgentSnapshot, now: number, question: string | null): DoesNow {
  const { context } = agent;
  const ask = askOf(context);
  if (agent.matches({ blocked: "onPermission" }) && ask?.command != null)
    return { text: `Wants to run: ${ask.command}`, isOwn: true };
  if (agent.matches("blocked") && (ask !== undefined || question !== null))
    return { text: `Asks: ${ask?.text ?? question ?? ""}`, isOwn: false };
  if (agent.hasTag("slot") && agent.matches("working")) {
    if (context.preparing !== undefined)
      return { text: `Prepares: its clone is made since ${duration(now - context.preparing)}`, isOwn: false };
    if (context.waiting !== undefined && !context.waiting.isOver)
      return { text: `Waits for its model since ${duration(now - context.waiting.since)}`, isOwn: false };
    const said = statusLine(context);
    if (said !== null) return { text: said, isOwn: true };
  }
  return { text: whyAgent(world, agent).sentence, isOwn: false };
}

/** What it asked with an escalation: the newest that is open and says so. */
export function questionOf(agent: AgentSnapshot, content: ReadonlyMap<string, BoardContent>): string | null {
  if (!agent.matches({ blocked: "onHelp" })) return null;
  let found: string | null = null;
  for (const { title, createdBy, metadata } of content.values())
    if ("agent_id" in metadata && (metadata["agent_id"] === agent.context.id || createdBy === agent.context.id))
      found = title;
  return found;
}
