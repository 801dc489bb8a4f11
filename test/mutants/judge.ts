import { createHash } from "node:crypto";
import * as z from "zod";
import recorded from "../golden/shapes.json" with { type: "json" };
import { Effect } from "../../src/events/effects.ts";
import { Fact, type FactType } from "../../src/events/facts.ts";
import { Settings } from "../../src/events/settings.ts";
import { factVersion } from "../../src/events/upcast.ts";
import { agentDeadline } from "../../src/machines/agent.ts";
import { beadDeadline } from "../../src/machines/bead.ts";
import { decide, type Decision } from "../../src/core/decide/index.ts";
import type { MachineEvent } from "../../src/machines/event.ts";
import { fold } from "../../src/core/fold.ts";
import { glance, nearestDeadline, transitionViolations, violations } from "../../src/core/invariants.ts";
import { accountsDeadline } from "../../src/machines/accounts.ts";
import { budgetDeadline } from "../../src/machines/budget.ts";
import { queueDeadline } from "../../src/machines/queue.ts";
import { reviewDeadline } from "../../src/machines/review.ts";
import { rigDeadline } from "../../src/machines/rig.ts";
import { restore, step, store, type AnySnapshot, type Kind } from "../../src/core/step.ts";
import { whyAgent, whyBead } from "../../src/core/why.ts";
import { begin, letGo, copyWorld, createWorld, get, rollback, type World } from "../../src/core/world.ts";
import type { GoldenPath, Spoils } from "./golden.ts";
import { actorsOf, spoilt } from "./spoil.ts";

/** What the pure core makes of recorded paths and journals: the part of the judgement that holds the code under judgement. */
export { replayFile } from "../../src/core/journal-file.ts";

type Moves = GoldenPath["moves"];

/** Facts that were known when the paths were recorded. */
const RECORDED: ReadonlySet<string> = new Set(recorded.facts.map(({ type }) => type));

/** A refusal lists what its state would take: facts that came later are left out, as they are of no path. */
function asRecorded(decision: Decision): Decision {
  if (decision.ok || decision.allowed === undefined) return decision;
  const allowed = decision.allowed.filter((type) => RECORDED.has(type));
  const [before, after] = [decision.allowed, allowed].map((types) => types.join(", ") || "nothing");
  return { ...decision, error: decision.error.replace(before ?? "", after ?? ""), allowed };
}

/** What a journal may hold: every fact with its version, every effect and the settings, as JSON Schema. */
export function shapes(): string {
  const ofMembers = (schema: z.ZodDiscriminatedUnion, name: "type" | "kind") =>
    schema.options.map((member) => {
      const { properties = {}, required } = z.toJSONSchema(member);
      const { [name]: tag, ...fields } = properties as Record<string, { const?: string }>;
      return {
        [name]: tag?.const,
        ...(name === "type" ? { v: factVersion(tag?.const as FactType) } : {}),
        required: required?.slice(1),
        fields,
      };
    });
  const lines = (all: readonly object[]) => all.map((each) => `  ${JSON.stringify(each)}`).join(",\n");
  const settings = Object.entries(z.toJSONSchema(Settings).properties ?? {}).map(([name, schema]) => ({
    name,
    ...(schema as object),
  }));
  return `{"facts": [\n${lines(ofMembers(Fact, "type"))}\n],\n"effects": [\n${lines(ofMembers(Effect, "kind"))}\n],\n"settings": [\n${lines(settings)}\n]}\n`;
}

/** Digests what the invariants say of a spoilt world. */
export function spoilsDigestOf(moves: Moves, values: Spoils["values"]): string {
  const hash = createHash("sha256");
  for (const spoil of spoilt(moves, values)) hash.update(JSON.stringify(spoil));
  return hash.digest("hex").slice(0, 16);
}

/** Folds a path and digests whatever can be seen of it. */
export function digestOf(moves: Moves): string {
  const hash = createHash("sha256");
  const tell = (...what: unknown[]): void => void hash.update(JSON.stringify(what));
  const world = createWorld();
  for (const [i, { at, facts }] of moves.entries()) {
    if (i === moves.length - 1) tell(withoutTrace(world, moves[i]));
    const before = glance(world);
    begin(world);
    const folded = fold(world, facts, at);
    tell(
      folded.entries,
      Array.from(folded.changed, ([key, [kind, id]]) => [key, storedOf(world, kind, id)]),
    );
    letGo(world, folded.changed.values());
    tell(transitionViolations(before, folded.entries, world));
  }
  tell(
    states(world),
    violations(world).map(({ rule, actor }) => [rule, actor]),
  );
  for (const agentId of world.agents.keys()) {
    for (const command of [
      { type: "done", agentId, branch: "b", prUrl: null, summary: null },
      { type: "unhook", agentId },
      { type: "answer", agentId, answer: "yes" },
      { type: "heard", agentId, dispatchId: null },
      { type: "progressed", agentId, what: "w" },
    ] as const) {
      tell(
        asRecorded(
          decide(world, command, {
            at: world.at,
            caller: { kind: "operator", id: agentId, dispatchId: null, scope: "operate" },
            newId: (kind) => kind,
            undeliveredMail: () => 0,
            openBeads: () => 0,
            openBeadsBy: () => ({ escalations: 0, others: 0 }),
            stateBefore: () => null,
          }),
        ),
      );
    }
  }
  tell(indexes(world), nearestDeadline(world), aroundDeadlines(world));
  return hash.digest("hex").slice(0, 16);
}

function storedOf(world: World, kind: Kind, id: string): unknown {
  const snapshot = get(world, kind, id);
  return snapshot === undefined ? null : store(kind, snapshot);
}

function states(world: World): unknown {
  return [
    actorsOf(world).map(([kind, id, snapshot]) => [id, store(kind, snapshot)]),
    Array.from(world.agents.values(), (agent) => whyAgent(world, agent)),
    Array.from(world.beads.values(), (bead) => whyBead(world, bead)),
    [...world.broken],
  ];
}

const indexes = ({ index: { dependents, hooks, identities, ...sets } }: World): unknown => [
  Object.values(sets).map((set) => [...set].sort()),
  [...hooks].sort(),
  [...identities].sort(),
  Array.from(dependents, ([id, set]) => [id, ...set]).sort(),
];

/** A commit that is taken back, and one on a copy, must leave the world as it was. */
function withoutTrace(world: World, move: Moves[number] | undefined): unknown {
  if (move === undefined) return null;
  begin(world);
  fold(world, move.facts, move.at);
  rollback(world);
  const rolledBack = [states(world), indexes(world), world.seq, world.at];
  const copy = copyWorld(world);
  fold(copy, move.facts, move.at);
  return [rolledBack, [states(world), indexes(world), world.seq, world.at], [states(copy), indexes(copy)]];
}

/** What every actor, as it would be read back from its row, does on a TICK just before its deadline and at it. */
function aroundDeadlines(world: World): unknown {
  const { settings } = world.rig.context;
  return actorsOf(world).map(([kind, id, held]) => {
    const snapshot = restore(kind, store(kind, held));
    const deadline = {
      agent: () => agentDeadline(snapshot as never, settings),
      bead: () => beadDeadline(snapshot as never, world.at),
      review: () => reviewDeadline(snapshot as never, settings),
      rig: () => rigDeadline(snapshot as never),
      queue: () => queueDeadline(snapshot as never),
      budget: () => budgetDeadline(snapshot as never, settings),
      accounts: () => accountsDeadline(snapshot as never, settings),
    }[kind]();
    const ticks = kind === "bead" || deadline === null ? [world.at + 1] : [deadline - 1, deadline, deadline + 1];
    return [
      id,
      deadline,
      ...ticks.map((at) =>
        after(kind, snapshot, {
          type: "TICK",
          container: "reachable",
          seq: world.seq + 1,
          at,
          cause: null,
          settings,
          ruleSet: 1,
          isOutage: false,
        }),
      ),
    ];
  });
}

function after(kind: Kind, before: AnySnapshot, event: MachineEvent): unknown {
  const { snapshot, emissions } = step(kind, before as never, event);
  return [snapshot === before, store(kind, snapshot), emissions];
}
