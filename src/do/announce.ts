import { createHerald } from "./digest.ts";
import type { Env } from "./env.ts";
import type { Rig } from "./rig.ts";

/** Has a rig tell its user's object how it stands, after each commit and when its alarm rings. */
export function announce(rig: Rig, env: Env): void {
  const herald = createHerald(
    rig,
    async (digest) => {
      const { config } = rig.world.rig.context;
      if (config === null) return false;
      return env.USER.get(env.USER.idFromName(config.userId)).keepDigest(config.rigId, digest);
    },
    (ms) => scheduler.wait(ms),
  );
  rig.listeners.add((entries) => herald.hear(entries));
  rig.reminders.add(() => herald.remind());
}
