import { describe, expect, test } from "vitest";
import { unpackActors, unpackBoard } from "../../src/wire/board.ts";
import { api, call, send, OPERATOR } from "./client.ts";

/** A rig with a repository whose container accepts everything. */
async function makeRig(user: string) {
  const town = (await call("POST", `/api/users/${user}/towns`, { name: "home" })).data;
  const { id } = (
    await call("POST", `/api/users/${user}/rigs`, {
      town_id: town.id,
      name: "pottery",
      git_url: "https://example.com/pottery.git",
    })
  ).data;
  return { id: id as string, ...api(id as string) };
}

type Rig = Awaited<ReturnType<typeof makeRig>>;
const seqOf = async (rig: Rig): Promise<number> => (await rig.get("/board")).data.seq as number;
const named = (list: any[], type: string, variant = "") =>
  list.find((one) => one.fact.type === type && one.variant === variant);

/** The board as a page has it. */
const boardOf = async (rig: Rig): Promise<any> => unpackBoard((await rig.get("/board")).data);

/** A bead whose agent runs: its container has answered that it was started. */
async function working(rig: Rig) {
  const { bead, agent } = (await rig.post("/sling", { title: "throw a pot" })).data;
  await expect
    .poll(async () => (await boardOf(rig)).actors.find((one: { id: string }) => one.id === agent.id)?.value)
    .toMatchObject({ working: { process: "running" } });
  return { bead, agent };
}

describe("the board", () => {
  test("holds every live actor, the texts of its beads and the seq to follow the feed from", async () => {
    const rig = await makeRig("board-1");
    const { bead, agent } = await working(rig);
    // The rig lives on between two questions: they are asked until nothing came between them.
    await expect.poll(async () => (await seqOf(rig)) === (await rig.get("/state")).data.seq).toBe(true);
    const data = await boardOf(rig);
    expect(data.actors.map(({ kind, id }: { kind: string; id: string }) => `${kind}:${id}`)).toEqual(
      expect.arrayContaining(["rig:rig", `agent:${agent.id}`, `bead:${bead.id}`]),
    );
    expect(data.content[bead.id]).toMatchObject({ title: "throw a pot" });
    expect(data.actors).toHaveLength((await rig.get("/state")).data.actors.length);
  });

  test("still shows what ended lately", async () => {
    const rig = await makeRig("board-2");
    const { data: bead } = await rig.post("/beads", { type: "message", title: "hello" });
    await rig.post(`/beads/${bead.id}/close`, { agent_id: "operator" });
    const data = await boardOf(rig);
    expect(data.ended).toBe(1);
    expect(data.actors.find((actor: { id: string }) => actor.id === bead.id)).toMatchObject({ value: "closed" });
    expect(data.content[bead.id]).toMatchObject({ title: "hello" });
    expect(data.older).toEqual({ before: expect.any(Number), beads: 0 });
    expect((await rig.get(`/board/ended?before=${data.older.before}`)).data.older).toEqual({ before: 0, beads: 0 });
    expect(unpackActors((await rig.get("/board/ended")).data.actors).actors).toMatchObject([{ id: bead.id }]);
    expect((await rig.get("/board/ended?before=soon")).status).toBe(400);
  });

  test("lists no effect that is settled in the outbox", async () => {
    const rig = await makeRig("board-3");
    await working(rig);
    await expect.poll(async () => (await rig.get("/outbox")).data).toEqual([]);
  });
});

describe("a repair", () => {
  test("leaves what is sound as it is, and does not find what does not exist", async () => {
    const rig = await makeRig("repair-1");
    const { agent } = await working(rig);
    const { data: before } = await rig.get(`/agents/${agent.id}`);
    expect(await rig.post(`/actors/agent/${agent.id}/repair`)).toMatchObject({ status: 200, data: { broken: [] } });
    expect((await rig.get(`/agents/${agent.id}`)).data.status).toBe(before.status);
    expect(await rig.post("/actors/bead/ghost/repair")).toMatchObject({
      status: 404,
      error: "no bead ghost in this rig",
    });
    expect(await rig.post("/actors/ghost/ghost/repair")).toMatchObject({
      status: 404,
      error: "no kind of actor ghost: there are agent, bead, review, rig, queue, budget, accounts",
    });
  });
});

describe("what can happen now", () => {
  test("names each guard of each branch with its value, and the branch that would be taken", async () => {
    const rig = await makeRig("possible-1");
    const { agent } = await working(rig);
    const { data } = await rig.get(`/actors/agent/${agent.id}/possible`);
    const exited = named(data, "agent.exited", "failed");
    expect(exited.moves).toBe(true);
    expect(exited.to).toBe("exited.crashed");
    const taken = exited.branches.filter((branch: { taken: boolean }) => branch.taken);
    expect(taken).toHaveLength(1);
    expect(taken[0]).toMatchObject({
      target: "agent.exited.crashed",
      guards: [{ name: "isCurrentDispatch", holds: true }],
    });
    const evicted = exited.branches.find((branch: { target: string }) => branch.target === "agent.exited.evicted");
    expect(evicted.guards).toEqual([
      { name: "isCurrentDispatch", holds: true },
      { name: "wasEvicted", holds: false },
    ]);
    expect(exited.facts.map((fact: { type: string }) => fact.type)).toEqual(["dispatch.failed"]);
  });

  test("judges a TICK at the time of the question: nothing is due yet", async () => {
    const rig = await makeRig("possible-2");
    const { agent } = await working(rig);
    const tick = named((await rig.get(`/actors/agent/${agent.id}/possible`)).data, "TICK");
    expect(tick.moves).toBe(false);
    expect(
      tick.branches.flatMap((branch: { guards: { name: string; holds: boolean }[] }) => branch.guards),
    ).toContainEqual({ name: "guppRestartIsDue", holds: false });
  });

  test("answers for a moment of the past by replay", async () => {
    const rig = await makeRig("possible-3");
    const { agent } = await working(rig);
    const entries = (await rig.get("/journal")).body["text"] as string;
    const registered = entries
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line))
      .find((entry) => entry.fact.type === "rig.configured").fact.seq;
    expect((await rig.get(`/actors/agent/${agent.id}/possible?seq=${registered}`)).status).toBe(404);
    expect(
      (await rig.get(`/actors/rig/rig/possible?seq=${registered}`)).data.map(
        (one: { fact: { type: string } }) => one.fact.type,
      ),
    ).toContain("rig.paused");
  });

  test("an unknown kind, an unknown actor and a seq that is not there yet are 404", async () => {
    const rig = await makeRig("possible-4");
    expect((await rig.get("/actors/pot/x/possible")).status).toBe(404);
    expect((await rig.get("/actors/agent/nobody/possible")).status).toBe(404);
    expect((await rig.get("/actors/rig/rig/possible?seq=999999")).status).toBe(404);
    expect((await rig.get("/actors/rig/rig/possible?seq=minus")).status).toBe(400);
  });
});

describe("what if", () => {
  test("shows the transition, the facts that follow and the effects, and keeps nothing", async () => {
    const rig = await makeRig("whatif-1");
    const { agent } = await working(rig);
    const before = await seqOf(rig);
    const fact = named((await rig.get(`/actors/agent/${agent.id}/possible`)).data, "agent.done").fact;
    const { data } = await rig.post("/what-if", { fact });
    expect(data.error).toBeNull();
    expect(data.changed).toContainEqual(expect.objectContaining({ kind: "agent", id: agent.id, to: "idle.empty" }));
    expect(data.entries.map((entry: { fact: { type: string } }) => entry.fact.type)).toEqual(
      expect.arrayContaining(["agent.done", "review.submitted", "review.opened", "review.granted"]),
    );
    expect(
      data.entries.flatMap((entry: { effects: { kind: string }[] }) => entry.effects.map((effect) => effect.kind)),
    ).toEqual(expect.arrayContaining(["container.stop", "git.merge"]));
    expect(await seqOf(rig)).toBe(before);
    expect((await rig.get(`/agents/${agent.id}`)).data.status).toBe("working");
    expect((await rig.post("/replay")).data.divergence).toBeNull();
  });

  test("lets time pass on the copy: a silent agent would be restarted", async () => {
    const rig = await makeRig("whatif-2");
    const { agent } = await working(rig);
    const { data } = await rig.post("/what-if", {
      fact: { type: "TICK", container: "reachable" },
      at: Date.now() + 3 * 3_600_000,
    });
    expect(data.changed).toContainEqual(
      expect.objectContaining({
        id: agent.id,
        from: expect.stringContaining("running"),
        to: expect.stringContaining("draining"),
      }),
    );
    expect((await rig.get(`/agents/${agent.id}`)).data.status).toBe("working");
  });

  test("refuses what is no fact, naming the field", async () => {
    const rig = await makeRig("whatif-3");
    const answer = await rig.post("/what-if", { fact: { type: "rig.paused" } });
    expect(answer.status).toBe(400);
    expect(answer.error).toContain("by");
  });
});

describe("the inspection protocol", () => {
  const connect = async (rig: Rig) => {
    const response = await send(
      new Request(`http://localhost/api/rigs/${rig.id}/inspect`, { headers: { ...OPERATOR, upgrade: "websocket" } }),
    );
    const socket = response.webSocket;
    if (!socket) throw new Error(`no socket: ${response.status}`);
    const seen: {
      type: string;
      sessionId: string;
      parentId?: string;
      definition?: string;
      snapshot?: { value: unknown };
      event?: { type: string };
    }[] = [];
    socket.addEventListener("message", (event) => seen.push(JSON.parse(String(event.data))));
    socket.accept();
    return { socket, seen };
  };

  test("introduces every actor with its chart, then tells each event and each new state", async () => {
    const rig = await makeRig("inspect-1");
    const { agent } = await working(rig);
    const { socket, seen } = await connect(rig);
    const key = `agent:${agent.id}`;
    await expect.poll(() => seen.length).toBeGreaterThanOrEqual(3);
    // The rig, its agent and its bead; what happens meanwhile comes after them.
    expect(seen.slice(0, 3).map(({ type }) => type)).toEqual(Array(3).fill("@xstate.actor"));
    expect(seen.find((message) => message.sessionId === "rig")?.parentId).toBeUndefined();
    const actor = seen.find((message) => message.sessionId === key);
    expect(actor).toMatchObject({ parentId: "rig", snapshot: { value: { working: { process: "running" } } } });
    expect(Object.keys(JSON.parse(actor?.definition ?? "{}").states)).toEqual([
      "idle",
      "working",
      "blocked",
      "exited",
      "restarting",
    ]);
    await rig.post("/escalations", { title: "help", metadata: { agent_id: agent.id } });
    await expect
      .poll(
        () =>
          seen.findLast((message) => message.type === "@xstate.snapshot" && message.sessionId === key)?.snapshot?.value,
      )
      .toEqual({ blocked: { onHelp: "waiting" } });
    expect(seen).toContainEqual(
      expect.objectContaining({
        type: "@xstate.event",
        sessionId: key,
        event: expect.objectContaining({ type: "agent.asked_help" }),
      }),
    );
    socket.close();
  });

  test("a TICK is told only of the actors that it moved", async () => {
    const rig = await makeRig("inspect-2");
    await working(rig);
    const { socket, seen } = await connect(rig);
    await expect.poll(() => seen.length).toBeGreaterThanOrEqual(3);
    const before = seen.length;
    await rig.post("/tick");
    await rig.post("/pause");
    await expect.poll(() => seen.length).toBeGreaterThan(before);
    const told = seen.slice(before).filter((message) => message.event?.type === "TICK");
    expect(told).toEqual([]);
    expect(seen.at(-1)).toMatchObject({ type: "@xstate.snapshot", sessionId: "rig" });
    socket.close();
  });

  test("without an upgrade it says what it speaks", async () => {
    const rig = await makeRig("inspect-3");
    expect((await rig.get("/inspect")).status).toBe(426);
  });
});
