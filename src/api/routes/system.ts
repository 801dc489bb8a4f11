import * as z from "zod";
import { metricsOfAll, pokeRigs, stopRigs } from "../../do/poke.ts";
import { docsPage, openApi } from "../openapi.ts";
import { route, type Route } from "../route.ts";

/** @param routes all of them; a function, because these are among them. */
export const systemRoutes = (routes: () => readonly Route[]): Route[] => [
  route({
    method: "GET",
    path: "/health",
    summary: "Whether the Worker answers",
    tag: "system",
    access: ["public"],
    answer: z.object({ status: z.literal("ok") }),
    bare: true,
    handle: async () => Response.json({ status: "ok" }),
  }),
  route({
    method: "GET",
    path: "/openapi.json",
    summary: "This API as an OpenAPI 3.1 document",
    tag: "system",
    access: ["public"],
    answer: z.looseObject({ openapi: z.string() }),
    bare: true,
    handle: async () => Response.json(openApi(routes())),
  }),
  route({
    method: "GET",
    path: "/docs",
    summary: "This API as a page",
    tag: "system",
    access: ["public"],
    handle: async () =>
      new Response(docsPage(routes()), {
        headers: {
          "content-type": "text/html; charset=utf-8",
          "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        },
      }),
  }),
  route({
    method: "GET",
    path: "/metrics",
    summary: "What all rigs count, as Prometheus reads it; asking wakes no alarm, but it does wake a rig that sleeps",
    tag: "system",
    access: ["operator"],
    bare: true,
    handle: async ({ env }) =>
      new Response(await metricsOfAll(env), {
        headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
      }),
  }),
  route({
    method: "POST",
    path: "/api/maintenance/poke",
    summary:
      "Wake every rig, so that one whose alarm was lost arms it again; where there is no cron trigger, a timer calls this",
    tag: "system",
    access: ["operator"],
    once: "registry",
    scope: "admin",
    answer: z.object({ rigs: z.number().int(), failed: z.number().int() }),
    handle: ({ env }) => pokeRigs(env),
  }),
  route({
    method: "POST",
    path: "/api/stop",
    summary:
      "Stop everything: nothing of any rig runs or is started within seconds, and until each rig is resumed; charged to nobody",
    tag: "system",
    access: ["operator"],
    once: "nowhere",
    answer: z.object({ rigs: z.int(), failed: z.int(), unreachable: z.int(), left: z.int() }),
    handle: ({ env, caller }) => stopRigs(env, caller),
  }),
];
