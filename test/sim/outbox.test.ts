import { expect, test } from "vitest";
import { bead, testRig } from "../support/node-rig.ts";

/** Simulated events never share a turn of the event loop; what can come between two microtasks is tried here, one by one. */
test.each(Array.from({ length: 30 }, (_, n) => n))("an effect that is committed %i microtasks after another is run at once", async (microtasks) => {
  const town = testRig();
  town.run({ type: "sling", bead: bead("one") });
  for (let n = 0; n < microtasks; n++) await Promise.resolve();
  town.run({ type: "sling", bead: bead("two") });
  await new Promise((resolve) => setImmediate(resolve));
  expect(town.container.starts.length).toBe(2);
  town.close();
});
