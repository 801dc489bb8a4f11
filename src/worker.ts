import { app } from "./api/app.ts";
import type { Env } from "./do/env.ts";
import { DIRECTORY } from "./do/user-do.ts";

export { RigDO } from "./do/rig-do.ts";
export { TownContainer } from "./do/town-container.ts";
export { UserDO } from "./do/user-do.ts";

const POKE_PAGE = 100;

export default {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),

  /** The only defence of a rig whose alarm was lost while it slept: a call wakes it, and waking re-arms. */
  async scheduled(_controller, env) {
    const directory = env.USER.get(env.USER.idFromName(DIRECTORY));
    for (let after = ""; ; ) {
      const ids = await directory.enlisted(after, POKE_PAGE);
      await Promise.allSettled(ids.map((id) => env.RIG.get(env.RIG.idFromName(id)).health()));
      if (ids.length < POKE_PAGE) return;
      after = ids.at(-1) ?? "";
    }
  },
} satisfies ExportedHandler<Env>;
