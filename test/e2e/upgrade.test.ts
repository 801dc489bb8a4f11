import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { type ApiClient, type Bead, createApiClient } from "../../scripts/stack/api-client.ts";
import { freePort, LOOPBACK } from "../../scripts/stack/ports.ts";
import { startStack } from "../../scripts/stack/stack.ts";
import { openState } from "../../scripts/stack/state.ts";
import { startWorker } from "../../scripts/stack/worker.ts";
import { NEWEST_RULES } from "../../src/events/rules.ts";
import { type OldAgent, startOldAgents, type Unpacked, unpack } from "../support/node-upgrade.ts";
import { journalOf } from "./journal.ts";
import { nothingLeftIn, eachTry, until } from "./support.ts";

/**
 * What somebody has who upgrades: a state folder of an earlier version that was killed at work, and ten agents that live on.
 * Whoever changes what a chart decides, a table, a file or a token adds here what must have survived it.
 */

let dir = "";
eachTry((made) => (dir = made));
const undo: (() => unknown)[] = [];

afterAll(async () => {
  for (const step of undo.toReversed()) await step();
  expect(await nothingLeftIn(dir)).toEqual([]);
});

const MINUTE_MS = 60_000;
const beadOf = ({ env }: OldAgent): string => (env["TICKTOWN_BRANCH"] ?? "").replace("ticktown/", "");

/** Ends a process group that may have ended. */
function end(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has.
  }
}

async function beadsOf(api: ApiClient, rig: string): Promise<Map<string, Bead>> {
  const beads = await api.call<Bead[]>("GET", `/api/rigs/${rig}/beads?limit=500`);
  return new Map(beads.map((bead) => [bead.title, bead]));
}

/** Half of the agents finish while only the Worker is there; the others stand still, and live when the next control server comes. */
async function finishHalf(old: Unpacked, port: number): Promise<OldAgent[]> {
  const processes = startOldAgents(old);
  undo.push(() => processes.forEach(({ pid }) => end(pid)));
  for (const { pid } of processes.slice(5)) if (pid !== undefined) process.kill(-pid, "SIGSTOP");
  const state = openState(old.state);
  const variables = { GASTOWN_API_URL: `http://${LOOPBACK}:${port}`, ...old.secrets };
  const controlUrl = `http://${LOOPBACK}:${await freePort()}`; // Nobody is there.
  const worker = await startWorker(state, { port, variables, controlUrl, environment: process.env });
  undo.push(worker.stop);
  old.release();
  const finished = old.agents.slice(0, 5);
  const api = createApiClient(worker.url, old.secrets.TICKTOWN_OPERATOR_TOKEN);
  await until(
    "the agents of before have said done with the tokens they had",
    async () => {
      const beads = [...(await beadsOf(api, old.rigs[0])).values()];
      return finished.every((agent) => beads.find(({ id }) => id === beadOf(agent))?.status === "in_review");
    },
    MINUTE_MS,
  );
  await worker.stop();
  state.unlock();
  return finished;
}

describe.each(["38640e0"])("a state folder of version %s", (version) => {
  test(
    "goes on under this one: agents that live finish, the rest is taken up again, all of it is merged and replays",
    async () => {
      const port = await freePort();
      const old = unpack(version, path.join(dir, version), { port });
      const [first, second] = old.rigs;
      const finished = await finishHalf(old, port);

      const stack = await startStack({
        port,
        stateDir: old.state,
        containerUrl: null,
        agentCommand: old.agentCommand,
        environment: process.env,
        say: () => {},
      });
      undo.push(stack.stop);
      const { api } = stack;
      await api.call("POST", `/api/rigs/${second}/resume`);
      // Who asked goes on being blocked, also without a process: that is for a person.
      const asking = old.agents.find(({ env }) => env["TICKTOWN_PROMPT"]?.includes("mode: help"));
      const asked = `/api/rigs/${first}/agents/${asking?.env["GASTOWN_AGENT_ID"]}`;
      if ((await api.call<{ status: string }>("GET", asked)).status === "blocked")
        await api.call("POST", `${asked}/unblock`, { answer: "Good evening" });
      // Of one start nobody can say what became of it. The rig waits out its lease, three minutes; here somebody takes the bead back.
      const unsure = (await beadsOf(api, first)).get("Unassigned")?.assignee_agent_id;
      if (unsure) await api.call("DELETE", `/api/rigs/${first}/agents/${unsure}/hook`);
      const open = async (): Promise<string[]> =>
        [...(await beadsOf(api, first)).values(), ...(await beadsOf(api, second)).values()]
          .filter(
            ({ type, status, title }) => type === "issue" && !/closed|failed/.test(status) && title !== "For later",
          )
          .map(({ title }) => title);
      await until("everything is merged", async () => (await open()).length === 0, 2 * MINUTE_MS).catch(
        async (error: unknown) => {
          throw new Error(`still open: ${(await open()).join(", ")}`, { cause: error });
        },
      );

      const beads = await beadsOf(api, first);
      const statusOf = (title: string) => beads.get(title)?.status;
      const merged = ["Say hello", "Say goodbye", "Count up", "Count down", "Greet politely", "Wait for the merge"];
      for (const title of [...merged, "After the merge", "Unassigned"])
        expect([title, statusOf(title)]).toEqual([title, "closed"]);
      for (let n = 1; n <= 9; n++) expect(statusOf(`Long work ${n}`)).toBe("closed");
      expect([
        statusOf("Ask and wait"),
        statusOf("Divide by zero"),
        statusOf("Never mind"),
        statusOf("For later"),
      ]).toEqual(["closed", "failed", "failed", "open"]);

      // What was done before is there once, and the others went on from their checkpoints.
      const show = (bead: string) =>
        execFileSync("git", ["-C", old.origin, "show", `main:work/${bead}.txt`], { encoding: "utf8" })
          .trim()
          .split("\n");
      for (const agent of old.agents) {
        const lines = show(beadOf(agent));
        const wasFinished = finished.includes(agent);
        expect(lines[0]).toBe(
          agent.env["TICKTOWN_PROMPT"]?.includes("mode: help") && !wasFinished ? lines[0] : "began",
        );
        expect(lines.some((line) => line.startsWith("resumed from"))).toBe(!wasFinished);
      }

      // Taken over once, and every fact of before and after is folded to the same.
      for (const rig of old.rigs) {
        expect(await api.call("POST", `/api/rigs/${rig}/replay`)).toMatchObject({ divergence: null });
        const journal = await journalOf(stack.url, rig, old.secrets.TICKTOWN_OPERATOR_TOKEN);
        const upgrades = journal.filter(({ fact }) => fact.type === "rig.upgraded");
        expect(upgrades).toMatchObject([{ fact: { rules: NEWEST_RULES } }]);
      }

      // Settings, secrets, operators.
      expect(await api.call("GET", `/api/rigs/${first}/settings`)).toMatchObject({ max_attempts: 2, capacity: 12 });
      expect(await api.call("PUT", `/api/rigs/${first}/secrets`, {})).toEqual({ names: ["GIT_USERNAME", "MODEL_KEY"] });
      const tokens = await createApiClient(stack.url, old.secondToken).call<
        { name: string; revoked_at: string | null }[]
      >("GET", "/api/operator-tokens");
      expect(tokens.map(({ name, revoked_at }) => [name, revoked_at !== null]).sort()).toEqual([
        ["a colleague", false],
        ["one who left", true],
      ]);

      // Nobody of before is left: neither a process nor the file that names it.
      await stack.stop();
      expect(await nothingLeftIn(old.root)).toEqual([]);
      const pids = path.join(old.state, "container", "pids");
      expect(existsSync(pids) ? readdirSync(pids) : []).toEqual([]);
    },
    5 * MINUTE_MS,
  );
});
