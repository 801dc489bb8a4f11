import type { Result } from "../report.ts";
import type { Bench } from "../context.ts";
import type { Workerd } from "../server.ts";
import { bill, PRICES, PRICES_AS_OF, type Month } from "../prices.ts";

interface Rows {
  read: number;
  written: number;
  statements: number;
  alarms: number;
}

const OPERATOR = { id: "bench", dispatchId: null };
const DAY_S = 86_400;
const MONTH_DAYS = 30;
const CADENCE_IDLE_S = 300;
const CADENCE_ACTIVE_S = 30;
/** Pokes by the cron trigger, every 5 minutes. */
const POKES_PER_DAY = DAY_S / 300;

/** What is assumed of one agent that works around the clock. Change it here, and the bill follows. */
const AGENT_HOUR = { beads: 1, heartbeats: 120, events: 60, checkpoints: 4 } as const;

/** Rows that something reads and writes, alarms included, in one object. */
async function counted(server: Workerd, rig: string, what: () => Promise<unknown>): Promise<Rows> {
  while ((await server.call<number>(rig, "waiting")) > 0);
  await server.call(rig, "startCount");
  await what();
  while ((await server.call<number>(rig, "waiting")) > 0);
  const rows = await server.call<Rows>(rig, "endCount");
  // An alarm that is set is billed as a row written.
  return { ...rows, written: rows.written + rows.alarms };
}

/** Counts: nothing here is timed, so any machine prints the same. */
export const cost: Bench = async ({ quick, workerd, container }): Promise<Result> => {
  const server = await workerd();
  const control = await container();
  control.delay_ms = 0;
  const rows: (string | number)[][] = [];
  const add = (what: string, { read, written, alarms }: Rows) => rows.push([what, read, written, alarms]);

  const idle = "cost-idle";
  await server.fill(idle, 0);
  await server.call(idle, "execute", { type: "register_agent", role: "polecat", name: "a", identity: "a" }, OPERATOR);
  await server.call(idle, "ring");
  const idleTick = await counted(server, idle, () => server.call(idle, "ring"));
  add("idle tick", idleTick);

  const ticks: Record<number, Rows> = {};
  for (const n of quick ? [1, 30] : [1, 30, 300, 1_000]) {
    const rig = `cost-${n}`;
    await server.fill(rig, n);
    await control.knows(rig, await server.call(rig, "dispatches"));
    add(`tick, ${n} at work, nobody heard from: one question`, await counted(server, rig, () => server.call(rig, "ring")));
    ticks[n] = await counted(server, rig, () => server.call(rig, "ring"));
    add(`tick, ${n} at work, all heard from`, ticks[n]);
  }

  const rig = "cost-life";
  await server.fill(rig, 0);
  const life: Rows = { read: 0, written: 0, statements: 0, alarms: 0 };
  let heartbeat = life;
  // The first life also makes the agent; it is told apart from those that follow.
  for (const name of ["first life of a rig", "life of a bead"]) {
    const whole: Rows = { read: 0, written: 0, statements: 0, alarms: 0 };
    const phase = async (what: string, run: () => Promise<unknown>) => {
      const part = await counted(server, rig, run);
      for (const key of ["read", "written", "statements", "alarms"] as const) whole[key] += part[key];
      if (name === "life of a bead") add(`${name}: ${what}`, part);
    };
    let slung = { agent: { id: "" }, bead: { id: "" } };
    await phase("slung, dispatched, start accepted", async () => {
      slung = (await server.post<{ data: typeof slung }>(`/api/rigs/${rig}/sling`, { title: "work", body: "Fix it." })).data;
    });
    const { agent, bead } = slung;
    await phase("first heartbeat", () => server.post(`/api/rigs/${rig}/agents/${agent.id}/heartbeat`, {}));
    heartbeat = await counted(server, rig, () => server.post(`/api/rigs/${rig}/agents/${agent.id}/heartbeat`, {}));
    await phase("done, review claimed, merge asked for", () => server.post(`/api/rigs/${rig}/agents/${agent.id}/done`, { branch: `ticktown/${bead.id}` }));
    const { lines } = await server.call<{ lines: string[] }>(rig, "exportPage", { part: "facts", after: 0 });
    const review = lines.map((line) => JSON.parse(line) as { type?: string; body?: { reviewId?: string } }).findLast((line) => line.type === "review.opened")?.body?.reviewId;
    await phase("merged and closed", () => server.post(`/api/rigs/${rig}/review-queue/${review}/complete`, { entry_id: review, status: "merged", message: "", commit_sha: "0".repeat(40) }));
    const { status } = (await server.get<{ data: { status: string } }>(`/api/rigs/${rig}/beads/${bead.id}`)).data;
    if (status !== "closed") throw new Error(`the bead should be closed, and is ${status}`);
    add(`${name}: all of it`, whole);
    Object.assign(life, whole);
  }
  add("heartbeat that is no news", heartbeat);

  await server.post(`/api/rigs/${rig}/sling`, { title: "more work" });
  const second = (await server.get<{ data: { id: string; status: string }[] }>(`/api/rigs/${rig}/agents`)).data.find((each) => each.status === "working")?.id;
  await server.post(`/api/rigs/${rig}/agents/${second}/heartbeat`, {});
  const event = await counted(server, rig, () => server.post(`/api/rigs/${rig}/agent-events`, { agent_id: second, event_type: "message.updated", data: { text: "hello" } }));
  add("an agent's event, its clock moved a moment ago", event);
  // Half a percent of the first threshold: after it an event also moves the progress clock, in a fact of its own.
  await new Promise((resolve) => setTimeout(resolve, 10_100));
  const news = await counted(server, rig, () => server.post(`/api/rigs/${rig}/agent-events`, { agent_id: second, event_type: "message.updated", data: { text: "hello" } }));
  add("an agent's event, its clock moved 10 s ago or more", news);
  const checkpoint = await counted(server, rig, () => server.post(`/api/rigs/${rig}/agents/${second}/checkpoint`, { data: { step: 1 } }));
  add("a checkpoint", checkpoint);

  const bytesPerBead = await sizePerBead(server, quick ? 2_000 : 20_000);

  /** A month of a rig where n agents work around the clock, all events a minute apart. */
  const month = (agents: number): Month => {
    const hours = 24 * MONTH_DAYS;
    const each = { life: agents * hours * AGENT_HOUR.beads, heartbeats: agents * hours * AGENT_HOUR.heartbeats, events: agents * hours * AGENT_HOUR.events, checkpoints: agents * hours * AGENT_HOUR.checkpoints };
    const alarms = agents === 0 ? (DAY_S / CADENCE_IDLE_S) * MONTH_DAYS : (DAY_S / CADENCE_ACTIVE_S) * MONTH_DAYS;
    const pokes = POKES_PER_DAY * MONTH_DAYS;
    const tick = agents === 0 ? idleTick : (ticks[agents] ?? ticks[30] ?? idleTick);
    const fromAgents = each.life * 3 + each.heartbeats + each.events + each.checkpoints;
    return {
      worker_requests: fromAgents + pokes,
      worker_cpu_ms: fromAgents * 2 + alarms * 2,
      // A start and a merge go through the town's object.
      object_requests: fromAgents + alarms + pokes + each.life * 3,
      // With agents at work the object never sleeps; alone it is awake for a moment per alarm and poke.
      object_gb_s: 0.128 * (agents === 0 ? (alarms + pokes) * 0.05 : DAY_S * MONTH_DAYS),
      rows_read: each.life * life.read + each.heartbeats * heartbeat.read + each.events * news.read + each.checkpoints * checkpoint.read + alarms * tick.read,
      rows_written: each.life * life.written + each.heartbeats * heartbeat.written + each.events * news.written + each.checkpoints * checkpoint.written + alarms * tick.written,
      stored_gb: (each.life * bytesPerBead) / 1e9,
    };
  };
  const bills = [0, 1, 30, 300].map((agents) => {
    const taken = month(agents);
    const { total, ...items } = bill(taken);
    return { agents, taken, total, items };
  });
  return {
    tables: [
      { title: "Rows, counted (workerd's own meter)", columns: ["what", "rows read", "rows written, alarm included", "alarms set"], rows },
      {
        title: "Alarms and requests per rig and day",
        columns: ["rig", "alarms", "requests to the rig's object"],
        rows: [
          ["idle", DAY_S / CADENCE_IDLE_S, POKES_PER_DAY],
          ...[1, 30, 300].map((agents) => [`active, ${agents} at work`, DAY_S / CADENCE_ACTIVE_S, Math.round(month(agents).object_requests / MONTH_DAYS - DAY_S / CADENCE_ACTIVE_S)]),
        ],
        notes: [`Assumed of each agent and hour, around the clock: ${AGENT_HOUR.beads} bead from sling to merge, ${AGENT_HOUR.heartbeats} heartbeats, ${AGENT_HOUR.events} events, ${AGENT_HOUR.checkpoints} checkpoints.`],
      },
      {
        title: `Dollars per month for the brain, published prices of ${PRICES_AS_OF}`,
        columns: ["agents", "rows written", "$ rows", "object requests", "$ requests", "GB-s", "$ duration", "$ worker", "GB after a month", "above the plan, $", `with the plan's ${PRICES.plan}, $`],
        rows: bills.map(({ agents, taken, total, items }) => [agents === 0 ? "idle" : agents, taken.rows_written, items.rows_written + items.rows_read, taken.object_requests, items.object_requests, taken.object_gb_s, items.object_gb_s, items.worker_requests + items.worker_cpu_ms, taken.stored_gb, total, total + PRICES.plan]),
        notes: ["What the plan includes is used by this rig alone. Containers and models are not in it: they cost what they cost under any scheduler."],
      },
    ],
    targets: [
      { what: "an idle tick writes at most one row, the alarm", wanted: "1", is: String(idleTick.written), reached: idleTick.written <= 1 },
      { what: "a heartbeat that is no news writes nothing", wanted: "0", is: String(heartbeat.written), reached: heartbeat.written === 0 },
      { what: "a tick of agents at work writes at most the alarm", wanted: "1", is: String(Math.max(...Object.values(ticks).map(({ written }) => written))), reached: Object.values(ticks).every(({ written }) => written <= 1) },
    ],
  };
};

/** Bytes that a bead's life leaves behind. */
async function sizePerBead(server: Workerd, facts: number): Promise<number> {
  const rig = "cost-size";
  await server.call(rig, "live", rig, 1, 1_000, 1_000);
  const before = await server.call<number>(rig, "size");
  const from = await server.call<number>(rig, "live", rig, 1, 1_001, 1);
  const to = await server.call<number>(rig, "live", rig, 1, from + facts, facts);
  const lives = (to - from) / (await server.call<number>(rig, "factsPerLife"));
  return ((await server.call<number>(rig, "size")) - before) / lives;
}
