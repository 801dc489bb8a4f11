import { median, type Result } from "../report.ts";
import type { Bench } from "../context.ts";

const DELAY_MS = 5;

/** An alarm whose container takes 5 ms for every call: who waits for whom. */
export const container: Bench = async ({ quick, workerd, container: control }): Promise<Result> => {
  const server = await workerd();
  const slow = await control();
  const dispatch: (string | number)[][] = [];
  const patrol: (string | number)[][] = [];
  const rounds = quick ? 2 : 5;
  let last = { alarm: 0, started: 0, obvious: 0, patrol: 0, obviousPatrol: 0 };
  for (const n of quick ? [10, 100] : [10, 100, 300]) {
    const alarms: number[] = [];
    const started: number[] = [];
    const obvious: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const rig = `dispatch-${n}-${round}`;
      slow.delay_ms = 0;
      await server.fill(rig, n, "evicted");
      await server.call(rig, "waiting");
      slow.delay_ms = DELAY_MS;
      const began = performance.now();
      alarms.push(await server.call<number>(rig, "ring"));
      while ((await server.call<number>(rig, "waiting")) > 0) await new Promise((resolve) => setTimeout(resolve, 2));
      started.push(performance.now() - began);
      await server.obvious(rig, "fill", rig, n);
      obvious.push(await server.obvious<number>(rig, "dispatch"));
    }
    const patrols: number[] = [];
    const obviousPatrols: number[] = [];
    const rig = `patrol-${n}`;
    await server.fill(rig, n);
    for (let round = 0; round < rounds; round++) {
      await server.call(rig, "forget").catch(() => {});
      await slow.knows(rig, await server.call(rig, "dispatches"));
      patrols.push(await server.call<number>(rig, "ring"));
      await server.obvious(rig, "fill", rig, n, "working");
      obviousPatrols.push(await server.obvious<number>(rig, "patrol"));
    }
    last = {
      alarm: median(alarms),
      started: median(started),
      obvious: median(obvious),
      patrol: median(patrols),
      obviousPatrol: median(obviousPatrols),
    };
    dispatch.push([n, last.alarm, last.started, last.obvious, last.obvious / last.alarm, last.obvious / last.started]);
    patrol.push([n, last.patrol, last.obviousPatrol, last.obviousPatrol / last.patrol]);
  }
  slow.delay_ms = 0;
  return reportOf(dispatch, patrol, last);
};

interface Medians {
  readonly alarm: number;
  readonly started: number;
  readonly obvious: number;
  readonly patrol: number;
  readonly obviousPatrol: number;
}

const reportOf = (dispatch: (string | number)[][], patrol: (string | number)[][], last: Medians): Result => ({
  tables: [
    {
      title: `Dispatch with a container that takes ${DELAY_MS} ms per call (workerd)`,
      columns: [
        "agents",
        "our alarm, ms",
        "all started and recorded, ms",
        "one after the other, ms",
        "alarm, times faster",
        "all started, times faster",
      ],
      rows: dispatch,
      notes: [
        "Six starts are in flight at a time; the alarm itself waits for none of them. Each answer is a durable commit of its own.",
      ],
    },
    {
      title: `Patrol with a container that takes ${DELAY_MS} ms per call (workerd)`,
      columns: ["agents", "our alarm, ms", "one after the other, ms", "times faster"],
      rows: patrol,
      notes: [
        "Nobody has been heard from: all agents are asked about, in one call. Agents that send heartbeats are not asked about at all.",
      ],
    },
  ],
  targets: [
    {
      what: "the alarm does not wait for the starts it makes",
      wanted: "no growth by 5 ms per agent",
      is: `${last.alarm} ms`,
      reached: last.alarm < last.obvious / 4,
    },
    {
      what: "dispatch of all, six in flight",
      wanted: "at least 3 times faster than one after the other",
      is: `${(last.obvious / last.started).toFixed(2)} times`,
      reached: last.obvious / last.started >= 3,
    },
    {
      what: "patrol in one call",
      wanted: "one call and the fold",
      is: `${last.patrol} ms against ${last.obviousPatrol} ms`,
      reached: last.patrol < last.obviousPatrol / 4,
    },
  ],
});
