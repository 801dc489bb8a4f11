import { expect, test } from "vitest";
import { spend } from "../../../src/do/spend.ts";
import { SAID, Usage } from "../../../src/wire/agent-reports.ts";
import { set, uses } from "./money-words.ts";
import { facts, slung, town } from "./words.ts";

/** What is believed of numbers that are told, and what is shown of how far a cap may be passed. */

test("MONEY-bound it is shown by what a cap may be passed: by the answers under way only where all that run are counted at the door", async () => {
  const rig = town();
  const bound = (): string | null => spend(rig.rig, "day", null, null).bound;
  const first = await slung(rig, "one");
  expect(bound()).toBe(null);
  set(rig, { bead_tokens: 1_000_000 });
  expect(bound()).toBe("unmetered_ms");
  uses(rig, first.agentId, { tokens: 1, atDoor: true });
  expect(bound()).toBe("answers_in_flight");
  const second = await slung(rig, "two");
  expect(bound()).toBe("unmetered_ms");
  for (const { beadId } of [first, second]) rig.run({ type: "cancel_bead", beadId });
  expect(bound()).toBe(null);
});

test("MONEY-huge a number that nobody could have used is not believed, and sums of those that are believed are still numbers", async () => {
  const most = SAID.used_max;
  const usage = { session: "s", input_tokens: most, cached_tokens: 0, output_tokens: 0 };
  expect(Usage.safeParse(usage).success).toBe(true);
  for (const wrong of [most + 1, -1, 0.5, Number.NaN, Infinity, "7", null])
    for (const name of ["input_tokens", "cached_tokens", "output_tokens"])
      expect(Usage.safeParse({ ...usage, [name]: wrong }).success, `${name} ${wrong}`).toBe(false);
  expect(Usage.safeParse({ ...usage, cost_microdollars: most + 1 }).success).toBe(false);
  // Whatever is in a journal: a sum is never more than can be told.
  const rig = town();
  set(rig, { day_tokens: Number.MAX_SAFE_INTEGER });
  const { agentId } = await slung(rig);
  for (const session of ["s", "t", "u"]) uses(rig, agentId, { tokens: Number.MAX_SAFE_INTEGER, session });
  expect(rig.rig.world.budget?.context.today.tokens).toBe(Number.MAX_SAFE_INTEGER);
  expect(rig.rig.world.budget?.value).toBe("capped");
  expect(facts(rig, "budget.capped")).toHaveLength(1);
});
