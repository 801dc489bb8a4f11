import { existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "vitest";
import type { Bead } from "../../scripts/stack/api-client.ts";
import { agentProcesses } from "../../scripts/stack/control.ts";
import { DEMO_AGENT } from "../../scripts/stack/stack.ts";
import { chaosTown, dice, kill } from "./chaos-town.ts";
import { journalOf } from "./journal.ts";
import { nothingLeftIn, eachTry, until } from "./support.ts";

/**
 * SIGKILL for the Worker, the control server and agents, in an order that a seed decides, while work goes on. The same
 * order again: CHAOS_SEED=… npm run test:e2e -- chaos. More rounds: CHAOS_ROUNDS=….
 */
const SEED = Number(process.env["CHAOS_SEED"] ?? 7);
const ROUNDS = Number(process.env["CHAOS_ROUNDS"] ?? 8);
const BEADS = 6;

let dir = "";
eachTry((made) => (dir = made));
const undo: (() => Promise<unknown>)[] = [];

afterAll(async () => {
  for (const step of undo.toReversed()) await step();
  expect(await nothingLeftIn(dir)).toEqual([]);
});

test(`${ROUNDS} rounds of kill -9 by seed ${SEED}: what was acknowledged is kept, nothing runs twice at once, everything ends, the replay is clean`, async () => {
  const roll = dice(SEED);
  const locks = path.join(dir, "locks");
  mkdirSync(locks);
  // Each agent holds its bead's lock while it lives; the kernel takes it back when it is killed. A second one would say so.
  const agentCommand = `exec 9>"${locks}/$(basename "$TICKTOWN_BRANCH")"; flock -n 9 || { echo "$TICKTOWN_DISPATCH_ID" >>"${locks}/doubles"; exit 99; }; exec ${DEMO_AGENT}`;
  const town = await chaosTown(dir, agentCommand);
  undo.push(() => town.stop());
  const { api, rig, repository, state, url, control } = town;

  /** Commands that were answered with success: they must be in the journal whatever is killed. */
  const acknowledged: string[] = [];
  const sling = async (title: string): Promise<void> => {
    const { bead } = await api.call<{ bead: Bead }>("POST", `/api/rigs/${rig.id}/sling`, {
      title,
      body: "steps: 3\nstep_ms: 500",
    });
    acknowledged.push(bead.id);
  };
  for (let i = 0; i < BEADS / 2; i++) await sling(`Bead ${i}`);

  const killed: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await sleep(300 + roll(1_200));
    if (round < BEADS / 2) void sling(`Late bead ${round}`).catch(() => {});
    const victims = agentProcesses(state.container);
    const victim = victims[roll(Math.max(1, victims.length))];
    const choice = roll(4);
    if (choice === 0) {
      killed.push("worker");
      await town.killWorker();
    } else if (choice === 1) {
      killed.push("control server");
      kill(-control.pid());
    } else if (victim !== undefined) {
      killed.push("agent");
      kill(victim.pid);
    }
  }

  const beads = () => api.call<Bead[]>("GET", `/api/rigs/${rig.id}/beads?type=issue`);
  await until("every bead is closed", async () => (await beads()).every(({ status }) => status === "closed"), 90_000);

  const all = await beads();
  const journal = await journalOf(url, rig.id, state.secrets.TICKTOWN_OPERATOR_TOKEN);
  const created = new Set(journal.filter(({ fact }) => fact.type === "bead.created").map(({ fact }) => fact.beadId));
  console.log(
    `chaos: killed ${killed.join(", ")}; ${all.length} beads closed, ${journal.length} facts, ${journal.filter(({ fact }) => fact.type === "dispatch.granted").length} dispatches`,
  );
  for (const id of acknowledged) expect(created).toContain(id);
  expect(existsSync(path.join(locks, "doubles")) ? readFileSync(path.join(locks, "doubles"), "utf8") : "").toBe("");
  expect(await api.call("POST", `/api/rigs/${rig.id}/replay`)).toMatchObject({ divergence: null });
  expect(await api.call<{ violations: string[] }>("GET", `/api/rigs/${rig.id}/health`)).toMatchObject({
    violations: [],
  });
  const subjects = repository.git("log", "--format=%s", "main").split("\n");
  for (const { title } of all)
    for (const step of [1, 2, 3])
      expect(
        subjects.filter((subject) => subject.startsWith(`${title}: step ${step} of 3`)).length,
        `${title} step ${step}`,
      ).toBe(1);
}, 180_000);
