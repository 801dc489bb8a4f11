import type { Level, NeedCode } from "../events/needs.ts";
import { cooldownEnd, isHeldBack, rigDeadline } from "../machines/rig.ts";
import type { Draft } from "./needs.ts";
import type { World } from "./world.ts";

/** What people may be needed for of the rig itself. */
export function ofRig(
  { rig }: World,
  of: (key: string, code: NeedCode, level: Level, since?: number | null) => Draft,
): void {
  const { context } = rig;
  if (context.config === null) of("no_config", "no_config", "now");
  if (rig.matches({ gate: "suspended" })) {
    const need = of("breaker_open", "breaker_open", "now", context.openedAt);
    need.until = cooldownEnd(context);
    need.values = {
      failures: context.failures.length,
      window_min: Math.round(context.settings.breaker_window_ms / 60_000),
    };
  }
  if (rig.matches({ gate: "outage" })) {
    const need = of("breaker_open", "outage", "now", context.outage?.since ?? null);
    need.until = rigDeadline(rig);
    need.values = { count: context.outage?.agents ?? 0, reason: context.outage?.reason ?? "" };
  }
  if (rig.matches({ gate: "halfOpen" })) of("breaker_open", "probe", "soon", context.openedAt);
  if (rig.matches({ container: "unreachable" }))
    of("container_unreachable", "container_unreachable", "now").values = {
      error: context.containerError ?? "it does not answer",
    };
  if (rig.matches({ life: "draining" })) of("draining", "draining", "know");
  if (rig.matches({ life: { alive: "paused" } }) && !isHeldBack(rig)) of("paused", "paused", "know");
  const { strays } = context;
  if (strays !== undefined)
    of("strays", "strays", "know", strays.since).values = { things: strays.count, words: strays.words };
}
