import { Container } from "@cloudflare/containers";
import { DurableObject, env as boundEnv } from "cloudflare:workers";
import type { Env } from "./env.ts";

/** The town's container in production: one Cloudflare container per town, started by the first call to it. */
class CloudTownContainer extends Container<Env> {
  override defaultPort = 8080;
  override sleepAfter = "30m";
  override envVars = environment(this.env);

  override fetch(request: Request): Promise<Response> {
    return super.fetch(withControlToken(new Request(request), this.env));
  }

  /** Heartbeats go out of the container, which counts as no activity: one whose agents run must not be put to sleep. */
  override async onActivityExpired(): Promise<void> {
    if (this.ctx.container?.running === true) {
      const response = await this.containerFetch("http://container/health").catch(() => null);
      const health = (await response?.json().catch(() => null)) as { agents?: unknown } | null | undefined;
      if (typeof health?.agents === "number" && health.agents > 0) return;
    }
    await super.onActivityExpired();
  }
}

function withControlToken(request: Request, { CONTROL_TOKEN }: Env): Request {
  if (CONTROL_TOKEN !== undefined) request.headers.set("authorization", `Bearer ${CONTROL_TOKEN}`);
  return request;
}

function environment(env: Env): Record<string, string> {
  const vars: Record<string, string> = { PORT: "8080" };
  if (env.GASTOWN_API_URL !== undefined) vars["GASTOWN_API_URL"] = env.GASTOWN_API_URL;
  if (env.CONTROL_TOKEN !== undefined) vars["CONTROL_TOKEN"] = env.CONTROL_TOKEN;
  if (env.AGENT_COMMAND !== undefined) vars["AGENT_COMMAND"] = env.AGENT_COMMAND;
  return vars;
}

/** The same where a control server runs already: a process on this machine, or a service binding in tests. */
class LocalTownContainer extends DurableObject<Env> {
  override fetch(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const url = new URL(`${pathname}${search}`, this.env.CONTAINER_URL ?? "http://container");
    const forwarded = new Request(url, request);
    // One local control server may serve several towns.
    forwarded.headers.set("x-ticktown-town", this.ctx.id.name ?? "");
    if (this.env.CONTAINER !== undefined) return this.env.CONTAINER.fetch(forwarded);
    return fetch(withControlToken(forwarded, this.env));
  }
}

const { CONTAINER_URL, CONTAINER } = boundEnv as unknown as Env;

/** Chosen once, at start-up: the Cloudflare class cannot even be constructed where there is no container runtime. */
export const TownContainer = CONTAINER_URL !== undefined || CONTAINER !== undefined ? LocalTownContainer : CloudTownContainer;
