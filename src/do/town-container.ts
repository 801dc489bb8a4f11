import { Container } from "@cloudflare/containers";
import { DurableObject, env as boundEnv } from "cloudflare:workers";
import { containerEnvironment, controlTokenOf, withControlToken } from "./control-token.ts";
import type { Env } from "./env.ts";

/** The town's container in production: one Cloudflare container per town, started by the first call to it. */
class CloudTownContainer extends Container<Env> {
  override defaultPort = 8080;
  override sleepAfter = "30m";
  #token: string | null = null;

  constructor(...given: ConstructorParameters<typeof Container<Env>>) {
    super(...given);
    // Nothing is asked of the container, which would start it, before its environment is known.
    void this.ctx.blockConcurrencyWhile(async () => {
      this.#token = await controlTokenOf(this.env);
      this.envVars = containerEnvironment(this.env, this.#token);
    });
  }

  override fetch(request: Request): Promise<Response> {
    return super.fetch(withControlToken(new Request(request), this.#token));
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

/** The same where a control server runs already: a process on this machine, by its URL or by a service binding. */
class LocalTownContainer extends DurableObject<Env> {
  override fetch(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const url = new URL(`${pathname}${search}`, this.env.CONTAINER_URL ?? "http://container");
    const forwarded = new Request(url, request);
    // One local control server may serve several towns.
    forwarded.headers.set("x-ticktown-town", this.ctx.id.name ?? "");
    const authorized = withControlToken(forwarded, this.env.CONTROL_TOKEN);
    return this.env.CONTAINER === undefined ? fetch(authorized) : this.env.CONTAINER.fetch(authorized);
  }
}

const { CONTAINER_URL, CONTAINER } = boundEnv as unknown as Env;

/** Chosen once, at start-up: the Cloudflare class cannot even be constructed where there is no container runtime. */
export const TownContainer =
  CONTAINER_URL !== undefined || CONTAINER !== undefined ? LocalTownContainer : CloudTownContainer;
