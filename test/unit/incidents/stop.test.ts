import { expect, test } from "vitest";
import { halt } from "../../../src/do/halt.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { bead } from "../../support/node-rig.ts";
import { order, trainTown } from "./train-words.ts";
import { agentOf, beadOf, facts, HOUR, MINUTE, slung, submitted, town } from "./words.ts";

/** Everything is stopped at once. */

test("STOP-begin while everything is stopped nothing begins, whatever was on its way; nobody is charged, and resume goes on at once", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig, "one");
  // It comes in the moment in which another start is written.
  const { agentEnvironment } = rig.ports;
  Object.assign(rig.ports, {
    agentEnvironment: async (about: Parameters<typeof agentEnvironment>[0]) => {
      rig.run({ type: "stop" });
      return agentEnvironment(about);
    },
  });
  await slung(rig, "two");
  Object.assign(rig.ports, { agentEnvironment });
  expect(rig.container.starts.map((start) => start.agentId)).toEqual([agentId]);
  rig.run({ type: "sling", bead: bead("three") });
  await rig.advance(rig.now + 2 * HOUR);
  expect(rig.container.starts).toHaveLength(1);
  expect(agentOf(rig, agentId).value).toEqual({ restarting: "due" });
  expect(beadOf(rig, beadId).context.attempts).toBe(0);
  expect(facts(rig, "rig.draining")).toMatchObject([{ by: "operator", atOnce: true }]);
  expect(facts(rig, "dispatch.failed")).toEqual([]);
  rig.run({ type: "resume" });
  await rig.settled();
  expect(rig.container.starts).toHaveLength(4);
});

test("STOP-begin a train that the container did not take waits for the resume, and is not asked for meanwhile", async () => {
  const rig = trainTown();
  rig.container.onTrain = () => ({ kind: "unknown", error: "no answer" });
  await submitted(rig);
  const asked = rig.container.trains.length;
  expect(asked).toBeGreaterThan(0);
  rig.run({ type: "stop" });
  await rig.advance(rig.now + 10 * MINUTE);
  expect(rig.container.trains).toHaveLength(asked);
  rig.run({ type: "resume" });
  await rig.advance(rig.now + 10 * MINUTE);
  expect(rig.container.trains.length).toBeGreaterThan(asked);
  expect(order(rig).members).toHaveLength(1);
});

test("STOP-begin a stop says what became of the processes, also where the container does not answer, or is an old one", async () => {
  const rig = town();
  const port = rig.ports.container("town");
  expect(await halt(rig.rig)).toEqual({ container: "unknown", left: null });
  port.halt = async (_, timeout_ms) => (timeout_ms === LIMITS.halt_timeout_ms ? 3 : 0);
  expect(await halt(rig.rig)).toEqual({ container: "stopped", left: 3 });
  port.halt = async () => {
    throw new Error("no route");
  };
  expect(await halt(rig.rig)).toEqual({ container: "unreachable", left: null });
});
