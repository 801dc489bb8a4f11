import { expect } from "vitest";
import { heartbeat } from "../../../src/do/rig.ts";
import { see } from "../../../src/do/sightings.ts";
import { needs } from "../../../src/do/needs.ts";
import type { SettingsPatch } from "../../../src/events/settings.ts";
import type { TestRig } from "../../support/node-rig.ts";
import { agentOf, as } from "./words.ts";

export interface Told {
  readonly tokens: number;
  readonly session?: string;
  readonly n?: number;
  readonly cost?: number;
  readonly model?: string;
  /** The rig has looked, and its container says that its door counts it. */
  readonly atDoor?: boolean;
  readonly shown?: number;
  readonly head?: string;
}

/** A heartbeat that says what a conversation has used from its beginning. */
export function uses(
  rig: TestRig,
  agentId: string,
  { tokens, session = "s", n, cost, model, atDoor, shown, head }: Told,
): void {
  const dispatch = n ?? agentOf(rig, agentId).context.dispatchN;
  const usage = {
    session,
    input_tokens: tokens,
    cached_tokens: 0,
    output_tokens: 0,
    model: model ?? null,
    cost_microdollars: cost ?? null,
    runtime: "claude",
  };
  if (atDoor !== undefined) see(rig.rig, agentOf(rig, agentId), { usage: { ...usage, at_door: atDoor } }, "container");
  expect(
    heartbeat(rig.rig, agentId, `${agentId}:${dispatch}`, as(rig, agentId, dispatch), { usage, shown, head }),
  ).toBe(null);
}

export const set = (rig: TestRig, settings: SettingsPatch): unknown => rig.run({ type: "set_settings", settings });
export const codes = (rig: TestRig): string[] => needs(rig.rig).needs.map(({ code }) => code);
