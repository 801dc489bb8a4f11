/**
 * Who may call what, written by hand: the matrix test holds every cell of it against the Worker, and docs/access.md is made
 * from it. A new route without a line fails.
 */

/**
 * Whose thing a caller may reach on a route. `own`: its own agent, bead, review, process, or a rig of its own town. `own?`: that,
 * and what does not exist, which is answered with 404. `others`: all but its own. `all`: anything. `-`: nothing.
 */
export type Cell = "all" | "own" | "own?" | "others" | "-";

export interface Access {
  /** What an operator's token must be good for; or that no token is needed, or only the ticket in the query. */
  readonly operator: "read" | "operate" | "admin" | "public" | "ticket";
  readonly mayor: Cell;
  readonly refinery: Cell;
  readonly witness: Cell;
  readonly polecat: Cell;
  /** A container with the credential of what it was given and the route names: the claim of a review, or a train. */
  readonly container: Cell;
}

const isFor = (
  operator: Access["operator"],
  mayor: Cell = "-",
  refinery: Cell = "-",
  witness: Cell = "-",
  polecat: Cell = "-",
  container: Cell = "-",
): Access => ({ operator, mayor, refinery, witness, polecat, container });

export const ACCESS: Readonly<Record<string, Access>> = {
  "GET /health": isFor("public"),
  "GET /openapi.json": isFor("public"),
  "GET /docs": isFor("public"),
  "POST /api/rigs/:rigId/beads": isFor("operate", "all", "own", "own", "own"),
  "GET /api/rigs/:rigId/beads": isFor("read", "all", "all", "all", "all"),
  "GET /api/rigs/:rigId/beads/:beadId": isFor("read", "all", "all", "all", "all"),
  "PATCH /api/rigs/:rigId/beads/:beadId": isFor("operate", "all"),
  "PATCH /api/rigs/:rigId/beads/:beadId/status": isFor("operate", "all", "own?", "own?", "own?"),
  "POST /api/rigs/:rigId/beads/:beadId/close": isFor("operate", "all", "own?", "own?", "own?"),
  "DELETE /api/rigs/:rigId/beads/:beadId": isFor("operate", "all", "own?", "own?", "own?"),
  "POST /api/rigs/:rigId/sling": isFor("operate", "all"),
  "POST /api/rigs/:rigId/escalations": isFor("operate", "all", "all", "all", "all"),
  "POST /api/rigs/:rigId/beads/:beadId/cancel": isFor("operate"),
  "POST /api/rigs/:rigId/beads/:beadId/hand-in": isFor("operate"),
  "POST /api/rigs/:rigId/beads/retry": isFor("operate"),
  "POST /api/rigs/:rigId/beads/:beadId/retry": isFor("operate"),
  "POST /api/rigs/:rigId/beads/:beadId/revert": isFor("operate"),
  "POST /api/rigs/:rigId/agents": isFor("operate", "all"),
  "GET /api/rigs/:rigId/agents": isFor("read", "all", "all", "all", "all"),
  "POST /api/rigs/:rigId/agents/get-or-create": isFor("operate", "all"),
  "GET /api/rigs/:rigId/agents/:agentId": isFor("read", "own", "own", "own", "own"),
  "DELETE /api/rigs/:rigId/agents/:agentId": isFor("operate", "own"),
  "GET /api/rigs/:rigId/agents/:agentId/events": isFor("read", "own", "own", "own", "own"),
  "POST /api/rigs/:rigId/agents/:agentId/hook": isFor("operate", "own", "own", "own", "own"),
  "DELETE /api/rigs/:rigId/agents/:agentId/hook": isFor("operate", "own", "own", "own", "own"),
  "GET /api/rigs/:rigId/agents/:agentId/prime": isFor("read", "own", "own", "own", "own"),
  "POST /api/rigs/:rigId/agents/:agentId/done": isFor("operate", "own", "own", "own", "own"),
  "POST /api/rigs/:rigId/agents/:agentId/completed": isFor("operate", "own", "own", "own", "own"),
  "POST /api/rigs/:rigId/agents/:agentId/checkpoint": isFor("operate", "own", "own", "own", "own"),
  "POST /api/rigs/:rigId/agents/:agentId/status": isFor("operate", "own", "own", "own", "own"),
  "GET /api/rigs/:rigId/agents/:agentId/mail": isFor("operate", "own", "own", "own", "own"),
  "POST /api/rigs/:rigId/agents/:agentId/heartbeat": isFor("operate", "own", "own", "own", "own"),
  "POST /api/rigs/:rigId/agents/:agentId/asked": isFor("operate", "own", "own", "own", "own"),
  "POST /api/rigs/:rigId/agents/:agentId/sync": isFor("operate", "own", "own", "own", "own"),
  "POST /api/rigs/:rigId/agents/:agentId/unblock": isFor("operate"),
  "POST /api/rigs/:rigId/agent-events": isFor("operate", "own", "own", "own", "own"),
  "POST /api/rigs/:rigId/mail": isFor("operate", "own", "own", "own", "own"),
  "POST /api/rigs/:rigId/review-queue": isFor("operate", "own?", "own?", "own?", "own?"),
  "POST /api/rigs/:rigId/review-queue/:entryId/complete": isFor("operate", "-", "others", "-", "-", "own"),
  "GET /api/rigs/:rigId/review-queue": isFor("read", "all", "all", "all", "all"),
  "POST /api/rigs/:rigId/review-queue/resume": isFor("operate"),
  "POST /api/rigs/:rigId/review-queue/:entryId/hold": isFor("operate"),
  "POST /api/rigs/:rigId/review-queue/:entryId/release": isFor("operate"),
  "POST /api/rigs/:rigId/review-queue/:entryId/jump": isFor("operate"),
  "POST /api/rigs/:rigId/review-queue/:entryId/remove": isFor("operate"),
  "POST /api/rigs/:rigId/review-queue/:entryId/approve": isFor("operate"),
  "POST /api/rigs/:rigId/trains/:trainId/complete": isFor("admin", "-", "-", "-", "-", "own"),
  "GET /api/rigs/:rigId/events": isFor("read", "all", "all", "all", "all"),
  "GET /api/rigs/:rigId/settings": isFor("read"),
  "PUT /api/rigs/:rigId/settings": isFor("operate"),
  "PUT /api/rigs/:rigId/secrets": isFor("admin"),
  "GET /api/rigs/:rigId/health": isFor("read"),
  "POST /api/rigs/:rigId/tick": isFor("operate"),
  "POST /api/rigs/:rigId/pause": isFor("operate"),
  "POST /api/rigs/:rigId/resume": isFor("operate"),
  "POST /api/rigs/:rigId/drain": isFor("operate"),
  "GET /api/rigs/:rigId/needs": isFor("read"),
  "GET /api/rigs/:rigId/agents/:id/why": isFor("read"),
  "GET /api/rigs/:rigId/beads/:id/why": isFor("read"),
  "GET /api/rigs/:rigId/beads/:beadId/attempts": isFor("read"),
  "GET /api/rigs/:rigId/state": isFor("read"),
  "POST /api/rigs/:rigId/replay": isFor("read"),
  "GET /api/rigs/:rigId/export": isFor("read"),
  "GET /api/rigs/:rigId/feed": isFor("read"),
  "GET /api/rigs/:rigId/journal": isFor("read"),
  "GET /api/rigs/:rigId/board": isFor("read"),
  "GET /api/rigs/:rigId/outbox": isFor("read"),
  "GET /api/rigs/:rigId/actors/:kind/:id/possible": isFor("read"),
  "POST /api/rigs/:rigId/what-if": isFor("read"),
  "POST /api/rigs/:rigId/actors/:kind/:id/repair": isFor("operate"),
  "GET /api/rigs/:rigId/inspect": isFor("read"),
  "POST /api/users/:userId/towns": isFor("operate"),
  "GET /api/users/:userId/towns": isFor("read"),
  "GET /api/users/:userId/towns/:townId": isFor("read"),
  "DELETE /api/users/:userId/towns/:townId": isFor("admin"),
  "POST /api/users/:userId/rigs": isFor("operate"),
  "GET /api/users/:userId/rigs/:rigId": isFor("read"),
  "PATCH /api/users/:userId/rigs/:rigId": isFor("operate"),
  "DELETE /api/users/:userId/rigs/:rigId": isFor("admin"),
  "GET /api/users/:userId/towns/:townId/rigs": isFor("read"),
  "GET /api/users/:userId/towns/:townId/events": isFor("read"),
  "GET /api/towns/:townId/container/health": isFor("read", "all"),
  "POST /api/towns/:townId/container/agents/start": isFor("admin"),
  "POST /api/towns/:townId/container/agents/:id/stop": isFor("operate"),
  "POST /api/towns/:townId/container/agents/:id/message": isFor("operate", "all"),
  "GET /api/towns/:townId/container/agents/:id/status": isFor("read", "all", "own", "own", "own"),
  "GET /api/towns/:townId/container/agents/:id/events": isFor("read", "all", "own", "own", "own"),
  "POST /api/towns/:townId/container/agents/:id/stream-ticket": isFor("read", "all", "own", "own", "own"),
  "GET /api/towns/:townId/container/agents/:id/stream": isFor("public"),
  "POST /api/mayor/:townId/tools/sling": isFor("operate", "own"),
  "GET /api/mayor/:townId/tools/rigs": isFor("read", "all"),
  "GET /api/mayor/:townId/tools/rigs/:rig/beads": isFor("read", "own"),
  "GET /api/mayor/:townId/tools/rigs/:rig/agents": isFor("read", "own"),
  "POST /api/mayor/:townId/tools/mail": isFor("operate", "own"),
  "POST /api/operator-tokens": isFor("admin"),
  "GET /api/operator-tokens": isFor("admin"),
  "DELETE /api/operator-tokens/:tokenId": isFor("admin"),
  "POST /api/operators/codes": isFor("read"),
  "POST /api/session": isFor("public"),
  "POST /api/maintenance/poke": isFor("admin"),
};
