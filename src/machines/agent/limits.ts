import type { EffectOf } from "../../events/effects.ts";
import { clip } from "../../events/facts.ts";
import { LIMITS } from "../../events/limits.ts";
import { rulesAtLeast } from "../../events/rules.ts";
import { exponential, type MachineEvent } from "../event.ts";
import { newest, type AgentContext } from "./context.ts";

/** Rate limits: how long an agent waits that a provider does not let in, and who is told when that goes on. */

/**
 * Until the time that was named with the end, or a while. From rules 2 on no time is believed that has passed or is far ahead: each limit in
 * a row is waited out longer than the one before.
 */
export function untilReset(context: AgentContext, event: MachineEvent): Partial<AgentContext> {
  const named = event.type === "agent.exited" ? event.resetAt : null;
  const wanted = named ?? event.at + LIMITS.rate_limit_default_ms;
  if (!rulesAtLeast(event.ruleSet, 2)) return { backoffUntil: wanted };
  const latest = event.at + LIMITS.rate_limit_max_ms;
  if (event.type !== "agent.exited" || event.outcome !== "rate_limited")
    return { backoffUntil: Math.min(wanted, latest) };
  const limited = (context.limited ?? 0) + 1;
  // The rig knows whose limit it is, and holds what would use it: this one may well be run by another program meanwhile.
  if (event.account !== undefined) return { limited, backoffUntil: null };
  const { backoff_base_ms, backoff_max_ms } = event.settings;
  const soonest = event.at + exponential(limited, backoff_base_ms, backoff_max_ms);
  return { limited, backoffUntil: Math.min(Math.max(wanted, soonest), latest) };
}

/** Once, when there were so many in a row. */
export function alertLimits(context: AgentContext, { seq }: MachineEvent): Omit<EffectOf<"notify">, "kind">[] {
  if (context.limited !== LIMITS.rate_limits_told) return [];
  return [
    {
      key: `${newest(context)}:limits:${seq}`,
      severity: "warning",
      title: clip(`the provider of ${context.name} does not let it in`, LIMITS.title_chars),
      text: clip(
        `${context.limited} rate limits in a row, and nothing to show between them; the last: ${context.exit?.reason ?? ""}. Nothing is charged, and each wait is longer than the one before.`,
      ),
      beadId: context.hook,
    },
  ];
}

/** It waits before its next attempt, which is not counted. */
export const uncharged = (context: AgentContext, { at, settings }: MachineEvent): Partial<AgentContext> => ({
  uncharged: context.uncharged + 1,
  backoffUntil: at + exponential(context.uncharged + 1, settings.backoff_base_ms, settings.backoff_max_ms),
});

/** Which of the rig's programs it is granted, where there are several to choose from. */
export const programOf = ({ runtime, model }: { runtime?: string | undefined; model?: string | undefined }) => ({
  ...(runtime === undefined ? {} : { runtime }),
  ...(model === undefined ? {} : { model }),
});
