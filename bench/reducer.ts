import type { AgentContext, AgentSnapshot } from "../src/machines/agent.ts";
import type { Settings } from "../src/events/settings.ts";

/**
 * The TICK of an agent as one would write it by hand: a switch over the state, on the same rows, with the same reads and the
 * same answers. The yardstick for what statecharts cost.
 */
export interface Row {
  readonly value: AgentSnapshot["value"];
  readonly context: AgentContext;
}
export interface Said {
  mails: number;
  effects: number;
  escalations: number;
  failures: number;
}

export function tickByHand(row: Row, at: number, unreachable: boolean, settings: Settings, said: Said): Row {
  const { value, context } = row;
  if (typeof value === "string") return row;
  if ("working" in value)
    return tickWorking(value.working as { process: string; progress: string }, row, at, unreachable, settings, said);
  if ("exited" in value) {
    if (context.hook === null) return { value: { idle: "empty" }, context };
    return {
      value: { restarting: context.backoffUntil === null || at >= context.backoffUntil ? "due" : "backingOff" },
      context,
    };
  }
  if ("restarting" in value) {
    if (value.restarting === "backingOff" && (context.backoffUntil === null || at >= context.backoffUntil))
      return { value: { restarting: "due" }, context };
    if (value.restarting === "starting" && context.leaseUntil !== null && at >= context.leaseUntil)
      return crash(row, at, settings, said);
    return row;
  }
  if ("blocked" in value) {
    if (value.blocked === "quarantined")
      return context.quarantinedUntil !== null && at >= context.quarantinedUntil
        ? { value: { idle: "empty" }, context: { ...context, exhausted: 0, quarantinedUntil: null } }
        : row;
    if (
      typeof value.blocked === "object" &&
      "onPermission" in value.blocked &&
      value.blocked.onPermission === "waiting" &&
      context.blockedAt !== null &&
      at >= context.blockedAt + settings.gupp_check_ms
    ) {
      said.escalations++;
      return { value: { blocked: { onPermission: "escalated" } }, context };
    }
  }
  return row;
}

function tickWorking(
  { process, progress }: { process: string; progress: string },
  row: Row,
  at: number,
  unreachable: boolean,
  settings: Settings,
  said: Said,
): Row {
  const { context } = row;
  switch (process) {
    case "starting":
      if (context.leaseUntil !== null && at >= context.leaseUntil)
        return unreachable
          ? {
              value: { exited: "crashed" },
              context: { ...context, leaseUntil: null, uncharged: context.uncharged + 1 },
            }
          : crash(row, at, settings, said);
      return row;
    case "draining":
      if (context.stopUntil !== null && at >= context.stopUntil)
        return context.stopReason === "evicted"
          ? { value: { exited: "evicted" }, context: { ...context, stopUntil: null, backoffUntil: null } }
          : crash(row, at, settings, said);
      return row;
  }
  if (context.role === "mayor" || context.progressAt === null) return row;
  const idle_ms = at - context.progressAt;
  if (idle_ms < settings.gupp_check_ms) return row;
  if (idle_ms >= settings.gupp_restart_ms) {
    said.effects++;
    return {
      value: { working: { process: "draining", progress } } as Row["value"],
      context: { ...context, stopUntil: at + 60_000, progressAt: null, stopReason: "stalled" },
    };
  }
  if (idle_ms >= settings.gupp_escalate_ms && progress !== "escalated") {
    said.escalations++;
    return { value: { working: { process, progress: "escalated" } } as Row["value"], context };
  }
  if (progress === "fresh") {
    said.mails++;
    said.effects++;
    return { value: { working: { process, progress: "checked" } } as Row["value"], context };
  }
  return row;
}

function crash({ context }: Row, at: number, settings: Settings, said: Said): Row {
  said.failures++;
  const attempts = context.attempts + 1;
  return {
    value: { exited: "crashed" },
    context: {
      ...context,
      attempts,
      leaseUntil: null,
      stopUntil: null,
      backoffUntil: at + Math.min(settings.backoff_max_ms, settings.backoff_base_ms * 2 ** (attempts - 1)),
    },
  };
}
