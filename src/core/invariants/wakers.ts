/**
 * Who moves an agent on, per state. `deadline`: a TICK at its deadline. Anything else names the fact that does, and who
 * brings it about. A state that is not here has nobody, and is a violation.
 */
export const AGENT_WAKERS: Readonly<Record<string, string>> = {
  "idle.empty": "agent.hooked: the rig, when a bead is ready, or an operator",
  "idle.hooked": "dispatch.granted: the rig, when a slot, the gate, the bead's blockers and its time allow it",
  "working.starting": "deadline",
  "working.running": "deadline",
  "working.draining": "deadline",
  "working.handing_in": "deadline",
  "blocked.onHelp.waiting":
    "agent.answered: an operator; or the process, by progress or its end, which the patrol sees",
  "blocked.onHelp.parked": "agent.answered: an operator",
  "blocked.overBudget": "agent.answered: an operator",
  "blocked.notAuthorized": "agent.answered or secrets.changed: an operator",
  "blocked.onPermission.waiting": "deadline",
  "blocked.onPermission.escalated":
    "permission.answered or agent.answered: an operator; or the process, by its end, which the patrol sees",
  "blocked.quarantined": "deadline",
  "exited.crashed": "deadline",
  "exited.completed": "deadline",
  "exited.rateLimited": "deadline",
  "exited.placeNotFit": "deadline",
  "exited.evicted": "deadline",
  "exited.full": "deadline",
  "exited.handing_in": "deadline",
  "exited.refused": "deadline",
  "restarting.backingOff": "deadline",
  "restarting.due": "dispatch.granted: the rig, when a slot and the gate allow it",
  "restarting.starting": "deadline",
};

/** `working` is two states at once; what its process does is the one that must go on. */
export function leafOf(value: unknown): string {
  if (typeof value === "string") return value;
  const [key = "", inner] = Object.entries(value as Record<string, unknown>)[0] ?? [];
  return key === "working" ? `working.${(inner as { process: string }).process}` : `${key}.${leafOf(inner)}`;
}
