import type { AgentCaller } from "../../src/core/decide/index.ts";

/** An agent as its rig's door knows it by its token. */
export const agentCaller = (id: string, dispatchId: string | null, townId = "town1"): AgentCaller => ({
  kind: "agent",
  id,
  dispatchId,
  role: null,
  townId,
  isAtHome: true,
  isExpired: false,
});
