/** From a start request to the things a process needs: a checked request, a worktree, an environment, a checkpoint file. */
import { randomUUID } from "node:crypto";
import { isNotForSetups } from "../gate/environment.ts";
import path from "node:path";
import { DEFAULT_PLACE, type SetAside, type StartAgentRequest } from "../../src/wire/container.ts";
import { OWN_ACP, unknownRuntime } from "../../src/events/runtimes.ts";
import { refusalOf, refusedName } from "../../src/wire/env-names.ts";
import { findProgram } from "../box/box.ts";
import { type AgentBox, agentBoxOf } from "../box/agent-box.ts";
import type { AgentBoxes } from "../box/boxes.ts";
import { takeBack } from "../box/users.ts";
import type { Config } from "../config.ts";
import { agentEnvironment } from "./environment.ts";
import { removeFile, writePrivateJson } from "../files.ts";
import { type AwayPlace, bringBack, sendAway } from "../git/away.ts";
import { collectBranch } from "../git/collect.ts";
import { agentFoldersOf, foldersOf } from "../git/layout.ts";
import { type Git, createGit, identityOf } from "../git/git.ts";
import type { KeyedMutex } from "../mutex.ts";
import { type Redact, passedSecrets, redactorOf, secretsIn } from "../redact.ts";
import { Refusal } from "../refusal.ts";
import { type Remote, parseRemote } from "../git/remotes.ts";
import { readState } from "../git/state.ts";
import type { Runtime } from "./runtimes/runtime.ts";
import { RUNTIMES, acpCommandOf, runtimeNamed } from "./runtimes/runtimes.ts";
import { loginFilesOf } from "./runtimes/logins.ts";
import { type SetupJob, setUp } from "../place/setup.ts";
import { setupCacheOf } from "../place/setup-cache.ts";
import { ensureGitConfig } from "../git/user-config.ts";
import { type Prepared, checkBranchName, markSetUp, prepareWorkspace } from "../git/workspaces.ts";

export interface Workspace {
  readonly command: string;
  /** The coding agent that is spoken with; null: `command` is a plain one. */
  readonly runtime: Runtime | null;
  readonly env: Record<string, string>;
  readonly redact: Redact;
  readonly git: Git;
  readonly remote: Remote;
  readonly worktree: string;
  readonly box: AgentBox;
}

/**
 * Everything that can be refused without touching a process or a repository.
 * @throws Refusal 400 git_url_refused, branch_refused; 422 agent_command_missing, runtime_unknown, runtime_missing, environment_too_large, box_required
 */
export async function checkStart(request: StartAgentRequest, config: Config, boxes: AgentBoxes): Promise<Workspace> {
  const runtime = runtimeFor(request, config);
  if (runtime === null && config.agentCommand === null) {
    throw new Refusal(
      422,
      "agent_command_missing",
      "Neither AGENT_COMMAND nor AGENT_RUNTIME is set in the container, so it does not know what to run",
    );
  }
  const envVars = request.envVars ?? {};
  const refused = refusedName(envVars, request.ownVars);
  if (refused !== null) throw new Refusal(400, "environment_refused", refusalOf(refused));
  const remote = parseRemote(request.gitUrl, envVars);
  const kept = [
    ...(remote.credentials ? [remote.credentials.token] : []),
    ...(request.sealKey ? [request.sealKey] : []),
    ...passedSecrets(config.hostEnv, [...config.agentPass, ...keyNames(runtime)]),
  ];
  const redact = redactorOf(secretsIn(envVars, kept));
  const git = createGit(config, identityOf(request), redact, remote, request.place);
  for (const branch of [request.branch, request.defaultBranch])
    await checkBranchName(git, path.parse(config.workDir).root, branch);
  const checkpoint = hasCheckpoint(request) ? checkpointFileOf(config, request.agentId) : null;
  const env = agentEnvironment(request, config, remote, checkpoint);
  if (runtime !== null && findProgram(runtime.program, env["PATH"] ?? "") === null)
    throw new Refusal(
      422,
      "runtime_missing",
      `the coding agent ${runtime.name} is not installed here: there is no ${runtime.program} on the PATH`,
    );
  return {
    command: config.agentCommand ?? "",
    runtime,
    env,
    redact,
    git,
    remote,
    worktree: agentFoldersOf(foldersOf(config.workDir, request.rigId), request.agentId).clone,
    box: agentBoxOf({
      boxes,
      config,
      place: request.place ?? DEFAULT_PLACE,
      rigId: request.rigId,
      agentId: request.agentId,
      logins: runtime === null ? [] : loginFilesOf(runtime, config.hostEnv),
      checkpointFile: checkpoint,
    }),
  };
}

/** Of this server's own keys those that a coding agent may be let in with. */
const keyNames = (runtime: Runtime | null): string[] => (runtime?.keys ?? []).filter((name) => !name.endsWith("URL"));

/** @throws Refusal 422 runtime_unknown */
function runtimeFor({ runtime: asked }: StartAgentRequest, { agentRuntime }: Config): Runtime | null {
  // A command of one's own is the container's to say, and nobody's from outside.
  const known = asked === undefined ? agentRuntime : asked;
  if (known === null) return null;
  const runtime =
    asked === undefined || RUNTIMES.some(({ name }) => name === asked) || asked === agentRuntime
      ? runtimeNamed(known)
      : OWN_ACP === asked && agentRuntime !== null && acpCommandOf(agentRuntime) !== null
        ? runtimeNamed(agentRuntime)
        : undefined;
  if (runtime !== undefined) return runtime;
  throw new Refusal(422, "runtime_unknown", unknownRuntime(known) ?? `this container has no ${known} of its own`);
}

/** Store, clone, checkpoint. @throws as prepareWorkspace */
export async function prepare(
  request: StartAgentRequest,
  workspace: Workspace,
  config: Config,
  repoMutex: KeyedMutex,
  isLive: (agentId: string) => boolean,
  warn: (message: string) => void,
): Promise<Prepared> {
  const { git, remote } = workspace;
  const { agentId, beadId, branch, defaultBranch, dispatchId = null } = request;
  for (const warning of await ensureGitConfig(config.workDir, config.hostEnv)) warn(warning);
  const folders = foldersOf(config.workDir, request.rigId);
  const withRig = <T>(task: () => Promise<T>): Promise<T> => repoMutex(request.rigId, task);
  const mine = agentFoldersOf(folders, agentId);
  await takeBack([mine.clone, path.join(mine.clone, ".git"), mine.inbox, mine.home]);
  const prepared = await prepareWorkspace({
    git,
    remote,
    folders,
    agentId,
    beadId,
    dispatchId,
    branch,
    defaultBranch,
    isLive,
    withRig,
    warn,
    patience_ms: config.startFetchPatience_ms,
    bringBack: config.ephemeral ? (key) => bringBack(awayPlaceOf(request, workspace, config), key, branch) : null,
  });
  const file = checkpointFileOf(config, agentId);
  if (hasCheckpoint(request)) writePrivateJson(file, request.checkpoint);
  else removeFile(file); // An old one would send the agent back to work that is over.
  return prepared;
}

/** Runs the rig's setup in the clone, if it has one and the clone is not set up yet. @throws as setUp */
export async function prepareSetup(
  { rigId, agentId, place }: StartAgentRequest,
  { git, env, redact, worktree: clone, box }: Workspace,
  config: Config,
  job: Pick<SetupJob, "mark" | "mayCache" | "oneAtATime" | "onLine" | "say" | "onProcess" | "isStopped">,
): Promise<void> {
  const setup = place?.setup ?? null;
  if (setup === null) return;
  const folders = foldersOf(config.workDir, rigId);
  const before = readState(agentFoldersOf(folders, agentId).state)?.setup ?? null;
  // What the repository brings to its setup reports for nobody, pushes nothing, and asks no model.
  const environment = Object.fromEntries(Object.entries(env).filter(([name]) => !isNotForSetups(name)));
  const room = box.openSetup(randomUUID());
  const digest = await setUp({
    ...job,
    setup,
    clone,
    cache: setupCacheOf(folders),
    env: room.env(environment),
    within: room.within,
    watch: room.watch,
    launcher: room.launcher,
    redact,
    grace_ms: config.stopGrace_ms,
    before,
  }).finally(room.close);
  if (digest !== before) await markSetUp({ git, folders, agentId }, digest);
}

/** The branch's commits as they are now, so that they do not depend on the clone. @throws GitFailure */
export async function keepCommits(
  { rigId, agentId, branch }: StartAgentRequest,
  { git }: Workspace,
  config: Config,
): Promise<void> {
  await collectBranch(git, foldersOf(config.workDir, rigId), agentId, branch);
}

/** Where the disk does not last: what this dispatch left, and what became of it. Never throws. */
export async function leaveBehind(
  request: StartAgentRequest,
  workspace: Workspace,
  config: Config,
): Promise<SetAside[]> {
  if (!config.ephemeral) return [];
  const left = await sendAway(awayPlaceOf(request, workspace, config), request.agentId);
  return left === null ? [] : [left];
}

function awayPlaceOf({ rigId, sealKey }: StartAgentRequest, { git }: Workspace, config: Config): AwayPlace {
  return { git, folders: foldersOf(config.workDir, rigId), rigId, sealKey: sealKey ?? null };
}

function hasCheckpoint(request: StartAgentRequest): boolean {
  return request.checkpoint !== undefined && request.checkpoint !== null;
}

/** Outside the worktree, so that no agent commits it. */
function checkpointFileOf(config: Config, agentId: string): string {
  return path.join(config.workDir, "checkpoints", `${agentId}.json`);
}
