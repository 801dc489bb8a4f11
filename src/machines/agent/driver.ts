import type { FactOf } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import { expect, type MachineEvent } from "../event.ts";
import type { AgentContext } from "./context.ts";

/** What an agent's driver tells of it, as its chart remembers it. */

/** Something that somebody must answer. */
export type Ask = Readonly<Pick<FactOf<"agent.asked">, "kind" | "text" | "command" | "options">> & {
  readonly id: string;
};

/** What one conversation has used. */
export type Used = Readonly<
  Pick<
    FactOf<"agent.usage">,
    "session" | "inputTokens" | "cachedTokens" | "outputTokens" | "model" | "costMicrodollars"
  >
>;

const AMOUNTS = ["inputTokens", "cachedTokens", "outputTokens", "costMicrodollars"] as const;

/** What is asked first is answered first. */
export const askOf = ({ asks }: AgentContext): Ask | undefined => asks?.[0];

/** Whether this dispatch has not asked it before. */
export const isNewAsk = ({ asked }: AgentContext, event: MachineEvent): boolean =>
  asked?.includes(expect(event, "agent.asked").askId) !== true;

export function withAsk({ asks = [], asked = [] }: AgentContext, event: MachineEvent): Partial<AgentContext> {
  const { askId, kind, text, command, options } = expect(event, "agent.asked");
  return {
    asks: [...asks, { id: askId, kind, text, command, options }].slice(0, LIMITS.asks_waiting),
    asked: [...asked, askId].slice(-LIMITS.asks_remembered),
  };
}

/** Which conversation it is that its newest dispatch goes on with. */
export function withSession({ hook }: AgentContext, event: MachineEvent): Partial<AgentContext> {
  const { driver, session } = expect(event, "agent.session");
  return { session: { driver, id: session, beadId: hook } };
}

const usedBefore = ({ usage, dispatchBead }: AgentContext): readonly Used[] =>
  usage?.beadId === dispatchBead ? usage.sessions : [];

/** More of anything than is known of that conversation. */
export function isMoreUsage(context: AgentContext, event: MachineEvent): boolean {
  const used = expect(event, "agent.usage");
  const known = usedBefore(context).find(({ session }) => session === used.session);
  return known === undefined || AMOUNTS.some((amount) => (used[amount] ?? 0) > (known[amount] ?? 0));
}

/** The newest conversations of its bead, each with the most that was ever said of it. */
export function withUsage(context: AgentContext, event: MachineEvent): Partial<AgentContext> {
  const { session, inputTokens, cachedTokens, outputTokens, model, costMicrodollars } = expect(event, "agent.usage");
  const before = usedBefore(context);
  const known = before.find((one) => one.session === session);
  const most: Used = {
    session,
    inputTokens: Math.max(inputTokens, known?.inputTokens ?? 0),
    cachedTokens: Math.max(cachedTokens, known?.cachedTokens ?? 0),
    outputTokens: Math.max(outputTokens, known?.outputTokens ?? 0),
    model: model ?? known?.model ?? null,
    costMicrodollars:
      costMicrodollars === null
        ? (known?.costMicrodollars ?? null)
        : Math.max(costMicrodollars, known?.costMicrodollars ?? 0),
  };
  const sessions = known === undefined ? [...before, most] : before.map((one) => (one === known ? most : one));
  return {
    usage: { beadId: context.dispatchBead, at: event.at, sessions: sessions.slice(-LIMITS.sessions_counted) },
  };
}
