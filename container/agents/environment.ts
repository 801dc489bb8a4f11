/** The environment of an agent process: exactly what is documented, and nothing else of the host. */
import type { SetAside, StartAgentRequest } from "../../src/wire/container.ts";
import { isSaidByStart } from "../../src/wire/env-names.ts";
import type { Config } from "../config.ts";
import { identityOf } from "../git/git.ts";
import { hostEnvForAgents } from "../processes/host-env.ts";
import { gitConfigFile } from "../git/user-config.ts";
import { ENV_TOTAL_MAX_BYTES, ENV_VALUE_MAX_BYTES, REASON_MAX_CHARS, SET_ASIDE_TOLD_MAX } from "../limits.ts";
import { Refusal } from "../refusal.ts";
import type { Remote } from "../git/remotes.ts";

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
    ...hostEnvForAgents(config.hostEnv, config.agentPass),
    ...(apiUrl === null ? {} : { GASTOWN_API_URL: apiUrl }),
    GIT_AUTHOR_NAME: who.name,
    GIT_AUTHOR_EMAIL: who.email,
    GIT_COMMITTER_NAME: who.name,
    GIT_COMMITTER_EMAIL: who.email,
    // What is in the operator's own git configuration must not stop an agent either.
    GIT_CONFIG_GLOBAL: gitConfigFile(config.workDir),
    GIT_CONFIG_NOSYSTEM: "1",
    // Credentials that came inside the gitUrl reach the agent's own git the same way as those in envVars.
    ...(remote.credentials ? { GIT_TOKEN: remote.credentials.token, GIT_USERNAME: remote.credentials.username } : {}),
    ...Object.fromEntries(Object.entries(request.envVars ?? {}).filter(([name]) => !isSaidByStart(name))),
    // Last: whatever a secret of the rig is called, a process is who the start says.
    GASTOWN_AGENT_ID: request.agentId,
    GASTOWN_RIG_ID: request.rigId,
    GASTOWN_TOWN_ID: request.townId,
    TICKTOWN_PROMPT: request.prompt,
    TICKTOWN_SYSTEM_PROMPT: request.systemPrompt,
    TICKTOWN_MODEL: request.model,
    TICKTOWN_BRANCH: request.branch,
    TICKTOWN_DEFAULT_BRANCH: request.defaultBranch,
    TICKTOWN_ROLE: request.role,
    ...(request.dispatchId === undefined ? {} : { TICKTOWN_DISPATCH_ID: request.dispatchId }),
    ...(checkpointFile === null ? {} : { TICKTOWN_CHECKPOINT_FILE: checkpointFile }),
  };
  checkSize(env);
  return env;
}

/** What the start found in the way is told where the work is told: at the end of the prompt, as far as a process can be given it. */
export function withSetAside(env: Record<string, string>, found: readonly SetAside[]): Record<string, string> {
  const before = env["TICKTOWN_PROMPT"] ?? "";
  const told = found.slice(0, SET_ASIDE_TOLD_MAX).map(({ sentence }) => `- ${sentence.slice(0, REASON_MAX_CHARS)}`);
  if (told.length === 0) return env;
  const added = [
    "",
    "From before this dispatch there is work that was never committed:",
    ...told,
    "Look at it (git status, git show); what belongs to your work you commit yourself. Nothing of it is handed in by itself.",
  ].join("\n");
  const prompt = `${before}\n${added}`;
  return sizeOf("TICKTOWN_PROMPT", prompt) > ENV_VALUE_MAX_BYTES ? env : { ...env, TICKTOWN_PROMPT: prompt };
}

const sizeOf = (name: string, value: string): number => Buffer.byteLength(value) + name.length + 2;

function checkSize(env: Record<string, string>): void {
  let total = 0;
  for (const [name, value] of Object.entries(env)) {
    const size = sizeOf(name, value);
    if (size > ENV_VALUE_MAX_BYTES) {
      throw new Refusal(
        422,
        "environment_too_large",
        `${name} is larger than ${ENV_VALUE_MAX_BYTES} bytes; a process cannot be given it`,
      );
    }
    total += size;
  }
  if (total > ENV_TOTAL_MAX_BYTES) {
    throw new Refusal(
      422,
      "environment_too_large",
      `the environment is larger than ${ENV_TOTAL_MAX_BYTES} bytes in all`,
    );
  }
}
