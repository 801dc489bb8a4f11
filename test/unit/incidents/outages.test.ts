import { expect, test } from "vitest";
import { fetchActor } from "../../../src/do/store.ts";
import { onAlarm } from "../../../src/do/tick.ts";
import { gateOf } from "../../../src/machines/rig.ts";
import { bead } from "../../support/node-rig.ts";
import {
  agentOf,
  beadOf,
  breakSql,
  calls,
  DAY,
  done,
  escalations,
  everyProcessDies,
  exits,
  facts,
  HOUR,
  isWrite,
  journalLength,
  MINUTE,
  outboxLength,
  processesLive,
  SECOND,
  slung,
  stateOf,
  submitted,
  town,
  verdict,
  writesDuring,
} from "./words.ts";

test("KC-1653 when the container is dead for 70 hours, dispatch is suspended, one alert is sent and only probes are started", async () => {
  const rig = town();
  rig.container.down = "connect ECONNREFUSED";
  for (let i = 0; i < 15; i++) rig.run({ type: "create_bead", bead: bead(`work ${i}`), assignTo: null });
  await rig.settled();
  const began = rig.now;
  let suspendedAt = 0;
  rig.rig.listeners.add(() => {
    if (gateOf(rig.rig.world.rig) === "breaker_open") suspendedAt ||= rig.now;
  });
  const rang = await rig.advance(began + 70 * HOUR);

  expect(suspendedAt).toBeGreaterThan(began);
  expect(suspendedAt - began).toBeLessThan(HOUR);
  const grants = facts(rig, "dispatch.granted");
  const after = grants.filter((fact) => fact.at > suspendedAt);
  expect(after.every((fact) => fact.probe)).toBe(true);
  // A probe is a cool-down and a lease away from the next one.
  expect(after.length).toBeGreaterThan(100);
  expect(after.length).toBeLessThanOrEqual((70 * HOUR) / (8 * MINUTE));
  expect(grants.length - after.length).toBeLessThanOrEqual(20 + 10);
  expect(rig.notified.map(({ title }) => title)).toEqual(["the container cannot be reached"]);
  expect(escalations(rig)).toEqual([]);
  expect(facts(rig, "bead.failed")).toEqual([]);
  // A TICK asks the container at most once, however many agents wait for it.
  expect(calls(rig, "statuses").length + calls(rig, "health").length).toBeLessThanOrEqual(rang);
});

test("KC-1932 when the outage ends, a probe succeeds and work resumes by itself", async () => {
  const rig = town();
  rig.container.down = "connect ECONNREFUSED";
  const beads = Array.from(
    { length: 12 },
    (_, i) => rig.run({ type: "create_bead", bead: bead(`work ${i}`), assignTo: null }).beadId ?? "",
  );
  await rig.advance(rig.now + 5 * HOUR);
  expect(["breaker_open", "probe"]).toContain(gateOf(rig.rig.world.rig));
  rig.container.down = null;
  await rig.advance(rig.now + 15 * MINUTE);
  expect(gateOf(rig.rig.world.rig)).toBe("open");
  const running = [...rig.rig.world.agents.keys()].filter((id) =>
    stateOf(rig, id).startsWith("working.process.running"),
  );
  expect(running.length).toBe(10);
  for (const agentId of running) await done(rig, agentId, "b");
  await rig.advance(rig.now + MINUTE);
  expect(beads.map((id) => beadOf(rig, id).value).filter((state) => state !== "in_review")).toEqual([
    "in_progress",
    "in_progress",
  ]);
});

test("GT-4462 an open breaker tries one probe after its cool-down and then closes or opens again", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { capacity: 30, max_attempts: 1_000, breaker_failures: 2 } });
  everyProcessDies(rig);
  for (let i = 0; i < 25; i++) rig.run({ type: "create_bead", bead: bead(`work ${i}`), assignTo: null });
  await rig.settled();
  await rig.tickAt(rig.now + 5 * SECOND);
  expect(gateOf(rig.rig.world.rig)).toBe("breaker_open");
  expect(rig.notified.map(({ title }) => title)).toEqual(["dispatch is suspended"]);
  const { breaker_cooldown_ms } = rig.rig.world.rig.context.settings;

  let before = calls(rig, "start").length;
  let opened = rig.now;
  await rig.advance(opened + breaker_cooldown_ms - 1);
  expect(calls(rig, "start").length).toBe(before);
  await rig.advance(opened + breaker_cooldown_ms);
  expect(calls(rig, "start").length).toBe(before + 1);
  expect(gateOf(rig.rig.world.rig)).toBe("breaker_open");
  // The probe is found dead: open again, without a second alert.
  await rig.tickAt(rig.now + 5 * SECOND);
  opened = rig.now;
  expect(rig.rig.world.rig.context.openedAt).toBe(opened);
  expect(rig.notified.length).toBe(1);

  before = calls(rig, "start").length;
  processesLive(rig);
  await rig.advance(opened + breaker_cooldown_ms);
  expect(calls(rig, "start").length).toBe(before + 1);
  // The probe is seen alive: closed, and everything is dispatched.
  await rig.advance(rig.now + MINUTE);
  expect(gateOf(rig.rig.world.rig)).toBe("open");
  expect(calls(rig, "start").length).toBe(before + 25);
});

test("KC-1850 every failed effect leaves a typed, non-empty, bounded cause and a bounded number of writes", async () => {
  const huge = "x".repeat(2_000_000);
  for (const text of ["", huge]) {
    const answers = [{ kind: "refused", status: 500, error: text } as const, { kind: "unknown", error: text } as const];
    for (const answer of answers) {
      const rig = town();
      (rig.ports as { notify: unknown }).notify = async () => {
        throw new Error(text);
      };
      const before = journalLength(rig);
      const failing: [number, string][] = [];
      const during = async (what: string, run: () => Promise<unknown> | unknown) =>
        failing.push([await writesDuring(rig, run), what]);

      // A start, a message, a stop, a merge, and the notice of a failed bead.
      const worker = await slung(rig);
      rig.container.onMessage = () => answer;
      rig.container.onStop = () => answer;
      rig.container.onMerge = () => answer;
      rig.run({ type: "permission_asked", agentId: worker.agentId, prompt: "may I?" });
      const first = journalLength(rig);
      rig.run({ type: "answer", agentId: worker.agentId, answer: "yes" });
      await rig.advance(rig.now + MINUTE);
      rig.run({ type: "done", agentId: worker.agentId, branch: "b", prUrl: null, summary: null });
      await rig.settled();
      rig.tell({ type: "bead.failed", beadId: worker.beadId, reason: "given up" });
      await during("retries", () => rig.advance(rig.now + 10 * MINUTE));
      rig.container.onStart = () => answer;
      rig.run({ type: "sling", bead: bead("other") });
      await during("start", () => rig.settled());
      await rig.advance(rig.now + 4 * MINUTE);

      expect(first).toBeGreaterThan(before);
      const rows = rig.ports.sql.exec<{ type: string; body: string }>("SELECT type, body FROM journal").toArray();
      for (const row of rows) expect([row.type, row.body.length < 4_000]).toEqual([row.type, true]);
      const failures = rows.filter((row) =>
        [
          "start.refused",
          "start.unknown",
          "merge.refused",
          "merge.unknown",
          "effect.failed",
          "dispatch.failed",
        ].includes(row.type),
      );
      const kinds = new Set(
        failures
          .filter((row) => row.type === "effect.failed")
          .map((row) => (JSON.parse(row.body) as { kind: string }).kind),
      );
      expect([...kinds].sort()).toEqual(["container.message", "container.stop", "notify"]);
      expect(failures.some((row) => row.type.startsWith("start."))).toBe(true);
      for (const { type, body } of failures) {
        const { error, reason } = JSON.parse(body) as { error?: string; reason?: string };
        expect([type, (error ?? reason ?? "").length > 0]).toEqual([type, true]);
        expect((error ?? reason ?? "").length).toBeLessThanOrEqual(500);
      }
      expect(
        rig.ports.sql.exec<{ n: number }>("SELECT COALESCE(MAX(LENGTH(error)), 0) AS n FROM outbox").toArray()[0]?.n,
      ).toBeLessThanOrEqual(500);
      // A start: its answer, the charge, the agent, its bead, the rig, the outbox. Ten minutes of retries: four tries each of
      // three effects, their ends, the merge's next claims; not rows for every TICK.
      for (const [writes, what] of failing)
        expect([what, writes <= (what === "start" ? 10 : 60)]).toEqual([what, true]);
    }
  }
});

test("GT-2795 a condition that lasts ten TICKs is alerted once, until it clears", async () => {
  const rig = town();
  await slung(rig);
  const outage = async () => {
    rig.container.down = "connect ETIMEDOUT";
    for (let i = 0; i < 10; i++) await rig.tickAt(rig.now + 2 * MINUTE);
  };
  await outage();
  expect(rig.notified.length).toBe(1);
  rig.container.down = null;
  await rig.tickAt(rig.now + 30 * SECOND);
  await outage();
  expect(rig.notified.map(({ title }) => title)).toEqual([
    "the container cannot be reached",
    "the container cannot be reached",
  ]);
});

test("KC-1364 a healthy idle rig has no alerts all day, and a lasting condition has one", async () => {
  const rig = town();
  const { reviewId } = await submitted(rig);
  await verdict(rig, reviewId, "merged");
  await rig.advance(rig.now + DAY);
  expect([rig.notified, escalations(rig), facts(rig, "mail.sent")]).toEqual([[], [], []]);

  const waiting = town();
  const worker = await slung(waiting);
  waiting.run({ type: "permission_asked", agentId: worker.agentId, prompt: "rm -rf /?" });
  await waiting.advance(waiting.now + DAY);
  expect(escalations(waiting).length).toBe(1);
  expect(waiting.notified).toEqual([]);
});

test("KC-throw whatever phase of the alarm throws, the alarm is armed afterwards", async () => {
  const phases: Record<string, (rig: ReturnType<typeof town>) => void> = {
    "asking the container": (rig) => {
      rig.container.down = "connect ECONNRESET";
    },
    "finding the container": (rig) => {
      (rig.ports as { container: unknown }).container = () => {
        throw new Error("no such binding");
      };
    },
    "writing the journal": (rig) => void breakSql(rig, (query) => query.includes("INTO journal")),
    "writing the actors": (rig) => void breakSql(rig, (query) => query.includes("actors")),
    "writing anything": (rig) => void breakSql(rig, isWrite),
    "reading the outbox": (rig) => void breakSql(rig, (query) => query.includes("FROM outbox")),
    "opening the transaction": (rig) => {
      (rig.ports as { transaction: unknown }).transaction = () => {
        throw new Error("storage is gone");
      };
    },
    "moving every agent": (rig) => {
      for (const agent of rig.rig.world.agents.values())
        Object.defineProperty(agent, "context", { get: () => expect.fail("this agent is poison") });
    },
    "the outbox": (rig) => {
      (rig.rig.outbox as { settle: unknown }).settle = () => {
        throw new Error("outbox is broken");
      };
    },
    "computing the next alarm": (rig) => {
      (rig.rig.outbox as { nextAt: unknown }).nextAt = () => {
        throw new Error("outbox is broken");
      };
    },
    "the background": (rig) => {
      (rig.ports as { background: unknown }).background = () => {
        throw new Error("the host is shutting down");
      };
    },
  };
  for (const [phase, breaks] of Object.entries(phases)) {
    for (const busy of [true, false]) {
      const rig = town();
      if (busy) rig.container.processes.delete((await slung(rig)).agentId);
      rig.now += HOUR;
      breaks(rig);
      // The platform clears the alarm before it calls the handler.
      rig.alarm = null;
      await onAlarm(rig.rig, rig.now);
      const armed = rig.alarm as number | null;
      expect([phase, busy, armed !== null && armed > rig.now && armed <= rig.now + 5 * MINUTE]).toEqual([
        phase,
        busy,
        true,
      ]);
    }
  }
});

test("KC-1361 an actor whose stored row is malformed is quarantined with its error, and the others are patrolled", async () => {
  const rig = town();
  const broken = await slung(rig, "broken");
  const healthy = await slung(rig, "healthy");
  await rig.tickAt(rig.now + 30 * SECOND);
  rig.ports.sql.exec("UPDATE actors SET value = ? WHERE kind = 'agent' AND id = ?", "{ not json", broken.agentId);
  rig.reopen();
  await rig.tickAt(rig.now + 30 * SECOND);
  await exits(rig, healthy.agentId, "failed");
  await rig.tickAt(rig.now + 30 * SECOND);

  expect(stateOf(rig, healthy.agentId)).toContain("running");
  expect(calls(rig, "start").filter((id) => id.startsWith(`${healthy.agentId}:`)).length).toBe(2);
  const rows = rig.ports.sql
    .exec<{ value: string; error: string }>("SELECT value, error FROM actors WHERE id = ?", broken.agentId)
    .toArray();
  expect(rows[0]?.value).toBe("{ not json");
  expect(rows[0]?.error).toContain("JSON");
  expect(facts(rig, "actor.quarantined").map(({ kind, id }) => [kind, id])).toEqual([["agent", broken.agentId]]);
  expect(() => fetchActor(rig.ports.sql, "agent", broken.agentId)).toThrow();

  // A row that can be read and is somebody else's is no different, nor an actor that throws when it takes a fact.
  const mixed = await slung(rig, "mixed up");
  rig.ports.sql.exec("UPDATE actors SET context = '{}' WHERE kind = 'agent' AND id = ?", mixed.agentId);
  rig.reopen();
  const poisoned = await slung(rig, "poisoned");
  await exits(rig, poisoned.agentId, "failed");
  rig.rig.world.agents.set(
    poisoned.agentId,
    Object.assign(Object.create(agentOf(rig, poisoned.agentId)), { value: { exited: "nowhere" } }),
  );
  await rig.tickAt(rig.now + 30 * SECOND);
  expect(facts(rig, "actor.quarantined").map(({ id }) => id)).toEqual([
    broken.agentId,
    mixed.agentId,
    poisoned.agentId,
  ]);
  await exits(rig, healthy.agentId, "failed");
  await rig.advance(rig.now + 2 * MINUTE);
  expect(calls(rig, "start").filter((id) => id.startsWith(`${healthy.agentId}:`)).length).toBe(3);
  expect(outboxLength(rig)).toBe(0);
});

test("zeroshot#621b beads that the container will not take fail alone: the breaker stays closed for the others", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { breaker_failures: 10 } });
  rig.container.onStart = (order) =>
    order.prompt.includes("poison") ? { kind: "refused", status: 400, error: "bad text" } : { kind: "accepted" };
  const poisoned = [1, 2, 3, 4, 5].map((n) => rig.run({ type: "sling", bead: bead(`poison ${n}`) }).beadId ?? "");
  await rig.settled();
  await rig.advance(rig.now + 60 * MINUTE);
  for (const id of poisoned) expect(rig.rig.world.recall("bead", id)?.value).toBe("failed");
  expect(rig.rig.world.rig.matches({ gate: "open" })).toBe(true);
  const { agentId } = await slung(rig);
  expect(stateOf(rig, agentId)).toContain("working.process");
});

test("a container that refuses every bead for what it says opens the breaker: it is no longer one input", async () => {
  const rig = town();
  rig.run({ type: "set_settings", settings: { breaker_failures: 5 } });
  rig.container.onStart = () => ({ kind: "refused", status: 400, error: "bad image" });
  for (let n = 0; n < 5; n++) rig.run({ type: "sling", bead: bead(`work ${n}`) });
  await rig.settled();
  expect(rig.rig.world.rig.matches({ gate: "suspended" })).toBe(true);
});
