/** Stops everything of the Ticktown on a state folder, whoever of it is there to hear of it. */
import { request } from "node:http";
import { json } from "node:stream/consumers";
import path from "node:path";
import { controlSocketOf } from "../../container/http/socket.ts";
import { markedProcesses, readMark, sweepMarked } from "../../container/processes/marks.ts";
import { keepStopped, letGo } from "../../container/processes/stopped.ts";
import { HaltAnswer } from "../../src/wire/container.ts";
import { killAgents } from "./control.ts";
import { controlTokenOf, runningOn } from "./state.ts";

export interface EverythingStopped {
  /** Processes of rigs that are left. */
  readonly left: number;
  readonly ms: number;
  /** How many rigs were told; null: there is no Worker that answers, and the next one is told before it starts anything. */
  readonly rigs: number | null;
}

/** All of it is to be over within 5 s; of these the last part is for what did not end when it was asked to. */
const ASK_MS = 4_200;
const ALL_MS = 4_900;

/** @param dir the state folder */
export async function stopEverything(
  dir: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<EverythingStopped> {
  const begun_ms = Date.now();
  const workDir = path.join(dir, "container");
  // First: from here on nothing is started, also by a control server that begins only now.
  keepStopped(workDir);
  const [rigs] = await Promise.all([tell(dir).catch(() => null), haltHere(dir, env).catch(() => killAgents(workDir))]);
  const mark = readMark(workDir);
  if (mark !== null) await sweepMarked(`${mark}:`, begun_ms + ALL_MS);
  if (rigs !== null) letGo(workDir);
  return {
    left: mark === null ? 0 : markedProcesses(`${mark}:`).length,
    ms: Date.now() - begun_ms,
    rigs,
  };
}

/** The rigs, which say in their journals who did it. @throws Error when they cannot be told */
async function tell(dir: string): Promise<number> {
  const { url, token } = runningOn(dir);
  const response = await fetch(`${url}/api/stop`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(ASK_MS),
  });
  const { data } = (await response.json()) as { data?: { rigs: number; failed: number } };
  if (data === undefined || data.failed > 0) throw new Error("not all rigs were told");
  return data.rigs;
}

/** The control server, which knows what is the work's and what its own. @throws Error when it does not answer */
function haltHere(dir: string, env: Readonly<Record<string, string | undefined>>): Promise<HaltAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        socketPath: controlSocketOf(dir, env),
        path: "/halt",
        method: "POST",
        headers: { authorization: `Bearer ${controlTokenOf(dir)}` },
        signal: AbortSignal.timeout(ASK_MS),
      },
      (answer) => {
        json(answer)
          .then((value) => resolve(HaltAnswer.parse(value)))
          .catch(reject);
      },
    );
    asked.once("error", reject).end();
  });
}
