import type { Effect } from "../../events/effects.ts";
import { clip, type Fact } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import type { RefusalCode } from "../../events/refusal-code.ts";
import { rulesAtLeast } from "../../events/rules.ts";
import type { MachineEvent } from "../event.ts";
import { idleFor, newest, type AgentContext } from "./context.ts";

/** The words and facts that several of the agent's actions share. */

export const minutes = (ms: number): number => Math.floor(ms / 60_000);

export const guppText = (context: AgentContext, event: MachineEvent): string =>
  `GUPP_CHECK: you have shown no progress on ${context.hook ?? "your hook"} for ${minutes(idleFor(context, event))} minutes. If there is work on your hook, you run it. Save a checkpoint, ask for help with an escalation, or finish with done.`;

/** What was not delivered is not called sent. */
export const guppWasSent = ({ takesNoMessages }: AgentContext): string =>
  takesNoMessages === true
    ? "A GUPP_CHECK is in its mail; it takes no messages while it runs."
    : "It was sent a GUPP_CHECK.";

export const failure = (context: AgentContext, { ruleSet }: MachineEvent, charged: boolean): Fact[] =>
  context.hook === null || context.exit === null
    ? []
    : [
        {
          type: "dispatch.failed",
          agentId: context.id,
          dispatchId: newest(context),
          beadId: context.hook,
          charged,
          attempts: context.attempts,
          reason: clip(`${context.exit.outcome}: ${context.exit.reason}`),
          ...(context.exit.input === true && charged && context.attempts > 1 ? { sameInput: true as const } : {}),
          ...(context.exit.input === true && rulesAtLeast(ruleSet, 2) ? { input: true as const } : {}),
        },
      ];

/** For people, so from rules 2 on it names the agent; the id of the bead is in the text. */
export const exhaustedTitle = (context: AgentContext, event: MachineEvent): string =>
  rulesAtLeast(event.ruleSet, 2)
    ? `${context.name} gives up its bead after ${context.attempts} attempts`
    : `bead ${context.hook ?? "(none)"} failed after ${context.attempts} attempts`;

export const exhaustedBead = (context: AgentContext, event: MachineEvent): string =>
  rulesAtLeast(event.ruleSet, 2) ? `Bead ${context.hook ?? "(none)"} has failed. ` : "";

export const escalationId = ({ id }: AgentContext, { seq }: MachineEvent): string => `esc-${id}-${seq}`;

export const escalation = (
  context: AgentContext,
  event: MachineEvent,
  title: string,
  body: string,
  kind: string,
): Fact => ({
  type: "bead.created",
  beadId: escalationId(context, event),
  beadType: "escalation",
  title: clip(title, LIMITS.title_chars),
  body,
  priority: "high",
  labels: ["witness"],
  metadata: { kind, agent_id: context.id, ...(context.hook === null ? {} : { bead_id: context.hook }) },
  convoyId: null,
  blockedBy: [],
  deferUntil: null,
  createdBy: null,
});

/** What an agent is told of a hand-in that was refused. */
export const refusalText = (sentence: string): string =>
  `Your work was not taken: ${sentence} Mend it and say done again.`;

/** What an agent is told when a person sends its work back. */
export const sentBackText = (note: string | null): string =>
  `A person sends your work back${note === null || note === "" ? "" : `: ${note}`}. Mend it and say done again.`;

/** Refusals after which a person may take a commit of the agent as it is. */
export const takenAsIs = (code: RefusalCode): boolean =>
  code === "dirty" || code === "too_many_deletions" || code === "wrong_branch";

/** Something is said to the process while it runs. */
export const tell = (context: AgentContext, { seq }: MachineEvent, prompt: string): Effect => ({
  kind: "container.message",
  key: `${newest(context)}:container.message:${seq}`,
  agentId: context.id,
  dispatchId: newest(context),
  prompt,
});
