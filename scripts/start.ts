/** `npm start`: a Ticktown on this machine, until it is told to stop. */
import path from "node:path";
import { parseArgs } from "node:util";
import type { ApiClient } from "./stack/api-client.ts";
import { messageOf, StackError } from "./stack/errors.ts";
import { inspectRepository, type Repository } from "./stack/repository.ts";
import { askedToStop } from "./stack/signals.ts";
import { DEMO_AGENT, startStack } from "./stack/stack.ts";

const HELP = `Usage: npm start -- [options]

  --port NUMBER       where the API listens on 127.0.0.1 (8787; 0 takes a free port)
  --state DIR         where everything is kept (./.ticktown)
  --container URL     use a control server that is already running instead of starting one
                      (its token, if it has one, in the environment variable CONTROL_TOKEN)
  --repo PATH_OR_URL  create a town and a rig for this git repository, or find the rig it has
  --agent COMMAND     what to run as an agent, by sh -c in its worktree (a demo agent without a model)
  --help              show this

When the API answers, one line \`ready http://127.0.0.1:PORT\` is printed on stdout; all else goes to stderr.
SIGINT or SIGTERM stops everything that was started. GASTOWN_JWT_SECRET, TICKTOWN_OPERATOR_TOKEN and ENVIRONMENT
in the environment replace what is made up otherwise.
`;

const say = (line: string): void => void process.stderr.write(`ticktown: ${line}\n`);

interface Options {
  readonly port: number;
  readonly stateDir: string;
  readonly containerUrl: string | null;
  readonly repo: string | null;
  readonly agentCommand: string | null;
}

/** npm changes to the project's folder and says here where it was called; paths are meant from there. */
const calledFrom = process.env["INIT_CWD"] ?? process.cwd();

/** @throws StackError naming the option that cannot be used */
function readOptions(args: readonly string[]): Options | "help" {
  const text = { type: "string" } as const;
  const { values } = parseArgs({ args: [...args], options: { port: text, state: text, container: text, repo: text, agent: text, help: { type: "boolean", short: "h" } } });
  if (values.help === true) return "help";
  for (const [name, value] of Object.entries(values)) if (value === "") throw new StackError(`--${name} is empty`);
  const port = Number(values.port ?? 8787);
  if (!/^\d{1,5}$/.test(values.port ?? "8787") || port > 65_535) throw new StackError(`--port is "${values.port}"; it must be a number from 0 to 65535`);
  if (values.container !== undefined && !/^https?:$/.test(URL.parse(values.container)?.protocol ?? "")) throw new StackError(`--container is "${values.container}"; it must be an http:// or https:// URL`);
  return {
    port,
    stateDir: path.resolve(calledFrom, values.state ?? ".ticktown"),
    containerUrl: values.container ?? null,
    repo: values.repo ?? null,
    agentCommand: values.agent ?? null,
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
  if (options.containerUrl !== null && options.agentCommand !== null) say("--agent is not used: the control server at --container has its own AGENT_COMMAND");

  // What is half started has nothing to hand back, and ends with this process.
  const asked = askedToStop();
  let isUp = false;
  void asked.then((signal) => {
    if (isUp) return;
    say(`${signal} before it was up: stopping`);
    process.exit(0);
  });
  const repository = options.repo === null ? null : await inspectRepository(options.repo, calledFrom);
  const stack = await startStack({ ...options, agentCommand: options.agentCommand ?? DEMO_AGENT, environment: process.env, say });
  isUp = true;
  try {
    if (repository !== null) await introduce(stack.api, repository, stack.url, options);
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

async function introduce(api: ApiClient, repository: Repository, url: string, { agentCommand, containerUrl }: Options): Promise<void> {
  const { rig, isNew } = await api.rigFor(repository);
  say(`rig ${rig.id} ${isNew ? "is new" : "was here already"}: ${rig.git_url}, work is merged into ${rig.default_branch}`);
  if (rig.default_branch !== repository.defaultBranch) say(`the repository's HEAD is on ${repository.defaultBranch} now; this rig goes on with ${rig.default_branch}`);
  if (repository.warning !== null) say(repository.warning);
  if (agentCommand === null && containerUrl === null) say("agents are the demo agent, which only writes lines into work/; give your own with --agent");
  const token = (process.env["ENVIRONMENT"] ?? "development") === "development" ? "" : ` -H "Authorization: Bearer $TICKTOWN_OPERATOR_TOKEN"`;
  say(`sling the first bead:\n  curl${token} -H 'content-type: application/json' ${url}/api/rigs/${rig.id}/sling -d '{"title":"Say hello","body":"Write a greeting into HELLO.md"}'`);
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    say(error instanceof StackError ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exit(1);
  },
);
