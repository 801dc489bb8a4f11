import type { Reporter, TestModule } from "vitest/node";

/** More tests than this that needed a second try are no accident of a busy machine: they fail the run. */
const FLAKY_AT_MOST = 5;

/**
 * Names every test that failed first and passed when it was tried again (`--retry`), so that a second try hides nothing; more than
 * FLAKY_AT_MOST of them fail the run. Without `--retry`, which only the whole run has, it says nothing.
 */
export default class FlakyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const flaky = modules.flatMap((module) =>
      [...module.children.allTests()]
        .filter((test) => test.diagnostic()?.flaky)
        .map((test) => ({
          name: `${module.relativeModuleId} > ${test.fullName}`,
          why: test.result().errors?.[0]?.message ?? "no message",
        })),
    );
    if (flaky.length === 0) return;
    console.error(`\n${flaky.length} passed at the second try only:`);
    for (const { name, why } of flaky) console.error(`  ${name}\n    first: ${why.split("\n")[0]}`);
    if (flaky.length <= FLAKY_AT_MOST) return;
    console.error(`More than ${FLAKY_AT_MOST} are no accident: the run has failed.`);
    process.exitCode = 1;
  }
}
