/** What the control server is asked about a rig's disk: give back what is over, forget a rig, say how full it is. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import type { DiskUse, TidyAnswer, TidyRequest } from "../../src/wire/container.ts";
import type { ClearAnswer, ClearRequest, Inventory } from "../../src/wire/inventory.ts";
import type { Agents } from "../agents/agents.ts";
import type { Config } from "../config.ts";
import { TICKTOWN_IDENTITY, createGit, mustGit } from "../git/git.ts";
import { foldersOf } from "../git/layout.ts";
import { parseRemote } from "../git/remotes.ts";
import { type Log, messageOf } from "../log.ts";
import type { KeyedMutex } from "../mutex.ts";
import { redactorOf, secretsIn } from "../redact.ts";
import { type Space, bytesIn } from "./disk.ts";
import type { Trains } from "../train/trains.ts";
import { type Pushed, firstDue, removePushed } from "./pushed.ts";
import { removeTree } from "./remove.ts";
import { clearStrays, inventoryOf } from "./inventory.ts";
import { forgetRig, isForgotten, markForgotten, tidyRig } from "./tidy.ts";

export interface Places {
  readonly tidy: (rigId: string, request: TidyRequest) => Promise<TidyAnswer>;
  /** What there is of a rig. */
  readonly inventory: (rigId: string) => Inventory;
  /** What of it nobody knows goes. */
  readonly clear: (rigId: string, request: ClearRequest) => Promise<ClearAnswer>;
  /** Answers at once; agents of it are ended, then all of it goes. */
  readonly forget: (rigId: string) => void;
  readonly disk: () => DiskUse;
  /** Goes on with what a server before was forgetting. */
  readonly resume: () => Promise<void>;
}

export interface PlacesOptions {
  readonly config: Config;
  /** The mark of the WORK_DIR. */
  readonly mark: string;
  readonly agents: Pick<Agents, "statuses" | "endRig" | "runsOf" | "endStray">;
  readonly trains: Pick<Trains, "endRig">;
  readonly repoMutex: KeyedMutex;
  readonly space: (folder: string) => Space;
  readonly log: Log;
  readonly now?: () => number;
}

export function createPlaces(options: PlacesOptions): Places {
  const { config, mark, agents, trains, repoMutex, space, log, now = Date.now } = options;
  const { workDir } = config;
  const used = new Map<string, number>();
  const isLive = (agentId: string): boolean =>
    agents.statuses().some((one) => one.agentId === agentId && one.status !== "exited" && one.status !== "failed");

  async function forgetNow(rigId: string): Promise<void> {
    await Promise.all([agents.endRig(rigId), trains.endRig(rigId)]);
    await repoMutex(rigId, () => forgetRig(workDir, rigId));
    used.delete(rigId);
    log(`rig ${rigId} was deleted: its store and clones are gone`);
  }

  return {
    tidy: async (rigId, request) => {
      const folders = foldersOf(workDir, rigId);
      const rig = path.dirname(folders.store);
      const git = createGit(config, TICKTOWN_IDENTITY, (text) => text);
      const answer = await tidyRig(request, {
        git,
        folders,
        isLive,
        withRig: (task) => repoMutex(rigId, task),
        warn: (message) => log(`rig ${rigId}: ${message}`),
        now: now(),
      });
      const bytes = existsSync(rig) ? await bytesIn(rig) : 0;
      if (bytes !== null) used.set(rigId, bytes);
      const disk = { ...space(workDir), rig_bytes: bytes };
      const pushed = await tidyRemote({ config, log, now: now() }, rigId, request);
      if (pushed === null) return { ...answer, disk };
      const { ended, removed } = pushed;
      const due = firstDue(ended, request.keepDays);
      const next = [answer.nextAt === null ? [] : Date.parse(answer.nextAt), due ?? []].flat();
      const nextAt = next.length === 0 ? null : new Date(Math.min(...next)).toISOString();
      return { removed: answer.removed + removed, nextAt, ended, disk };
    },
    inventory: (rigId) => inventoryOf({ rigId, folders: foldersOf(workDir, rigId), mark, agents }),
    clear: (rigId, request) =>
      clearStrays(request, {
        rigId,
        folders: foldersOf(workDir, rigId),
        mark,
        agents,
        git: createGit(config, TICKTOWN_IDENTITY, (text) => text),
        withRig: (task) => repoMutex(rigId, task),
        warn: (message) => log(`rig ${rigId}: ${message}`),
      }),
    forget: (rigId) => {
      markForgotten(path.join(workDir, "rigs", rigId));
      forgetNow(rigId).catch((error: unknown) => log(`rig ${rigId} could not be forgotten yet: ${messageOf(error)}`));
    },
    disk: () => ({ ...space(workDir), rigs_bytes: [...used.values()].reduce((sum, bytes) => sum + bytes, 0) }),
    resume: async () => {
      const rigs = path.join(workDir, "rigs");
      for (const rigId of existsSync(rigs) ? readdirSync(rigs) : [])
        if (isForgotten(path.join(rigs, rigId)))
          await forgetRig(workDir, rigId).catch((error: unknown) =>
            log(`rig ${rigId} could not be forgotten yet: ${messageOf(error)}`),
          );
      await removeTree(path.join(workDir, "doomed"));
    },
  };
}

/** Nobody waits for it: the rig's mutex is not held. @returns null when nothing was pushed, or the remote is away */
async function tidyRemote(
  { config, log, now }: Pick<PlacesOptions, "config" | "log"> & { readonly now: number },
  rigId: string,
  request: TidyRequest,
): Promise<Pushed | null> {
  const { gitUrl, envVars = {} } = request;
  if (!config.ephemeral || gitUrl === undefined) return null;
  const remote = parseRemote(gitUrl, envVars);
  const redact = redactorOf(secretsIn(envVars, remote.credentials ? [remote.credentials.token] : []));
  const scratch = mkdtempSync(path.join(config.workDir, "tidy-"));
  try {
    const git = createGit(config, TICKTOWN_IDENTITY, redact, remote);
    await mustGit(git, scratch, ["init", "--quiet", "--bare", "."]);
    return await removePushed(request, { git, remote, folder: scratch, now });
  } catch (error) {
    log(`rig ${rigId}: what was pushed for it could not be tidied yet: ${redact(messageOf(error))}`);
    return request.ended === undefined ? null : { removed: 0, ended: request.ended };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
