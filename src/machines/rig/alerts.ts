import type { Effect } from "../../events/effects.ts";
import { expect, type MachineEvent } from "../event.ts";
import type { RigContext } from "./context.ts";

/** What the rig tells people of itself, each once for its edge. */

export const alertClock = (context: RigContext, event: MachineEvent): Effect => ({
  kind: "notify",
  key: `${context.config?.rigId ?? "rig"}:clock:${event.seq}`,
  severity: "warning",
  title: "the clock was put back",
  text: `By ${Math.round(-expect(event, "clock.jumped").by / 1_000)} s: what was journalled before says a later time than now. Whatever runs goes on from where it was.`,
  beadId: null,
});

export const alertPlace = (context: RigContext, event: MachineEvent): Effect => ({
  kind: "notify",
  key: `${context.config?.rigId ?? "rig"}:place:${event.seq}`,
  severity: "critical",
  title: "agents cannot start: their place is not fit",
  text: `${expect(event, "agent.exited").reason}. Nothing is charged to the work; starts are tried again every few minutes.`,
  beadId: null,
});

export const alertBreaker = (context: RigContext, event: MachineEvent): Effect => ({
  kind: "notify",
  key: `${context.config?.rigId ?? "rig"}:breaker:${event.seq}`,
  severity: "critical",
  title: "dispatch is suspended",
  text: `${context.failures.length} dispatches failed within ${context.settings.breaker_window_ms / 60_000} min. After ${context.settings.breaker_cooldown_ms / 60_000} min one probe is tried.`,
  beadId: null,
});

export const alertContainer = (context: RigContext, event: MachineEvent): Effect => ({
  kind: "notify",
  key: `${context.config?.rigId ?? "rig"}:container:${event.seq}`,
  severity: "warning",
  title: "the container cannot be reached",
  text: expect(event, "container.unreachable").error,
  beadId: null,
});
