import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { createApiClient, type RigInfo, type Town } from "../../scripts/stack/api-client.ts";
import { freePort } from "../../scripts/stack/ports.ts";
import { oldJournal, startOldAgents, unpack } from "../support/node-upgrade.ts";
import { journalOf } from "./journal.ts";
import { nothingLeftIn, ready, run, eachTry, tokenIn } from "./support.ts";

let dir = "";
eachTry((made) => (dir = made));

/** Each fact of an exported journal, as `seq type`. */
const factsOf = (text: string): string[] =>
  text
    .split("\n")
    .filter((line) => line.startsWith('{"seq":'))
    .map((line) => JSON.parse(line) as { seq: number; type: string })
    .map(({ seq, type }) => `${seq} ${type}`);

test("a state folder that 38640e0 left, killed with ten agents, is taken over by npm start where it lies: rigs, journals, secrets, tokens", async () => {
  const port = await freePort();
  const old = unpack("38640e0", path.join(dir, "upgraded"), { port });
  const agents = startOldAgents(old);
  const where = ["--port", String(port), "--state", old.state];
  const start = run("start.ts", [...where, "--repo", old.origin, "--agent", old.agentCommand]);
  const url = await ready(start);
  expect(start.stderr()).toContain(`rig ${old.rigs[0]} was here already`);
  for (const { pid } of agents) expect(() => process.kill(pid ?? 0, 0), "an agent that was left running").toThrow();

  // The tokens are those that were there.
  expect(tokenIn(old.state)).toBe(old.secrets.TICKTOWN_OPERATOR_TOKEN);
  const api = createApiClient(url, tokenIn(old.state));
  const [town] = await createApiClient(url, old.secondToken).call<Town[]>("GET", "/api/users/local/towns");
  const rigs = await api.call<RigInfo[]>("GET", `/api/users/local/towns/${town?.id}/rigs`);
  expect(rigs.map(({ id }) => id).toSorted()).toEqual([...old.rigs].toSorted());

  // The journals begin as they were, and fold to what is there now.
  for (const [n, name] of (["first", "second"] as const).entries()) {
    const rigId = old.rigs[n] ?? "";
    const recorded = factsOf(oldJournal("38640e0", name));
    expect(recorded.length).toBeGreaterThan(5);
    const now = await journalOf(url, rigId, tokenIn(old.state));
    expect(now.slice(0, recorded.length).map(({ fact }) => `${fact.seq} ${fact.type}`)).toEqual(recorded);
    expect(await api.call("POST", `/api/rigs/${rigId}/replay`)).toMatchObject({ divergence: null });
    expect(await api.call("GET", `/api/rigs/${rigId}/health`)).toMatchObject({ violations: [], broken: [] });
  }

  start.process.kill("SIGTERM");
  expect(await start.exited).toBe(0);
  expect(await nothingLeftIn(old.state)).toEqual([]);
  expect(JSON.parse(readFileSync(path.join(old.state, "secrets.json"), "utf8"))).toEqual(old.secrets);
});
