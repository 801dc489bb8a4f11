import { readdirSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import type { Bead } from "../../scripts/stack/api-client.ts";
import { DEMO_AGENT } from "../../scripts/stack/stack.ts";
import { fault, summary } from "../../scripts/verify/print.ts";
import { look } from "../../scripts/verify/run.ts";
import { type ChaosTown, chaosTown, dice, kill } from "./chaos-town.ts";
import { nothingLeftIn, processesIn, eachTry, until } from "./support.ts";

/**
 * SIGKILL for the Worker, the control server, and git, while trains run; when, a seed decides. The same order again:
 * CHAOS_SEED=… npm run test:e2e -- chaos-trains. More rounds: CHAOS_ROUNDS=….
 */
const SEED = Number(process.env["CHAOS_SEED"] ?? 11);
const ROUNDS = Number(process.env["CHAOS_ROUNDS"] ?? 3);
const BEADS_PER_ROUND = 3;
const STEPS = 2;

let dir = "";
eachTry((made) => (dir = made));
let town: ChaosTown | null = null;

afterAll(async () => {
  await town?.stop();
  expect(await nothingLeftIn(dir)).toEqual([]);
});

const CHECK = { name: "looks", command: "sleep 0.2; ls work", timeout_ms: 60_000, expect: ".md" };

/** Each is a death at another place of a train. */
const VICTIMS = ["the control server", "the control server with its git", "git", "the Worker"] as const;
type Victim = (typeof VICTIMS)[number];

async function end(victim: Victim, { control, killWorker }: ChaosTown): Promise<void> {
  if (victim === "the Worker") await killWorker();
  else if (victim === "git") {
    for (const { pid, command } of processesIn(dir)) if (/(^|\/)git\b/.test(command)) kill(pid);
  } else kill(victim === "the control server" ? control.pid() : -control.pid());
}

/** Whether a push was written down and its train is not through: the moment in which most can be lost. */
function isPushing({ state, rig }: ChaosTown): boolean {
  try {
    return readdirSync(path.join(state.container, "rigs", rig.id, "pushes")).length > 0;
  } catch {
    return false;
  }
}

async function moment(roll: (sides: number) => number, one: ChaosTown): Promise<string> {
  const beads = `/api/rigs/${one.rig.id}/beads?type=issue&status=in_review`;
  const deadline = Date.now() + 30_000;
  const isReached =
    roll(2) === 0
      ? async () => (await one.api.call<Bead[]>("GET", beads).catch(() => [])).length > 0
      : async () => isPushing(one);
  while (!(await isReached()) && Date.now() < deadline) await sleep(3);
  const ms = roll(2) === 0 ? roll(40) : roll(600);
  await sleep(ms);
  return `${ms} ms later`;
}

test(`${ROUNDS} rounds of kill -9 during trains by seed ${SEED}: afterwards every commit on the target has its receipt, none is there twice, none is lost`, async () => {
  const roll = dice(SEED);
  town = await chaosTown(dir, `exec ${DEMO_AGENT}`, { checks: [CHECK], review_lease_ms: 20_000, train_max: 2 });
  const one = town;
  const beads = () => one.api.call<Bead[]>("GET", `/api/rigs/${one.rig.id}/beads?type=issue&limit=500`);
  const told: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (let n = 0; n < BEADS_PER_ROUND; n++) {
      const title = `Bead ${round}.${n}`;
      await one.api.call("POST", `/api/rigs/${one.rig.id}/sling`, { title, body: `steps: ${STEPS}\nstep_ms: 100` });
    }
    const victim = VICTIMS[(round + roll(2)) % VICTIMS.length] as Victim;
    const when = await moment(roll, one);
    await end(victim, one);
    told.push(`${victim}, ${when}`);
    await until(
      `every bead of round ${round} is closed after the death of ${told.at(-1)}`,
      async () => (await beads().catch(() => null))?.every(({ status }) => status === "closed"),
      120_000,
    );
  }
  const looked = await look(one.repository.origin, one.api.lines(`/api/rigs/${one.rig.id}/export`), null);
  console.log(`chaos of trains: ${told.join("; ")}. ${summary(looked)}`);
  expect(fault(looked, true)).toBeNull();
  const { judged, counts } = looked.verdict;
  expect({ commits: judged.length, ...counts }).toMatchObject({
    commits: ROUNDS * BEADS_PER_ROUND,
    UNCOVERED: 0,
    foreign: 0,
    unchecked: 0,
  });
  const subjects = one.repository.git("log", "--format=%s", "main").split("\n");
  for (const { title } of await beads())
    for (let step = 1; step <= STEPS; step++)
      expect(
        subjects.filter((subject) => subject.startsWith(`${title}: step ${step} of ${STEPS} `)),
        title,
      ).toHaveLength(1);
  expect(await one.api.call("POST", `/api/rigs/${one.rig.id}/replay`)).toMatchObject({ divergence: null });
}, 3_600_000);
