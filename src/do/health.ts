import { type Fence, fenceOf, rigDeadline } from "../machines/rig.ts";
import { violations } from "../core/invariants.ts";
import { arm } from "./alarm.ts";
import type { Rig } from "./rig.ts";

/** A rig's state for whoever watches it. */
export interface Health {
  life: string;
  gate: string;
  cadence: string;
  /** ms since epoch, or null. */
  next_alarm: number | null;
  counts: { agents: Record<string, number>; beads: Record<string, number>; reviews: Record<string, number> };
  /** Age of the oldest ready bead that has no agent, ms, or null. */
  oldest_ready_ms: number | null;
  breaker: { failures: number; opened_at: number | null; until: number | null };
  container: string;
  /** By what reports of the town's agents are told apart: `agent` where its container knows no dispatch ids. */
  fence: Fence;
  /** The container's disk and this rig's part of it in bytes, as of `at` (ms); null until it was asked. */
  disk: { at: number; free_bytes: number; total_bytes: number; rig_bytes: number | null } | null;
  outbox: number;
  broken: { actor: string; error: string }[];
  violations: string[];
}

/** Answers, and arms the alarm within arm_delay_ms: whoever asks wants a rig that is awake. */
export function health(rig: Rig): Health {
  const { world, ports } = rig;
  if (world.seq > 0) arm(rig, ports.now() + world.rig.context.settings.arm_delay_ms);
  return healthOf(rig);
}

/** The same, and a rig that sleeps goes on sleeping. */
export function healthOf(rig: Rig): Health {
  const { world, ports } = rig;
  const now = ports.now();
  const top = (value: unknown): string => (typeof value === "string" ? value : (Object.keys(value as object)[0] ?? ""));
  const count = (snapshots: Iterable<{ value: unknown }>): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const { value } of snapshots) counts[top(value)] = (counts[top(value)] ?? 0) + 1;
    return counts;
  };
  let oldest: number | null = null;
  for (const id of world.index.ready) {
    const created = world.beads.get(id)?.context.createdAt ?? now;
    oldest = Math.max(oldest ?? 0, now - created);
  }
  const { value, context } = world.rig;
  return {
    life:
      typeof value.life === "string"
        ? value.life
        : `alive.${top(value.life) === "alive" ? Object.values(value.life)[0] : ""}`,
    gate: String(value.gate),
    cadence: String(value.cadence),
    next_alarm: ports.getAlarm(),
    counts: {
      agents: count(world.agents.values()),
      beads: count(world.beads.values()),
      reviews: count(world.reviews.values()),
    },
    oldest_ready_ms: oldest,
    breaker: { failures: context.failures.length, opened_at: context.openedAt, until: rigDeadline(world.rig) },
    container: String(value.container),
    fence: fenceOf(world.rig),
    disk: rig.tidying.disk,
    outbox: ports.sql.exec<{ n: number }>("SELECT COUNT(*) AS n FROM outbox").toArray()[0]?.n ?? 0,
    broken: [...world.broken].map(([actor, error]) => ({ actor, error })),
    violations: violations(world).map(({ rule, actor, text }) => `${rule}: ${actor}: ${text}`),
  };
}
