/** What the rig says of itself at one moment, in the form in which it is shown. */
import type { Agent, ApiClient, Bead } from "../api-client.ts";
import { agentProcesses } from "../control.ts";
import { BEADS } from "./script.ts";

export interface BeadLine {
  readonly title: string;
  readonly status: Bead["status"];
  readonly progress: string;
  /** Why it is where it is, in the rig's own words. */
  readonly why: string;
}

export interface AgentLine {
  readonly id: string;
  readonly name: string;
  readonly status: Agent["status"];
  readonly pid: number | null;
  readonly bead: string;
}

export interface View {
  readonly beads: readonly BeadLine[];
  readonly agents: readonly AgentLine[];
}

/** The checkpoints that the demo agent saves. */
interface Checkpoint {
  readonly bead_id?: unknown;
  readonly step?: unknown;
}

export interface Observed {
  readonly view: View;
  readonly beads: ReadonlyMap<string, Bead>;
  readonly agents: readonly Agent[];
  /** Steps that are safe in a checkpoint, by bead id. */
  readonly steps: ReadonlyMap<string, number>;
}

/** @param ids the bead ids, by the keys of the script */
export async function observe(
  api: ApiClient,
  rigId: string,
  workDir: string,
  ids: ReadonlyMap<string, string>,
): Promise<Observed> {
  const rig = `/api/rigs/${rigId}`;
  const [allBeads, agents, whys] = await Promise.all([
    api.call<Bead[]>("GET", `${rig}/beads?type=issue`),
    api.call<Agent[]>("GET", `${rig}/agents`),
    Promise.all(
      [...ids.values()].map(
        async (id) => [id, (await api.call<{ sentence: string }>("GET", `${rig}/beads/${id}/why`)).sentence] as const,
      ),
    ),
  ]);
  const beads = new Map(allBeads.map((bead) => [bead.id, bead]));
  const sentences = new Map(whys);
  const steps = new Map<string, number>();
  for (const { checkpoint } of agents) {
    const { bead_id, step } = (checkpoint ?? {}) as Checkpoint;
    if (typeof bead_id === "string" && typeof step === "number") steps.set(bead_id, step);
  }
  const pids = new Map(agentProcesses(workDir).map(({ agentId, pid }) => [agentId, pid]));
  const titles = new Map(BEADS.map(({ key, title }) => [ids.get(key) ?? "", title]));
  return {
    beads,
    agents,
    steps,
    view: {
      beads: BEADS.flatMap(({ key, title, steps: planned }) => {
        const id = ids.get(key);
        const bead = id === undefined ? undefined : beads.get(id);
        if (id === undefined || bead === undefined) return [];
        const isOver = bead.status !== "open" && bead.status !== "in_progress";
        return [
          {
            title,
            status: bead.status,
            progress: `${isOver ? planned : (steps.get(id) ?? 0)}/${planned}`,
            why: withTitles(sentences.get(id) ?? "", titles),
          },
        ];
      }),
      agents: agents.map(({ id, name, status, current_hook_bead_id }) => ({
        id,
        name,
        status,
        pid: pids.get(id) ?? null,
        bead: titles.get(current_hook_bead_id ?? "") ?? "",
      })),
    },
  };
}

/** People do not think in bead ids. */
function withTitles(text: string, titles: ReadonlyMap<string, string>): string {
  let readable = text;
  for (const [id, title] of titles) if (id !== "") readable = readable.replaceAll(id, `"${title}"`);
  return readable;
}
