/**
 * A town's container that speaks the wire as Gas Town's own do, and nothing that Ticktown added: it takes the fields that it
 * knows and drops the others, so no dispatch id ever comes back, and knows no other route.
 */
export interface OldContainer {
  readonly calls: { method: string; path: string; body: Record<string, unknown> }[];
  /** Agents whose process runs. */
  readonly running: Set<string>;
}

export const newOldContainer = (): OldContainer => ({ calls: [], running: new Set() });

/** What it needs to know of a request, by route; anything else of it is dropped. */
const START = [
  "agentId",
  "rigId",
  "townId",
  "role",
  "name",
  "identity",
  "prompt",
  "model",
  "systemPrompt",
  "gitUrl",
  "branch",
  "defaultBranch",
];
const MERGE = ["rigId", "branch", "targetBranch", "gitUrl", "entryId", "beadId", "agentId"];

const json = (status: number, body: unknown): Response =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });

/** @returns what of the body it knows, or the field that is missing */
function known(body: Record<string, unknown>, fields: readonly string[]): Record<string, unknown> | string {
  const missing = fields.find((field) => typeof body[field] !== "string");
  return missing ?? Object.fromEntries([...fields, "envVars", "callbackUrl"].map((field) => [field, body[field]]));
}

export function answerOld(town: OldContainer, method: string, path: string, body: Record<string, unknown>): Response {
  const { calls, running } = town;
  const take = (what: Record<string, unknown>): void => void calls.push({ method, path, body: what });
  const at = new Date(0).toISOString();
  const status = (agentId: string): Record<string, unknown> => ({
    agentId,
    status: "running",
    startedAt: at,
    lastActivityAt: at,
    activeTools: [],
    messageCount: 0,
    exitReason: null,
  });
  if (`${method} ${path}` === "GET /health")
    return json(200, { status: "ok", agents: running.size, servers: running.size, uptime: 1 });
  if (`${method} ${path}` === "POST /agents/start") {
    const order = known(body, START);
    if (typeof order === "string") return json(400, { error: `${order} is missing` });
    take(order);
    running.add(String(order["agentId"]));
    return json(201, status(String(order["agentId"])));
  }
  if (`${method} ${path}` === "POST /git/merge") {
    const order = known(body, MERGE);
    if (typeof order === "string") return json(400, { error: `${order} is missing` });
    take(order);
    return json(202, { status: "accepted" });
  }
  const [, id = "", what = ""] = /^\/agents\/([^/]+)\/([a-z-]+)$/.exec(path) ?? [];
  const agentId = decodeURIComponent(id);
  switch (`${method} ${what}`) {
    case "GET status":
      return running.has(agentId) ? json(200, status(agentId)) : json(404, { error: `no agent ${agentId}` });
    case "GET events":
      return json(200, { events: [] });
    case "POST stop":
    case "POST message":
      if (!running.has(agentId)) return json(404, { error: `no agent ${agentId}` });
      take({ agentId, prompt: body["prompt"] });
      if (what === "stop") running.delete(agentId);
      return json(200, what === "stop" ? { stopped: true } : { sent: true });
    case "POST stream-ticket":
      return json(200, { ticket: "t", expiresAt: at });
    default:
      return json(404, { error: "Not found" });
  }
}
