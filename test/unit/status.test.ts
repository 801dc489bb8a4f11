import { expect, test } from "vitest";
import { advance } from "../../dashboard/src/lib/world.ts";
import { agent as wireAgent } from "../../src/do/queries.ts";
import { readJournal } from "../../src/do/store.ts";
import { AGENT_VERSION, statusLine } from "../../src/machines/agent.ts";
import { restore, store } from "../../src/core/step.ts";
import { createWorld } from "../../src/core/world.ts";
import type { TestRig } from "../support/node-rig.ts";
import {
  agentOf,
  as,
  done,
  escalations,
  exits,
  facts,
  guppMails,
  HOUR,
  MINUTE,
  SECOND,
  slung,
  town,
} from "./incidents/words.ts";

/** What an agent says of itself in one line: for people, and for nothing else. */

const says = (rig: TestRig, agentId: string, line: string, n?: number) =>
  rig.run({ type: "say_status", agentId, line }, as(rig, agentId, n));
const shown = (rig: TestRig, agentId: string) => wireAgent(rig.rig, agentId)?.status_line;

test("the newest line of the live dispatch is shown; said again it is no news", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  expect(shown(rig, agentId)).toBe(undefined);
  says(rig, agentId, "reading the tests");
  says(rig, agentId, "reading the tests");
  says(rig, agentId, "writing the fix");
  expect(shown(rig, agentId)).toBe("writing the fix");
  expect(facts(rig, "agent.status_said").map(({ line }) => line)).toEqual(["reading the tests", "writing the fix"]);
});

test("it is kept through the end of a process, and goes with the next dispatch and with the bead", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  says(rig, agentId, "writing the fix");
  await exits(rig, agentId);
  expect(shown(rig, agentId)).toBe("writing the fix");
  await rig.tickAt(rig.now + SECOND);
  expect(agentOf(rig, agentId).context.dispatchN).toBe(2);
  expect(shown(rig, agentId)).toBe(undefined);
  says(rig, agentId, "trying again");
  await done(rig, agentId, "feature/x");
  expect(shown(rig, agentId)).toBe(undefined);
});

test("an older dispatch's line is recorded as stale and shown nowhere", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  await exits(rig, agentId);
  await rig.tickAt(rig.now + SECOND);
  says(rig, agentId, "the new one");
  says(rig, agentId, "the old one", 1);
  expect(shown(rig, agentId)).toBe("the new one");
  expect(facts(rig, "report.stale").map(({ report }) => report)).toEqual(["status"]);
});

test("it is neither a sign of life nor progress: an agent that only talks is reminded, told of and restarted", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  says(rig, agentId, "still thinking");
  expect(agentOf(rig, agentId).context.heard).toBe(false);
  const started = rig.now;
  for (let minute = 10; minute <= 110; minute += 10) {
    await rig.advance(started + minute * MINUTE);
    says(rig, agentId, `still thinking, ${minute} minutes`);
  }
  expect(guppMails(rig).length).toBe(1);
  expect(escalations(rig).length).toBe(1);
  await rig.advance(started + 2 * HOUR + MINUTE);
  expect(agentOf(rig, agentId).context.dispatchN).toBe(2);
});

test("the board, which folds the facts itself, has the same line", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  says(rig, agentId, "reading the tests");
  const board = createWorld();
  for (const { fact } of readJournal(rig.rig.ports.sql, 0, 1_000)) advance(board, fact);
  const onBoard = board.agents.get(agentId);
  expect(onBoard && statusLine(onBoard.context)).toBe("reading the tests");
});

test("an agent that never said anything has the row that it had before there was such a line", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const row = store("agent", agentOf(rig, agentId));
  expect(AGENT_VERSION).toBe(1);
  expect(Object.keys(row.context as object)).not.toContain("said");
  expect(statusLine(restore("agent", row).context)).toBe(null);
});
