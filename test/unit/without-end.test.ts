import { expect, test, vi } from "vitest";
import { fold } from "../../src/core/fold.ts";
import type * as Step from "../../src/core/step.ts";
import { createWorld } from "../../src/core/world.ts";
import type { Fact } from "../../src/events/facts.ts";
import { LIMITS } from "../../src/events/limits.ts";

/** What no chart here does: a fact whose transition says it again, so many times. */
const cycle = vi.hoisted(() => ({ left: 0 }));
const again: Fact = { type: "rig.activity_changed", active: false };

vi.mock(import("../../src/core/step.ts"), async (original) => {
  const real = await original();
  const step: typeof Step.step = (kind, snapshot, event) => {
    const stepped = real.step(kind, snapshot, event);
    return event.type === again.type && cycle.left-- > 0
      ? { ...stepped, emissions: [...stepped.emissions, again] }
      : stepped;
  };
  return { ...real, step };
});

/** What the world has beside its agents, beads and reviews: itself and the root fact, see `fold`. */
const ACTORS = 9;

test("LIMITS.derived_facts_per_actor: a commit has so many facts, and with one more it is not made", () => {
  const most = LIMITS.derived_facts_per_actor * ACTORS;
  cycle.left = most - 1;
  expect(fold(createWorld(), [again], 1_000).entries).toHaveLength(most);
  cycle.left = most;
  expect(() => fold(createWorld(), [again], 1_000)).toThrow(
    "fact 1 causes facts without end, the last a rig.activity_changed",
  );
});
