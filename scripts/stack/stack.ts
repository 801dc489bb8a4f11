/** A whole Ticktown on this machine: the control server, and the Worker that talks to it. */
import { type ApiClient, createApiClient } from "./api-client.ts";
import { endLeftovers } from "./children.ts";
import { type Control, killAgents, startControl } from "./control.ts";
import { isKeptStopped, letGo } from "../../container/processes/stopped.ts";
import { messageOf, StackError } from "./errors.ts";
import { freePort, isFree, LOOPBACK } from "./ports.ts";
import { programFile } from "./project.ts";
import { quoted } from "./quoted.ts";
import { keepToken, openState, type State, tokenFileOf } from "./state.ts";
import { supervise } from "./supervise.ts";
import { startWorker, type Worker } from "./worker.ts";

/** A program that behaves like a coding agent, for when no other is given. */
export const DEMO_AGENT = `${quoted(process.execPath)} ${quoted(programFile("container/demo-agent"))}`;

export interface StackOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly stateDir: string;
  /** Names besides the loopback's own under which the API may be asked for, such as a proxy's; with a port or without. */
  readonly hosts?: readonly string[];
  /** A control server that runs already; null: one is started here. */
  readonly containerUrl: string | null;
  readonly agentCommand: string;
  /** Overrides of secrets are read from it; the rest is passed on to what is started. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly say: (line: string) => void;
}

export interface Stack {
  readonly url: string;
  readonly api: ApiClient;
  /** Holds the operator's token; readable by its owner only. */
  readonly tokenFile: string;
  /** The control server's folder, if it is ours. */
  readonly workDir: string;
  readonly logs: string;
  /** The process groups of what was started, as they are now. */
  readonly groups: () => number[];
  /** Resolves with what happened when the Worker cannot be kept up: without it there is nothing left to run. */
  readonly failed: Promise<StackError>;
  /** Ends everything that was started, in an order that lets agents hand their work back. May be called again. */
  readonly stop: () => Promise<void>;
}

/** What the cron trigger does on Cloudflare, and as often (wrangler.toml): a rig that lost its alarm needs somebody to wake it. */
const POKE_MS = 5 * 60_000;
/** How soon a Worker that came back is told that everything was stopped meanwhile. */
const TELL_MS = 1_000;
/** The Worker is everything: one that does not come up for so long is not waited for. */
const MOST_WORKER_FAILURES = 6;
/** Less than `arm_delay_ms`, after which who was evicted is started again: by then there is no control server that could. */
const WORKER_STOP_MS = 2_000;

/** @throws StackError saying what to do */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { environment, say } = options;
  const state = openState(options.stateDir);
  const undo: (() => Promise<void>)[] = [async () => state.unlock()];
  let stopped: Promise<void> | null = null;
  const stop = (): Promise<void> =>
    (stopped ??= (async () => {
      for (const step of undo.toReversed()) await step();
    })());

  try {
    await endLeftovers(state);
    killAgents(state.container);
    const port = await portFor(options.port);
    const url = `http://${LOOPBACK}:${port}`;
    const token = environment["TICKTOWN_OPERATOR_TOKEN"] || state.secrets.TICKTOWN_OPERATOR_TOKEN;
    keepToken(state, token);

    const groups: (() => number)[] = [];
    let workerIsUp = true;
    const control = await controlFor(state, options, url);
    if (control.ours !== null) {
      const { ours } = control;
      groups.push(ours.pid);
      undo.push(() => ours.stop({ withRig: workerIsUp }));
    }

    const variables = workerVariables(state, options, { port, url, token, controlToken: control.token });
    const launch = (): Promise<Worker> =>
      startWorker(state, {
        port,
        controlUrl: control.url,
        environment: withoutSecrets(environment),
        variables,
        say,
      });
    const first = await launch().catch((error: unknown) => {
      workerIsUp = false;
      throw error;
    });
    const worker = supervise({
      name: "the Worker",
      first: first.child,
      launch: async () => (await launch()).child,
      most_failures: MOST_WORKER_FAILURES,
      say,
    });
    // The control server is ended first, while the Worker can still take back what its agents hand over.
    undo.splice(1, 0, () => worker.stop({ grace_ms: WORKER_STOP_MS, ask: "group" }));
    groups.push(() => worker.child().pid);

    const api = createApiClient(url, token);
    const poke = setInterval(() => void api.call("POST", "/api/maintenance/poke").catch(() => {}), POKE_MS);
    poke.unref();
    undo.push(async () => clearInterval(poke));
    undo.push(await tellStops(state, api, say));
    state.announce(url);

    return {
      url,
      api,
      tokenFile: tokenFileOf(state.dir),
      workDir: state.container,
      logs: state.logs,
      groups: () => groups.map((pid) => pid()),
      failed: worker.gaveUp.then((error) => {
        workerIsUp = false;
        return error;
      }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Tells the rigs where somebody stopped everything while no Worker was there to hear of it. @returns ends that */
async function tellStops(
  { container }: State,
  api: ApiClient,
  say: (line: string) => void,
): Promise<() => Promise<void>> {
  const tell = async (): Promise<void> => {
    if (!isKeptStopped(container)) return;
    const { failed } = await api.call<{ failed: number }>("POST", "/api/stop");
    if (failed === 0) letGo(container);
  };
  await tell().catch((error: unknown) => say(`everything stays stopped: ${messageOf(error)}`));
  const look = setInterval(() => void tell().catch(() => {}), TELL_MS);
  look.unref();
  return async () => clearInterval(look);
}

async function portFor(wanted: number): Promise<number> {
  if (wanted === 0) return freePort();
  if (await isFree(wanted)) return wanted;
  throw new StackError(`port ${wanted} is taken by another program. Choose another one with --port`);
}

/** Who is told of alerts and traces, as it is set. */
const TELLS = [
  "NOTIFY_WEBHOOK_URL",
  "NOTIFY_FORMAT",
  "NOTIFY_LEAST",
  "NOTIFY_ALLOW_LOCAL",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_HEADERS",
] as const;

/** What the Worker finds in its environment (src/do/env.ts). */
function workerVariables(
  { secrets }: State,
  { environment, hosts = [] }: StackOptions,
  of: { readonly port: number; readonly url: string; readonly token: string; readonly controlToken: string | null },
): Record<string, string> {
  const told = TELLS.flatMap((name) => {
    const value = environment[name];
    return value ? [[name, value] as const] : [];
  });
  return {
    GASTOWN_API_URL: environment["GASTOWN_API_URL"] || of.url,
    ALLOWED_HOSTS: allowedHosts(of.port, hosts).join(","),
    GASTOWN_JWT_SECRET: environment["GASTOWN_JWT_SECRET"] || secrets.GASTOWN_JWT_SECRET,
    TICKTOWN_OPERATOR_TOKEN: of.token,
    ...(of.controlToken === null ? {} : { CONTROL_TOKEN: of.controlToken }),
    ...Object.fromEntries(told),
  };
}

interface ControlFor {
  readonly ours: Control | null;
  readonly url: string;
  readonly token: string | null;
}

async function controlFor(state: State, options: StackOptions, apiUrl: string): Promise<ControlFor> {
  const { containerUrl, agentCommand, environment, say } = options;
  if (containerUrl === null) {
    const given = { agentCommand, apiUrl, environment: withoutSecrets(environment), say };
    const ours = await startControl(state, given);
    return { ours, url: ours.url, token: state.secrets.CONTROL_TOKEN };
  }
  const token = environment["CONTROL_TOKEN"] || null;
  if (token === null)
    say(
      `WARNING: ${containerUrl} is spoken to without a token, so whoever reaches it can run programs there. Set CONTROL_TOKEN for it and for \`npm start\``,
    );
  return { ours: null, url: containerUrl, token };
}

/** `Host` as a browser or a program on this machine says it, and what the operator adds. */
export function allowedHosts(port: number, added: readonly string[]): string[] {
  return [...["127.0.0.1", "localhost", "[::1]"].map((name) => `${name}:${port}`), ...added];
}

/** Ours are handed over where they are needed, and nowhere else. */
function withoutSecrets(environment: StackOptions["environment"]): Record<string, string | undefined> {
  return {
    ...environment,
    GASTOWN_JWT_SECRET: undefined,
    TICKTOWN_OPERATOR_TOKEN: undefined,
    CONTROL_TOKEN: undefined,
    TICKTOWN_REPO_TOKEN: undefined,
  };
}
