import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../src/events/limits.ts";
import {
  allowedIn,
  decide,
  stateName,
  type Command,
  type CommandType,
  type Surroundings,
} from "../../../src/core/decide/index.ts";
import { execute } from "../../../src/do/rig.ts";
import { bead, OPERATOR } from "../../support/node-rig.ts";
import {
  agentOf,
  as,
  beadOf,
  everything,
  journalLength,
  MINUTE,
  refused,
  slung,
  town,
  unchanged,
} from "../incidents/words.ts";
import { RIG } from "./cases/rig.ts";
import { BEADS } from "./cases/beads.ts";
import { CHANGED_BEADS } from "./cases/beads-changed.ts";
import { AGENTS } from "./cases/agents.ts";
import { REPORTS } from "./cases/reports.ts";
import { REVIEWS } from "./cases/reviews.ts";
import { TRAINS } from "./cases/trains.ts";
import { work, type Case } from "./cases/case.ts";

/** Every command: what it becomes, that asking again changes nothing, and what refuses it. */

const CASES: Record<CommandType, Case> = {
  ...RIG,
  ...BEADS,
  ...CHANGED_BEADS,
  ...AGENTS,
  ...REPORTS,
  ...REVIEWS,
  ...TRAINS,
};

for (const [type, { accepts, again: usually, refuses }] of Object.entries(CASES)) {
  describe(type, () => {
    for (const [title, given, expected, again = usually] of accepts) {
      test(`becomes ${expected.join(" + ") || "nothing"}: ${title}`, async () => {
        const rig = town();
        const { command, caller = OPERATOR } = await given(rig);
        const before = journalLength(rig);
        const decided = rig.run(command, caller);
        expect(decided.facts.map((fact) => fact.type)).toEqual(expected);
        expect(journalLength(rig) - before).toBeGreaterThanOrEqual(expected.length);
        expect(decided.stale === true).toBe(expected[0] === "report.stale" || title.includes("older dispatch"));
        if (expected[0] === "report.stale") return;
        if (again === "nothing") unchanged(rig, command, caller);
        else if (again === "is refused") expect([404, 409]).toContain(refused(rig, command, caller).status);
        else if (again === "makes another" && expected.length > 0)
          expect(rig.run(command, caller).facts.length).toBeGreaterThan(0);
      });
    }
    for (const [title, given, status, says] of refuses) {
      test(`is refused with ${status}: ${title}`, async () => {
        const rig = town();
        const { command, caller = OPERATOR } = await given(rig);
        const refusal = refused(rig, command, caller);
        expect(refusal.status).toBe(status);
        expect(refusal.error).toMatch(says);
        // The chart's own refusals name the state and what it would take.
        if (/in this state it takes/.test(refusal.error)) {
          expect(refusal.error).toContain(refusal.state);
          expect(refusal.error).toContain(refusal.allowed?.join(", ") || "nothing");
        }
      });
    }
    test("is refused once the rig is destroyed: with 404, and with 401 where a token has died with the rig", async () => {
      const rig = town();
      const { command, caller = OPERATOR } = await (accepts[0] as Case["accepts"][number])[1](rig);
      rig.run({ type: "destroy" });
      await rig.settled();
      const status = caller.kind === "agent" ? 401 : 404;
      expect(refused(rig, command, caller)).toMatchObject({ status, error: "this rig was deleted" });
    });
  });
}

test("a refusal of a chart names what the state would take", async () => {
  const rig = town();
  const { agentId } = await slung(rig);
  const refusal = refused(rig, { type: "answer", agentId, answer: "yes" });
  const agent = agentOf(rig, agentId);
  expect(refusal).toMatchObject({ status: 409, state: stateName(agent), allowed: allowedIn(agent) });
  expect(refusal.allowed).toEqual(expect.arrayContaining(["agent.done", "agent.exited", "agent.unhooked"]));
});

test("an agent of another bead's dispatch does not speak for the bead that it has now", async () => {
  const rig = town();
  const { agentId, beadId } = await slung(rig);
  const old = as(rig, agentId);
  rig.run({ type: "pause" });
  rig.run({ type: "unhook", agentId });
  const { beadId: other = "" } = rig.run({ type: "create_bead", bead: bead("other"), assignTo: agentId });
  expect(rig.run({ type: "done", agentId, ...work }, old).stale).toBe(true);
  expect([beadOf(rig, beadId).value, beadOf(rig, other).value]).toEqual(["open", "open"]);
});

test("a rig with all its beads refuses another with 429, and one below takes it", () => {
  const rig = town();
  const around = (open: number): Surroundings => ({
    at: rig.now,
    caller: OPERATOR,
    newId: (kind) => `${kind}-new`,
    undeliveredMail: () => 0,
    openBeads: () => open,
    openBeadsBy: () => ({ escalations: 0, others: 0 }),
    stateBefore: () => null,
  });
  for (const command of [
    { type: "create_bead", bead: bead("x"), assignTo: null },
    { type: "sling", bead: bead("x") },
    { type: "escalate", title: "x", body: null, priority: "low", metadata: {}, agentId: null },
  ] as const satisfies Command[]) {
    expect(decide(rig.rig.world, command, around(LIMITS.open_beads))).toMatchObject({
      ok: false,
      status: 429,
      error: expect.stringContaining("10000 open beads already"),
    });
    expect(decide(rig.rig.world, command, around(LIMITS.open_beads - 1)).ok).toBe(true);
  }
});

test("a rig with all its agents refuses another with 429, and one below takes it", () => {
  const rig = town();
  const register = (from: number, to: number) =>
    rig.tell(
      ...Array.from({ length: to - from }, (_, i) => ({
        type: "agent.registered" as const,
        agentId: `a${from + i}`,
        role: "witness" as const,
        name: `a${from + i}`,
        identity: `rig/${from + i}`,
      })),
    );
  register(0, LIMITS.agents - 1);
  const command: Command = { type: "get_or_create_agent", role: "refinery" };
  const around: Surroundings = {
    at: rig.now,
    caller: OPERATOR,
    newId: (kind) => `${kind}-new`,
    undeliveredMail: () => 0,
    openBeads: () => 0,
    openBeadsBy: () => ({ escalations: 0, others: 0 }),
    stateBefore: () => null,
  };
  expect(decide(rig.rig.world, command, around).ok).toBe(true);
  register(LIMITS.agents - 1, LIMITS.agents);
  for (const refusedToo of [
    command,
    { type: "register_agent", role: "polecat", name: "x", identity: "x" },
    { type: "sling", bead: bead("x") },
  ] as const satisfies Command[]) {
    expect(decide(rig.rig.world, refusedToo, around)).toMatchObject({
      ok: false,
      status: 429,
      error: expect.stringContaining("10000 agents already"),
    });
  }
  const before = everything(rig);
  expect(execute(rig.rig, command, OPERATOR)).toMatchObject({ status: 429 });
  expect(everything(rig)).toBe(before);
});

test("time never runs backwards, whatever the clock says", async () => {
  const rig = town();
  await slung(rig);
  const at = rig.rig.world.at;
  rig.now -= MINUTE;
  rig.run({ type: "pause" });
  expect(rig.rig.world.at).toBe(at);
});
