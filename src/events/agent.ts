import * as z from "zod";
import { AN, branch, BY, id, ms, ofAgent, ofBead, reason, Role, TEXT, title } from "./fields.ts";
import { fact, told } from "./row.ts";

/** Facts about an agent's identity and its hook. */
export const AGENT_FACTS = [
  fact(
    "agent.registered",
    { ...ofAgent, role: Role, name: title, identity: title },
    {
      to: ["agent"],
      makes: "agent",
      example: { agentId: AN.agentId, role: "polecat", name: "example", identity: "example/polecats/1" },
      ignored: { agent: "Makes the agent. An agent that exists is not made again." },
    },
  ),
  fact("agent.deleted", ofAgent, {
    to: ["agent", "bead on its hook?", "accounts", "rig"],
    removes: "agent",
    kept: true,
    example: { agentId: AN.agentId },
    ignored: {
      agent: "Where there is neither hook nor process, nothing is to be done first; the agent is removed all the same.",
      bead: "The agent of another bead; or the bead has left its agent's hands.",
      accounts: "Of interest only of the start that finds out whether an account is free.",
      rig: "Of interest only as the end of the probe.",
    },
  }),
  fact(
    "agent.hooked",
    {
      ...ofAgent,
      ...ofBead,
      attempts: ms,
      branch: branch.nullable(),
      /** By what its attempts were reset so far. */
      resets: z.object({ notes: ms, head: z.string().max(64).nullable() }).optional(),
    },
    {
      to: ["agent", "bead"],
      arms: true,
      kept: true,
      timeline: ({ agentId }) => told("hooked", agentId, null, agentId),
      example: { agentId: AN.agentId, beadId: AN.beadId, attempts: 1, branch: "ticktown/example" },
      command: { agent: { command: "hook" }, bead: { command: "hook" } },
    },
  ),
  fact(
    "agent.unhooked",
    { ...ofAgent, ...ofBead, reason },
    {
      to: ["agent", "bead?", "accounts", "rig"],
      timeline: (unhooked) => told("unhooked", unhooked.agentId, unhooked.agentId, null, { reason: unhooked.reason }),
      example: { agentId: AN.agentId, beadId: AN.beadId, reason: TEXT },
      ignored: {
        agent: "Is about a bead that is no longer on this hook: an unhook and a done that crossed.",
        bead: "The agent of another bead; or the bead has left its agent's hands.",
        accounts: "Of interest only of the start that finds out whether an account is free.",
        rig: "Of interest only as the end of the probe.",
      },
    },
  ),
  fact(
    "agent.held",
    { ...ofAgent, by: id, reason },
    {
      to: ["agent"],
      example: { agentId: AN.agentId, by: BY, reason: TEXT },
      ignored: {},
    },
  ),
  fact(
    "agent.released",
    { ...ofAgent, by: id },
    { to: ["agent"], arms: true, example: { agentId: AN.agentId, by: BY }, ignored: {} },
  ),
] as const;
