import type { Result } from "../report.ts";
import type { Bench } from "../context.ts";
import type { SlowContainer } from "../container.ts";
import type { Workerd } from "../server.ts";
import { bill, PRICES, PRICES_AS_OF, type Month } from "../prices.ts";

interface Rows {
  read: number;
  written: number;
  statements: number;
  alarms: number;
}

const OPERATOR = { kind: "operator", id: "bench", dispatchId: null, scope: "operate" };
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

type Add = (what: string, rows: Rows) => void;
const none = (): Rows => ({ read: 0, written: 0, statements: 0, alarms: 0 });

/** A TICK of an idle rig, and of rigs with agents at work (by their number). */
async function countedTicks(
  server: Workerd,
  control: SlowContainer,
  sizes: readonly number[],
  add: Add,
): Promise<{ idle: Rows; active: Record<number, Rows> }> {
  const idle = "cost-idle";
  await server.fill(idle, 0);
  await server.call(idle, "execute", { type: "register_agent", role: "polecat", name: "a", identity: "a" }, OPERATOR);
  await server.call(idle, "ring");
  const idleTick = await counted(server, idle, () => server.call(idle, "ring"));
  add("idle tick", idleTick);

  const ticks: Record<number, Rows> = {};
  for (const n of sizes) {
    const rig = `cost-${n}`;
    await server.fill(rig, n);
    await control.knows(rig, await server.call(rig, "dispatches"));
    add(
      `tick, ${n} at work, nobody heard from: one question`,
      await counted(server, rig, () => server.call(rig, "ring")),
    );
    ticks[n] = await counted(server, rig, () => server.call(rig, "ring"));
    add(`tick, ${n} at work, all heard from`, ticks[n]);
  }

  return { idle: idleTick, active: ticks };
}

/** A bead from sling to merge; its phases are added to the table when it is not the first, which also makes the agent. */
async function countedLife(
  server: Workerd,
  rig: string,
  name: string,
  add: Add | null,
): Promise<{ whole: Rows; heartbeat: Rows }> {
  const whole = none();
  const phase = async (what: string, run: () => Promise<unknown>) => {
    const part = await counted(server, rig, run);
    for (const key of ["read", "written", "statements", "alarms"] as const) whole[key] += part[key];
    add?.(`${name}: ${what}`, part);
  };
  let slung = { agent: { id: "" }, bead: { id: "" } };
  await phase("slung, dispatched, start accepted", async () => {
    slung = (await server.post<{ data: typeof slung }>(`/api/rigs/${rig}/sling`, { title: "work", body: "Fix it." }))
      .data;
  });
  const { agent, bead } = slung;
  await phase("first heartbeat", () => server.post(`/api/rigs/${rig}/agents/${agent.id}/heartbeat`, {}));
  const heartbeat = await counted(server, rig, () => server.post(`/api/rigs/${rig}/agents/${agent.id}/heartbeat`, {}));
  await phase("done, review claimed, merge asked for", () =>
    server.post(`/api/rigs/${rig}/agents/${agent.id}/done`, { branch: `ticktown/${bead.id}` }),
  );
  const { lines } = await server.call<{ lines: string[] }>(rig, "exportPage", { part: "facts", after: 0 });
  const review = lines
    .map((line) => JSON.parse(line) as { type?: string; body?: { reviewId?: string } })
    .findLast((line) => line.type === "review.opened")?.body?.reviewId;
  await phase("merged and closed", () =>
    server.post(`/api/rigs/${rig}/review-queue/${review}/complete`, {
      entry_id: review,
      status: "merged",
      message: "",
      commit_sha: "0".repeat(40),
    }),
  );
  const { status } = (await server.get<{ data: { status: string } }>(`/api/rigs/${rig}/beads/${bead.id}`)).data;
  if (status !== "closed") throw new Error(`the bead should be closed, and is ${status}`);
  return { whole, heartbeat };
}

/** What an agent at work says of itself. */
async function countedReports(server: Workerd, rig: string, add: Add): Promise<{ news: Rows; checkpoint: Rows }> {
  await server.post(`/api/rigs/${rig}/sling`, { title: "more work" });
  const second = (await server.get<{ data: { id: string; status: string }[] }>(`/api/rigs/${rig}/agents`)).data.find(
    (each) => each.status === "working",
  )?.id;
  await server.post(`/api/rigs/${rig}/agents/${second}/heartbeat`, {});
  const event = await counted(server, rig, () =>
    server.post(`/api/rigs/${rig}/agent-events`, {
      agent_id: second,
      event_type: "message.updated",
      data: { text: "hello" },
    }),
  );
  add("an agent's event, its clock moved a moment ago", event);
  // Half a percent of the first threshold: after it an event also moves the progress clock, in a fact of its own.
  await new Promise((resolve) => setTimeout(resolve, 10_100));
  const news = await counted(server, rig, () =>
    server.post(`/api/rigs/${rig}/agent-events`, {
      agent_id: second,
      event_type: "message.updated",
      data: { text: "hello" },
    }),
  );
  add("an agent's event, its clock moved 10 s ago or more", news);
  const checkpoint = await counted(server, rig, () =>
    server.post(`/api/rigs/${rig}/agents/${second}/checkpoint`, { data: { step: 1 } }),
  );
  add("a checkpoint", checkpoint);

  return { news, checkpoint };
}

interface Counted {
  readonly idle: Rows;
  readonly ticks: Record<number, Rows>;
  readonly life: Rows;
  readonly heartbeat: Rows;
  readonly news: Rows;
  readonly checkpoint: Rows;
  readonly bytesPerBead: number;
}

/** Counts: nothing here is timed, so any machine prints the same. */
export const cost: Bench = async ({ quick, workerd, container }): Promise<Result> => {
  const server = await workerd();
  const control = await container();
  control.delay_ms = 0;
  const rows: (string | number)[][] = [];
  const add: Add = (what, { read, written, alarms }) => void rows.push([what, read, written, alarms]);
  const { idle, active: ticks } = await countedTicks(server, control, quick ? [1, 30] : [1, 30, 300, 1_000], add);

  const rig = "cost-life";
  await server.fill(rig, 0);
  const first = await countedLife(server, rig, "first life of a rig", null);
  add("first life of a rig: all of it", first.whole);
  const { whole: life, heartbeat } = await countedLife(server, rig, "life of a bead", add);
  add("life of a bead: all of it", life);
  add("heartbeat that is no news", heartbeat);
  const { news, checkpoint } = await countedReports(server, rig, add);
  const bytesPerBead = await sizePerBead(server, quick ? 2_000 : 20_000);
  const counted: Counted = { idle, ticks, life, heartbeat, news, checkpoint, bytesPerBead };
  return { tables: tablesOf(rows, counted), targets: targetsOf(counted) };
};

/** A month of a rig where n agents work around the clock, all events a minute apart. */
function month(
  agents: number,
  { idle: idleTick, ticks, life, heartbeat, news, checkpoint, bytesPerBead }: Counted,
): Month {
  const hours = 24 * MONTH_DAYS;
  const each = {
    life: agents * hours * AGENT_HOUR.beads,
    heartbeats: agents * hours * AGENT_HOUR.heartbeats,
    events: agents * hours * AGENT_HOUR.events,
    checkpoints: agents * hours * AGENT_HOUR.checkpoints,
  };
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
    rows_read:
      each.life * life.read +
      each.heartbeats * heartbeat.read +
      each.events * news.read +
      each.checkpoints * checkpoint.read +
      alarms * tick.read,
    rows_written:
      each.life * life.written +
      each.heartbeats * heartbeat.written +
      each.events * news.written +
      each.checkpoints * checkpoint.written +
      alarms * tick.written,
    stored_gb: (each.life * bytesPerBead) / 1e9,
  };
}

function tablesOf(rows: (string | number)[][], counted: Counted): Result["tables"] {
  const bills = [0, 1, 30, 300].map((agents) => {
    const taken = month(agents, counted);
    const { total, ...items } = bill(taken);
    return { agents, taken, total, items };
  });
  return [
    {
      title: "Rows, counted (workerd's own meter)",
      columns: ["what", "rows read", "rows written, alarm included", "alarms set"],
      rows,
    },
    {
      title: "Alarms and requests per rig and day",
      columns: ["rig", "alarms", "requests to the rig's object"],
      rows: [
        ["idle", DAY_S / CADENCE_IDLE_S, POKES_PER_DAY],
        ...[1, 30, 300].map((agents) => [
          `active, ${agents} at work`,
          DAY_S / CADENCE_ACTIVE_S,
          Math.round(month(agents, counted).object_requests / MONTH_DAYS - DAY_S / CADENCE_ACTIVE_S),
        ]),
      ],
      notes: [
        `Assumed of each agent and hour, around the clock: ${AGENT_HOUR.beads} bead from sling to merge, ${AGENT_HOUR.heartbeats} heartbeats, ${AGENT_HOUR.events} events, ${AGENT_HOUR.checkpoints} checkpoints.`,
      ],
    },
    {
      title: `Dollars per month for the brain, published prices of ${PRICES_AS_OF}`,
      columns: [
        "agents",
        "rows written",
        "$ rows",
        "object requests",
        "$ requests",
        "GB-s",
        "$ duration",
        "$ worker",
        "GB after a month",
        "above the plan, $",
        `with the plan's ${PRICES.plan}, $`,
      ],
      rows: bills.map(({ agents, taken, total, items }) => [
        agents === 0 ? "idle" : agents,
        taken.rows_written,
        items.rows_written + items.rows_read,
        taken.object_requests,
        items.object_requests,
        taken.object_gb_s,
        items.object_gb_s,
        items.worker_requests + items.worker_cpu_ms,
        taken.stored_gb,
        total,
        total + PRICES.plan,
      ]),
      notes: [
        "What the plan includes is used by this rig alone. Containers and models are not in it: they cost what they cost under any scheduler.",
      ],
    },
  ];
}

const targetsOf = ({ idle: idleTick, heartbeat, ticks }: Counted): Result["targets"] => [
  {
    what: "an idle tick writes at most one row, the alarm",
    wanted: "1",
    is: String(idleTick.written),
    reached: idleTick.written <= 1,
  },
  {
    what: "a heartbeat that is no news writes nothing",
    wanted: "0",
    is: String(heartbeat.written),
    reached: heartbeat.written === 0,
  },
  {
    what: "a tick of agents at work writes at most the alarm",
    wanted: "1",
    is: String(Math.max(...Object.values(ticks).map(({ written }) => written))),
    reached: Object.values(ticks).every(({ written }) => written <= 1),
  },
];

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
