/**
 * Which processes are ours, on disk: a control server that was killed leaves agents behind, and the next one must end
 * them without ever touching a process that merely got the same pid, or that belongs to the folder which this one is a copy of.
 */
import path from "node:path";
import * as z from "zod";
import { readJsonDir, removeFile, writePrivateJson } from "../files.ts";
import { sweepMarked } from "./marks.ts";
import { groupMembers, hasEnvironment, signalGroup, startTimeOf, waitForGroupToGo, workingFolderOf } from "./groups.ts";
import { KILL_WAIT_MS } from "../limits.ts";
import type { Log } from "../log.ts";

export const ProcessRecord = z.object({
  agentId: z.string(),
  rigId: z.string(),
  dispatchId: z.string().nullable(),
  /** Whose work it was. Absent in records of earlier versions. */
  beadId: z.string().optional(),
  pid: z.number().int(),
  startTime: z.string().nullable(),
  startedAt_ms: z.number(),
  /** The mark of the folder that it was started for. Absent in records of earlier versions. */
  mark: z.string().optional(),
  apiUrl: z.string().nullable(),
  /** The session token, to report what became of the dispatch. The file is readable by its owner only. */
  token: z.string().nullable(),
});
export type ProcessRecord = z.infer<typeof ProcessRecord>;

export interface PidFiles {
  readonly write: (record: Omit<ProcessRecord, "mark">) => void;
  readonly remove: (agentId: string) => void;
  /** Ends what an earlier server left running. @returns the records it left, in any state */
  readonly reap: () => Promise<ProcessRecord[]>;
}

export function createPidFiles(dir: string, mark: string, log: Log): PidFiles {
  const fileOf = (agentId: string): string => path.join(dir, `${agentId}.json`);
  return {
    write: (record) => writePrivateJson(fileOf(record.agentId), { ...record, mark }),
    remove: (agentId) => removeFile(fileOf(agentId)),
    reap: async () => {
      const files = readJsonDir(dir, (file) => log(`${file} is not a process record and was left alone`));
      const records = files.flatMap(({ file, value }) => {
        const record = ProcessRecord.safeParse(value).data;
        if (record === undefined) return [];
        if (isOurs(record, mark, dir)) return [record];
        log(`${file} is of the folder that this one is a copy of: its process belongs there and was left alone`);
        removeFile(file);
        return [];
      });
      await Promise.all(
        records.map(async (record) => {
          if (!endGroupOf(record)) return;
          log(`ended process group ${record.pid}, which an earlier control server had left running`);
          await waitForGroupToGo(record.pid, Date.now() + KILL_WAIT_MS);
        }),
      );
      // Also what was never written down, and what has left its process group.
      if (!(await sweepMarked(`${mark}:`, Date.now() + KILL_WAIT_MS)))
        log("processes that an earlier control server had left running do not end");
      return records;
    },
  };
}

/** Where the records of a WORK_DIR lie. */
export const pidsOf = (workDir: string): string => path.join(workDir, "pids");

/**
 * Whether a record in `dir` is about a process of this very folder, whose mark is given. A record of an earlier version has no mark, but
 * its process was started in a worktree, of this folder or of another one.
 */
export function isOurs(record: ProcessRecord, mark: string | null, dir: string): boolean {
  if (record.mark !== undefined) return record.mark === mark;
  const cwd = workingFolderOf(record.pid);
  const worktrees = path.join("rigs", record.rigId, "worktrees");
  return cwd === null || !cwd.includes(`/${worktrees}/`) || isInside(path.join(path.dirname(dir), worktrees), cwd);
}

function isInside(folder: string, file: string): boolean {
  return file.startsWith(`${folder}${path.sep}`);
}

/** @returns whether there was something to end */
function endGroupOf(record: ProcessRecord): boolean {
  const startTime = startTimeOf(record.pid);
  if (startTime !== null) return startTime === record.startTime && signalGroup(record.pid, "SIGKILL");
  // The leader is gone, but its children may not be. They carry the agent's id in their environment.
  const members = groupMembers(record.pid).filter((pid) => hasEnvironment(pid, `GASTOWN_AGENT_ID=${record.agentId}`));
  for (const pid of members) process.kill(pid, "SIGKILL");
  return members.length > 0;
}
