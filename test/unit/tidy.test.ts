import { expect, test } from "vitest";
import { LIMITS } from "../../src/events/limits.ts";
import type { TidyRequest } from "../../src/wire/container.ts";
import { HOUR, MINUTE, submitted, town, verdict } from "./incidents/words.ts";

const disk = { free_bytes: 5, total_bytes: 10, rig_bytes: 2 };

/** A rig whose container remembers what it was asked to keep. */
function asked(nextAt: () => string | null = () => null) {
  const rig = town();
  const orders: { at: number; order: TidyRequest; timeout_ms: number }[] = [];
  rig.ports.container("town").tidy = async (_, order, timeout_ms) => {
    orders.push({ at: rig.now, order, timeout_ms });
    return { removed: 0, nextAt: nextAt(), disk };
  };
  return { rig, orders };
}

test("F-205 the container is told once an hour what there still is, and after the last work once more", async () => {
  const { rig, orders } = asked();
  const { beadId, agentId, reviewId } = await submitted(rig);
  await rig.advance(rig.now + MINUTE);
  expect(orders.at(-1)).toMatchObject({ timeout_ms: LIMITS.tidy_timeout_ms });
  expect(orders.at(-1)?.order).toEqual({
    agents: [agentId],
    beads: [{ id: beadId, branch: expect.stringMatching(/./) }],
    keepDays: 7,
  });
  const before = orders.length;
  await verdict(rig, reviewId, "merged");
  await rig.advance(rig.now + LIMITS.tidy_ms + 10 * MINUTE);
  expect(orders.length).toBe(before + 1);
  expect(orders.at(-1)?.order.beads).toEqual([]);
  // Nothing waits, and nothing happens: nobody wakes the container.
  await rig.advance(rig.now + 12 * HOUR);
  expect(orders.length).toBe(before + 1);
  expect(rig.rig.tidying.disk).toMatchObject(disk);
});

test("what is kept for some days is asked about when its time has come", async () => {
  let at: string | null = null;
  const { rig, orders } = asked(() => at);
  at = new Date(rig.now + 30 * HOUR).toISOString();
  await rig.advance(rig.now + 29 * HOUR);
  const before = orders.length;
  at = null;
  await rig.advance(rig.now + 2 * HOUR);
  expect(orders.length).toBe(before + 1);
});

test("where the container's disk does not last, it is told the remote, and what it said before of what is there", async () => {
  const { rig, orders } = asked();
  const ended = { "b-1": rig.now };
  rig.tell({ type: "container.met", inspects: true, ephemeral: true });
  const port = rig.ports.container("town");
  const { tidy } = port;
  port.tidy = async (...order) => ({ removed: 0, nextAt: null, disk, ...(await tidy?.(...order)), ended });
  await submitted(rig);
  await rig.advance(rig.now + MINUTE);
  const gitUrl = rig.rig.world.rig.context.config?.gitUrl;
  expect(orders.at(-1)?.order).toMatchObject({ gitUrl });
  expect(orders.at(-1)?.order).not.toHaveProperty("ended");
  expect(orders.at(-1)?.order.envVars).not.toHaveProperty("GASTOWN_SESSION_TOKEN");
  rig.reopen();
  await rig.advance(rig.now + LIMITS.tidy_ms + MINUTE);
  expect(orders.at(-1)?.order).toMatchObject({ gitUrl, ended });
});
