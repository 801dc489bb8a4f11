/**
 * `npm run demo`: a real repository, real processes, real accidents; ends by itself and checks what it showed. With `-- --agent NAME_OR_COMMAND`,
 * as for `npm start`, three small pieces of work are done by the agent that the reader has.
 */
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { groupMembers } from "../container/processes/groups.ts";
import type { BeadEvent, RigInfo } from "./stack/api-client.ts";
import { type Check, gatherEvidence } from "./stack/demo/checks.ts";
import { type DemoRepository, makeRepository } from "./stack/demo/repository.ts";
import { type Screen, createScreen } from "./stack/demo/screen.ts";
import { boxLine } from "./stack/demo/box.ts";
import { checkOwn, workWithOwn } from "./stack/demo/own-agent.ts";
import { ACCIDENT, BEADS } from "./stack/demo/script.ts";
import { tellStory } from "./stack/demo/story.ts";
import { summary } from "./verify/print.ts";
import { stackAgentOf } from "./stack/agent-command.ts";
import { inBox } from "./stack/agents-box.ts";
import { messageOf, StackError } from "./stack/errors.ts";
import { askedToStop } from "./stack/signals.ts";
import { DEMO_AGENT, type Stack, startStack } from "./stack/stack.ts";

const startedAt = Date.now();
const print = (text: string): void => void process.stdout.write(`${text}\n`);
const seconds = (): string => ((Date.now() - startedAt) / 1000).toFixed(1);

/** npm changes to the project's folder and says here where it was called. */
const calledFrom = process.env["INIT_CWD"] ?? process.cwd();

/** @returns the agent as it was typed; null: the demo's own, without a model @throws Error naming the option that is not known */
function agentTyped(): string | null {
  const { values } = parseArgs({ options: { agent: { type: "string" } } });
  return values.agent ?? null;
}

async function run(dir: string): Promise<void> {
  const screen = createScreen(process.stdout, startedAt);
  const typed = agentTyped();
  const say = (line: string): void => screen.tell(line);
  const agent =
    typed === null
      ? { agentCommand: DEMO_AGENT, environment: process.env }
      : await stackAgentOf(typed, calledFrom, process.env, { messages: false, asks: false, say });
  const boxed = await inBox({ box: "auto", network: "open" }, agent, say);
  const repository = makeRepository(dir);
  let stack: Stack | null = null;
  let seen: ReadonlySet<number> = new Set();
  let groups: number[] = [];
  try {
    print("starting a control server and a Worker on free ports");
    stack = await startStack({ port: 0, stateDir: path.join(dir, "state"), containerUrl: null, ...boxed, say });
    groups = stack.groups();
    const { rig } = await stack.api.rigFor({ name: "demo", gitUrl: repository.origin, defaultBranch: "main" });
    screen.tell(`Ticktown answers at ${stack.url}; rig ${rig.id}`);
    const failed = stack.failed.then((error) => Promise.reject(error));
    failed.catch(() => {}); // Also when it comes after the story.
    seen = await Promise.race([
      typed === null ? showStory(stack, rig, repository, screen) : showOwn(stack, rig, repository, screen),
      failed,
    ]);
  } finally {
    screen.end();
    await stack?.stop();
  }
  const left = [...groups, ...seen].filter((group) => groupMembers(group).length > 0);
  print(`${left.length === 0 ? "ok    " : "WRONG "}nothing is left running`);
  if (left.length > 0) throw new StackError(`these process groups are still there: ${left.join(", ")}`);
}

/** The story that the demo tells with its own agent. @returns every process group of an agent that was seen */
async function showStory(
  stack: Stack,
  rig: RigInfo,
  repository: DemoRepository,
  screen: Screen,
): Promise<ReadonlySet<number>> {
  const told = await tellStory(stack, rig, screen);
  screen.end();

  const { replayed, timelines, verified, checks } = await gatherEvidence(stack.api, rig.id, repository, told);
  print(
    `\n$ git log --graph --oneline main\n${shortIds(repository.git("log", "--graph", "--oneline", "main").trimEnd())}`,
  );
  print(`\nThe life of "${BEADS.find(({ key }) => key === ACCIDENT.key)?.title}", from the journal:`);
  for (const event of timelines.get(ACCIDENT.key) ?? []) print(shortIds(timelineLine(event)));
  const red = BEADS.find(({ todo }) => todo);
  print(`\nAnd of "${red?.title}", whose work was red:`);
  for (const event of timelines.get(red?.key ?? "") ?? []) print(shortIds(timelineLine(event)));
  print(
    `\nReplay of the journal: ${replayed.facts} facts and ${replayed.effects} effects, ${replayed.divergence === null ? "zero divergence" : "DIVERGED"}\n`,
  );
  judge(checks);
  print(`\n${boxLine(repository)}`);
  print(`verify: ${summary(verified)}`);
  return told.groups;
}

/** The same with somebody else's agent. */
async function showOwn(
  stack: Stack,
  rig: RigInfo,
  repository: DemoRepository,
  screen: Screen,
): Promise<ReadonlySet<number>> {
  const ids = await workWithOwn(stack, rig, screen);
  screen.end();
  print(
    `\n$ git log --graph --oneline main\n${shortIds(repository.git("log", "--graph", "--oneline", "main").trimEnd())}\n`,
  );
  judge(await checkOwn(stack, rig, repository, ids));
  print(`\n${boxLine(repository)}`);
  return new Set();
}

/** @throws StackError when one of them is wrong */
function judge(checks: readonly Check[]): void {
  for (const { says, wrong } of checks)
    print(`${wrong === null ? "ok    " : "WRONG "}${says}${wrong === null ? "" : `: ${wrong}`}`);
  const wrong = checks.filter((check) => check.wrong !== null).length;
  if (wrong > 0) throw new StackError(`${wrong} of ${checks.length} checks failed`);
}

function timelineLine({ created_at, event_type, old_value, new_value, metadata }: BeadEvent): string {
  const detail = ["hand_in", "reason", "sentence", "branch", "status"].flatMap((name) =>
    typeof metadata[name] === "string" ? [`${name} ${metadata[name]}`] : [],
  );
  const change = [old_value, new_value].filter((value) => value !== null).join(" -> ");
  return `  ${created_at.slice(11, 23)}  ${event_type.padEnd(16)}  ${[change, ...detail].filter((text) => text !== "").join(", ")}`;
}

/** Enough of an id to tell it from the others here. */
function shortIds(text: string): string {
  return text.replaceAll(/\b(bead|agent)-([0-9a-f]{8})-[0-9a-f-]{27}/g, "$1-$2");
}

/** The end of every log, which usually says why. */
function tails(logs: string): string {
  try {
    return readdirSync(logs)
      .filter((name) => name.endsWith(".log"))
      .map(
        (name) =>
          `--- ${name}\n${readFileSync(path.join(logs, name), "utf8").trimEnd().split("\n").slice(-15).join("\n")}`,
      )
      .join("\n");
  } catch {
    return "There are no logs yet.";
  }
}

const dir = realpathSync(mkdtempSync(path.join(tmpdir(), "ticktown-demo-")));
const asked = askedToStop().then((signal) => {
  throw new StackError(`${signal}: stopped before the end`);
});
try {
  await Promise.race([run(dir), asked]);
  rmSync(dir, { recursive: true, force: true });
  print(`\nThe demo took ${seconds()} s.`);
  process.exit(0);
} catch (error) {
  print(
    `\nThe demo failed after ${seconds()} s: ${error instanceof StackError ? error.message : error instanceof Error ? (error.stack ?? error.message) : messageOf(error)}`,
  );
  print(tails(path.join(dir, "state", "logs")));
  print(`Everything is kept in ${dir}`);
  process.exit(1);
}
