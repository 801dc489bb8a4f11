/** A program that is started again whenever it ends by itself. */
import { exponential } from "../../src/events/backoff.ts";
import { setTimeout as sleep } from "node:timers/promises";
import type { Child } from "./children.ts";
import { messageOf, StackError } from "./errors.ts";

export interface Supervised {
  readonly child: () => Child;
  /** Resolves when it was given up: it did not come up so many times in a row. */
  readonly gaveUp: Promise<StackError>;
  /** No more starts; what runs now is ended as asked. */
  readonly stop: (how: Parameters<Child["stop"]>[0]) => Promise<void>;
}

export interface SuperviseOptions {
  /** In a sentence: "the control server". */
  readonly name: string;
  readonly first: Child;
  readonly launch: () => Promise<Child>;
  /** Ends or failed starts in a row, none of them after a steady run, before it is given up. */
  readonly most_failures: number;
  readonly say: (line: string) => void;
  readonly clock?: Clock;
}

export interface Clock {
  readonly now: () => number;
  /** Waits, or ends at once when the signal comes. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

const REAL: Clock = {
  now: () => Date.now(),
  wait: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
};

const RESTART_BASE_MS = 500;
const RESTART_MAX_MS = 30_000;
/** One that ran for so long did not fail to start. */
const STEADY_MS = 60_000;
/** For one that came up while everything was being ended. */
const LATE_GRACE_MS = 3_000;

export function supervise(options: SuperviseOptions): Supervised {
  const { name, first, launch, most_failures, say, clock = REAL } = options;
  let stopping = false;
  let child = first;
  let giveUp: (error: StackError) => void = () => {};
  const gaveUp = new Promise<StackError>((resolve) => {
    giveUp = resolve;
  });
  const stopWaiting = new AbortController();
  const supervision = run();

  async function run(): Promise<void> {
    for (let failures = 0; ; failures++) {
      const since = clock.now();
      const how = await child.exited;
      if (stopping) return;
      if (clock.now() - since > STEADY_MS) failures = 0;
      if (failures >= most_failures) {
        giveUp(
          new StackError(
            `${name} ${how}, and so it went ${failures} times before: it is not started again. The end of ${child.log.path}:\n${child.log.tail(20)}`,
          ),
        );
        return;
      }
      const pause_ms = exponential(failures + 1, RESTART_BASE_MS, RESTART_MAX_MS);
      say(`${name} ${how}; starting it again in ${pause_ms} ms (its log: ${child.log.path})`);
      await clock.wait(pause_ms, stopWaiting.signal);
      if (stopping) return;
      try {
        child = await launch();
        if (stopping) return child.stop({ grace_ms: LATE_GRACE_MS, ask: "leader" });
      } catch (error) {
        say(messageOf(error));
      }
    }
  }

  return {
    child: () => child,
    gaveUp,
    stop: async (how) => {
      stopping = true;
      stopWaiting.abort();
      await child.stop(how);
      await supervision;
    },
  };
}
