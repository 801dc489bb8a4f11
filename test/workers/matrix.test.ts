import { sign } from "hono/jwt";
import { beforeAll, describe, expect, test } from "vitest";
import documentText from "../../docs/access.md?raw";
import { ROUTES } from "../../src/api/routes/index.ts";
import type { Route } from "../../src/api/route.ts";
import { accessTables, BEGIN, END } from "../access/document.ts";
import { ACCESS, type Access, type Cell } from "../access/table.ts";
import { api, call, send } from "./client.ts";

/** Every caller on every route, with what is its own, somebody else's, and nobody's. */

const SECRET = "test-secret-test-secret-test-secret";
const FIRST = { authorization: "Bearer test-operator-token" };
const ROLES = ["mayor", "refinery", "witness", "polecat"] as const;
const TARGETS = ["own", "other", "gone"] as const;
type Role = (typeof ROLES)[number];
type Target = (typeof TARGETS)[number];
type Headers = Record<string, string>;
/** Who has the credential of a train. */
const TRAINS = "container of a train";

const tokenOf = async (claims: { agentId: string; rigId: string; townId: string } & Record<string, unknown>) => {
  const now = Math.floor(Date.now() / 1_000);
  return {
    authorization: `Bearer ${await sign({ userId: "u1", iat: now, exp: now + 3_600, ...claims }, SECRET, "HS256")}`,
  };
};

/** What one speaks with, and what is whose. */
interface Speaker {
  readonly name: string;
  readonly headers: Headers;
  /** The status expected; 200 means that it is neither 401 nor 403. */
  readonly expected: (row: Access, target: Target) => 200 | 401 | 403;
  readonly agentId: string;
  readonly beadId: string;
  readonly reviewId: string;
}

interface Place {
  readonly townId: string;
  readonly rigId: string;
}

async function newPlace(): Promise<Place> {
  const town = (await call("POST", "/api/users/u1/towns", { name: "town" }, FIRST)).data;
  const body = { town_id: town.id, name: "rig", git_url: "https://example.org/repo.git" };
  const rig = (await call("POST", "/api/users/u1/rigs", body, FIRST)).data;
  // Nothing is dispatched: who may speak does not hang on what runs.
  await api(rig.id, FIRST).post("/pause");
  return { townId: town.id, rigId: rig.id };
}

const newAgent = async ({ rigId }: Place, role: Role, name: string = role): Promise<string> =>
  (await api(rigId, FIRST).post("/agents", { role, name, identity: `${rigId}/${name}` })).data.id;

/** Things of an agent: a bead on its hook, and a review of a branch of its own. */
async function thingsOf({ rigId }: Place, agentId: string): Promise<Pick<Speaker, "agentId" | "beadId" | "reviewId">> {
  const http = api(rigId, FIRST);
  const branch = (await http.post("/beads", { type: "issue", title: "a branch" })).data.id;
  await http.post("/review-queue", { agent_id: agentId, bead_id: branch, branch: `b-${agentId}` });
  const { data } = await http.post("/beads", { type: "issue", title: "a bead", assignee_agent_id: agentId });
  return { agentId, beadId: data.id, reviewId: "" };
}

const allows = (cell: Cell, target: Target): boolean =>
  cell === "all" ||
  (cell === "own" && target === "own") ||
  (cell === "own?" && target !== "other") ||
  (cell === "others" && target !== "own");

let elsewhere: { gone: Headers; otherTown: Headers };
/** For all routes that only look: nothing is changed there. */
let looked: Awaited<ReturnType<typeof newWorld>> | undefined;
let scoped: { read: Headers; operate: Headers; admin: Headers };

beforeAll(async () => {
  const other = await newPlace();
  const dead = await newPlace();
  const agentIn = async (place: Place) => tokenOf({ agentId: await newAgent(place, "mayor"), ...place });
  elsewhere = { otherTown: await agentIn(other), gone: await agentIn(dead) };
  await call("DELETE", `/api/users/u1/rigs/${dead.rigId}`, undefined, FIRST);
  const token = async (scope: string): Promise<Headers> => ({
    authorization: `Bearer ${(await call("POST", "/api/operator-tokens", { name: scope, scope }, FIRST)).data.token}`,
  });
  scoped = { read: await token("read"), operate: await token("operate"), admin: await token("admin") };
});

/** A place with one of each, and everybody who could come to it. */
async function newWorld() {
  const place = await newPlace();
  const things = new Map<Role, Awaited<ReturnType<typeof thingsOf>>>();
  for (const role of ROLES) things.set(role, await thingsOf(place, await newAgent(place, role)));
  const spare = await thingsOf(place, await newAgent(place, "polecat", "spare"));
  const goneId = await newAgent(place, "polecat", "gone");
  await api(place.rigId, FIRST).del(`/agents/${goneId}`);
  // Reviews are named by the branch that was submitted.
  const state = (await api(place.rigId, FIRST).get("/state")).data.actors as {
    kind: string;
    id: string;
    context: { agentId?: string };
  }[];
  const reviewOf = (agentId: string) =>
    state.find(({ kind, context }) => kind === "review" && context.agentId === agentId)?.id ?? "";
  const withReview = <T extends { agentId: string }>(of: T) => ({ ...of, reviewId: reviewOf(of.agentId) });
  const polecat = withReview(things.get("polecat") ?? spare);
  const other = withReview(spare);
  const speakers: Speaker[] = [];
  const add = (name: string, headers: Headers, expected: Speaker["expected"], own = polecat): void =>
    void speakers.push({ name, headers, expected, ...own });
  const order = { read: 0, operate: 1, admin: 2 } as const;
  add("nobody", {}, () => 401);
  for (const scope of ["read", "operate", "admin"] as const)
    add(`operator (${scope})`, scoped[scope], ({ operator }) =>
      operator !== "public" && operator !== "ticket" && order[scope] >= order[operator] ? 200 : 403,
    );
  for (const role of ROLES) {
    const own = withReview(things.get(role) ?? spare);
    // Some tokens say their role and some do not: it is the rig's in both cases.
    const claims = role === "witness" ? { role } : {};
    add(
      role,
      await tokenOf({ agentId: own.agentId, ...place, ...claims }),
      (row, target) => (allows(row[role], target) ? 200 : 403),
      own,
    );
  }
  const claim = { agentId: "refinery", reviewId: polecat.reviewId, dispatchId: `${polecat.reviewId}:1` };
  add("container", await tokenOf({ ...claim, ...place }), (row, target) => (allows(row.container, target) ? 200 : 403));
  const old = { agentId: "refinery", dispatchId: `${polecat.reviewId}:1` };
  const train = { agentId: "refinery", trainId: `${place.rigId}:1`, dispatchId: `${place.rigId}:1` };
  add(TRAINS, await tokenOf({ ...train, ...place }), () => 403);
  add("container of an earlier version", await tokenOf({ ...old, ...place }), (row, target) =>
    allows(row.container, target) ? 200 : 403,
  );
  add("agent that is gone", await tokenOf({ agentId: goneId, ...place }), () => 401, { ...polecat, agentId: goneId });
  add("agent of a rig that is gone", elsewhere.gone, () => 401);
  add("agent that says another role", await tokenOf({ agentId: polecat.agentId, ...place, role: "mayor" }), () => 401);
  add("mayor of another town", elsewhere.otherTown, () => 403);
  return { place, other, polecat, speakers };
}

const trainOf = ({ rigId }: Place, target: Target): string => `${rigId}:${target === "own" ? 1 : 2}`;

const gone = { agentId: "agent-gone", beadId: "bead-gone", reviewId: "review-gone" };

/** The request of a speaker about a target. */
function requestOf(entry: Route, { place, other }: Awaited<ReturnType<typeof newWorld>>, who: Speaker, target: Target) {
  const it = target === "own" ? who : target === "other" ? other : gone;
  const rig = target === "own" ? place.rigId : "rig-gone";
  const params: Record<string, string> = {
    rigId: place.rigId,
    townId: place.townId,
    userId: "u1",
    rig,
    kind: "agent",
    tokenId: "op-gone",
    agentId: it.agentId,
    beadId: it.beadId,
    entryId: it.reviewId,
    trainId: trainOf(place, target),
    id: entry.path.includes("/beads/") ? it.beadId : it.agentId,
  };
  const path = entry.path.replace(/:(\w+)/g, (_, name: string) => params[name] ?? "x1");
  return { path, body: bodyOf(`${entry.method} ${entry.path}`, it, who, target, place, other.agentId) };
}

function bodyOf(
  name: string,
  it: { agentId: string; beadId: string; reviewId: string },
  who: Speaker,
  target: Target,
  place: Place,
  spare: string,
): unknown {
  const mail = { from_agent_id: it.agentId, to_agent_id: spare, subject: "s", body: "b" };
  const bodies: Record<string, unknown> = {
    "POST /api/rigs/:rigId/beads": { type: "issue", title: "t", assignee_agent_id: it.agentId },
    "PATCH /api/rigs/:rigId/beads/:beadId": { priority: "low" },
    "PATCH /api/users/:userId/rigs/:rigId": { name: "n" },
    "PATCH /api/rigs/:rigId/beads/:beadId/status": { status: "closed", agent_id: who.agentId },
    "POST /api/rigs/:rigId/beads/:beadId/close": { agent_id: who.agentId },
    "POST /api/rigs/:rigId/sling": { title: "t" },
    "POST /api/rigs/:rigId/escalations": { title: "t" },
    "POST /api/rigs/:rigId/agents": { role: "polecat", name: "n", identity: `${who.name}-${target}` },
    "POST /api/rigs/:rigId/agents/get-or-create": { role: "polecat" },
    "POST /api/rigs/:rigId/agents/:agentId/hook": { bead_id: it.beadId },
    "POST /api/rigs/:rigId/agents/:agentId/done": { branch: "b" },
    "POST /api/rigs/:rigId/agents/:agentId/completed": { status: "completed" },
    "POST /api/rigs/:rigId/agents/:agentId/checkpoint": { data: 1 },
    "POST /api/rigs/:rigId/agents/:agentId/status": { status: "reading" },
    "POST /api/rigs/:rigId/agents/:agentId/unblock": { answer: "yes" },
    "POST /api/rigs/:rigId/agents/:agentId/asked": { ask_id: "1", kind: "question", text: "t" },
    "POST /api/rigs/:rigId/agent-events": { agent_id: it.agentId, event_type: "x" },
    "POST /api/rigs/:rigId/mail": mail,
    "POST /api/rigs/:rigId/review-queue": { agent_id: who.agentId, bead_id: it.beadId, branch: "b" },
    "POST /api/rigs/:rigId/review-queue/:entryId/complete": {
      status: "conflict",
      message: "m",
      dispatch_id: `${it.reviewId}:1`,
    },
    "POST /api/rigs/:rigId/beads/retry": { ids: [it.beadId] },
    "POST /api/rigs/:rigId/beads/:beadId/revert": { why: "w" },
    "POST /api/rigs/:rigId/trains/:trainId/complete": {
      trainId: trainOf(place, target),
      target: null,
      left: [],
      runs: [],
      pushed: null,
      stopped: null,
    },
    "POST /api/mayor/:townId/tools/sling": { rig_id: target === "own" ? place.rigId : "rig-gone", title: "t" },
    "POST /api/mayor/:townId/tools/mail": {
      ...mail,
      from_agent_id: who.agentId,
      rig_id: target === "own" ? place.rigId : "rig-gone",
    },
    "POST /api/towns/:townId/container/agents/:id/message": { prompt: "p" },
  };
  return bodies[name] ?? {};
}

describe("F-704 the matrix of callers, routes, and what is own, others' or gone", () => {
  test("has a line for every route and none for another", () => {
    expect(Object.keys(ACCESS).sort()).toEqual(ROUTES.map((entry) => `${entry.method} ${entry.path}`).sort());
  });

  test("is what docs/access.md says; `node scripts/access.ts` writes it", () => {
    expect(documentText.split(BEGIN)[1]?.split(END)[0]?.trim()).toBe(accessTables());
  });

  const closed = ROUTES.filter((entry) => {
    const operator = ACCESS[`${entry.method} ${entry.path}`]?.operator;
    return operator !== "public" && operator !== "ticket";
  });
  test.each(closed.map((entry) => [`${entry.method} ${entry.path}`, entry] as const))("%s", async (name, entry) => {
    const row = ACCESS[name] as Access;
    const world = entry.method === "GET" ? (looked ??= await newWorld()) : await newWorld();
    const asked = world.speakers.flatMap((who) =>
      TARGETS.map((target) => ({ who, target, expected: expectedOf(name, row, who, target) })),
    );
    // What is refused comes first, so that it is refused while everything is still there.
    asked.sort((a, b) => b.expected - a.expected);
    const told: string[] = [];
    // What names nobody is the same request of one's own and of another's.
    const alike = new Set<string>();
    for (const { who, target, expected } of asked) {
      const { path, body } = requestOf(entry, world, who, target);
      const request = JSON.stringify([who.name, path, body, expected]);
      if (alike.has(request)) continue;
      alike.add(request);
      const status = await statusOf(entry.method, path, body, who.headers);
      if (status !== expected) told.push(`${who.name}, ${target}: ${status} instead of ${expected}`);
    }
    expect(told).toEqual([]);
  });
});

/** A mayor's tool knows no rig of another town, not even for operators. */
function expectedOf(name: string, row: Access, who: Speaker, target: Target): 200 | 401 | 403 {
  // What a container was given is one thing: a train's credential is for its report alone, a review's for its verdict.
  const isReport = name.includes("/trains/");
  if (who.name === TRAINS) return isReport && allows(row.container, target) ? 200 : 403;
  if (who.name.startsWith("container") && isReport) return 403;
  const expected = who.expected(row, target);
  const isOfNoTown = name.includes("/api/mayor/") && name !== "GET /api/mayor/:townId/tools/rigs" && target !== "own";
  return isOfNoTown && expected === 200 ? 403 : expected;
}

/** 401 and 403 as they are; 200 for whatever else, since who may ask is no promise of what is answered. */
async function statusOf(method: string, path: string, body: unknown, headers: Headers): Promise<number> {
  const response = await send(
    new Request(`https://ticktown.example${path}`, {
      method,
      headers: { ...headers, "content-type": "application/json" },
      ...(method === "GET" || method === "DELETE" ? {} : { body: JSON.stringify(body) }),
    }),
  );
  await response.body?.cancel();
  return response.status === 401 || response.status === 403 ? response.status : 200;
}
