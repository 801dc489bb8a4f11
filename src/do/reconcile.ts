import * as z from "zod";
import { compare, type Suspects } from "../core/reconcile.ts";
import type { Fact } from "../events/facts.ts";
import { actorKey } from "../core/world.ts";
import { isHeldBack } from "../machines/rig.ts";
import type { Inventory } from "../wire/inventory.ts";
import { isDestroyed, reasonOf } from "./alarm.ts";
import { isStopped } from "./halt.ts";
import type { Sql } from "./ports.ts";
import type { Rig } from "./rig.ts";

/**
 * Once per patrol of a rig that has work the container is asked what it has of the rig, and afterwards as long as there is something that the
 * rig does not know; an idle rig wakes no container. A container that has no such list is left alone.
 */
export interface Reconciling {
  suspects: Suspects;
  /** Agents whose folders nobody knows: they are told of before anything gives their disk back. */
  clones: ReadonlySet<string>;
  /** There was work since the container was looked at last without finding anything. */
  isOwed: boolean;
  /** Which control server has no list; undefined: none is known to have none. */
  without: string | null | undefined;
}

const NAME = "suspects";
const Stored = z.record(z.string(), z.object({ since: z.number(), orders: z.number(), at: z.number() }));

export function readReconciling(sql: Sql): Reconciling {
  const row = sql.exec<{ value: string }>("SELECT value FROM meta WHERE name = ?", NAME).toArray()[0];
  const suspects = row === undefined ? {} : (Stored.safeParse(JSON.parse(row.value)).data ?? {});
  return { suspects, clones: new Set(), isOwed: false, without: undefined };
}

const instanceOf = (rig: Rig): string | null => rig.world.rig.context.instance ?? null;

/** So that its container is awake in any case. */
const hasWork = ({ world }: Rig): boolean => world.index.slots.size > 0 || world.rig.matches({ cadence: "active" });

function isDue(rig: Rig): boolean {
  const { reconciling, world } = rig;
  if (isDestroyed(rig) || isStopped(rig) || isHeldBack(world.rig) || world.rig.context.config === null) return false;
  if (world.broken.has(actorKey("rig", "rig")) || reconciling.without === instanceOf(rig)) return false;
  if (hasWork(rig)) reconciling.isOwed = true;
  return reconciling.isOwed || Object.keys(reconciling.suspects).length > 0 || world.rig.context.strays !== undefined;
}

/** Never throws. @returns null when nobody asked, or nobody answered */
export async function look(rig: Rig): Promise<Inventory | null> {
  const { reconciling, world, ports } = rig;
  const { config, settings } = world.rig.context;
  if (config === null || !isDue(rig)) return null;
  const container = ports.container(config.townId);
  if (container.inventory === undefined) return null;
  try {
    const inventory = await container.inventory(config.rigId, settings.effect_timeout_ms);
    if (inventory === null) reconciling.without = instanceOf(rig);
    return inventory;
  } catch (error) {
    ports.log("info", "the container did not say what it has; it is asked again", { error: reasonOf(error) });
    return null;
  }
}

/** What is to be said of it, judged by the state of now. */
export function newsOfStrays(rig: Rig, inventory: Inventory | null): Fact[] {
  const { reconciling, world, ports } = rig;
  if (inventory === null || isDestroyed(rig) || isHeldBack(world.rig)) return [];
  const { suspects, clones, found } = compare(world, inventory, reconciling.suspects, ports.now());
  const isQuiet = Object.keys(suspects).length === 0;
  // Who has just ended may still be there: it is looked once more after the last of the work.
  if (isQuiet && !hasWork(rig)) reconciling.isOwed = false;
  keep(rig, suspects);
  reconciling.clones = clones;
  if (found !== null) return [found];
  return isQuiet && world.rig.context.strays !== undefined ? [{ type: "strays.gone" }] : [];
}

/** In a row: an object that sleeps between its looks would never see anything twice. */
function keep({ reconciling, ports }: Rig, suspects: Suspects): void {
  const text = JSON.stringify(suspects);
  if (text === JSON.stringify(reconciling.suspects)) return;
  reconciling.suspects = suspects;
  ports.sql.exec("INSERT OR REPLACE INTO meta VALUES (?, ?)", NAME, text);
}
