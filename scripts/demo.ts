/** `npm run demo`: a real repository, real processes, real accidents; ends by itself and checks what it showed. */
import { mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { groupMembers } from "../container/processes/groups.ts";
import type { BeadEvent } from "./stack/api-client.ts";
import { gatherEvidence } from "./stack/demo/checks.ts";
import { makeRepository } from "./stack/demo/repository.ts";
import { createScreen } from "./stack/demo/screen.ts";
import { ACCIDENT, BEADS } from "./stack/demo/script.ts";
import { tellStory, type Told } from "./stack/demo/story.ts";
import { summary } from "./verify/print.ts";
import { messageOf, StackError } from "./stack/errors.ts";
import { askedToStop } from "./stack/signals.ts";
import { DEMO_AGENT, type Stack, startStack } from "./stack/stack.ts";

const startedAt = Date.now();
const print = (text: string): void => void process.stdout.write(`${text}\n`);
const seconds = (): string => ((Date.now() - startedAt) / 1000).toFixed(1);

async function run(dir: string): Promise<void> {
  const screen = createScreen(process.stdout, startedAt);
  const repository = makeRepository(dir);
  let stack: Stack | null = null;
  let told: Told | null = null;
  let groups: number[] = [];
  try {
    print("starting a control server and a Worker on free ports");
    stack = await startStack({
      port: 0,
      stateDir: path.join(dir, "state"),
      containerUrl: null,
      agentCommand: DEMO_AGENT,
      environment: process.env,
      say: (line) => screen.tell(line),
    });
    groups = stack.groups();
    const { rig } = await stack.api.rigFor({ name: "demo", gitUrl: repository.origin, defaultBranch: "main" });
    screen.tell(`Ticktown answers at ${stack.url}; rig ${rig.id}`);
    const failed = stack.failed.then((error) => Promise.reject(error));
    failed.catch(() => {}); // Also when it comes after the story.
    told = await Promise.race([tellStory(stack, rig, screen), failed]);
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
    for (const { says, wrong } of checks)
      print(`${wrong === null ? "ok    " : "WRONG "}${says}${wrong === null ? "" : `: ${wrong}`}`);
    print(`\nverify: ${summary(verified)}`);
    const wrong = checks.filter((check) => check.wrong !== null).length;
    if (wrong > 0) throw new StackError(`${wrong} of ${checks.length} checks failed`);
  } finally {
    screen.end();
    await stack?.stop();
  }
  const left = [...groups, ...told.groups].filter((group) => groupMembers(group).length > 0);
  print(`${left.length === 0 ? "ok    " : "WRONG "}nothing is left running`);
  if (left.length > 0) throw new StackError(`these process groups are still there: ${left.join(", ")}`);
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
