import { fold, type Entry } from "../../src/core/fold.ts";
import {
  glance,
  highest,
  overdue,
  transitionViolations,
  violations,
  type Violation,
} from "../../src/core/invariants.ts";
import { restore, store, type AnySnapshot, type Kind } from "../../src/core/step.ts";
import { actorKey, copyWorld, createWorld, get, put, type World } from "../../src/core/world.ts";
import { whyAgent, whyBead } from "../../src/core/why.ts";
import type { GoldenPath } from "./golden.ts";

/**
 * Worlds, spoilt in every small way that can be thought of, and what the invariants say of each: an invariant that cannot fail
 * guards nothing.
 */

/** What was done to a world, which violations that is, and what else the core says of it: reasons, and what a repair does. */
export type Spoil = readonly [what: string, violations: readonly Violation[], more?: unknown];
export type Values = readonly (readonly [Kind, unknown])[];

type Moves = GoldenPath["moves"];

/**
 * Spoils the world that some commits lead to, and the last of them.
 * @param values states that there are, by kind: every actor is put into each.
 */
export function* spoilt(moves: Moves, values: Values): Generator<Spoil> {
  const before = createWorld();
  for (const { facts, at } of moves.slice(0, -1)) fold(before, facts, at);
  const world = copyWorld(before);
  const { facts = [], at = 0 } = moves.at(-1) ?? {};
  const { entries } = fold(world, facts, at);
  yield ["nothing", [...violations(world), ...transitionViolations(glance(before), entries, world)]];
  yield* ofActors(world, values);
  yield* ofIndexes(world);
  yield* ofTime(world);
  yield* ofEntries(before, world, entries);
}

type Actor = readonly [Kind, string, AnySnapshot];

export const actorsOf = (world: World): Actor[] => [
  ["rig", "rig", world.rig],
  ...Array.from(world.agents, ([id, agent]): Actor => ["agent", id, agent]),
  ...Array.from(world.beads, ([id, bead]): Actor => ["bead", id, bead]),
  ...Array.from(world.reviews, ([id, review]): Actor => ["review", id, review]),
  ...(world.queue === undefined ? [] : [["queue", "queue", world.queue] as const]),
];

/** Other values that a field might have. */
function others(field: string, value: unknown, world: World): unknown[] {
  const ids = [world.agents, world.beads, world.reviews].map((actors) => [...actors.keys()]);
  if (typeof value === "number") return [null, value + 1, 0, world.at + 1];
  if (typeof value === "boolean") return [!value];
  if (typeof value === "string")
    return [
      null,
      ...(ids.find((ofKind) => ofKind.includes(value)) ?? []).filter((id) => id !== value).slice(0, 3),
      "nobody",
      "message",
      "mayor",
    ];
  if (value === null)
    return /(At|Until)$/.test(field)
      ? [world.at - 1, world.at + 1]
      : [...ids.flatMap((ofKind) => ofKind.slice(0, 2)), "nobody"];
  if (Array.isArray(value)) return [[], ["nobody"], ...ids.map((ofKind) => ofKind.slice(0, 2))];
  return [null];
}

function* ofActors(world: World, values: readonly (readonly [Kind, unknown])[]): Generator<Spoil> {
  const seen = highest(world);
  const look = (what: string, kind: Kind, id: string, snapshot: AnySnapshot | undefined): Spoil[] => {
    const copy = copyWorld(world);
    put(copy, kind, id, snapshot as never);
    const found = violations(copy, seen);
    if (found.length === 0) return [[what, found]];
    const reasons = snapshot === undefined || kind === "rig" ? reasonsIn(copy) : [];
    // Whoever is quarantined is excused, and who depends on it.
    const named = found.map(({ actor, text }) => `${actor} ${text}`).join("\n");
    return [
      [what, found, [reasons, repaired(copy, kind, id)]],
      ...actorsOf(world)
        .filter(([, ofId]) => named.includes(ofId))
        .map(([ofKind, ofId]): Spoil => {
          const excused = copyWorld(copy);
          excused.broken.set(actorKey(ofKind, ofId), "garbage");
          return [`${what}, ${actorKey(ofKind, ofId)} quarantined`, violations(excused, seen)];
        }),
    ];
  };
  for (const [kind, id, snapshot] of actorsOf(world)) {
    if (kind !== "rig") yield* look(`${actorKey(kind, id)} is gone`, kind, id, undefined);
    for (const [ofKind, value] of values) {
      if (ofKind === kind)
        yield* look(
          `${actorKey(kind, id)} is ${JSON.stringify(value)}`,
          kind,
          id,
          restore(kind, { ...store(kind, snapshot), value }),
        );
    }
    for (const [field, value] of Object.entries(snapshot.context)) {
      // Not there is not stored either.
      if (value === undefined) continue;
      for (const other of others(field, value, world)) {
        if (kind === "rig" && (field === "settings" || (field === "config" && other !== null))) continue;
        yield* look(`${actorKey(kind, id)}.${field} = ${JSON.stringify(other)}`, kind, id, {
          ...snapshot,
          context: { ...snapshot.context, [field]: other },
        } as AnySnapshot);
      }
    }
  }
  for (const [name, limit] of [
    ["capacity", 0],
    ["max_attempts", -1],
  ] as const)
    yield [`${name} was ${limit}`, violations(world, { ...seen, [name]: limit })];
}

/** Why each agent and each bead is where it is. */
const reasonsIn = (world: World): unknown => [
  Array.from(world.agents.values(), (agent) => whyAgent(world, agent)),
  Array.from(world.beads.values(), (bead) => whyBead(world, bead)),
];

/** What an actor that was set aside says when it is taken back, and what is wrong then. */
function repaired(world: World, kind: Kind, id: string): unknown {
  if (get(world, kind, id) === undefined) return null;
  const copy = copyWorld(world);
  copy.broken.set(actorKey(kind, id), "garbage");
  const state = kind === "rig" ? store("rig", copy.rig) : null;
  try {
    const { entries } = fold(
      copy,
      [{ type: "actor.repaired", kind, id, by: "operator", state: state as never }],
      copy.at,
    );
    return [entries, violations(copy)];
  } catch (error) {
    return String(error);
  }
}

function* ofIndexes(world: World): Generator<Spoil> {
  const { dependents, hooks: _hooks, identities: _identities, ...sets } = world.index;
  const look = (what: string, spoil: (index: World["index"]) => void): Spoil => {
    const copy = copyWorld(world);
    spoil(copy.index);
    return [what, violations(copy)];
  };
  for (const name of Object.keys(sets) as (keyof typeof sets)[]) {
    yield look(`nobody in ${name}`, (index) => index[name].add("nobody"));
    for (const [, id] of actorsOf(world)) {
      const key = name === "active" ? `agent:${id}` : id;
      yield look(`${key} in ${name}`, (index) => index[name].add(key));
    }
    for (const id of sets[name]) yield look(`${id} out of ${name}`, (index) => index[name].delete(id));
  }
  for (const name of ["hooks", "identities"] as const) {
    yield look(`nobody in ${name}`, (index) => index[name].set("nothing", "nobody"));
    for (const id of world.index[name].keys()) {
      yield look(`${id} out of ${name}`, (index) => index[name].delete(id));
      yield look(`${id} of nobody in ${name}`, (index) => index[name].set(id, "nobody"));
    }
  }
  for (const id of dependents.keys()) yield look(`${id} has no dependents`, (index) => index.dependents.delete(id));
}

/** A TICK that came, and found what was due not done. */
function* ofTime(world: World): Generator<Spoil> {
  const { settings } = world.rig.context;
  const steps = [
    0,
    1,
    settings.arm_delay_ms,
    settings.start_lease_ms,
    settings.gupp_check_ms,
    settings.gupp_escalate_ms,
    settings.gupp_restart_ms,
    settings.breaker_cooldown_ms,
    1e9,
  ];
  for (const ms of steps.flatMap((time) => [time - 1, time])) {
    const copy = { ...copyWorld(world), at: world.at + ms };
    yield [`${ms} ms later`, overdue(copy)];
    for (const [kind, id] of actorsOf(world)) {
      const excused = copyWorld(copy);
      excused.broken.set(actorKey(kind, id), "garbage");
      yield [`${ms} ms later, ${actorKey(kind, id)} quarantined`, overdue(excused)];
    }
  }
}

/** A commit that is not what came of its facts. */
function* ofEntries(before: World, after: World, entries: readonly Entry[]): Generator<Spoil> {
  const was = glance(before);
  const look = (what: string, spoiltEntries: readonly Entry[], world = after): Spoil => [
    what,
    transitionViolations(was, spoiltEntries, world),
  ];
  yield look("no entries", []);
  yield look("each entry twice", [...entries, ...entries]);
  yield look("the state of before", entries, before);
  yield [
    "slots of before",
    transitionViolations({ ...was, slots: -1 }, entries, {
      ...after,
      rig: {
        ...after.rig,
        context: { ...after.rig.context, settings: { ...after.rig.context.settings, capacity: -1 } },
      } as never,
    }),
  ];
  for (const [i, entry] of entries.entries()) {
    const spoil = (what: string, fact: object, effects = entry.effects): Spoil =>
      look(
        `${entry.fact.type}: ${what}`,
        entries.with(i, { ...entry, fact: { ...entry.fact, ...fact } as never, effects }),
      );
    const { seq, cause } = entry.fact;
    yield spoil("seq + 1", { seq: seq + 1 });
    yield spoil("1 ms before", { at: was.at - 1 });
    for (const other of [null, seq - 1, seq, seq + 1, was.seq, was.seq + 1])
      if (other !== cause) yield spoil(`cause ${other === null ? "null" : other - seq}`, { cause: other });
    yield spoil("effects twice", {}, [...entry.effects, ...entry.effects]);
    yield spoil("no effects", {}, []);
    if ("dispatchId" in entry.fact && "agentId" in entry.fact) {
      for (const n of [0, 1, 99]) yield spoil(`dispatch ${n}`, { dispatchId: `${entry.fact.agentId}:${n}` });
      yield spoil("no dispatch", { dispatchId: null });
      yield spoil("a stale report", { type: "report.stale" });
      yield look(`${entry.fact.type}: alone, of dispatch 0`, [
        { ...entry, fact: { ...entry.fact, cause: null, dispatchId: `${entry.fact.agentId}:0` } as never },
      ]);
    }
    for (const [id, agent] of before.agents) {
      yield spoil(`a check of ${id} instead`, { type: "mail.sent", subject: "GUPP_CHECK", to: id });
      yield spoil(`a letter to ${id} instead`, { type: "mail.sent", subject: "hello", to: id });
      for (const kind of ["gupp", "permission", "other"])
        yield spoil(`an escalation of ${kind} for ${id} instead`, {
          type: "bead.created",
          beadId: "e",
          metadata: { kind, agent_id: id },
        });
      yield spoil(`a TICK instead, ${String(agent.value)}`, { type: "TICK", container: "unasked" });
    }
    for (const key of ["rig:breaker:1", "rig:container:1", "rig:other:1"])
      yield spoil(`tells ${key}`, {}, [...entry.effects, { kind: "notify", key } as never]);
    for (const id of after.beads.keys()) yield spoil(`deletes ${id}`, { type: "bead.deleted", beadId: id });
  }
  for (const [kind, id, snapshot] of actorsOf(before)) {
    if (kind === "rig") continue;
    const back = copyWorld(after);
    put(back, kind, id, snapshot as never);
    yield look(`${actorKey(kind, id)} as before`, entries, back);
    for (const value of kind === "bead"
      ? ["open", "in_progress", "closed", "failed"]
      : kind === "review"
        ? ["pending", "merged", "failed"]
        : []) {
      const other = copyWorld(after);
      put(other, kind, id, restore(kind, { ...store(kind, snapshot), value }) as never);
      yield look(`${actorKey(kind, id)} is ${value}`, entries, other);
    }
  }
}
