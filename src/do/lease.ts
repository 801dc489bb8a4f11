import { dayOf, leftOf, NOTHING_SPENT, startOfDay, type Caps } from "../events/budget.ts";
import { LIMITS } from "../events/limits.ts";
import { isOfCappedTown } from "../events/settings.ts";
import { leaseOf } from "../machines/budget.ts";
import { reasonOf } from "./alarm.ts";
import { commit } from "./commit.ts";
import type { Rig } from "./rig.ts";

/**
 * What a rig may spend of its town's day. It asks for more before what it has is used up, and for tomorrow before today ends; as long as
 * the town does not answer it spends what it has, and then nothing.
 */
export interface Leasing {
  /** Half of what was left when it was leased last: below it more is asked for. */
  low: Caps;
  askedAt: number;
  under: Promise<void> | null;
}

export const newLeasing = (): Leasing => ({ low: { tokens: null, microdollars: null }, askedAt: 0, under: null });

const isBelow = (left: number | null, low: number | null): boolean => left !== null && (low === null || left <= low);

/** Which day it wants more of; null: none. */
export function wantedDay(rig: Rig): number | null {
  const { world, ports, leasing } = rig;
  const { settings, config } = world.rig.context;
  const { budget } = world;
  if (!isOfCappedTown(settings) || config === null || budget === undefined) return null;
  // Who runs nothing and has nothing to run holds no more than it has.
  if (world.index.slots.size === 0 && world.index.ready.size === 0 && world.index.due.size === 0) return null;
  const now = ports.now();
  const day = dayOf(now);
  const has = (one: number): boolean => budget.context.leases?.some((known) => known.day === one) === true;
  if (!has(day)) return day;
  const left = leftOf(
    spentOn(rig, day),
    leaseOf(settings, budget.context, day) ?? { tokens: null, microdollars: null },
  );
  const isLow = isBelow(left.tokens, leasing.low.tokens) || isBelow(left.microdollars, leasing.low.microdollars);
  if (isLow && now - leasing.askedAt >= LIMITS.lease_pause_ms) return day;
  return startOfDay(day + 1) - now <= LIMITS.lease_ahead_ms && !has(day + 1) ? day + 1 : null;
}

const spentOn = ({ world: { budget } }: Rig, day: number) =>
  budget?.context.day === day ? budget.context.today : NOTHING_SPENT;

/** Asks the town, if there is anything to ask for. Never throws; one question at a time. */
export function leaseMore(rig: Rig): Promise<void> {
  const day = wantedDay(rig);
  if (day === null || rig.ports.town === undefined) return Promise.resolve();
  rig.leasing.under ??= askFor(rig, day).finally(() => (rig.leasing.under = null));
  return rig.leasing.under;
}

async function askFor(rig: Rig, day: number): Promise<void> {
  const { ports, world, leasing } = rig;
  const { rigId = "", townId = "" } = world.rig.context.config ?? {};
  leasing.askedAt = ports.now();
  const known = world.budget?.context.leases?.find((one) => one.day === day);
  const accounts = (world.accounts?.context.held ?? []).flatMap(({ id, until }) =>
    until === null ? [] : [{ id, until }],
  );
  try {
    const { tokens, microdollars, caps, spent, news } = await within(
      LIMITS.lease_timeout_ms,
      ports
        .town?.(townId)
        .lease({ rigId, day, spent: spentOn(rig, day), anew: known === undefined, asOf: world.seq, accounts }),
    );
    if (!isOfCappedTown(world.rig.context.settings)) return;
    const left = leftOf(spentOn(rig, day), { tokens, microdollars });
    leasing.low = {
      tokens: left.tokens === null ? null : Math.floor(left.tokens / 2),
      microdollars: left.microdollars === null ? null : Math.floor(left.microdollars / 2),
    };
    if (news === null && known !== undefined && known.tokens === tokens && known.microdollars === microdollars) return;
    commit(rig, [{ type: "town.leased", day, tokens, microdollars, spent, caps, news }]);
    ports.background(rig.outbox.settle(rig));
  } catch (error) {
    ports.log("warn", "the town does not say what may be spent of its day: what is leased is spent, and then nothing", {
      error: reasonOf(error),
    });
  }
}

function within<T>(ms: number, work: Promise<T> | undefined): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the town's object did not answer within ${ms} ms`)), ms);
  });
  return Promise.race([work ?? Promise.reject(new Error("there is no town to ask")), late]).finally(() => {
    if (timer !== undefined) clearTimeout(timer);
  });
}
