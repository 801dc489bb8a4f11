/** What the control server asks of git about a remote: is it fit for a rig, and what is new there. */
import type { LookAnswer, LookRequest, SyncAnswer, SyncRequest } from "../../src/wire/container.ts";
import type { Config } from "../config.ts";
import { redactorOf, secretsIn } from "../redact.ts";
import { Refusal } from "../refusal.ts";
import { TICKTOWN_IDENTITY, createGit } from "./git.ts";
import { agentFoldersOf, foldersOf } from "./layout.ts";
import { look } from "./look.ts";
import { parseRemote } from "./remotes.ts";
import { readState } from "./state.ts";
import { isComplete, refreshStore, remoteTip } from "./store.ts";

export interface Repositories {
  /** @throws Refusal 400 git_url_refused */
  readonly look: (request: LookRequest) => Promise<LookAnswer>;
  /**
   * Brings the store up to date, which is the `origin` of every agent of the rig. No clone is touched: its agent fetches.
   * @throws Refusal 400 git_url_refused; 404 no_clone; 422 remote_unreachable
   */
  readonly sync: (agentId: string, request: SyncRequest) => Promise<SyncAnswer>;
}

export function createRepositories(config: Config): Repositories {
  return {
    look: (request) => look(request, config),
    sync: async (agentId, { rigId, gitUrl, targetBranch, envVars = {}, place }) => {
      const remote = parseRemote(gitUrl, envVars);
      const redact = redactorOf(secretsIn(envVars, remote.credentials ? [remote.credentials.token] : []));
      const git = createGit(config, TICKTOWN_IDENTITY, redact, remote, place);
      const folders = foldersOf(config.workDir, rigId);
      if (readState(agentFoldersOf(folders, agentId).state)?.phase !== "ready" || !isComplete(folders.store))
        throw new Refusal(404, "no_clone", `${agentId} has no clone here; it gets one when it is started`);
      const fetched = await refreshStore(git, folders, remote);
      if (!fetched.ok) throw new Refusal(422, "remote_unreachable", `cannot fetch ${remote.url}: ${fetched.error}`);
      return { synced: true, target: await remoteTip(git, folders.store, targetBranch) };
    },
  };
}
