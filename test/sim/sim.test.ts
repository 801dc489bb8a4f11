import { afterEach, describe, expect, test } from "vitest";
import { remember } from "../../src/machines/xstate.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./simulation.ts";
import { ALL_FAULTS, type Options } from "./stage.ts";

/** Virtual time, one seed: `node scripts/sim.ts --seed N` repeats any of these exactly, and for longer. */

const run = async (options: Options): Promise<void> => {
  const report = await simulate(options);
  if (report.failure === null) return;
  const { seed, rigs, hours, faults } = await shrink(report);
  expect.fail(
    `seed ${options.seed}: ${report.failure.rule}: ${report.failure.text}\nagain: node scripts/sim.ts --seed ${seed} --rigs ${rigs} --hours ${hours} --faults ${faults.join(",") || "none"}${options.trains === true ? ` --trains --work ${options.work_ms}` : ""}${options.old === true ? " --old" : ""}`,
  );
};

const BUDGET_MS = 10_000;

afterEach(() => remember(true));

describe("simulation", () => {
  test("without faults every bead is started once, merged and closed", async () => {
    const { failure, counts } = await simulate({ seed: 7, rigs: 2, hours: 12, faults: [] });
    expect(failure).toBe(null);
    expect(counts).toMatchObject({ failed: 0, replaced: 0, orphans: 0, refused: 0 });
    expect(counts.starts).toBe(counts.closed);
  });

  test("the same seed gives the same journals, byte for byte", async () => {
    const options: Options = { seed: 42, rigs: 2, hours: 8, faults: ALL_FAULTS };
    const [once, twice, other] = [
      await simulate(options),
      await simulate({ ...options, trace: true }),
      await simulate({ ...options, seed: 43 }),
    ];
    expect(twice.hash).toBe(once.hash);
    expect(other.hash).not.toBe(once.hash);
  });

  test("what xstate decided may be remembered or asked again: the journals are the same, byte for byte", async () => {
    const options: Options = { seed: 42, rigs: 2, hours: 8, faults: ALL_FAULTS };
    const { hash } = await simulate(options);
    remember(false);
    expect((await simulate(options)).hash).toBe(hash);
  });

  test.each(ALL_FAULTS)(
    "with %s alone every invariant holds and all work comes to an end",
    { timeout: 60_000 },
    async (fault) => {
      await run({ seed: 7, rigs: 1, hours: 6, faults: [fault] });
    },
  );

  test.each([3, 10])(
    "F-306 with %i agents and a provider that is away for minutes or hours, only work that can never be done fails",
    { timeout: 60_000 },
    async (capacity) => {
      const report = await simulate({
        seed: 5,
        rigs: 1,
        hours: capacity === 3 ? 20 : 8,
        faults: ["provider"],
        capacity,
        work_ms: 800_000 / capacity,
      });
      expect(report.failure).toBe(null);
      expect(report.counts.away).toBeGreaterThan(0);
    },
  );

  describe("with containers that know no dispatch ids", () => {
    test("and without faults every bead is started once, merged and closed", async () => {
      const { failure, counts } = await simulate({ seed: 7, rigs: 2, hours: 12, faults: [], old: true });
      expect(failure).toBe(null);
      expect(counts).toMatchObject({ failed: 0, refused: 0 });
      expect(counts.starts).toBe(counts.closed);
    });

    test("and every fault at once nothing is merged that was not handed in, and all work comes to an end", async () => {
      for (const seed of [1, 2]) await run({ seed, rigs: 2, hours: 12, faults: ALL_FAULTS, old: true });
    });
  });

  describe("with trains", () => {
    test("and without faults every bead is started once, merged and closed, in fewer pushes than beads", async () => {
      const { failure, counts } = await simulate({
        seed: 7,
        rigs: 2,
        hours: 6,
        faults: [],
        trains: true,
        work_ms: 120_000,
      });
      expect(failure).toBe(null);
      // A process in its last second may be replaced by the next start of its agent.
      expect(counts).toMatchObject({ failed: 0, orphans: 0, refused: 0 });
      expect(counts.starts).toBe(counts.closed);
      expect(counts.pushes).toBeLessThan(counts.closed);
    });

    test.each(ALL_FAULTS)(
      "and %s alone the target is green after every push, nothing is merged twice, and all work comes to an end",
      { timeout: 60_000 },
      async (fault) => {
        await run({ seed: 7, rigs: 1, hours: 6, faults: [fault], trains: true, work_ms: 300_000 });
      },
    );

    test("and every fault at once the same holds", { timeout: 120_000 }, async () => {
      const until = performance.now() + BUDGET_MS;
      for (let seed = 1; performance.now() < until; seed++)
        await run({ seed, rigs: 2, hours: 12, faults: ALL_FAULTS, trains: true, work_ms: 600_000 });
    });
  });

  test(
    "with every fault at once every invariant holds and all work comes to an end",
    { timeout: 120_000 },
    async () => {
      const until = performance.now() + BUDGET_MS;
      for (let seed = 1; performance.now() < until; seed++) {
        // A share of them asks xstate every time.
        remember(seed % 4 !== 0);
        await run({ seed, rigs: 2, hours: 12, faults: ALL_FAULTS });
      }
    },
  );
});
