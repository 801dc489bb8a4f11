/** The agent that goes in circles: what it spends, and how its bead's cap ends it. */
import type { Needs } from "../../../src/wire/needs.ts";
import type { Spend } from "../../../src/wire/spend.ts";
import type * as z from "zod";
import type { ApiClient, Bead } from "../api-client.ts";
import type { Screen } from "./screen.ts";
import { CAP, LOOP } from "./script.ts";

/** Where the cap has stopped it. */
export interface Capped {
  readonly beadId: string;
  readonly microdollars: number;
}

export const dollars = (microdollars: number): string => `$${(microdollars / 1_000_000).toFixed(2)}`;

/** Slings work that no agent of the demo ever finishes. @returns its bead */
export async function slingLoop(api: ApiClient, rig: string, screen: Screen): Promise<string> {
  const body = `steps: 1\nstep_ms: ${LOOP.turn_ms}\nspend: ${LOOP.microdollars}`;
  const { bead } = await api.call<{ bead: Bead }>("POST", `${rig}/sling`, { title: LOOP.title, body });
  screen.tell(`the agent of "${LOOP.title}" goes in circles; a bead may spend ${dollars(CAP.bead_microdollars)}`);
  return bead.id;
}

const spentOn = async (api: ApiClient, rig: string, beadId: string): Promise<number> => {
  const { rows } = await api.call<z.infer<typeof Spend>>("GET", `${rig}/spend?by=bead`);
  return rows.find(({ key }) => key === beadId)?.cost_microdollars ?? 0;
};

/** Once its cap has stopped it and a person is asked: says what it cost, and cancels it. @returns null: it still spends */
export async function lookForCap(api: ApiClient, rig: string, beadId: string, screen: Screen): Promise<Capped | null> {
  const { needs } = await api.call<z.infer<typeof Needs>>("GET", `${rig}/needs`);
  const need = needs.find(({ code, beads }) => code === "bead_budget" && beads.some(({ id }) => id === beadId));
  if (need === undefined) return null;
  const microdollars = await spentOn(api, rig, beadId);
  screen.tell(
    `its cap has stopped it: ${dollars(microdollars)} of ${dollars(CAP.bead_microdollars)} are spent. It would wait for a person who raises it; it is cancelled`,
  );
  await api.call("POST", `${rig}/beads/${encodeURIComponent(beadId)}/cancel`);
  return { beadId, microdollars };
}

/** What is wrong with how it ended: asked of the rig when everything is over. */
export async function wrongWithCap(api: ApiClient, rig: string, { beadId }: Capped): Promise<string[]> {
  const spent = await spentOn(api, rig, beadId);
  const { bead_microdollars: cap } = CAP;
  // What is told of at once may be passed by the turn that passes it, and by those until it is stopped.
  const most = cap + LOOP.microdollars * LOOP.turns_over;
  return spent >= cap && spent <= most ? [] : [`${dollars(spent)} were spent of ${dollars(cap)}`];
}
