import { expect, test, vi } from "vitest";
import type { Child } from "../../../scripts/stack/children.ts";
import { supervise } from "../../../scripts/stack/supervise.ts";

/** A program that ends when it is told to. */
function program() {
  let end: (how: string) => void = () => {};
  const exited = new Promise<string>((resolve) => {
    end = resolve;
  });
  const child: Child = {
    pid: 1,
    log: { path: "x.log", write: () => {}, tail: () => "its last words", close: () => {} },
    exited,
    stop: async () => end("was asked to"),
  };
  return { child, end };
}

/** Time passes when it is waited for. */
function clock() {
  let now = 0;
  const waited: number[] = [];
  return {
    waited,
    now: () => now,
    pass: (ms: number) => void (now += ms),
    wait: async (ms: number) => {
      waited.push(ms);
      now += ms;
    },
  };
}

test("what ends by itself is started again after 0.5 s, doubling; what does not come up is given up, with its log", async () => {
  const first = program();
  const time = clock();
  const said: string[] = [];
  let launches = 0;
  const supervised = supervise({
    name: "the program",
    first: first.child,
    most_failures: 3,
    say: (line) => said.push(line),
    clock: time,
    launch: async () => {
      if (++launches === 2) throw new Error("its port is taken");
      const next = program();
      next.end("exited with 1");
      return next.child;
    },
  });
  first.end("was ended by SIGKILL");
  const { message } = await supervised.gaveUp;
  expect(message).toContain("the program exited with 1, and so it went 3 times before");
  expect(message).toContain("its last words");
  expect([launches, time.waited]).toEqual([3, [500, 1_000, 2_000]]);
  expect(said[0]).toBe("the program was ended by SIGKILL; starting it again in 500 ms (its log: x.log)");
  expect(said).toContain("its port is taken");
});

test.each([
  [60_000, 1_000],
  [60_001, 500],
])(
  "one that ran for %i ms is started again after %i ms: after a minute it is counted anew",
  async (ran_ms, pause_ms) => {
    const runs = [program(), program(), program()] as const;
    const time = clock();
    let launches = 0;
    supervise({
      name: "it",
      first: runs[0].child,
      most_failures: 5,
      say: () => {},
      clock: time,
      launch: async () => (runs[++launches] ?? runs[2]).child,
    });
    runs[0].end("ended");
    await vi.waitFor(() => expect(launches).toBe(1));
    time.pass(ran_ms);
    runs[1].end("ended");
    await vi.waitFor(() => expect(launches).toBe(2));
    expect(time.waited).toEqual([500, pause_ms]);
  },
);

test("the pause is never longer than half a minute", async () => {
  const first = program();
  const time = clock();
  const supervised = supervise({
    name: "it",
    first: first.child,
    most_failures: 9,
    say: () => {},
    clock: time,
    launch: () => Promise.reject(new Error("no")),
  });
  first.end("ended");
  await supervised.gaveUp;
  expect(time.waited).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test("what is stopped is not started again", async () => {
  const { child } = program();
  let launches = 0;
  const supervised = supervise({
    name: "it",
    first: child,
    most_failures: Infinity,
    say: () => {},
    launch: async () => {
      launches++;
      return program().child;
    },
  });
  await supervised.stop({ grace_ms: 0, ask: "leader" });
  expect(launches).toBe(0);
});
