/** What the control server asks of git about a hand-in: from a request to a look at the agent's clone. */
import type { InspectAnswer, InspectRequest } from "../../src/wire/container.ts";
import type { Config } from "../config.ts";
import { createKeyedMutex } from "../mutex.ts";
import { redactorOf, secretsIn } from "../redact.ts";
import { TICKTOWN_IDENTITY, createGit } from "./git.ts";
import { inspect } from "./inspect.ts";
import { foldersOf } from "./layout.ts";
import { parseRemote } from "./remotes.ts";

export interface HandIns {
  /** @throws Refusal 400, 409 stale_dispatch, 503 not_durable */
  readonly inspect: (agentId: string, request: InspectRequest) => Promise<InspectAnswer>;
}

export function createHandIns(config: Config): HandIns {
  const oneAtATime = createKeyedMutex();
  return {
    inspect: async (agentId, request) => {
      const envVars = request.envVars ?? {};
      const remote = parseRemote(request.gitUrl, envVars);
      const redact = redactorOf(secretsIn(envVars, remote.credentials ? [remote.credentials.token] : []));
      const git = createGit(config, TICKTOWN_IDENTITY, redact, remote, request.place);
      const folders = foldersOf(config.workDir, request.rigId);
      // The same question twice at the same moment must not be kept under two numbers.
      return oneAtATime(`${request.rigId} ${agentId}`, () =>
        inspect(agentId, request, { git, folders, remote, ephemeral: config.ephemeral }),
      );
    },
  };
}
