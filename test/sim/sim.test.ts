import { describe, expect, test } from "vitest";
import { shrink } from "./shrink.ts";
import { ALL_FAULTS, simulate, type Options } from "./simulation.ts";

/** Virtual time, one seed: `node scripts/sim.ts --seed N` repeats any of these exactly, and for longer. */

const run = async (options: Options): Promise<void> => {
  const report = await simulate(options);
  if (report.failure === null) return;
  const { seed, rigs, hours, faults } = await shrink(report);
  expect.fail(`seed ${options.seed}: ${report.failure.rule}: ${report.failure.text}\nagain: node scripts/sim.ts --seed ${seed} --rigs ${rigs} --hours ${hours} --faults ${faults.join(",") || "none"}`);
};

const BUDGET_MS = 20_000;

describe("simulation", () => {
  test("without faults every bead is started once, merged and closed", async () => {
    const { failure, counts } = await simulate({ seed: 1, rigs: 2, hours: 12, faults: [] });
    expect(failure).toBe(null);
    expect(counts).toMatchObject({ failed: 0, replaced: 0, orphans: 0, refused: 0 });
    expect(counts.starts).toBe(counts.closed);
  });

  test("the same seed gives the same journals, byte for byte", async () => {
    const options: Options = { seed: 42, rigs: 2, hours: 8, faults: ALL_FAULTS };
    const [once, twice, other] = [await simulate(options), await simulate({ ...options, trace: true }), await simulate({ ...options, seed: 43 })];
    expect(twice.hash).toBe(once.hash);
    expect(other.hash).not.toBe(once.hash);
  });

  test.each(ALL_FAULTS)("with %s alone every invariant holds and all work comes to an end", { timeout: 60_000 }, async (fault) => {
    await run({ seed: 7, rigs: 1, hours: 6, faults: [fault] });
  });

  test("with every fault at once every invariant holds and all work comes to an end", { timeout: 120_000 }, async () => {
    const until = performance.now() + BUDGET_MS;
    for (let seed = 1; performance.now() < until; seed++) await run({ seed, rigs: 2, hours: 12, faults: ALL_FAULTS });
  });
});
