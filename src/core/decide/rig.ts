import { NOTHING_SPENT, reaches } from "../../events/budget.ts";
import { dayCaps } from "../../machines/budget.ts";
import type { Fact } from "../../events/facts.ts";
import { NEWEST_RULES, rulesOf } from "../../events/rules.ts";
import { isOfCappedTown } from "../../events/settings.ts";
import { allChainNews } from "../chain.ts";
import type { Kind } from "../step.ts";
import { actorKey, get, type World } from "../world.ts";
import { anyOf, operators, system, type Rule } from "./authority.ts";
import type { CommandOf, Decision, Rows, Surroundings } from "./command.ts";
import { accept, cannot, refuse, takes } from "./tools.ts";

/** A setup and checks are programs that run here, and the box is what they and agents see: whoever may run programs here may set them. */
const OF_ADMINS = ["setup", "checks", "box", "box_read", "box_network"] as const;
const setters: Rule<CommandOf<"set_settings">> = {
  says: "operators; of a setup, checks or a box, those who are admins",
  holds: (who, command, world) =>
    operators.holds(who, command, world) &&
    (OF_ADMINS.every((name) => command.settings[name] === undefined) ||
      (who.kind === "operator" && who.scope === "admin")),
};

/** Commands to the rig itself. */
export const RIG: Rows<
  | "configure"
  | "set_settings"
  | "set_town_cap"
  | "edit_rig"
  | "pause"
  | "resume"
  | "drain"
  | "stop"
  | "destroy"
  | "restore"
  | "repair"
> = {
  configure: { may: anyOf(system, operators), run: configure },
  set_settings: { may: setters, run: setSettings },
  set_town_cap: { may: system, run: setTownCap },
  edit_rig: { may: operators, run: editRig },
  pause: {
    may: operators,
    run: (world, _, around) =>
      ofRig(
        world,
        around,
        { type: "rig.paused", by: around.caller.id },
        world.rig.matches({ life: { alive: "paused" } }),
      ),
  },
  resume: {
    may: operators,
    run: (world, _, around) =>
      ofRig(
        world,
        around,
        { type: "rig.resumed", by: around.caller.id },
        world.rig.matches({ life: { alive: "open" } }),
      ),
  },
  drain: {
    may: operators,
    run: (world, _, around) =>
      ofRig(world, around, { type: "rig.draining", by: around.caller.id }, world.rig.matches({ life: "draining" })),
  },
  stop: {
    may: operators,
    run: (world, _, around) =>
      ofRig(
        world,
        around,
        { type: "rig.draining", by: around.caller.id, atOnce: true },
        world.rig.context.stopped === true,
      ),
  },
  destroy: {
    may: anyOf(system, operators),
    run: (_, __, around) => accept([{ type: "rig.destroyed", by: around.caller.id }]),
  },
  restore: { may: system, run: (_, { by, secrets }) => accept([{ type: "rig.imported", by, secrets }]) },
  repair: { may: operators, run: (world, { kind, id }, around) => repair(world, kind, id, around) },
};

function configure(world: World, { type: _, ...config }: CommandOf<"configure">): Decision {
  const now = world.rig.context.config;
  if (now !== null && now.rigId !== config.rigId) return refuse(409, `this rig is ${now.rigId} already`);
  if (now !== null && Object.keys(differing(now, config)).length === 0) return accept([]);
  const rules = now === null ? NEWEST_RULES : rulesOf(world.rig.context);
  // Without rules of its own it has told nobody what is stuck.
  return accept([{ type: "rig.configured", ...config, rules }, ...(now === null ? allChainNews(world) : [])]);
}

function setSettings(world: World, command: CommandOf<"set_settings">): Decision {
  const settings = { ...world.rig.context.settings, ...command.settings };
  if (!(settings.gupp_check_ms <= settings.gupp_escalate_ms && settings.gupp_escalate_ms <= settings.gupp_restart_ms)) {
    return refuse(
      422,
      `gupp_check_ms (${settings.gupp_check_ms}) must not be above gupp_escalate_ms (${settings.gupp_escalate_ms}), nor that above gupp_restart_ms (${settings.gupp_restart_ms})`,
    );
  }
  const changes = differing(world.rig.context.settings, command.settings);
  if (Object.keys(changes).length === 0) return accept([]);
  // A day of which nothing may be spent is over before anybody has spent anything.
  const isOver = world.budget === undefined && reaches(NOTHING_SPENT, dayCaps(settings));
  return accept([...(isOver ? [{ type: "budget.opened" } as const] : []), { type: "rig.settings_changed", changes }]);
}

/** Said again it takes back what was leased before: the town's caps may be others. */
function setTownCap(world: World, { onCap }: CommandOf<"set_town_cap">): Decision {
  if (onCap === null && !isOfCappedTown(world.rig.context.settings)) return accept([]);
  return accept([
    ...(world.budget === undefined ? [{ type: "budget.opened" } as const] : []),
    { type: "rig.settings_changed", changes: { town_on_cap: onCap } },
  ]);
}

function editRig(world: World, { changes: wanted }: CommandOf<"edit_rig">, around: Surroundings): Decision {
  const { config } = world.rig.context;
  if (config === null) return refuse(409, "this rig is not set up: create it first");
  const changes = differing(config, wanted);
  return accept(Object.keys(changes).length === 0 ? [] : [{ type: "rig.edited", by: around.caller.id, changes }]);
}

/** The part of `wanted` that is not so already. */
const differing = <T extends object>(now: T, wanted: Partial<T>): Partial<T> =>
  Object.fromEntries(
    Object.entries(wanted).filter(
      ([name, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(now[name as keyof T]),
    ),
  ) as Partial<T>;

function ofRig(world: World, around: Surroundings, fact: Fact, already: boolean): Decision {
  if (already) return accept([]);
  return takes(world, world.rig, fact, around.at)
    ? accept([fact])
    : cannot("rig", world.rig.context.config?.rigId ?? "", world.rig, fact.type.replace("rig.", "be "));
}

/** What is sound is left as it is. */
function repair(world: World, kind: Kind, id: string, around: Surroundings): Decision {
  if (!world.broken.has(actorKey(kind, id)))
    return get(world, kind, id) === undefined ? refuse(404, `no ${kind} ${id} in this rig`) : accept([]);
  const state = around.stateBefore(kind, id);
  if (state === undefined)
    return refuse(
      409,
      `${kind} ${id} cannot be repaired: the journal that this rig holds does not reach back to a state of it`,
    );
  return accept([
    {
      type: "actor.repaired",
      kind,
      id,
      by: around.caller.id,
      state: state as Extract<Fact, { type: "actor.repaired" }>["state"],
    },
  ]);
}
