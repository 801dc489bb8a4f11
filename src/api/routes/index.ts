import type { Route } from "../route.ts";
import { agentRoutes } from "./agents.ts";
import { beadRoutes } from "./beads.ts";
import { containerRoutes } from "./container.ts";
import { debugRoutes } from "./debug.ts";
import { fileRoutes } from "./files.ts";
import { lookRoutes } from "./looks.ts";
import { mayorRoutes } from "./mayor.ts";
import { operatorRoutes } from "./operators.ts";
import { overviewRoutes } from "./overview.ts";
import { reviewRoutes } from "./reviews.ts";
import { rigRoutes } from "./rigs.ts";
import { systemRoutes } from "./system.ts";
import { townRoutes } from "./towns.ts";
import { userRoutes } from "./users.ts";

/** Every route of this Worker. */
export const ROUTES: readonly Route[] = [
  ...systemRoutes(() => ROUTES),
  ...beadRoutes,
  ...agentRoutes,
  ...reviewRoutes,
  ...rigRoutes,
  ...fileRoutes,
  ...lookRoutes,
  ...debugRoutes,
  ...userRoutes,
  ...overviewRoutes,
  ...townRoutes,
  ...containerRoutes,
  ...mayorRoutes,
  ...operatorRoutes,
];
