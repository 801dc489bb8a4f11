import type { Fact } from "../events/facts.ts";
import { fenceOf } from "../machines/rig.ts";
import type { Capabilities } from "../wire/container.ts";
import { reasonOf } from "./alarm.ts";
import { commit } from "./commit.ts";
import type { Rig } from "./rig.ts";

/**
 * What the town's container is: found out at first contact, and found anew when another control server answers. Whether it looks at
 * what is handed in, whether it runs trains, and whether it knows dispatch ids at all.
 */
export interface Contact {
  /** It says that it looks at what is handed in. */
  readonly inspects: boolean;
  /** It knows no question about what it can do, as no container of before Ticktown's does. */
  readonly isOld: boolean;
}

type Known = Rig["world"]["rig"]["context"]["container"];

/** Whether the container has ever said that it looks, and has not been seen to be another one, that cannot. */
export const inspects = ({ world }: Rig): boolean => world.rig.context.container?.inspects === true;

/** Whether the container is known to look at nothing that is handed in. Not known is not known to. */
export const cannotInspect = (rig: Rig): boolean => !inspects(rig) && rig.contact?.inspects === false;

/** Nothing more is to be learnt of it: it can do all that there is. */
const canDoAll = (known: Known): boolean =>
  known?.inspects === true && known.trains === true && known.runtime !== undefined;

/** One that was found to know no dispatch ids is asked again by each life of the object: it may be another one by now. */
export const wantsToKnow = ({ contact, world }: Rig): boolean => contact === null && fenceOf(world.rig) === "agent";

/**
 * First contact: what can this container do? Asked once per life of the object, of another control server again, and never the
 * reason that a start fails.
 */
export async function meet(rig: Rig, when: "at first" | "again" = "at first"): Promise<void> {
  const isKnown = canDoAll(rig.world.rig.context.container) && !rig.isNewContainer;
  if (when === "at first" && (rig.contact !== null || isKnown)) return;
  try {
    await ask(rig);
  } catch (error) {
    rig.ports.log("info", "the container did not say what it can do; it is asked again", { error: reasonOf(error) });
  }
}

/** @returns whether it looks at hand-ins @throws when the container does not answer. */
export async function ask(rig: Rig): Promise<boolean> {
  const { config, settings } = rig.world.rig.context;
  const port = rig.ports.container(config?.townId ?? "");
  const can = await port.capabilities(settings.effect_timeout_ms);
  const known = rig.world.rig.context.container;
  // Of one that was met as something better a list that is not there is no proof: see `hasNamedDispatch`.
  const knowsIds =
    can !== null || known !== undefined ? null : await (port.knowsDispatchIds?.(settings.effect_timeout_ms) ?? null);
  rig.contact = { inspects: can?.inspect === true, isOld: can === null };
  rig.isNewContainer = false;
  tell(rig, can === null && knowsIds === false ? OLD : metFacts(known, can));
  return can?.inspect === true;
}

const tell = (rig: Rig, facts: Fact[]): void => void (facts.length > 0 && commit(rig, facts));

/** A container that speaks the protocol as it was before Ticktown, and nothing else. */
const OLD: Fact[] = [{ type: "container.met", inspects: false, ephemeral: false, trains: false, dispatchIds: false }];

/** News of what it can do. Whether it looks at hand-ins is not taken back by its silence; whether it runs trains is what it says now. */
function metFacts(known: Known, can: Capabilities | null): Fact[] {
  const looks = can?.inspect === true || known?.inspects === true;
  const ephemeral = can?.ephemeral ?? known?.ephemeral ?? false;
  const trains = can?.trains === true;
  const isNewcomer = can !== null && known?.dispatchIds === false;
  // A container of before it said so says nothing of it; what another one has said is not taken for its word.
  const runtime = can === null ? known?.runtime : can.runtime;
  const isNews =
    isNewcomer ||
    (looks &&
      (known === undefined ||
        !known.inspects ||
        known.ephemeral !== ephemeral ||
        (known.trains ?? false) !== trains ||
        known.runtime !== runtime));
  if (!isNews) return [];
  const runs = trains || known?.trains !== undefined ? { trains } : {};
  const own = runtime === undefined ? {} : { runtime };
  return [
    {
      type: "container.met",
      inspects: looks,
      ephemeral,
      ...runs,
      ...(isNewcomer ? { dispatchIds: true } : {}),
      ...own,
    },
  ];
}

/**
 * Of what was asked of it with a dispatch id, the container has named that id again, or has not. One that names none and knows no question
 * about itself knows no dispatch ids, whatever stood there before it; one that names any knows them.
 */
export async function hasNamedDispatch(rig: Rig, isNamed: boolean): Promise<void> {
  const isAsKnown = (): boolean => isNamed === (fenceOf(rig.world.rig) === "dispatch");
  if (isAsKnown()) return;
  try {
    await ask(rig);
  } catch {
    return; // Seen again with its next answer.
  }
  if (rig.contact?.isOld !== true || isAsKnown()) return;
  tell(rig, isNamed ? [{ type: "container.met", inspects: false, ephemeral: false, dispatchIds: true }] : OLD);
}
