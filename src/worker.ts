import { app } from "./api/app.ts";
import type { Env } from "./do/env.ts";
import { pokeRigs } from "./do/poke.ts";

export { RigDO } from "./do/rig-do.ts";
export { TownContainer } from "./do/town-container.ts";
export { UserDO } from "./do/user-do.ts";

export default {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),

  async scheduled(_controller, env) {
    await pokeRigs(env);
  },
} satisfies ExportedHandler<Env>;
