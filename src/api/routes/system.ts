import * as z from "zod";
import { route, type Route } from "../route.ts";

export const systemRoutes: Route[] = [
  route({
    method: "GET",
    path: "/health",
    summary: "Whether the Worker answers",
    tag: "system",
    access: ["public"],
    answer: z.object({ status: z.literal("ok") }),
    handle: async () => Response.json({ status: "ok" }),
  }),
];
