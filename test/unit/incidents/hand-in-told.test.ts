import { describe, expect, test } from "vitest";
import { handInOf } from "../../../src/do/hand-in.ts";
import { containerGateway } from "../../../src/do/gateway.ts";
import { LIMITS } from "../../../src/events/limits.ts";
import { COMMIT, accepted, expectReplays, refusing, say, seeing } from "./hand-in-words.ts";
import { done, facts, SECOND, slung } from "./words.ts";

/** What is told of a hand-in and of what was left: to a done that waits, and of what a start found. */

describe("what a done that waits is told", () => {
  test("is what came of it: as soon as it is known, and at once where it is known", async () => {
    const rig = seeing(refusing());
    const { agentId } = await slung(rig);
    say(rig, agentId);
    const told = handInOf(rig.rig, agentId, 30_000);
    await rig.settled();
    expect(await told).toEqual({ code: "no_commits", sentence: "nothing was committed." });
    expect(await handInOf(rig.rig, agentId, 30_000)).toMatchObject({ code: "no_commits" });
    rig.container.onInspect = () => accepted;
    await done(rig, agentId, "ticktown/x");
    expect(await handInOf(rig.rig, agentId, 30_000)).toMatchObject({ code: "accepted" });
  });

  test("is that nothing is known yet, when its time is over or LIMITS.hand_in_waiters wait already", async () => {
    const rig = seeing();
    const { agentId } = await slung(rig);
    rig.container.onInspect = () => new Promise(() => {});
    say(rig, agentId);
    const listening = rig.rig.listeners.size;
    expect(await handInOf(rig.rig, agentId, 5)).toMatchObject({ code: "waiting" });
    expect(rig.rig.listeners.size).toBe(listening);
    for (let n = 0; n < LIMITS.hand_in_waiters; n++) rig.rig.waiters.add(() => void n);
    const before = Date.now();
    expect(await handInOf(rig.rig, agentId, LIMITS.hand_in_wait_ms)).toMatchObject({ code: "waiting" });
    expect(Date.now() - before).toBeLessThan(LIMITS.hand_in_wait_ms / 2);
  });
});

describe("what a start found in the way", () => {
  const piece = {
    beadId: "x",
    agentId: "another",
    ref: "refs/ticktown/leftovers/x/1",
    commit: COMMIT,
    files: 2,
    givenBack: true,
    sentence: "two files lie there",
  };

  test("is told of the bead", async () => {
    const rig = seeing();
    rig.container.onStart = () => ({ kind: "accepted", setAside: [piece] });
    const { beadId } = await slung(rig);
    expect(facts(rig, "work.set_aside")).toMatchObject([
      { beadId, files: 2, givenBack: true, why: "two files lie there" },
    ]);
    expectReplays(rig);
  });

  test.each([
    [LIMITS.set_aside_told, LIMITS.set_aside_told],
    [LIMITS.set_aside_told + 1, LIMITS.set_aside_told],
  ])("of %i pieces %i are told", async (found, told) => {
    const setAside = Array.from({ length: found }, () => piece);
    const container = containerGateway({ fetch: async () => Response.json({ setAside }) });
    expect(await container.start({ envVars: {} } as never, SECOND)).toMatchObject({ setAside: { length: told } });
  });
});
