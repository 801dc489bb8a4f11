import { expect, test } from "vitest";
import { whyBead } from "../../../src/core/why.ts";
import { heartbeat } from "../../../src/do/rig.ts";
import { bead } from "../../support/node-rig.ts";
import {
  agentOf,
  as,
  beadOf,
  calls,
  done,
  everyProcessDies,
  exits,
  facts,
  MINUTE,
  processesLive,
  SECOND,
  slung,
  startsOf,
  stateOf,
  town,
} from "./words.ts";

test("KC-1358 a start that timed out but is alive is not started twice", async () => {
  const rig = town();
  rig.container.onStart = () => ({ kind: "unknown", error: "timed out after 60000 ms" });
  const { beadId, agentId } = await slung(rig);
  expect(stateOf(rig, agentId)).toContain("starting");
  await rig.tickAt(rig.now + 30 * SECOND);
  await rig.tickAt(rig.now + 30 * SECOND);

  rig.container.processes.set(agentId, { agentId, dispatchId: `${agentId}:1`, status: "running", exitReason: null });
  heartbeat(rig.rig, agentId, `${agentId}:1`, as(rig, agentId));
  await rig.advance(rig.now + 20 * MINUTE);

  expect(stateOf(rig, agentId)).toContain("working.process.running");
  expect(agentOf(rig, agentId).context.hook).toBe(beadId);
  expect(calls(rig, "start")).toEqual([`${agentId}:1`]);
});

test("KC-2061 a refused start leaves starting at once, and an unknown one is observed before any retry", async () => {
  const refusing = town();
  refusing.container.onStart = () => ({ kind: "refused", status: 422, error: "no such repository" });
  const first = await slung(refusing);
  expect(stateOf(refusing, first.agentId)).toBe("exited.refused");
  expect(refusing.rig.world.index.slots.size).toBe(0);

  const silent = town();
  silent.container.onStart = (order) => {
    silent.container.processes.set(order.agentId, {
      agentId: order.agentId,
      dispatchId: order.dispatchId,
      status: "running",
      exitReason: null,
    });
    return { kind: "unknown", error: "the answer was lost" };
  };
  const second = await slung(silent);
  expect(stateOf(silent, second.agentId)).toContain("starting");
  await silent.tickAt(silent.now + 5 * SECOND);
  expect(calls(silent, "statuses")).toEqual([second.agentId]);
  expect(stateOf(silent, second.agentId)).toContain("running");
  await silent.advance(silent.now + 10 * MINUTE);
  expect(calls(silent, "start")).toEqual([`${second.agentId}:1`]);
});

test("GT-2036 an accepted start without a heartbeat is left alone until its cold-start deadline", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const deadline = rig.now + rig.rig.world.rig.context.settings.start_lease_ms;
  rig.container.processes.delete(agentId);
  await rig.advance(deadline - 1);
  expect(calls(rig, "statuses").length).toBeGreaterThan(3);
  expect(stateOf(rig, agentId)).toContain("working.process.running");
  expect(calls(rig, "start")).toEqual([`${agentId}:1`]);
  await rig.tickAt(deadline);
  expect(calls(rig, "start")).toEqual([`${agentId}:1`, `${agentId}:2`]);
});

test("GT-1971 a bead in progress is not started a second time by later TICKs", async () => {
  const rig = town();
  rig.run({ type: "get_or_create_agent", role: "polecat" });
  const { beadId } = await slung(rig);
  rig.run({ type: "register_agent", role: "polecat", name: "spare", identity: "rig/polecats/spare" });
  for (let i = 0; i < 3; i++) await rig.tickAt(rig.now + 30 * SECOND);
  expect(beadOf(rig, beadId).value).toBe("in_progress");
  expect(startsOf(rig, beadId)).toBe(1);
  expect(calls(rig, "start").length).toBe(1);
});

test("GC-1336 a start past its lease gives its slot back", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { capacity: 1 } });
  rig.container.onStart = (order) => {
    rig.container.processes.set(order.agentId, {
      agentId: order.agentId,
      dispatchId: order.dispatchId,
      status: "starting",
      exitReason: null,
    });
    return { kind: "unknown", error: "timed out" };
  };
  const stuck = await slung(rig, "stuck");
  const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("waiting"), assignTo: null });
  const deadline = rig.now + rig.rig.world.rig.context.settings.start_lease_ms;
  await rig.advance(deadline - 1);
  expect(startsOf(rig, beadId)).toBe(0);
  expect(rig.rig.world.index.slots.has(stuck.agentId)).toBe(true);
  await rig.tickAt(deadline);
  expect(stateOf(rig, stuck.agentId)).toBe("exited.crashed");
  expect(rig.rig.world.index.slots.has(stuck.agentId)).toBe(false);
  expect(startsOf(rig, beadId)).toBe(1);
});

test("GC-5442 a start that fails is counted every time, whatever made it fail", async () => {
  const paths: Record<string, (rig: ReturnType<typeof town>) => void> = {
    "refused by the container": (rig) => {
      rig.container.onStart = () => ({ kind: "refused", status: 400, error: "bad order" });
    },
    "never answered and never seen": (rig) => {
      rig.container.onStart = () => ({ kind: "unknown", error: "timed out" });
    },
    "the call itself throws": (rig) => {
      rig.container.onStart = () => {
        throw new Error("socket closed");
      };
    },
    "no token could be made": (rig) => {
      (rig.ports as { agentEnvironment: unknown }).agentEnvironment = async () => {
        throw new Error("no signing key");
      };
    },
    "accepted, then dead": (rig) => everyProcessDies(rig),
    "accepted, then unknown to the container": (rig) => {
      rig.container.processes.set = () => rig.container.processes;
    },
    "the container is gone": (rig) => {
      rig.container.down = "connection refused";
    },
  };
  for (const [path, breaks] of Object.entries(paths)) {
    const rig = town();
    breaks(rig);
    const { beadId, agentId } = await slung(rig);
    for (let failures = 1; failures <= 3; failures++) {
      while (facts(rig, "dispatch.failed").length < failures && rig.now < 1_800_000_000_000 + 20 * MINUTE)
        await rig.advance(found(rig.alarm));
      expect([path, facts(rig, "dispatch.failed").length]).toEqual([path, failures]);
      // For the breaker what one bead asks counts once; for the bead it counts every time.
      const ofTheRig = path === "refused by the container" ? 1 : failures;
      expect([path, rig.rig.world.rig.context.failures.length]).toEqual([path, ofTheRig]);
    }
    const charged = path === "the container is gone" ? 0 : 3;
    expect([path, beadOf(rig, beadId).context.attempts, agentOf(rig, agentId).context.attempts]).toEqual([
      path,
      charged,
      charged,
    ]);
  }
});

const found = (at: number | null): number => at ?? Number.NaN;

test("KC-404 a running agent that the container does not know is exited after the grace, and restarted", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  heartbeat(rig.rig, agentId, `${agentId}:1`, as(rig, agentId));
  await rig.advance(rig.now + 10 * MINUTE);
  heartbeat(rig.rig, agentId, `${agentId}:1`, as(rig, agentId));
  const heard = rig.now;
  rig.container.processes.delete(agentId);

  await rig.tickAt(heard + rig.rig.world.rig.context.settings.heartbeat_lost_ms - 1);
  expect(stateOf(rig, agentId)).toContain("working.process.running");
  await rig.tickAt(heard + rig.rig.world.rig.context.settings.heartbeat_lost_ms);
  expect(facts(rig, "agent.exited").map(({ outcome }) => outcome)).toEqual(["gone"]);
  expect(calls(rig, "start")).toEqual([`${agentId}:1`, `${agentId}:2`]);
});

test("KC-293 a dead process with a hooked bead is restarted by the TICK that finds it dead", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  await rig.tickAt(rig.now + 30 * SECOND);
  everyProcessDies(rig);
  rig.container.processes.set(agentId, { agentId, dispatchId: `${agentId}:1`, status: "failed", exitReason: null });
  processesLive(rig);
  const report = await rig.tickAt(rig.now + 2 * MINUTE);
  const effects = report.entries.flatMap((entry) => entry.effects);
  expect(effects.map((effect) => effect.key)).toEqual([`${agentId}:2:container.start`]);
  expect(stateOf(rig, agentId)).toContain("running");
});

test("KC-411 an agent that has a hook is never picked for new work", async () => {
  const rig = town();
  rig.run({ type: "pause" });
  const { agentId = "" } = rig.run({ type: "get_or_create_agent", role: "polecat" });
  const { beadId = "" } = rig.run({ type: "create_bead", bead: bead("mine"), assignTo: agentId });
  expect(stateOf(rig, agentId)).toBe("idle.hooked");
  const other = await slung(rig, "new");
  expect(other.agentId).not.toBe(agentId);
  expect(rig.run({ type: "get_or_create_agent", role: "polecat" }).agentId).not.toBe(agentId);
  rig.run({ type: "create_bead", bead: bead("unassigned"), assignTo: null });
  rig.run({ type: "resume" });
  await rig.settled();
  expect(agentOf(rig, agentId).context.hook).toBe(beadId);
  expect(rig.container.starts.filter((order) => order.agentId === agentId).map((order) => order.dispatchId)).toEqual([
    `${agentId}:1`,
  ]);
  // Also after a crash, while it waits for its restart.
  await exits(rig, agentId, "failed");
  expect((await slung(rig, "newer")).agentId).not.toBe(agentId);
  await done(rig, other.agentId, "b");
});

test("F-304 a start that the container answered with 500, and whose agent it does not know: known not to run, at once, with the container's sentence", async () => {
  const rig = town();
  const sentence = "HTTP 500: no space left on device";
  rig.container.onStart = () => ({ kind: "unknown", error: sentence, status: 500 });
  const { beadId, agentId } = await slung(rig);
  expect(facts(rig, "start.failed")).toMatchObject([{ agentId, error: sentence }]);
  expect(whyBead(rig.rig.world, beadOf(rig, beadId)).sentence).toContain(sentence);
  await rig.advance(rig.now + 5 * SECOND);
  expect(facts(rig, "dispatch.failed")[0]).toMatchObject({ charged: true, reason: `refused: ${sentence}` });

  // It may run all the same: then nothing has failed.
  const running = town();
  running.container.onStart = (order) => {
    const { agentId: id, dispatchId } = order;
    running.container.processes.set(id, { agentId: id, dispatchId, status: "running", exitReason: null });
    return { kind: "unknown", error: sentence, status: 500 };
  };
  const alive = await slung(running);
  await running.advance(running.now + 10 * MINUTE);
  expect(stateOf(running, alive.agentId)).toContain("working.process.running");
  expect([facts(running, "dispatch.failed"), calls(running, "start").length]).toEqual([[], 1]);

  // What stands before the container does not know whether it has begun: the start has its whole time.
  const between = town();
  between.container.onStart = () => ({ kind: "unknown", error: "HTTP 502: bad gateway", status: 502 });
  const waiting = await slung(between);
  const deadline = found(agentOf(between, waiting.agentId).context.leaseUntil);
  await between.advance(deadline - 1);
  expect(facts(between, "dispatch.failed")).toEqual([]);
  await between.advance(deadline + SECOND);
  expect(facts(between, "dispatch.failed")).toHaveLength(1);
});
