import type { SeenLimit } from "./ports.ts";
import type { Command, LeftBehind } from "../core/decide/index.ts";
import type { Ending } from "../events/ending.ts";
import type { ToolRun, Usage } from "../wire/agent-reports.ts";
import { outcomeOf } from "./patrol.ts";

/** What a container reports of the end of a process. */
export interface Completion {
  readonly status: "completed" | "failed";
  readonly reason: string | null;
  readonly resetAt: number | null;
  readonly dispatchId: string | null;
  readonly beadId?: string | null;
  readonly tail?: string | null;
  readonly setAside?: LeftBehind[];
  readonly ending?: Ending | undefined;
  readonly runtime?: string | undefined;
  /** The account whose limit ended it. */
  readonly limited?: SeenLimit | undefined;
  /** What it has used, all in all. */
  readonly usage?: Usage | undefined;
  /** It ended with whoever watched it: there are no last words. */
  readonly isUnheard?: boolean;
  /** The tools that it has run. */
  readonly tools?: readonly ToolRun[];
}

/** The command that it is. */
export function exitedBy(agentId: string, report: Completion): Command {
  const { dispatchId, ending, runtime, limited, isUnheard = false, setAside = [] } = report;
  const { outcome, resetAt } = outcomeOf(report.status, report.reason, report.resetAt, ending);
  const reason = report.reason ?? report.status;
  return {
    type: "exited",
    agentId,
    dispatchId,
    outcome,
    reason,
    resetAt,
    ending,
    runtime,
    limited,
    isUnheard,
    setAside,
  };
}
