import * as z from "zod";
import { LIMITS } from "../events/limits.ts";
import { placeOf } from "../events/settings.ts";
import { branchOf } from "../core/schedule.ts";
import type { TidyRequest } from "../wire/container.ts";
import { reasonOf } from "./alarm.ts";
import { isStopped } from "./halt.ts";
import type { Sql } from "./ports.ts";
import type { Rig } from "./rig.ts";

/**
 * Giving disk back. The container is told what of the rig there still is, once an hour while there is work and afterwards when
 * something has been kept long enough. Nothing of it is in the journal: it changes no state, and asking twice removes nothing twice.
 */
export interface Tidying {
  /** When the container is asked next, ms; null: when there is work again. */
  next: number | null;
  disk: { at: number; free_bytes: number; total_bytes: number; rig_bytes: number | null } | null;
  /** What the container said of refs at the remote, and would forget with its disk. */
  ended: Record<string, number> | null;
  running: boolean;
}

const NAME = "tidying";
const Stored = z.object({
  next: z.number().nullable(),
  disk: z
    .object({ at: z.number(), free_bytes: z.number(), total_bytes: z.number(), rig_bytes: z.number().nullable() })
    .nullable(),
  ended: z.record(z.string(), z.number()).nullable().default(null),
});

export function readTidying(sql: Sql): Tidying {
  const row = sql.exec<{ value: string }>("SELECT value FROM meta WHERE name = ?", NAME).toArray()[0];
  const stored = row === undefined ? undefined : Stored.safeParse(JSON.parse(row.value)).data;
  return { ...(stored ?? { next: 0, disk: null, ended: null }), running: false };
}

const isActive = (rig: Rig): boolean => rig.world.rig.matches({ cadence: "active" });

export function isTidyDue(rig: Rig): boolean {
  const { tidying, world, ports } = rig;
  if (isStopped(rig)) return false;
  if (tidying.running || world.rig.context.config === null || world.rig.matches({ life: "destroyed" })) return false;
  // Beads end while there is work: it is asked once more after the last of it.
  return tidying.next === null ? isActive(rig) : ports.now() >= tidying.next;
}

/** An agent was deleted: its folder goes with the next look, and is no news to anybody. */
export function tidySoon({ tidying, ports }: Rig): void {
  tidying.next = ports.now();
}

/** Never throws. */
export async function tidy(rig: Rig): Promise<void> {
  const { tidying, world, ports } = rig;
  const { config } = world.rig.context;
  if (config === null) return;
  const soon = ports.now() + LIMITS.tidy_ms;
  let asked = false;
  try {
    const container = ports.container(config.townId);
    if (container.tidy === undefined) return;
    asked = true;
    tidying.running = true;
    const order = { ...orderOf(rig), ...(await remoteOf(rig)) };
    const answer = await container.tidy(config.rigId, order, LIMITS.tidy_timeout_ms);
    const due = answer?.nextAt == null ? Number.NaN : Date.parse(answer.nextAt);
    tidying.next = isActive(rig) ? soon : Number.isNaN(due) ? null : Math.max(soon, due);
    if (answer?.ended !== undefined) tidying.ended = answer.ended;
    if (answer !== null) tidying.disk = { at: ports.now(), ...answer.disk };
  } catch (error) {
    tidying.next = soon;
    ports.log("warn", "the container could not be asked to give disk back; it is asked again in an hour", {
      error: reasonOf(error),
    });
  } finally {
    tidying.running = false;
    if (asked) keep(rig);
  }
}

function keep({ tidying, world, ports }: Rig): void {
  const { next, disk, ended } = tidying;
  // A rig that was deleted meanwhile has no tables any more.
  if (world.rig.matches({ life: "destroyed" })) return;
  try {
    ports.sql.exec(
      "INSERT OR REPLACE INTO meta VALUES (?, ?)",
      NAME,
      JSON.stringify({ next, disk, ...(ended === null ? {} : { ended }) }),
    );
  } catch (error) {
    ports.log("warn", "what was given back could not be noted; it is asked again", { error: reasonOf(error) });
  }
}

/** Where the container's disk does not last, something of the rig may be at the remote. */
async function remoteOf({ world, ports, tidying }: Rig): Promise<Partial<TidyRequest>> {
  const { config, container } = world.rig.context;
  if (config === null || container?.ephemeral !== true) return {};
  const { rigId, townId, userId, gitUrl } = config;
  const about = { agentId: "refinery", rigId, townId, userId, dispatchId: "tidy", role: "refinery" as const };
  // What its git needs, and nobody's token.
  const { GASTOWN_SESSION_TOKEN: _, ...envVars } = await ports.agentEnvironment(about);
  return { gitUrl, envVars, ...(tidying.ended === null ? {} : { ended: tidying.ended }) };
}

/** What cannot be read right now is not over; and whose folder nobody knows is told of first (reconcile.ts). */
function orderOf({ world, reconciling }: Rig): TidyRequest {
  const broken = (kind: string): string[] =>
    [...world.broken.keys()].flatMap((key) => (key.startsWith(`${kind}:`) ? [key.slice(kind.length + 1)] : []));
  return {
    agents: [...new Set([...world.agents.keys(), ...broken("agent"), ...reconciling.clones])],
    beads: [
      ...[...world.beads.values()]
        .filter((bead) => !bead.hasTag("terminal"))
        .map((bead) => ({ id: bead.context.id, branch: branchOf(bead) })),
      ...broken("bead").map((id) => ({ id, branch: `ticktown/${id}` })),
    ],
    keepDays: placeOf(world.rig.context.settings).keep_days,
  };
}

/** The rig is deleted. A container that does not answer now keeps the folder; nobody asks it again. */
export async function forget({ world, ports }: Rig): Promise<void> {
  const { config } = world.rig.context;
  if (config === null) return;
  await ports
    .container(config.townId)
    .forget?.(config.rigId, LIMITS.tidy_timeout_ms)
    .catch((error: unknown) =>
      ports.log("warn", "the deleted rig's clones are still on the container's disk", { error: reasonOf(error) }),
    );
}
