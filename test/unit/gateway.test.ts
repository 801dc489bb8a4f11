import { expect, test } from "vitest";
import { LIMITS } from "../../src/events/limits.ts";
import { containerGateway } from "../../src/do/gateway.ts";
import type { MergeOrder } from "../../src/do/ports.ts";

/** The town's container as one that answers every call alike. */
const answering = (status: number, body: unknown) =>
  containerGateway({ fetch: async () => new Response(JSON.stringify(body), { status }) });

const ORDER: MergeOrder = {
  rigId: "r",
  branch: "b",
  targetBranch: "main",
  gitUrl: "/r.git",
  entryId: "e",
  beadId: "b",
  agentId: "a",
  dispatchId: "e:1",
  envVars: {},
};

test("a container that is busy (429) or slow (408) has refused nothing, and any other 4xx has", async () => {
  for (const status of [408, 429, 500, 503])
    expect((await answering(status, { error: "later" }).merge(ORDER, 1_000)).kind, String(status)).toBe("unknown");
  for (const status of [400, 404, 407, 409, 410, 422, 428, 430, 499])
    expect(await answering(status, { error: "no" }).merge(ORDER, 1_000)).toEqual({
      kind: "refused",
      status,
      error: "no",
    });
  expect(await answering(202, {}).merge(ORDER, 1_000)).toEqual({ kind: "accepted" });
});

test("what has handed in its work has LIMITS.done_linger_ms to end by itself; everybody else is asked at once", async () => {
  const bodies: unknown[] = [];
  const container = containerGateway({
    fetch: async (_, init) => {
      bodies.push(JSON.parse(String(init?.body)));
      return Response.json({ stopped: true });
    },
  });
  const stop = { kind: "container.stop", key: "k", agentId: "a", dispatchId: "a:1" } as const;
  for (const reason of ["hand_in.accepted", "hand_in.no_change", "hand_in.unseen", "agent.done"])
    await container.stop({ ...stop, reason }, 1_000);
  for (const reason of ["no progress", "rig.draining", "agent.unhooked", "work.lost"])
    await container.stop({ ...stop, reason }, 1_000);
  expect(bodies).toEqual([
    ...Array.from({ length: 4 }, () => ({ dispatchId: "a:1", lingerMs: LIMITS.done_linger_ms })),
    { dispatchId: "a:1" },
    { dispatchId: "a:1", evict: true },
    { dispatchId: "a:1" },
    { dispatchId: "a:1" },
  ]);
});

test("which run of the control server answers is known where it says so, and null where it does not", async () => {
  expect(await answering(200, { status: "ok", instance: "one" }).health(1_000)).toEqual({ instance: "one" });
  expect(await answering(200, { status: "ok" }).health(1_000)).toEqual({ instance: null });
  expect(await answering(200, { status: "ok", instance: 7 }).health(1_000)).toEqual({ instance: null });
  await expect(answering(503, {}).health(1_000)).rejects.toThrow("HTTP 503");
  expect(await answering(200, { agents: [], instance: "one" }).statuses(["a"], 1_000)).toEqual({
    agents: [],
    instance: "one",
  });
  expect(await answering(404, {}).statuses(["a"], 1_000)).toEqual({ agents: [], instance: null });
});
