/** What tests that kill things share: a town on real processes of which anything may be killed, and dice with a seed. */
import { createApiClient, type ApiClient, type RigInfo } from "../../scripts/stack/api-client.ts";
import { type Control, startControl } from "../../scripts/stack/control.ts";
import { type DemoRepository, makeRepository } from "../../scripts/stack/demo/repository.ts";
import { freePort } from "../../scripts/stack/ports.ts";
import { openState, type State } from "../../scripts/stack/state.ts";
import { startWorker } from "../../scripts/stack/worker.ts";
import path from "node:path";

export interface ChaosTown {
  readonly api: ApiClient;
  readonly url: string;
  readonly rig: RigInfo;
  readonly repository: DemoRepository;
  readonly state: State;
  readonly control: Control;
  /** By SIGKILL, and another one on the same folder. */
  readonly killWorker: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Patience of seconds, and of nobody's attempts: what is killed here is not to blame. */
const SETTINGS = {
  arm_delay_ms: 300,
  cadence_active_ms: 1_000,
  backoff_base_ms: 300,
  backoff_max_ms: 1_000,
  max_attempts: 50,
  breaker_failures: 500,
  start_lease_ms: 15_000,
  heartbeat_lost_ms: 3_000,
};

/** @param dir where all of it lies */
export async function chaosTown(
  dir: string,
  agentCommand: string,
  settings: Record<string, unknown> = {},
): Promise<ChaosTown> {
  const repository = makeRepository(dir);
  const state = openState(path.join(dir, "state"));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const control = await startControl(state, { agentCommand, apiUrl: url, environment: process.env, say: () => {} });
  const variables = { GASTOWN_API_URL: url, ...state.secrets };
  const begin = () => startWorker(state, { port, variables, controlUrl: control.url, environment: process.env });
  let worker = await begin();
  const api = createApiClient(url, state.secrets.TICKTOWN_OPERATOR_TOKEN);
  const { rig } = await api.rigFor({ name: "chaos", gitUrl: repository.origin, defaultBranch: "main" });
  await api.call("PUT", `/api/rigs/${rig.id}/settings`, { ...SETTINGS, ...settings });
  return {
    api,
    url,
    rig,
    repository,
    state,
    control,
    killWorker: async () => {
      kill(-worker.pid);
      await worker.exited;
      worker = await begin();
    },
    stop: async () => {
      await worker.stop();
      await control.stop();
    },
  };
}

/** What is dead already, is being started again just then, cannot be killed. */
export function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone: that is what we wanted.
  }
}

/** mulberry32: small, and the same everywhere. */
export function dice(seed: number): (sides: number) => number {
  let state = seed >>> 0;
  return (sides) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  };
}
