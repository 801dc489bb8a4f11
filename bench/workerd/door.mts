import type { Env } from "../../src/do/env.ts";
import type { RigDO } from "../../src/do/rig-do.ts";
import worker from "../../src/worker.ts";
import type { ObviousRig } from "./obvious.mts";

/** Alarms that the platform rang in this isolate: how late each was. */
export const rung: { lateness_ms: number; took_ms: number; at: number }[] = [];

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

interface BenchEnv extends Env {
  OBVIOUS: DurableObjectNamespace<ObviousRig>;
}

/** The production Worker, and beside it every method of every object for the one who measures. */
export default {
  ...worker,
  async fetch(request: Request, env: BenchEnv, ctx: ExecutionContext): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/bench/alarms") {
      const lateness = rung.map((each) => each.lateness_ms);
      const answer = {
        rang: rung.length,
        lateness_p50_ms: median(lateness),
        lateness_max_ms: Math.max(0, ...lateness),
        took_p50_ms: median(rung.map((each) => each.took_ms)),
        span_ms: Math.max(0, ...rung.map((each) => each.at)) - Math.min(...rung.map((each) => each.at)),
      };
      rung.length = 0;
      return Response.json(answer);
    }
    if (pathname !== "/bench") return worker.fetch!(request as never, env, ctx);
    const { object, name, method, args } = (await request.json()) as {
      object: "RIG" | "OBVIOUS";
      name: string;
      method: string;
      args: unknown[];
    };
    const namespace = env[object] as unknown as DurableObjectNamespace<RigDO>;
    const stub = namespace.get(namespace.idFromName(name)) as unknown as Record<
      string,
      (...args: unknown[]) => Promise<unknown>
    >;
    try {
      return Response.json({ answer: (await stub[method]?.(...args)) ?? null });
    } catch (error) {
      return Response.json(
        { error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
        { status: 500 },
      );
    }
  },
} satisfies ExportedHandler<BenchEnv>;
