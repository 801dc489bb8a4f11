/** The environment of an agent process: exactly what is documented, and nothing else of the host. */
import type { StartAgentRequest } from "../src/container/contract.ts";
import type { Config } from "./config.ts";
import { identityOf } from "./git.ts";
import { hostEnvForAgents } from "./host-env.ts";
import { ENV_TOTAL_MAX_BYTES, ENV_VALUE_MAX_BYTES } from "./limits.ts";
import { Refusal } from "./refusal.ts";
import type { Remote } from "./remotes.ts";

/** @throws Refusal 422 environment_too_large, before the kernel would say a bare E2BIG */
export function agentEnvironment(
  request: StartAgentRequest,
  config: Config,
  remote: Remote,
  checkpointFile: string | null,
): Record<string, string> {
  const apiUrl = config.apiUrl;
  const who = identityOf(request);
  const env: Record<string, string> = {
    ...hostEnvForAgents(config.hostEnv),
    ...(apiUrl === null ? {} : { GASTOWN_API_URL: apiUrl }),
    GASTOWN_AGENT_ID: request.agentId,
    GASTOWN_RIG_ID: request.rigId,
    GASTOWN_TOWN_ID: request.townId,
    GIT_AUTHOR_NAME: who.name,
    GIT_AUTHOR_EMAIL: who.email,
    GIT_COMMITTER_NAME: who.name,
    GIT_COMMITTER_EMAIL: who.email,
    TICKTOWN_PROMPT: request.prompt,
    TICKTOWN_SYSTEM_PROMPT: request.systemPrompt,
    TICKTOWN_MODEL: request.model,
    TICKTOWN_BRANCH: request.branch,
    TICKTOWN_DEFAULT_BRANCH: request.defaultBranch,
    TICKTOWN_ROLE: request.role,
    ...(request.dispatchId === undefined ? {} : { TICKTOWN_DISPATCH_ID: request.dispatchId }),
    ...(checkpointFile === null ? {} : { TICKTOWN_CHECKPOINT_FILE: checkpointFile }),
    // Credentials that came inside the gitUrl reach the agent's own git the same way as those in envVars.
    ...(remote.credentials ? { GIT_TOKEN: remote.credentials.token, GIT_USERNAME: remote.credentials.username } : {}),
    ...request.envVars,
  };
  checkSize(env);
  return env;
}

function checkSize(env: Record<string, string>): void {
  let total = 0;
  for (const [name, value] of Object.entries(env)) {
    const size = Buffer.byteLength(value) + name.length + 2;
    if (size > ENV_VALUE_MAX_BYTES) {
      throw new Refusal(422, "environment_too_large", `${name} is larger than ${ENV_VALUE_MAX_BYTES} bytes; a process cannot be given it`);
    }
    total += size;
  }
  if (total > ENV_TOTAL_MAX_BYTES) {
    throw new Refusal(422, "environment_too_large", `the environment is larger than ${ENV_TOTAL_MAX_BYTES} bytes in all`);
  }
}
