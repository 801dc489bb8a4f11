/** From a start request to the things a process needs: a checked request, a worktree, an environment, a checkpoint file. */
import path from "node:path";
import type { StartAgentRequest } from "../src/container/contract.ts";
import { foldersOf } from "./clones.ts";
import type { Config } from "./config.ts";
import { agentEnvironment } from "./environment.ts";
import { removeFile, writePrivateJson } from "./files.ts";
import { type Git, createGit, identityOf } from "./git.ts";
import type { KeyedMutex } from "./mutex.ts";
import { type Redact, redactorOf, secretsIn } from "./redact.ts";
import { Refusal } from "./refusal.ts";
import { type Remote, parseRemote } from "./remotes.ts";
import { checkBranchName, commitLeftovers, prepareWorktree, worktreeOf } from "./worktrees.ts";

export interface Workspace {
  readonly command: string;
  readonly env: Record<string, string>;
  readonly redact: Redact;
  readonly git: Git;
  readonly remote: Remote;
  readonly worktree: string;
}

/**
 * Everything that can be refused without touching a process or a repository.
 * @throws Refusal 400 git_url_refused, branch_refused; 422 agent_command_missing, environment_too_large
 */
export async function checkStart(request: StartAgentRequest, config: Config): Promise<Workspace> {
  if (config.agentCommand === null) {
    throw new Refusal(422, "agent_command_missing", "AGENT_COMMAND is not set in the container, so it does not know what to run");
  }
  const envVars = request.envVars ?? {};
  const remote = parseRemote(request.gitUrl, envVars);
  const redact = redactorOf(secretsIn(envVars, remote.credentials ? [remote.credentials.token] : []));
  const git = createGit(config, identityOf(request), redact, remote);
  for (const branch of [request.branch, request.defaultBranch]) await checkBranchName(git, path.parse(config.workDir).root, branch);
  const checkpoint = hasCheckpoint(request) ? checkpointFileOf(config, request.agentId) : null;
  return {
    command: config.agentCommand,
    env: agentEnvironment(request, config, remote, checkpoint),
    redact,
    git,
    remote,
    worktree: worktreeOf(foldersOf(config.workDir, request.rigId), request.agentId),
  };
}

/** Clone, worktree, checkpoint. @throws as prepareWorktree */
export async function prepare(
  request: StartAgentRequest,
  workspace: Workspace,
  config: Config,
  repoMutex: KeyedMutex,
  isLive: (agentId: string) => boolean,
  warn: (message: string) => void,
): Promise<void> {
  const { git, remote } = workspace;
  const { agentId, branch, defaultBranch } = request;
  const folders = foldersOf(config.workDir, request.rigId);
  await repoMutex(request.rigId, () => prepareWorktree({ git, remote, folders, agentId, branch, defaultBranch, isLive, warn }));
  const file = checkpointFileOf(config, agentId);
  if (hasCheckpoint(request)) writePrivateJson(file, request.checkpoint);
  else removeFile(file); // An old one would send the agent back to work that is over.
}

/** @returns the branch that holds the work now, or null when nothing was uncommitted */
export function keepWork(run: { readonly rigId: string }, name: string, workspace: Workspace, repoMutex: KeyedMutex): Promise<string | null> {
  return repoMutex(run.rigId, () => commitLeftovers(workspace.git, workspace.worktree, `WIP checkpoint by ${name}`));
}

function hasCheckpoint(request: StartAgentRequest): boolean {
  return request.checkpoint !== undefined && request.checkpoint !== null;
}

/** Outside the worktree, so that no agent commits it. */
function checkpointFileOf(config: Config, agentId: string): string {
  return path.join(config.workDir, "checkpoints", `${agentId}.json`);
}
