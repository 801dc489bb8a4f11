import type { Effect, EffectOf } from "../../events/effects.ts";
import { clip } from "../../events/facts.ts";
import { expect, type MachineEvent } from "../event.ts";
import type { RigContext } from "./context.ts";

/** What the rig tells people of itself, each once for its edge. */

type Told = Pick<EffectOf<"notify">, "severity" | "title" | "text">;

/** @param about what it is of, in its key: each fact tells of one such thing once */
const alert = (
  { config }: Pick<RigContext, "config">,
  { seq }: MachineEvent,
  about: string,
  told: Told,
): Omit<EffectOf<"notify">, "kind"> => ({ key: `${config?.rigId ?? "rig"}:${about}:${seq}`, ...told, beadId: null });

export const alertClock = (context: RigContext, event: MachineEvent): Effect => ({
  kind: "notify",
  ...alert(context, event, "clock", {
    severity: "warning",
    title: "the clock was put back",
    text: `By ${Math.round(-expect(event, "clock.jumped").by / 1_000)} s: what was journalled before says a later time than now. Whatever runs goes on from where it was.`,
  }),
});

export const alertPlace = (context: RigContext, event: MachineEvent): Effect => ({
  kind: "notify",
  ...alert(context, event, "place", {
    severity: "critical",
    title: "agents cannot start: their place is not fit",
    text: `${expect(event, "agent.exited").reason}. Nothing is charged to the work; starts are tried again every few minutes.`,
  }),
});

export const alertBreaker = (context: RigContext, event: MachineEvent): Effect => ({
  kind: "notify",
  ...alert(context, event, "breaker", {
    severity: "critical",
    title: "dispatch is suspended",
    text: `${context.failures.length} dispatches failed within ${context.settings.breaker_window_ms / 60_000} min. After ${context.settings.breaker_cooldown_ms / 60_000} min one probe is tried.`,
  }),
});

export const alertOutage = (context: RigContext, event: MachineEvent): Effect => ({
  kind: "notify",
  ...alert(context, event, "outage", {
    severity: "critical",
    title: "agents fail for a reason that is not their work's",
    text: clip(
      `${context.outage?.agents ?? 0} agents ended alike with nothing between, the last: ${expect(event, "dispatch.failed").reason}. Nobody is charged for it; one at a time is tried until one makes progress.`,
    ),
  }),
});

export const alertContainer = (context: RigContext, event: MachineEvent): Effect => ({
  kind: "notify",
  ...alert(context, event, "container", {
    severity: "warning",
    title: "the container cannot be reached",
    text: expect(event, "container.unreachable").error,
  }),
});
