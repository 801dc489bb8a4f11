import { describe, expect, test } from "vitest";
import { replaySync } from "../../src/core/replay.ts";
import { storedActors } from "../../src/do/store.ts";
import { archive } from "../../src/do/archive.ts";
import { readFact } from "../../src/events/upcast.ts";
import { store, type Kind } from "../../src/core/step.ts";
import { bead, type TestRig } from "../support/node-rig.ts";
import {
  agentOf,
  as,
  beadOf,
  calls,
  done,
  exits,
  facts,
  journal,
  MINUTE,
  refused,
  reviewOf,
  SECOND,
  slung,
  stateOf,
  submitted,
  town,
  verdict,
} from "./incidents/words.ts";

/** An actor that was set aside is taken back: as the journal has it, and at one with those it deals with. */

/** Its row is damaged, and the object read anew. */
function lose(rig: TestRig, kind: Kind, id: string): void {
  rig.ports.sql.exec("UPDATE actors SET value = '{ not json' WHERE kind = ? AND id = ?", kind, id);
  rig.reopen();
  expect(rig.rig.world.broken.has(`${kind}:${id}`)).toBe(true);
}

/** Repairs, and holds memory, rows and a replay against each other. */
async function repair(rig: TestRig, kind: Kind, id: string): Promise<void> {
  rig.run({ type: "repair", kind, id });
  expect([...rig.rig.world.broken.keys()]).toEqual([]);
  await rig.settled();
  const before = [...storedActors(rig.ports.sql)];
  expect(replaySync(journal(rig), before).divergence).toBe(null);
  rig.reopen();
  await rig.settled();
  expect([...rig.rig.world.broken.keys()]).toEqual([]);
  expect([...storedActors(rig.ports.sql)]).toEqual(before);
}

describe("an agent whose row was lost", () => {
  test("is what it was, and its process goes on", async () => {
    const rig = town();
    const { agentId, beadId } = await slung(rig);
    rig.run({ type: "checkpoint", agentId, data: { step: 1 } }, as(rig, agentId));
    const before = agentOf(rig, agentId);
    lose(rig, "agent", agentId);
    expect(rig.rig.world.agents.has(agentId)).toBe(false);
    await repair(rig, "agent", agentId);
    expect(store("agent", agentOf(rig, agentId))).toEqual(store("agent", before));
    expect(calls(rig, "stop")).toEqual([]);
    await done(rig, agentId, "feature/x");
    expect(beadOf(rig, beadId).value).toBe("in_review");
  });

  test("whose process died meanwhile is found dead, and restarted", async () => {
    const rig = town();
    const { agentId } = await slung(rig);
    lose(rig, "agent", agentId);
    rig.container.processes.delete(agentId);
    await repair(rig, "agent", agentId);
    await rig.advance(rig.now + 5 * MINUTE);
    expect(calls(rig, "start")).toEqual([`${agentId}:1`, `${agentId}:2`]);
  });

  test("lets go of a bead that ended meanwhile, and its process is stopped", async () => {
    const rig = town();
    const { agentId, beadId } = await slung(rig);
    lose(rig, "agent", agentId);
    rig.run({ type: "cancel_bead", beadId });
    await repair(rig, "agent", agentId);
    expect(stateOf(rig, agentId)).toBe("idle.empty");
    expect(calls(rig, "stop")).toEqual([`${agentId}:1`]);
  });

  test("takes its place among the others: a TICK goes to them in their order", async () => {
    const rig = town();
    const first = await slung(rig, "first");
    const second = await slung(rig, "second");
    lose(rig, "agent", first.agentId);
    rig.run({ type: "repair", kind: "agent", id: first.agentId });
    expect([...rig.rig.world.agents.keys()]).toEqual([first.agentId, second.agentId]);
  });
});

describe("a bead whose row was lost", () => {
  test("is what it was, and its agent keeps it", async () => {
    const rig = town();
    const { agentId, beadId } = await slung(rig);
    const before = beadOf(rig, beadId);
    lose(rig, "bead", beadId);
    await repair(rig, "bead", beadId);
    expect(beadOf(rig, beadId).context).toEqual(before.context);
    expect(agentOf(rig, agentId).context.hook).toBe(beadId);
    expect(facts(rig, "agent.unhooked")).toEqual([]);
  });

  test("whose agent let go of it meanwhile is ready again, and dispatched", async () => {
    const rig = town();
    const { agentId, beadId } = await slung(rig);
    lose(rig, "bead", beadId);
    rig.run({ type: "unhook", agentId });
    await repair(rig, "bead", beadId);
    expect(facts(rig, "agent.unhooked").map((fact) => fact.reason)).toContain(
      "after a repair the agent and the bead did not agree",
    );
    expect(beadOf(rig, beadId)).toMatchObject({ value: "in_progress", context: { assignee: agentId } });
    expect(calls(rig, "start")).toEqual([`${agentId}:1`, `${agentId}:2`]);
  });

  test("that counts other attempts than its agent is taken from it", async () => {
    const rig = town();
    const { agentId, beadId } = await slung(rig);
    lose(rig, "bead", beadId);
    await exits(rig, agentId, "failed");
    await rig.tickAt(rig.now + 30 * SECOND);
    expect(agentOf(rig, agentId).context.attempts).toBe(1);
    await repair(rig, "bead", beadId);
    expect(agentOf(rig, agentId).context.attempts).toBe(beadOf(rig, beadId).context.attempts);
  });

  test("whose branch was merged meanwhile is closed with that commit", async () => {
    const rig = town();
    const { beadId, reviewId } = await submitted(rig);
    lose(rig, "bead", beadId);
    await verdict(rig, reviewId, "merged");
    await repair(rig, "bead", beadId);
    expect(beadOf(rig, beadId)).toMatchObject({ value: "closed", context: { commitSha: "abc123" } });
  });

  test("whose branch conflicted meanwhile is worked on again", async () => {
    const rig = town();
    const { beadId, reviewId } = await submitted(rig);
    lose(rig, "bead", beadId);
    await verdict(rig, reviewId, "conflict");
    await repair(rig, "bead", beadId);
    expect(beadOf(rig, beadId)).toMatchObject({ value: "in_progress", context: { reworks: 1 } });
    expect(facts(rig, "bead.conflicted").at(-1)?.message).toBe("it conflict");
  });

  test("whose blockers ended or were deleted meanwhile waits for them no more; for one that is still open it does", async () => {
    const rig = town();
    rig.run({ type: "pause" });
    const make = (title: string, blockedBy: string[] = []) =>
      rig.run({ type: "create_bead", bead: bead(title, { blockedBy }), assignTo: null }).beadId ?? "";
    const [closes, leaves, fails, stays] = ["closes", "leaves", "fails", "stays"].map((title) => make(title)) as [
      string,
      string,
      string,
      string,
    ];
    const last = make("last", [closes, leaves, fails, stays]);
    lose(rig, "bead", last);
    rig.run({ type: "close_bead", beadId: closes });
    rig.run({ type: "delete_bead", beadId: leaves });
    rig.run({ type: "cancel_bead", beadId: fails });
    await repair(rig, "bead", last);
    expect(beadOf(rig, last).context.blockedBy).toEqual([fails, stays]);
  });
});

describe("a review whose row was lost", () => {
  test("goes on to be merged", async () => {
    const rig = town();
    const { beadId, reviewId } = await submitted(rig);
    lose(rig, "review", reviewId);
    await repair(rig, "review", reviewId);
    await verdict(rig, reviewId, "merged");
    expect(beadOf(rig, beadId).value).toBe("closed");
  });

  test("is cancelled when its bead does not wait for it any more", async () => {
    const rig = town();
    const { beadId, reviewId } = await submitted(rig);
    lose(rig, "review", reviewId);
    rig.run({ type: "cancel_bead", beadId });
    await repair(rig, "review", reviewId);
    expect(reviewOf(rig, reviewId).value).toBe("failed");
  });
});

describe("a rig whose own row was lost", () => {
  test("has its repository and its settings back, and dispatches again", async () => {
    const rig = town();
    rig.run({ type: "set_settings", settings: { capacity: 3 } });
    const before = rig.rig.world.rig.context;
    lose(rig, "rig", "rig");
    expect(rig.rig.world.rig.context.config).toBe(null);
    await repair(rig, "rig", "rig");
    expect(rig.rig.world.rig.context).toEqual(before);
    await slung(rig);
    expect(calls(rig, "start")).toHaveLength(1);
  });

  test.each([true, false])(
    "does not wait for a probe that ended unheard (it is still running: %s)",
    async (isRunning) => {
      const rig = town();
      rig.run({ type: "set_settings", settings: { breaker_failures: 1, breaker_cooldown_ms: MINUTE } });
      const { agentId } = await slung(rig);
      await exits(rig, agentId, "failed");
      for (let i = 0; i < 20 && rig.rig.world.rig.context.probe === null; i++) await rig.tickAt(rig.now + MINUTE);
      const { probe } = rig.rig.world.rig.context;
      expect(probe).not.toBe(null);
      lose(rig, "rig", "rig");
      if (!isRunning) rig.run({ type: "unhook", agentId: probe?.split(":")[0] ?? "" });
      await repair(rig, "rig", "rig");
      const now = rig.rig.world.rig.context.probe;
      if (isRunning) expect(now).toBe(probe);
      else expect(now).not.toBe(probe);
    },
  );
});

test("an actor that only threw is taken back as it stands", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const sound = agentOf(rig, agentId);
  rig.rig.world.agents.set(agentId, Object.assign(Object.create(sound), { value: { exited: "nowhere" } }));
  await rig.tickAt(rig.now + 30 * SECOND);
  expect([...rig.rig.world.broken.keys()]).toEqual([`agent:${agentId}`]);
  rig.rig.world.agents.set(agentId, sound);
  rig.run({ type: "repair", kind: "agent", id: agentId });
  expect(facts(rig, "actor.repaired")).toMatchObject([{ kind: "agent", id: agentId, by: "operator", state: null }]);
  expect([...rig.rig.world.broken.keys()]).toEqual([]);
  await done(rig, agentId, "feature/x");
  expect(stateOf(rig, agentId)).toBe("idle.empty");
});

test("a repair that is told twice repairs once: what happened since is not taken back", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig);
  lose(rig, "bead", beadId);
  rig.run({ type: "repair", kind: "bead", id: beadId });
  const [fact] = facts(rig, "actor.repaired");
  rig.run({ type: "done", agentId, branch: "b", prUrl: null, summary: null });
  await rig.settled();
  if (fact === undefined) throw new Error("nothing was repaired");
  rig.tell({ type: "actor.repaired", kind: fact.kind, id: fact.id, by: fact.by, state: fact.state });
  expect(beadOf(rig, beadId).value).toBe("in_review");
});

test("two that disagree and are both set aside agree once the second is back", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig);
  lose(rig, "agent", agentId);
  lose(rig, "bead", beadId);
  rig.run({ type: "repair", kind: "agent", id: agentId });
  expect(facts(rig, "agent.unhooked")).toEqual([]);
  await repair(rig, "bead", beadId);
  expect(agentOf(rig, agentId).context.hook).toBe(beadId);
});

test("what is sound is left as it is, what does not exist is not found", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const { seq } = rig.rig.world;
  rig.run({ type: "repair", kind: "agent", id: agentId });
  rig.run({ type: "repair", kind: "rig", id: "rig" });
  expect(rig.rig.world.seq).toBe(seq);
  expect(refused(rig, { type: "repair", kind: "bead", id: "ghost" })).toMatchObject({
    status: 404,
    error: "no bead ghost in this rig",
  });
});

test("what only the archive could tell is refused, and said", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  lose(rig, "agent", agentId);
  for (let i = 0; i < 20; i++)
    rig.run({ type: "create_bead", bead: bead(`note ${i}`, { type: "message" }), assignTo: null });
  const bucket = { put: async () => {}, delete: async () => {} };
  while ((await archive(rig.rig, bucket, "rig", { keep: 5, segment: 5 })) !== null);
  expect(refused(rig, { type: "repair", kind: "agent", id: agentId })).toMatchObject({
    status: 409,
    error: `agent ${agentId} cannot be repaired: the journal that this rig holds does not reach back to a state of it`,
  });
});

test("a repair of a journal that was written before it could bring a state is one without", () => {
  expect(readFact("actor.repaired", 1, { kind: "agent", id: "a", by: "operator" })).toEqual({
    type: "actor.repaired",
    kind: "agent",
    id: "a",
    by: "operator",
    state: null,
  });
});

test("one of which a rig has at most one is not made a second time while its row cannot be read", async () => {
  const rig = town();
  const uses = async (title: string) => {
    const { agentId } = await slung(rig, title);
    const used = { inputTokens: 5, cachedTokens: 0, outputTokens: 1, model: null, costMicrodollars: null };
    rig.tell({ type: "agent.usage", agentId, dispatchId: `${agentId}:1`, session: title, ...used });
  };
  await uses("one");
  lose(rig, "budget", "budget");
  await uses("two");
  expect(facts(rig, "budget.opened")).toHaveLength(2);
  await repair(rig, "budget", "budget");
});
