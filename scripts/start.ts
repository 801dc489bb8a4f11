/** `npm start`: a Ticktown on this machine, until it is told to stop. */
import path from "node:path";
import { parseArgs } from "node:util";
import type { Check } from "../src/events/gate.ts";
import type { Setup } from "../src/events/place.ts";
import { stackAgentOf } from "./stack/agent-command.ts";
import { BOXES, type BoxWanted, NETWORKS, type NetworkWanted, inBox } from "./stack/agents-box.ts";
import { kindOf } from "./stack/container-kind.ts";
import { messageOf, StackError } from "./stack/errors.ts";
import { guessedCache } from "./stack/guessed-cache.ts";
import { checksOf } from "./stack/named-checks.ts";
import { tellNews } from "./stack/news.ts";
import { inspectRepository, type Repository } from "./stack/repository.ts";
import { linkToBoard } from "./stack/link.ts";
import { quoted } from "./stack/quoted.ts";
import { askedToStop } from "./stack/signals.ts";
import { DEMO_AGENT, type Stack, type StackOptions, startStack } from "./stack/stack.ts";

const HELP = `Usage: npm start -- [options]

  --port NUMBER       where the API listens on 127.0.0.1 (8787; 0 takes a free port)
  --state DIR         where everything is kept (./.ticktown)
  --host NAME         another name under which the API may be asked for, such as a proxy's; may be given again
  --container URL     use a control server that is already running instead of starting one
                      (its token, if it has one, in the environment variable CONTROL_TOKEN)
  --repo PATH_OR_URL  create a town and a rig for this git repository, or find the rig it has
                      (a private one's token in the environment variable TICKTOWN_REPO_TOKEN)
  --target BRANCH     merge into this branch of it instead of its default branch
  --update-instead    let merges update the files of a local repository whose target is checked out
  --setup COMMAND     what a clone needs before anybody can work in it, such as "npm ci"; a setting of the rig
  --check COMMAND     what must end with 0 on the merged files before anything is pushed, such as "npm test"; may be given
                      again; a setting of the rig, in place of the checks it has
  --agent NAME        what to run as an agent: claude, codex, opencode, kilo or gemini, acp: and the command of any other
                      agent that speaks ACP, or any command, which is run by sh -c in its clone (without it a demo agent
                      without a model). A command may commit and end with 0: its work is handed in then
  --ask               a coding agent by name asks a person before it does what it would ask its user for, as to run a
                      command; without it, it asks nobody
  --messages          that command reads messages, one line of JSON each, on its stdin, which is empty otherwise
  --box WHAT          keep each agent in a box of its own: auto (the default: where bubblewrap works), bwrap (or do not start),
                      none. What its program needs beside the system: BOX_VISIBLE, or the rig's setting box_read
  --box-network WHAT  what it reaches from there: open (the default: what this machine does), or gateway: Ticktown's API, and a
                      coding agent by name its model and Ticktown's tools, and nothing else
  --help              show this

When the API answers, one line \`ready http://127.0.0.1:PORT\` is printed on stdout; all else goes to stderr.
Every request needs a token. The operator's is in the file operator-token of the state folder; the board gets one by the
link that is printed, and by those of \`npm run open\`. More tokens: npm run token.
SIGINT or SIGTERM stops everything that was started. GASTOWN_JWT_SECRET and TICKTOWN_OPERATOR_TOKEN in the environment
replace what is made up otherwise.
`;

const say = (line: string): void => void process.stderr.write(`ticktown: ${line}\n`);

interface Options {
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

/** As a client says it in its Host header. */
const HOST = /^([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:\d{1,5})?$/i;

/** npm changes to the project's folder and says here where it was called; paths are meant from there. */
const calledFrom = process.env["INIT_CWD"] ?? process.cwd();

/** @throws StackError naming the option that cannot be used */
function readOptions(args: readonly string[]): Options | "help" {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: text,
      state: text,
      host: { type: "string", multiple: true },
      container: text,
      repo: text,
      target: text,
      "update-instead": { type: "boolean" },
      agent: text,
      messages: { type: "boolean" },
      box: text,
      "box-network": text,
      ask: { type: "boolean" },
      setup: text,
      check: { type: "string", multiple: true },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return "help";
  for (const [name, value] of Object.entries(values))
    if ([value].flat().includes("")) throw new StackError(`--${name} is empty`);
  const port = Number(values.port ?? 8787);
  if (!/^\d{1,5}$/.test(values.port ?? "8787") || port > 65_535)
    throw new StackError(`--port is "${values.port}"; it must be a number from 0 to 65535`);
  if (values.container !== undefined && !/^https?:$/.test(URL.parse(values.container)?.protocol ?? ""))
    throw new StackError(`--container is "${values.container}"; it must be an http:// or https:// URL`);
  const wrong = (values.host ?? []).find((name) => !HOST.test(name));
  if (wrong !== undefined)
    throw new StackError(
      `--host is "${wrong}"; it must be a name as in a URL, with a port or without: ticktown.example:8443`,
    );
  const box = BOXES.find((one) => one === (values.box ?? "auto"));
  if (box === undefined) throw new StackError(`--box is "${values.box}"; it must be ${BOXES.join(", ")}`);
  const network = NETWORKS.find((one) => one === (values["box-network"] ?? "open"));
  if (network === undefined)
    throw new StackError(`--box-network is "${values["box-network"]}"; it must be ${NETWORKS.join(" or ")}`);
  return {
    port,
    box,
    network,
    hosts: values.host ?? [],
    stateDir: path.resolve(calledFrom, values.state ?? ".ticktown"),
    containerUrl: values.container ?? null,
    repo: values.repo ?? null,
    target: values.target ?? null,
    updateInstead: values["update-instead"] === true,
    setup: values.setup ?? null,
    checks: values.check ?? [],
    agent: values.agent ?? null,
    messages: values.messages === true,
    asks: values.ask === true,
  };
}

async function main(): Promise<number> {
  let options: Options | "help";
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    say(`${messageOf(error)}\nTry: npm start -- --help`);
    return 2;
  }
  if (options === "help") {
    process.stdout.write(HELP);
    return 0;
  }
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
      : await inspectRepository(options.repo, calledFrom, { ...options, token: process.env["TICKTOWN_REPO_TOKEN"] });
  if (repository !== null && repository.caution !== null) say(repository.caution);
  const agent = await inBox(options, agentOf(options), options.containerUrl === null ? say : () => {});
  const stack = await startStack({ ...options, ...agent, say });
  isUp = true;
  try {
    if (repository !== null) await introduce(stack, repository, options);
    const link = await linkToBoard(stack).catch(
      (error: unknown) => `${stack.url} (without a code: ${messageOf(error)})`,
    );
    say(`the board; this link is good once and for five minutes, \`npm run open\` makes another:\n  ${link}`);
    say(`state in ${options.stateDir}, logs in ${stack.logs}`);
    process.stdout.write(`ready ${stack.url}\n`);
    const end = await Promise.race([asked, stack.failed]);
    if (end instanceof Error) throw end;
    say(`${end}: stopping`);
  } finally {
    await stack.stop();
  }
  return 0;
}

/** @throws StackError when what is named is not there */
function agentOf({ agent, messages, asks }: Options): Pick<StackOptions, "agentCommand" | "environment"> {
  if (agent === null) return { agentCommand: DEMO_AGENT, environment: process.env };
  return stackAgentOf(agent, calledFrom, process.env, { messages, asks, say });
}

async function introduce(
  stack: Stack,
  repository: Repository,
  { agent, containerUrl, setup, checks }: Options,
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
    `sling the first bead:\n  curl -H "Authorization: Bearer $(cat ${quoted(stack.tokenFile)})" -H 'content-type: application/json' ${stack.url}/api/rigs/${rig.id}/sling -d '{"title":"Say hello","body":"Write a greeting into HELLO.md"}'`,
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

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(
      error instanceof StackError
        ? error.message
        : error instanceof Error
          ? (error.stack ?? error.message)
          : String(error),
    );
    process.exit(1);
  },
);
