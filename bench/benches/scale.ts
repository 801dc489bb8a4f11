import { DOOR } from "../../src/events/limits.ts";
import { bill, PRICES, PRICES_AS_OF, type Month } from "../prices.ts";
import type { Result } from "../report.ts";
import type { Bench } from "../context.ts";

/** Counted by the cost bench and held by test/workers/cost.test.ts. */
export const COUNTED = {
  life_rows: 42,
  life_bytes: 4_700,
  event_rows: 4,
  checkpoint_rows: 4,
  idle_alarms_per_day: 288,
  active_alarms_per_day: 2_880,
  pokes_per_day: 288,
} as const;

/** The fleet that is multiplied. Change it, and run `npm run bench -- scale`. */
const FLEET = {
  agents_per_rig: 3,
  working_at_once: 1,
  hours_per_day: 6,
  beads_per_hour: 1,
  events_per_hour: 60,
  heartbeats_per_hour: 120,
  checkpoints_per_hour: 4,
  rigs_per_town: 5,
  rigs_per_user: 5,
} as const;

const DAYS = 30;
const DAY_S = 86_400;
/** An alarm or a poke of an idle object. */
const AWAKE_S = 0.05;

/** A month of one rig of the fleet. */
function monthOfOne(): Month & { alarms: number } {
  const share = FLEET.hours_per_day / 24;
  const hours = FLEET.working_at_once * FLEET.hours_per_day * DAYS;
  const alarms = (COUNTED.active_alarms_per_day * share + COUNTED.idle_alarms_per_day * (1 - share)) * DAYS;
  const pokes = COUNTED.pokes_per_day * DAYS;
  const lives = hours * FLEET.beads_per_hour;
  const fromAgents =
    hours * (FLEET.heartbeats_per_hour + FLEET.events_per_hour + FLEET.checkpoints_per_hour) + 3 * lives;
  return {
    alarms,
    worker_requests: fromAgents,
    worker_cpu_ms: (fromAgents + alarms) * 2,
    object_requests: fromAgents + alarms + pokes + 3 * lives,
    object_gb_s: 0.128 * (FLEET.hours_per_day * 3_600 * DAYS + (alarms * (1 - share) + pokes) * AWAKE_S),
    rows_read: 30 * (fromAgents + alarms),
    rows_written:
      alarms +
      lives * COUNTED.life_rows +
      hours * (FLEET.events_per_hour * COUNTED.event_rows + FLEET.checkpoints_per_hour * COUNTED.checkpoint_rows),
    stored_gb: (lives * COUNTED.life_bytes) / 1e9,
  };
}

/** A board says `ping` this often (dashboard/src/lib/feed.ts), and connects anew when its stream is over. */
const PING_S = 15;
/** Of messages that come by WebSocket, this many are one request on the bill. */
const MESSAGES_PER_REQUEST = 20;

/** What one board that is open day and night adds to an idle rig in a month, by who answers its pings. */
function boardOnIdleRig(): (string | number)[][] {
  const pings = (DAYS * DAY_S) / PING_S;
  const again = (DAYS * DAY_S * 1_000) / DOOR.stream_life_ms;
  const row = (who: string, wakes: number, requests: number, awake_s: number) => {
    const gb_s = 0.128 * awake_s;
    const dollars = (requests * PRICES.object_requests.per_million + gb_s * PRICES.object_gb_s.per_million) / 1_000_000;
    return [who, wakes, requests, gb_s, dollars];
  };
  return [
    row("the platform (`setWebSocketAutoResponse`), as it is", again, again, again * AWAKE_S),
    row(
      "the object, which sleeps between them",
      again + pings,
      again + pings / MESSAGES_PER_REQUEST,
      (again + pings) * AWAKE_S,
    ),
    row("the object, on a socket that keeps it awake", again, again + pings / MESSAGES_PER_REQUEST, DAYS * DAY_S),
  ];
}

/** Arithmetic, no measurement: one rig, multiplied. */
export const scale: Bench = async (): Promise<Result> => {
  const one = monthOfOne();
  const sizes = [1, 100, 10_000, 1_000_000];
  const times = (n: number): Month =>
    Object.fromEntries(Object.entries(one).map(([name, value]) => [name, value * n])) as unknown as Month;
  const bills = sizes.map((n) => bill(times(n)));
  const perSecond = (value: number) => sizes.map((n) => (value * n) / (DAYS * DAY_S));
  return {
    tables: [
      {
        title: `A fleet of rigs, each with ${FLEET.agents_per_rig} agents, ${FLEET.working_at_once} at work ${FLEET.hours_per_day} hours a day; prices of ${PRICES_AS_OF}`,
        columns: ["", ...sizes.map((n) => `${n.toLocaleString("en-US")} ${n === 1 ? "rig" : "rigs"}`)],
        rows: [
          [
            "objects: rigs, towns, users and the directory",
            ...sizes.map((n) => n + Math.ceil(n / FLEET.rigs_per_town) + Math.ceil(n / FLEET.rigs_per_user) + 1),
          ],
          ["alarms per second, mean", ...perSecond(one.alarms)],
          ["requests to objects per second, mean", ...perSecond(one.object_requests)],
          ["rows written per second, mean", ...perSecond(one.rows_written)],
          [
            "containers at work at once, mean",
            ...sizes.map((n) =>
              Math.max(FLEET.hours_per_day / 24, (Math.ceil(n / FLEET.rigs_per_town) * FLEET.hours_per_day) / 24),
            ),
          ],
          ["growth per month, GB", ...sizes.map((n) => one.stored_gb * n)],
          ["rows written, $ per month", ...bills.map((each) => each.rows_written + each.rows_read)],
          [
            "requests and alarms, $ per month",
            ...bills.map((each) => each.object_requests + each.worker_requests + each.worker_cpu_ms),
          ],
          ["object duration, $ per month", ...bills.map((each) => each.object_gb_s)],
          ["the brain, with the plan, $ per month", ...bills.map((each) => each.total + PRICES.plan)],
        ],
      },
      {
        title: "One board, open day and night on an idle rig, a month; nothing of it taken as included in the plan",
        columns: ["its pings are answered by", "wakes", "requests billed", "GB-s", "$"],
        rows: boardOnIdleRig(),
      },
    ],
  };
};
