import { median, quantile, type Result } from "../report.ts";
import type { Bench } from "../context.ts";

/** From the moment a client asks for work until the control server is asked to start it. No alarm is involved. */
export const latency: Bench = async ({ quick, workerd, container }): Promise<Result> => {
  const server = await workerd();
  const control = await container();
  control.delay_ms = 0;
  const rows: (string | number)[][] = [];
  let worst = 0;
  for (const agents of quick ? [0] : [0, 1_000]) {
    const rig = `latency-${agents}`;
    await server.fill(rig, agents);
    await control.knows(rig, await server.call(rig, "dispatches"));
    await server.call(
      rig,
      "execute",
      { type: "set_settings", settings: { capacity: agents + 10_000 } },
      { kind: "operator", id: "bench", dispatchId: null, scope: "operate" },
    );
    const toStart: number[] = [];
    const toAnswer: number[] = [];
    const times = quick ? 60 : 600;
    for (let i = 0; i < times; i++) {
      const began = performance.now();
      const { data } = await server.post<{ data: { agent: { id: string } } }>(`/api/rigs/${rig}/sling`, {
        title: `work ${i}`,
      });
      toAnswer.push(performance.now() - began);
      const key = `${data.agent.id}:1`;
      while (!control.starts.has(key)) await new Promise((resolve) => setImmediate(resolve));
      toStart.push((control.starts.get(key) ?? 0) - began);
      // The rest of the effect's commit is not part of the next measurement.
      while ((await server.call<number>(rig, "waiting")) > 0);
    }
    const warm = toStart.slice(Math.floor(times / 10));
    const answers = toAnswer.slice(Math.floor(times / 10));
    rows.push([agents, median(warm), quantile(warm, 0.99), median(answers), quantile(answers, 0.99)]);
    worst = Math.max(worst, quantile(warm, 0.99));
  }
  return {
    tables: [
      {
        title: "Sling to the control server receiving the start (workerd, over HTTP)",
        columns: [
          "agents at work already",
          "to the start, p50 ms",
          "p99 ms",
          "to the client's answer, p50 ms",
          "p99 ms",
        ],
        rows,
        notes: [
          "HTTP request, decide, fold, one durable commit, outbox, token, HTTP request to the control server by way of the town's object. One client, one after the other.",
        ],
      },
    ],
    targets: [
      {
        what: "no alarm between a sling and its start",
        wanted: "p99 far below the alarm's 5,000 ms",
        is: `${worst.toFixed(1)} ms`,
        reached: worst < 500,
      },
    ],
  };
};
