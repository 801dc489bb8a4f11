/**
 * Which processes are ours, on disk: a control server that was killed leaves agents behind, and the next one must end
 * them without ever touching a process that merely got the same pid.
 */
import path from "node:path";
import * as z from "zod";
import { readJsonDir, removeFile, writePrivateJson } from "./files.ts";
import { groupMembers, hasEnvironment, signalGroup, startTimeOf, waitForGroupToGo } from "./groups.ts";
import { KILL_WAIT_MS } from "./limits.ts";
import type { Log } from "./log.ts";

const ProcessRecord = z.object({
  agentId: z.string(),
  rigId: z.string(),
  dispatchId: z.string().nullable(),
  pid: z.number().int(),
  startTime: z.string().nullable(),
  startedAt_ms: z.number(),
  apiUrl: z.string().nullable(),
  /** The session token, to report what became of the dispatch. The file is readable by its owner only. */
  token: z.string().nullable(),
});
export type ProcessRecord = z.infer<typeof ProcessRecord>;

export interface PidFiles {
  readonly write: (record: ProcessRecord) => void;
  readonly remove: (agentId: string) => void;
  /** Ends what an earlier server left running. @returns the records it left, in any state */
  readonly reap: () => Promise<ProcessRecord[]>;
}

export function createPidFiles(dir: string, log: Log): PidFiles {
  const fileOf = (agentId: string): string => path.join(dir, `${agentId}.json`);
  return {
    write: (record) => writePrivateJson(fileOf(record.agentId), record),
    remove: (agentId) => removeFile(fileOf(agentId)),
    reap: async () => {
      const files = readJsonDir(dir, (file) => log(`${file} is not a process record and was left alone`));
      const records = files.flatMap(({ value }) => ProcessRecord.safeParse(value).data ?? []);
      await Promise.all(
        records.map(async (record) => {
          if (!endGroupOf(record)) return;
          log(`ended process group ${record.pid}, which an earlier control server had left running`);
          await waitForGroupToGo(record.pid, Date.now() + KILL_WAIT_MS);
        }),
      );
      return records;
    },
  };
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
