/** `ticktown up` and `npm start`: a Ticktown on this machine, until it is told to stop. */
import path from "node:path";
import type { Check } from "../../src/events/gate.ts";
import type { Setup } from "../../src/events/place.ts";
import { type HasFile } from "./agent-try.ts";
import { stackAgentOf } from "./agent-command.ts";
import { BOXES, type BoxWanted, NETWORKS, type NetworkWanted, inBox } from "./agents-box.ts";
import { kindOf } from "./container-kind.ts";
import { lackingFor } from "./doctor.ts";
import { withLogins } from "./login.ts";
import { messageOf, StackError } from "./errors.ts";
import { guessedCache } from "./guessed-cache.ts";
import { checksOf } from "./named-checks.ts";
import { tellNews } from "./news.ts";
import { hasFileOf, inspectRepository, type Repository } from "./repository.ts";
import { linkToBoard } from "./link.ts";
import { called } from "./project.ts";
import { quoted } from "./quoted.ts";
import { askedToStop } from "./signals.ts";
import { DEMO_AGENT, type Stack, type StackOptions, startStack } from "./stack.ts";

const say = (line: string): void => void process.stderr.write(`ticktown: ${line}\n`);

export interface ServeOptions {
  /** The folder from which paths are meant. */
  readonly from: string;
  readonly port: number;
  readonly stateDir: string;
  readonly hosts: readonly string[];
  readonly containerUrl: string | null;
  readonly repo: string | null;
  readonly target: string | null;
  readonly updateInstead: boolean;
  readonly setup: string | null;
  /** Empty: those that the rig has. */
  readonly checks: readonly string[];
  readonly agent: string | null;
  readonly messages: boolean;
  /** A coding agent asks for permission. */
  readonly asks: boolean;
  readonly box: BoxWanted;
  readonly network: NetworkWanted;
}

/** As they were typed. */
export interface Typed {
  readonly port?: string | undefined;
  readonly state?: string | undefined;
  readonly host: readonly string[];
  readonly container?: string | undefined;
  readonly repo?: string | undefined;
  readonly target?: string | undefined;
  readonly updateInstead: boolean;
  readonly setup?: string | undefined;
  readonly check: readonly string[];
  readonly agent?: string | undefined;
  readonly messages: boolean;
  readonly ask: boolean;
  readonly box?: string | undefined;
  readonly boxNetwork?: string | undefined;
}

/** As a client says it in its Host header. */
const HOST = /^([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:\d{1,5})?$/i;

/**
 * @param from the folder in which it was typed
 * @throws StackError naming the option that cannot be used
 */
export function serveOptionsOf(typed: Typed, from: string): ServeOptions {
  for (const [name, value] of Object.entries(typed))
    if ([value].flat().includes("")) throw new StackError(`--${name} is empty`);
  const port = Number(typed.port ?? 8787);
  if (!/^\d{1,5}$/.test(typed.port ?? "8787") || port > 65_535)
    throw new StackError(`--port is "${typed.port}"; it must be a number from 0 to 65535`);
  if (typed.container !== undefined && !/^https?:$/.test(URL.parse(typed.container)?.protocol ?? ""))
    throw new StackError(`--container is "${typed.container}"; it must be an http:// or https:// URL`);
  const wrong = typed.host.find((name) => !HOST.test(name));
  if (wrong !== undefined)
    throw new StackError(
      `--host is "${wrong}"; it must be a name as in a URL, with a port or without: ticktown.example:8443`,
    );
  const box = BOXES.find((one) => one === (typed.box ?? "auto"));
  if (box === undefined) throw new StackError(`--box is "${typed.box}"; it must be ${BOXES.join(", ")}`);
  const network = NETWORKS.find((one) => one === (typed.boxNetwork ?? "open"));
  if (network === undefined)
    throw new StackError(`--box-network is "${typed.boxNetwork}"; it must be ${NETWORKS.join(" or ")}`);
  return {
    port,
    box,
    network,
    from,
    hosts: typed.host,
    stateDir: path.resolve(from, typed.state ?? ".ticktown"),
    containerUrl: typed.container ?? null,
    repo: typed.repo ?? null,
    target: typed.target ?? null,
    updateInstead: typed.updateInstead,
    setup: typed.setup ?? null,
    checks: typed.check,
    agent: typed.agent ?? null,
    messages: typed.messages,
    asks: typed.ask,
  };
}

/**
 * Prints one line `ready URL` on stdout when the API answers, and returns when it was told to stop and everything has ended.
 * @throws StackError saying what to do
 */
export async function serve(options: ServeOptions): Promise<void> {
  if (options.containerUrl !== null && options.agent !== null)
    say("--agent is not used: the control server at --container has its own AGENT_COMMAND");

  // What is half started has nothing to hand back, and ends with this process.
  const asked = askedToStop();
  let isUp = false;
  void asked.then((signal) => {
    if (isUp) return;
    say(`${signal} before it was up: stopping`);
    process.exit(0);
  });
  if (options.containerUrl !== null) {
    const { says } = await kindOf(options.containerUrl, process.env["CONTROL_TOKEN"] || null);
    say(`the control server at ${options.containerUrl}: ${says}`);
  }
  const repository =
    options.repo === null
      ? null
      : await inspectRepository(options.repo, options.from, { ...options, token: process.env["TICKTOWN_REPO_TOKEN"] });
  if (repository !== null && repository.caution !== null) say(repository.caution);
  const agent = await inBox(
    options,
    await agentOf(options, repository),
    options.containerUrl === null ? say : () => {},
  );
  const stack = await startStack({ ...options, ...agent, say });
  isUp = true;
  try {
    if (repository !== null) await introduce(stack, repository, options);
    const link = await linkToBoard(stack).catch(
      (error: unknown) => `${stack.url} (without a code: ${messageOf(error)})`,
    );
    say(
      `the board; this link is good once and for five minutes, \`${called("open", options.stateDir)}\` makes another:\n  ${link}`,
    );
    say(`state in ${options.stateDir}, logs in ${stack.logs}`);
    process.stdout.write(`ready ${stack.url}\n`);
    const end = await Promise.race([asked, stack.failed]);
    if (end instanceof Error) throw end;
    say(`${end}: stopping`);
  } finally {
    await stack.stop();
  }
}

/** @throws StackError when what is named is not there */
async function agentOf(
  { agent, messages, asks, from, stateDir, containerUrl }: ServeOptions,
  repository: Repository | null,
): Promise<Pick<StackOptions, "agentCommand" | "environment">> {
  if (containerUrl === null) for (const line of lackingFor(process.env)) say(line);
  if (agent === null || containerUrl !== null) return { agentCommand: DEMO_AGENT, environment: process.env };
  const hasFile: HasFile = (file) => (repository === null ? "no" : hasFileOf(repository, file));
  return stackAgentOf(agent, from, withLogins(process.env, stateDir), { messages, asks, say, hasFile });
}

async function introduce(
  stack: Stack,
  repository: Repository,
  { agent, containerUrl, setup, checks, stateDir }: ServeOptions,
): Promise<void> {
  const { rig, isNew } = await stack.api.rigFor(repository);
  // A token that was made anew is meant to be used.
  if (!isNew && Object.keys(repository.secrets).length > 0) {
    await stack.api.call("PUT", `/api/rigs/${rig.id}/secrets`, { GIT_USERNAME: null, ...repository.secrets });
    say(`the rig's ${Object.keys(repository.secrets).join(" and ")} are those that were given now`);
  }
  say(
    `rig ${rig.id} ${isNew ? "is new" : "was here already"}: ${rig.git_url}, work is merged into ${rig.default_branch}`,
  );
  if (rig.default_branch !== repository.defaultBranch)
    say(
      `the branch to merge into would be ${repository.defaultBranch} now; this rig goes on with ${rig.default_branch}`,
    );
  if (repository.warning !== null) say(repository.warning);
  void tellNews(stack.api, rig.id, say);
  if (setup !== null) await setSetup(stack, rig.id, setup);
  if (checks.length > 0) await setChecks(stack, rig.id, checks);
  if (agent === null && containerUrl === null)
    say("agents are the demo agent, which only writes lines into work/; give your own with --agent");
  say(
    `sling the first bead:\n  ${called(`sling "Say hello" --body "Write a greeting into HELLO.md"`, stateDir)}\nor, as any program would:\n  curl -H "Authorization: Bearer $(cat ${quoted(stack.tokenFile)})" -H 'content-type: application/json' ${stack.url}/api/rigs/${rig.id}/sling -d '{"title":"Say hello","body":"Write a greeting into HELLO.md"}'`,
  );
}

/** What is cached, and how long it may take, stays as it was set. */
async function setSetup({ api, url }: Stack, rigId: string, command: string): Promise<void> {
  const to = `/api/rigs/${rigId}/settings`;
  const { setup } = await api.call<{ setup: Setup | null }>("GET", to);
  await api.call("PUT", to, { setup: { ...guessedCache(command), ...setup, command } });
  say(`setup of each clone: ${command} (more of it: PUT ${url}${to})`);
}

/** How long one may take, and what it must print, stays as it was set. */
async function setChecks({ api, url }: Stack, rigId: string, commands: readonly string[]): Promise<void> {
  const to = `/api/rigs/${rigId}/settings`;
  const before = (await api.call<{ checks: readonly Check[] | null }>("GET", to)).checks ?? [];
  const checks = checksOf([...new Set(commands)], before);
  await api.call("PUT", to, { checks });
  const names = checks.map(({ name }) => name).join(", ");
  say(`nothing is pushed to the target before this is green on it: ${names} (more of it: PUT ${url}${to})`);
}
