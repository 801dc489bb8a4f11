import { expect, test } from "vitest";
import { HaltAnswer } from "../../src/wire/container.ts";
import { keepStopped, letGo } from "../../container/processes/stopped.ts";
import { createFakeRig, createOrigin, eventually, startBody, startControl } from "./world.ts";

/** Hears nothing, and has a child in a session of its own. */
const DEAF = "trap '' TERM; setsid sleep 600 & echo up; while :; do sleep 0.1; done";

test("STOP-rig everything of one rig ends within seconds, told as handed back, and another rig's agent goes on; what is kept stopped starts nothing until it is let go", async () => {
  const rig = await createFakeRig();
  const control = await startControl({ GASTOWN_API_URL: rig.url, STOP_GRACE_MS: "30000" });
  const { url } = createOrigin();
  const start = async (rigId: string, agentId: string, n = 1) =>
    control.post(
      "/agents/start",
      startBody(url, DEAF, { rigId, agentId, dispatchId: `${agentId}:${n}`, branch: agentId }),
    );
  expect((await start("rig1", "a1")).status).toBe(201);
  expect((await start("rig2", "b1")).status).toBe(201);

  const asked = performance.now();
  const halting = control.post("/rigs/rig1/halt", {});
  expect(await start("rig1", "a2")).toMatchObject({ status: 503, body: { code: "stopped" } });
  expect(HaltAnswer.parse((await halting).body)).toEqual({ halted: true, left: 0 });
  expect(performance.now() - asked).toBeLessThan(5_000);
  expect(await control.get("/agents/a1/status")).toMatchObject({ body: { status: "failed", exitReason: "evicted" } });
  expect(await control.get("/agents/b1/status")).toMatchObject({ body: { status: "running" } });
  const [told] = await eventually("the rig is told", () =>
    rig.to("/a1/completed").length > 0 ? rig.to("/a1/completed") : null,
  );
  expect(told).toMatchObject({ body: { status: "failed", reason: "evicted" } });

  keepStopped(control.workDir);
  expect(await start("rig1", "a1", 2)).toMatchObject({ status: 503, body: { code: "stopped" } });
  expect(HaltAnswer.parse((await control.post("/halt", {})).body)).toEqual({ halted: true, left: 0 });
  expect(await control.get("/agents/b1/status")).toMatchObject({ body: { exitReason: "evicted" } });
  letGo(control.workDir);
  expect((await start("rig1", "a1", 2)).status).toBe(201);
});
