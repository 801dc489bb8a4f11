import { afterEach, describe, expect, test } from "vitest";
import { assign, createMachine, fromPromise, setup } from "xstate";
import type { MachineEvent } from "../../../src/machines/event.ts";
import { MACHINES } from "../../../src/core/step.ts";
import { checkChart, hears, macrostep, remember, snapshotIn, type Machine } from "../../../src/machines/xstate.ts";

/** What src/machines/xstate.ts remembers of a chart is right only for charts of a kind; others are refused at start. */

afterEach(() => remember(true));

const chart = (inner: object): Machine =>
  createMachine({
    id: "made",
    initial: "outer",
    states: {
      outer: { initial: "inner", states: { inner: {}, odd: inner as never } },
      plain: { on: { go: "outer" } },
    },
  }) as unknown as Machine;

describe("a chart with a state deep inside that", () => {
  test.each([
    ["an entry action", { entry: "beep" }],
    ["an exit action", { exit: "beep" }],
    ["an invocation", { invoke: { src: fromPromise(async () => 1) } }],
    ["a delayed transition", { after: { 1_000: "inner" } }],
    ["the type final", { type: "final" }],
    ["the type history", { type: "history" }],
  ])("has %s is refused, the state and what it has are named", (what, inner) => {
    expect(() => checkChart(chart(inner))).toThrow(`the state made.outer.odd has ${what}`);
  });

  test("has none of them is taken, eventless transitions and regions included", () => {
    expect(() =>
      checkChart(chart({ always: "inner", on: { go: { target: "inner", actions: "beep" } } })),
    ).not.toThrow();
    expect(() => checkChart(chart({ type: "parallel", states: { a: {}, b: {} } }))).not.toThrow();
  });

  test("is the root itself is refused as well", () => {
    const machine = createMachine({ id: "made", entry: "beep" }) as unknown as Machine;
    expect(() => checkChart(machine)).toThrow("the state made has an entry action");
  });
});

test.each(Object.entries(MACHINES))("the %s chart can be remembered", (_kind, machine) => {
  expect(() => checkChart(machine as unknown as Machine)).not.toThrow();
});

describe("what is remembered", () => {
  let asked = 0;
  const counted = setup({
    types: { context: {} as { n: number } },
    actions: { count: assign(({ context }) => ({ n: context.n + 1 })) },
  }).createMachine({
    id: "counted",
    context: { n: 0 },
    initial: "on",
    states: { on: { on: { go: { actions: ["count"] } } } },
  });
  const machine = counted as unknown as Machine;
  const go = { type: "go" } as unknown as MachineEvent;
  const ask = machine.microstep.bind(machine);
  machine.microstep = (...args) => (asked++, ask(...args));

  test("is asked of xstate once; switched off, xstate is asked every time, and the results are the same", () => {
    const run = (): unknown => {
      let snapshot = snapshotIn(machine, "on", { n: 0 });
      for (let i = 0; i < 5; i++) snapshot = macrostep(machine, snapshot, go, () => {});
      expect(hears(snapshot, "go")).toBe(true);
      expect(hears(snapshot, "stop")).toBe(false);
      return snapshot.context;
    };
    expect(run()).toEqual({ n: 5 });
    expect(asked).toBe(1);
    remember(false);
    expect(run()).toEqual({ n: 5 });
    expect(asked).toBe(6);
  });
});
