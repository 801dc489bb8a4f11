import { placeOfOrder } from "../events/settings.ts";
import type { SyncAnswer } from "../wire/container.ts";
import type { Rig } from "./rig.ts";

/** A fetch from the remote that an agent waits for. */
const TIMEOUT_MS = 60_000;

export type Synced =
  | SyncAnswer
  | { readonly synced: false; readonly status: 404 | 409 | 422 | 503; readonly error: string };

/**
 * What is new at the remote becomes fetchable from the agent's `origin`, without a login of its own. Nothing of it is in the
 * journal: it changes no state.
 */
export async function sync({ world, ports }: Rig, agentId: string): Promise<Synced> {
  const no = (status: Exclude<Synced, SyncAnswer>["status"], error: string): Synced => ({
    synced: false,
    status,
    error,
  });
  const agent = world.agents.get(agentId);
  const { config } = world.rig.context;
  if (agent === undefined) return no(404, `no agent ${agentId} in this rig`);
  if (config === null) return no(409, "the rig has no repository yet");
  const { rigId, townId, userId, gitUrl, defaultBranch } = config;
  const { id, dispatchN, role } = agent.context;
  const container = ports.container(townId);
  const old = no(
    409,
    "the town's container is one that keeps no store: its agents fetch from the remote themselves, with GIT_TOKEN",
  );
  if (container.sync === undefined) return old;
  const envVars = await ports.agentEnvironment({
    agentId: id,
    rigId,
    townId,
    userId,
    dispatchId: `${id}:${dispatchN}`,
    role,
  });
  const order = { rigId, gitUrl, targetBranch: defaultBranch, envVars, ...placeOfOrder(world.rig.context.settings) };
  const answer = await container.sync(agentId, order, TIMEOUT_MS);
  if (!("kind" in answer)) return answer;
  if (answer.kind === "unknown") return no(503, `the town's container does not answer: ${answer.error}`);
  if (answer.status === 404 && answer.code === undefined) return old;
  return no(answer.status === 404 ? 404 : 422, answer.error);
}
