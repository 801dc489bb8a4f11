/** Plays the script against a running Ticktown, and returns what there is to check afterwards. */
import { setTimeout as sleep } from "node:timers/promises";
import { signalGroup } from "../../../container/processes/groups.ts";
import type { ApiClient, Bead, RigInfo } from "../api-client.ts";
import { agentProcesses } from "../control.ts";
import { StackError } from "../errors.ts";
import type { Stack } from "../stack.ts";
import { type Capped, lookForCap, slingLoop } from "./cap.ts";
import type { Screen } from "./screen.ts";
import { ACCIDENT, ANSWER, BEADS, bodyOf, CAP, CHECK, SETTINGS } from "./script.ts";
import { type Observed, observe } from "./view.ts";

export interface Told {
  /** Bead ids by the keys of the script. */
  readonly ids: ReadonlyMap<string, string>;
  readonly killed: { readonly agentId: string; readonly step: number };
  /** The step at which the killed agent's next dispatch went on. */
  readonly resumedAt: number;
  /** The agent that went in circles. */
  readonly capped: Capped;
  /** Every process group of an agent that was seen. */
  readonly groups: ReadonlySet<number>;
}

const POLL_MS = 200;
const LIMIT_MS = 240_000;

/** @throws StackError saying what everything that is not finished waits for */
export async function tellStory(stack: Stack, { id: rigId, town_id }: RigInfo, screen: Screen): Promise<Told> {
  const { api } = stack;
  const rig = `/api/rigs/${rigId}`;
  const output: Output = (agentId, after) => outputOf(api, town_id, agentId, after);
  await api.call("PUT", `${rig}/settings`, { ...SETTINGS, ...CAP, checks: [CHECK] });

  const ids = new Map<string, string>();
  for (const planned of BEADS) {
    const blocked_by = planned.blockedBy.map((key) => ids.get(key));
    const { bead } = await api.call<{ bead: Bead }>("POST", `${rig}/sling`, {
      title: planned.title,
      body: bodyOf(planned),
      blocked_by,
    });
    ids.set(planned.key, bead.id);
  }
  screen.tell(`every merge must pass the check "${CHECK.name}"`);
  screen.tell(`six beads slung; "${titleOf("tests")}" and "${titleOf("manual")}" wait for others`);
  const loop = await slingLoop(api, rig, screen);

  const groups = new Set<number>();
  const deadline = Date.now() + LIMIT_MS;
  let killed: (Told["killed"] & { readonly eventsBefore: number }) | null = null;
  let resumedAt: number | null = null;
  let capped: Capped | null = null;
  let blockedSince: number | null = null;
  let isAnswered = false;

  for (;;) {
    const now = await observe(api, rigId, stack.workDir, ids);
    for (const { pid } of agentProcesses(stack.workDir)) groups.add(pid);
    screen.show(now.view);
    for (const [key, id] of ids) {
      if (now.beads.get(id)?.status === "failed")
        throw new StackError(`"${titleOf(key)}" failed; nothing in the script does that`);
    }

    if (killed === null) killed = await haveAccident(stack.workDir, output, now, ids, screen);
    else if (resumedAt === null) resumedAt = await lookForResumption(output, killed, screen);
    capped ??= await lookForCap(api, rig, loop, screen);

    const asking = now.agents.find(
      ({ status, current_hook_bead_id }) => status === "blocked" && current_hook_bead_id === ids.get("greeting"),
    );
    if (asking !== undefined && !isAnswered) {
      if (blockedSince === null)
        screen.tell(
          `${asking.name} asks: ${BEADS.find(({ key }) => key === "greeting")?.help ?? ""} It is blocked until somebody answers`,
        );
      blockedSince ??= Date.now();
      if (Date.now() - blockedSince >= ANSWER.after_ms) {
        await api.call("POST", `${rig}/agents/${asking.id}/unblock`, { answer: ANSWER.text });
        isAnswered = true;
        screen.tell(`answered ${asking.name}: ${ANSWER.text}`);
      }
    }

    const isOver = [...ids.values()].every((id) => now.beads.get(id)?.status === "closed");
    if (isOver && killed !== null && resumedAt !== null && capped !== null) {
      screen.tell("everything is merged");
      return { ids, killed, resumedAt, capped, groups };
    }
    if (isOver && (killed === null || resumedAt === null))
      throw new StackError(
        killed === null
          ? `"${titleOf(ACCIDENT.key)}" was finished before its agent could be killed`
          : "everything is merged, but the killed agent never said that it resumed",
      );
    if (Date.now() >= deadline) {
      const waiting = now.view.beads
        .filter(({ status }) => status !== "closed")
        .map(({ title, status, why }) => `  ${title}: ${status}. ${why}`);
      throw new StackError(`not everything was merged within ${LIMIT_MS / 1000} s:\n${waiting.join("\n")}`);
    }
    await sleep(POLL_MS);
  }
}

const titleOf = (key: string): string => BEADS.find((planned) => planned.key === key)?.title ?? key;

/** Kills the agent, with everything it started, once it has something to lose. */
async function haveAccident(
  workDir: string,
  output: Output,
  now: Observed,
  ids: ReadonlyMap<string, string>,
  screen: Screen,
): Promise<(Told["killed"] & { eventsBefore: number }) | null> {
  const beadId = ids.get(ACCIDENT.key) ?? "";
  const step = now.steps.get(beadId) ?? 0;
  const victim = now.agents.find(
    ({ status, current_hook_bead_id }) => current_hook_bead_id === beadId && status === "working",
  );
  const process = agentProcesses(workDir).find(({ agentId }) => agentId === victim?.id);
  if (victim === undefined || process === undefined || step < ACCIDENT.afterStep) return null;
  const eventsBefore = (await output(victim.id, 0)).at(-1)?.id ?? 0;
  if (!signalGroup(process.pid, "SIGKILL")) return null;
  screen.tell(`SIGKILL to ${victim.name} (pid ${process.pid}) after step ${step} of "${titleOf(ACCIDENT.key)}"`);
  return { agentId: victim.id, step, eventsBefore };
}

async function lookForResumption(
  output: Output,
  { agentId, eventsBefore }: { agentId: string; eventsBefore: number },
  screen: Screen,
): Promise<number | null> {
  for (const { data } of await output(agentId, eventsBefore)) {
    const step = /^resuming at step (\d+)$/.exec(data?.line ?? "")?.[1];
    if (step === undefined) continue;
    screen.tell(`its next dispatch says: resuming at step ${step}`);
    return Number(step);
  }
  return null;
}

interface ContainerEvent {
  readonly id: number;
  readonly data?: { readonly line?: string };
}

/** What an agent's processes printed after the event with this id. */
type Output = (agentId: string, after: number) => Promise<readonly ContainerEvent[]>;

async function outputOf(
  api: ApiClient,
  townId: string,
  agentId: string,
  after: number,
): Promise<readonly ContainerEvent[]> {
  const path = `/api/towns/${townId}/container/agents/${encodeURIComponent(agentId)}/events?after=${after}`;
  return (await api.call<{ events: ContainerEvent[] }>("GET", path)).events;
}
