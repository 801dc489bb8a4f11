import { expect, test } from "vitest";
import { attemptsOf } from "../../src/do/attempts.ts";
import { beadOf, facts } from "../unit/incidents/words.ts";
import { joined } from "./joined.ts";
import { createFakeRig, createOrigin, eventually, git, startBody, startControl, type Control } from "./world.ts";

/** Agents that are plain commands: they read no messages, and say nothing but their exit code. */

const PLAIN = { AGENT_INPUT: "none", AGENT_HANDS_IN: "at_exit" };
const COMMIT = "echo work > $GASTOWN_AGENT_ID.txt; git add --all; git commit --quiet -m work";

const eventsOf = async (control: Control, agentId: string, type: string): Promise<unknown[]> =>
  (await control.events(agentId)).filter((event) => event.type === type).map(({ data }) => data);

test("PLAIN-done a plain command that commits and ends with 0 is handed in and merged; nobody but Ticktown has said done", async () => {
  const { url } = createOrigin();
  const { rig, until, worked } = await joined(url, `cat; ${COMMIT}`, PLAIN);
  const { beadId, agentId } = await worked("one");
  await until("it is merged", () => beadOf(rig, beadId).value === "closed");
  expect(git(url, "show", `main:${agentId}.txt`)).toBe("work");
  expect(facts(rig, "work.handed_in")).toHaveLength(1);
});

test("how a plain command ended is kept with its bead, with its last words", async () => {
  const { url } = createOrigin();
  const { rig, until, worked } = await joined(url, "echo my last words; exit 3", PLAIN);
  const { beadId, agentId } = await worked("one");
  await until("its end is kept", () => attemptsOf(rig.rig, beadId).length > 0);
  expect(attemptsOf(rig.rig, beadId)[0]).toMatchObject({
    dispatch_id: `${agentId}:1`,
    status: "failed",
    reason: "exit 3",
    tail: "my last words",
  });
});

test("PLAIN-hears its stdin is at its end from the beginning, and a message to it is refused and not counted", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, ...PLAIN });
  const { url } = createOrigin();
  await control.post("/agents/start", startBody(url, "cat; echo read to the end; exec sleep 60"));
  await eventually("it has read all", async () => (await eventsOf(control, "a1", "output")).length > 0);
  expect(await control.post("/agents/a1/message", { prompt: "hello" })).toMatchObject({
    status: 422,
    body: { code: "hears_nothing" },
  });
  expect((await control.get("/agents/a1/status")).body.messageCount).toBe(0);
});

test("done is said with the branch when it ends with 0, and what came of it is among its events; with another code nothing is said", async () => {
  const rig = await createFakeRig();
  rig.answer = ({ path }) =>
    path.endsWith("/done")
      ? { status: 200, data: { done: true, hand_in: { code: "dirty", sentence: "x.txt is not committed" } } }
      : { status: 200 };
  const control = await startControl({ GASTOWN_API_URL: rig.url, ...PLAIN });
  const { url } = createOrigin();
  await control.post("/agents/start", startBody(url, "exit 0"));
  await control.ended("a1");
  expect(rig.to("/agents/a1/done").map(({ body, token }) => [body, token])).toEqual([
    [{ branch: "work/a1", wait_ms: 30_000 }, "session-token-1"],
  ]);
  expect(await eventsOf(control, "a1", "hand_in")).toEqual([{ code: "dirty", sentence: "x.txt is not committed" }]);
  await control.post("/agents/start", startBody(url, "exit 3", { agentId: "a2" }));
  await control.ended("a2");
  expect(rig.to("/agents/a2/done")).toEqual([]);
});

test("PLAIN-said who has said done itself is not spoken for, nor who was stopped", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, ...PLAIN });
  const { url } = createOrigin();
  const dispatchId = "a1:1";
  await control.post(
    "/agents/start",
    startBody(url, "trap 'exit 0' TERM USR1; echo up; sleep 60 & wait", { dispatchId }),
  );
  await eventually("it is up", async () => (await eventsOf(control, "a1", "output")).length > 0);
  const branch = "work/a1";
  const place = { rigId: "rig1", townId: "town1", beadId: "b1", gitUrl: url, branch, targetBranch: "main" };
  const look = { ...place, dispatchId, named: branch, resolution: "work", asIs: null, maxDeletions: 10 };
  expect((await control.post("/agents/a1/inspect", look)).body).toMatchObject({ result: "refused" });
  const [started] = await eventsOf(control, "a1", "agent_started");
  process.kill(Number((started as { pid: number }).pid), "SIGUSR1");
  await control.ended("a1");
  await control.post(
    "/agents/start",
    startBody(url, "trap 'exit 0' TERM; echo up; sleep 60 & wait", { agentId: "a2" }),
  );
  await eventually("it is up", async () => (await eventsOf(control, "a2", "output")).length > 0);
  await control.post("/agents/a2/stop", {});
  await control.ended("a2");
  expect([...rig.to("/agents/a1/done"), ...rig.to("/agents/a2/done")]).toEqual([]);
});

test("a rig that does not answer is asked again; one that refuses is not", async () => {
  const rig = await createFakeRig();
  let asked = 0;
  rig.answer = ({ path }) => {
    if (!path.endsWith("/done")) return { status: 200 };
    return path.includes("/a2/") ? { status: 409 } : { status: ++asked < 3 ? 503 : 200 };
  };
  const control = await startControl({ GASTOWN_API_URL: rig.url, ...PLAIN });
  const { url } = createOrigin();
  await control.post("/agents/start", startBody(url, "exit 0"));
  await control.ended("a1");
  expect(rig.to("/agents/a1/done")).toHaveLength(3);
  await control.post("/agents/start", startBody(url, "exit 0", { agentId: "a2" }));
  await control.ended("a2");
  expect(rig.to("/agents/a2/done")).toHaveLength(1);
  expect(await eventsOf(control, "a2", "hand_in_failed")).toEqual([{ error: "HTTP 409: HTTP 409" }]);
});

test("PLAIN-tail its end is told with whose work it was and the end of what it printed, without secrets, however much that was", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, ...PLAIN });
  const { url } = createOrigin();
  const script = `seq -f "this is line %g of many" 1 3000; echo '{"type":"result","cost":3}'; echo "token $GASTOWN_SESSION_TOKEN" >&2; exit 3`;
  await control.post("/agents/start", startBody(url, script, { beadId: "b1" }));
  await control.ended("a1");
  const report = await eventually("it is told", () => rig.to("/agents/a1/completed")[0]);
  const { tail, ...said } = report.body as { tail: string };
  expect(said).toEqual({ status: "failed", reason: "exit 3", bead_id: "b1" });
  expect(tail.length).toBeLessThanOrEqual(16_384);
  expect(tail.length).toBeGreaterThan(16_000);
  expect(tail.split("\n")).toEqual(
    expect.arrayContaining(["this is line 3000 of many", '{"type":"result","cost":3}', "token [redacted]"]),
  );
  expect(tail).not.toContain("session-token-1");
});
