import { randomUUID } from "node:crypto";
import { board } from "../../src/do/board.ts";
import type { Board, BoardActor, BoardContent } from "../../src/wire/board.ts";
import { bead, testRig, type TestRig } from "./node-rig.ts";

/** A rig with as many as there may be: 1,000 agents that work, some of which ask, and 10,000 beads. */

export const AGENTS = 1_000;
export const BEADS = 10_000;
const PRIORITIES = ["low", "medium", "medium", "high", "critical"] as const;
const THINGS = ["bowl", "glaze recipe", "kiln shelf", "invoice of the clay", "handle of the jug", "drying rack"];
const title = (n: number) => `Make the ${THINGS[n % THINGS.length]} number ${n} like the one that was asked for`;

/** A rig in which names are as in life: a number in a row packs better. */
export function roomyRig(): TestRig {
  const rig = testRig();
  rig.rig.ports.newId = (kind) => `${kind}-${randomUUID()}`;
  rig.run({ type: "set_settings", settings: { capacity: AGENTS } });
  return rig;
}

export async function manyRig(): Promise<TestRig> {
  const rig = roomyRig();
  const slung: { agentId?: string; beadId?: string }[] = [];
  for (let n = 0; n < AGENTS; n++) slung.push(rig.run({ type: "sling", bead: bead(title(n)) }));
  await rig.settled();
  for (const [n, { agentId = "" }] of slung.entries()) {
    rig.now += 137;
    rig.run({ type: "heard", agentId, dispatchId: null });
    if (n % 3 === 0)
      rig.run({ type: "say_status", agentId, line: `Reads the tests of the ${THINGS[n % 6]}, then ${n}` });
    if (n % 25 === 0)
      rig.run({ type: "escalate", title: "Which?", body: "x".repeat(500), priority: "high", metadata: {}, agentId });
  }
  const asked = slung.length + AGENTS / 25;
  for (let n = asked; n < BEADS; n++) {
    rig.now += 991;
    const blockedBy = n % 20 === 0 ? [slung[n % AGENTS]?.beadId ?? ""] : [];
    const input = bead(title(n), {
      priority: PRIORITIES[n % PRIORITIES.length] ?? "medium",
      labels: n % 4 === 0 ? [`batch-${n % 40}`] : [],
      metadata: n % 4 === 1 ? { source: "an import", ticket: `POT-${n}` } : {},
      body: "What it is about, at some length. ".repeat(20),
      blockedBy,
    });
    rig.run({ type: "create_bead", bead: input, assignTo: null });
  }
  return rig;
}

/** A board of as many, made of one agent and one bead: quickly, for what only shows it. */
export async function manyOnBoard(): Promise<Board> {
  const rig = testRig();
  rig.run({ type: "sling", bead: bead("one") });
  await rig.settled();
  const made = board(rig.rig);
  rig.close();
  const of = (kind: string) => made.actors.find((actor) => actor.kind === kind) as BoardActor;
  const copy = (kind: "agent" | "bead", n: number): BoardActor => {
    const id = `${kind}-${n}`;
    const names = kind === "agent" ? { name: `potter-${n}`, hook: `bead-${n}` } : { assignee: `agent-${n % AGENTS}` };
    const context = { ...(of(kind).context as object), ...names, id, seq: made.seq + n + 1 };
    return { ...of(kind), id, context };
  };
  const [content] = Object.values(made.content);
  return {
    ...made,
    seq: made.seq + BEADS,
    actors: [
      of("rig"),
      ...Array.from({ length: AGENTS }, (_none, n) => copy("agent", n)),
      ...Array.from({ length: BEADS }, (_none, n) => copy("bead", n)),
    ],
    content: Object.fromEntries(
      Array.from({ length: BEADS }, (_none, n) => [`bead-${n}`, { ...(content as BoardContent), title: title(n) }]),
    ),
  };
}
