import type { Observed } from "../../src/do/ports.ts";
import type { Driven } from "./drivers.ts";
import type { Random } from "./random.ts";
import type { SimRig } from "./stage.ts";

/** A process of the simulated container. */
export interface Process {
  readonly rig: SimRig;
  readonly agentId: string;
  readonly dispatchId: string;
  /** The dispatch that its token names. */
  readonly token: string;
  readonly startedAt: number;
  readonly n: number;
  readonly beadId: string;
  readonly branch: string;
  readonly random: Random;
  status: Observed["status"];
  exitReason: string | null;
  /** How it behaves: `stuck` sends heartbeats and makes no progress, `mute` does not even send heartbeats. */
  mood: "works" | "stuck" | "mute" | "asks" | "prompted";
  handedIn: boolean;
  /** What its driver tells, where it has one. */
  readonly driven?: Driven;
  finishAt: number;
}
