import type { NeedCode } from "../events/needs.ts";

/** Of these one agent is as another: what a person looks at is why they are quiet, and that once. */
const QUIET: ReadonlySet<NeedCode> = new Set(["stalled", "model_silent", "no_output", "busy"]);

/** The cause of what an agent's state needs, where nothing else tells it: its own, or that it is quiet in one way with others. */
export const agentKey = (code: NeedCode, agentId: string): string => (QUIET.has(code) ? code : `${code}:${agentId}`);
