/** A whole Ticktown on this machine: the control server, and the Worker that talks to it. */
import path from "node:path";
import { type ApiClient, createApiClient } from "./api-client.ts";
import { endLeftovers } from "./children.ts";
import { killAgents, startControl } from "./control.ts";
import { StackError } from "./errors.ts";
import { freePort, isFree, LOOPBACK } from "./ports.ts";
import { PROJECT } from "./project.ts";
import { openState } from "./state.ts";
import { startWorker } from "./worker.ts";

/** A program that behaves like a coding agent, for when no other is given. */
export const DEMO_AGENT = `${quoted(process.execPath)} ${quoted(path.join(PROJECT, "container", "demo-agent.ts"))}`;

export interface StackOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly stateDir: string;
  /** A control server that runs already; null: one is started here. */
  readonly containerUrl: string | null;
  readonly agentCommand: string;
  /** Overrides of ENVIRONMENT and of secrets are read from it; the rest is passed on to what is started. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly say: (line: string) => void;
}

export interface Stack {
  readonly url: string;
  readonly api: ApiClient;
  /** Where the control server is, and the token it wants. */
  readonly control: { readonly url: string; readonly token: string | null };
  /** The control server's folder, if it is ours. */
  readonly workDir: string;
  readonly logs: string;
  /** The process groups of what was started, as they are now. */
  readonly groups: () => number[];
  /** Resolves with what happened when the Worker ends by itself: without it there is nothing left to run. */
  readonly failed: Promise<StackError>;
  /** Ends everything that was started, in an order that lets agents hand their work back. May be called again. */
  readonly stop: () => Promise<void>;
}

/** `wrangler dev` has no cron; a rig that lost its alarm while asleep needs somebody to poke it (wrangler.toml: every 5 min). */
const CRON_MS = 5 * 60_000;

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
    if (options.port !== 0 && !(await isFree(options.port))) {
      throw new StackError(`port ${options.port} is taken by another program. Choose another one with --port`);
    }
    const port = options.port === 0 ? await freePort() : options.port;
    const url = `http://${LOOPBACK}:${port}`;
    const given = (name: keyof typeof state.secrets): string => environment[name] || state.secrets[name];

    const groups: (() => number)[] = [];
    let control: { url: string; token: string | null };
    let workerIsUp = true;
    if (options.containerUrl === null) {
      const ours = await startControl(state, { agentCommand: options.agentCommand, apiUrl: url, environment: withoutSecrets(environment), say });
      groups.push(ours.pid);
      undo.push(() => ours.stop({ withRig: workerIsUp }));
      control = { url: ours.url, token: state.secrets.CONTROL_TOKEN };
    } else {
      control = { url: options.containerUrl, token: environment["CONTROL_TOKEN"] || null };
    }

    const operatorToken = given("TICKTOWN_OPERATOR_TOKEN");
    const worker = await startWorker(state, {
      port,
      environment: withoutSecrets(environment),
      variables: {
        ENVIRONMENT: environment["ENVIRONMENT"] || "development",
        GASTOWN_API_URL: environment["GASTOWN_API_URL"] || url,
        CONTAINER_URL: control.url,
        GASTOWN_JWT_SECRET: given("GASTOWN_JWT_SECRET"),
        TICKTOWN_OPERATOR_TOKEN: operatorToken,
        ...(control.token === null ? {} : { CONTROL_TOKEN: control.token }),
        ...(environment["NOTIFY_WEBHOOK_URL"] ? { NOTIFY_WEBHOOK_URL: environment["NOTIFY_WEBHOOK_URL"] } : {}),
      },
    }).catch((error: unknown) => {
      workerIsUp = false;
      throw error;
    });
    // The control server is ended first, while the Worker can still take back what its agents hand over.
    undo.splice(1, 0, worker.stop);
    groups.push(() => worker.pid);

    const cron = setInterval(() => void fetch(`${url}/cdn-cgi/local/scheduled`).then((response) => response.body?.cancel()).catch(() => {}), CRON_MS);
    cron.unref();
    undo.push(async () => clearInterval(cron));

    return {
      url,
      api: createApiClient(url, operatorToken),
      control,
      workDir: state.container,
      logs: state.logs,
      groups: () => groups.map((pid) => pid()),
      failed: worker.exited.then((how) => {
        workerIsUp = false;
        return new StackError(`the Worker ${how}, so everything else is stopped too. The end of ${path.join(state.logs, "worker.log")}:\n${worker.tail(20)}`);
      }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Ours are handed over where they are needed, and nowhere else. */
function withoutSecrets(environment: StackOptions["environment"]): Record<string, string | undefined> {
  return { ...environment, GASTOWN_JWT_SECRET: undefined, TICKTOWN_OPERATOR_TOKEN: undefined, CONTROL_TOKEN: undefined };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
