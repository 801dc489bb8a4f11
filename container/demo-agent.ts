#!/usr/bin/env node
/**
 * A program that does what a coding agent does, without a model: it reads its bead, works in steps, commits, saves
 * checkpoints, asks for help, merges when it must, and reports done. Killed at any point, it resumes where it was.
 * What it can be told to do is in demo/plan.ts. It uses nothing but Node.
 */
import { messageOf } from "./log.ts";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { type Plan, parsePlan } from "./demo/plan.ts";
import { addLine, commit, git, mergeDefaultBranch, openCounters, settleTodos } from "./demo/repository.ts";
import { type Bead, type Mail, type Prime, type RigClient, createRigClient } from "./demo/rig-client.ts";

interface Checkpoint {
  readonly bead_id: string;
  /** How many steps are done. */
  readonly step: number;
  readonly help?: "asking" | "answered";
}

const HELP_WAIT_MS = 10 * 60_000;
const MAIL_POLL_MS = 2_000;
/** On SIGTERM there is a grace of seconds, not minutes. */
const LAST_CHECKPOINT_MS = 2_000;

/** Set on SIGTERM: what fails from then on fails because of it. */
let stopping = false;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const tell = (type: string, data: Record<string, unknown>): void => say(JSON.stringify({ type, ...data }));

async function main(): Promise<void> {
  const rig = createRigClient(process.env);
  const inbox = listenToStdin();
  const prime = await rig.prime();
  const bead = prime.hooked_bead;
  if (bead === null) return say("nothing on the hook");

  const plan = parsePlan(bead.body, bead.id);
  const counters = await openCounters(bead.id);
  say(`working on ${bead.id}: ${bead.title}`);
  if (counters.get("failed") < plan.fail) {
    counters.add("failed");
    throw new Error(`failing as asked, ${counters.get("failed")} of ${plan.fail}`);
  }
  if (plan.rate_limit_ms > 0 && counters.get("rate_limited") === 0) {
    counters.add("rate_limited");
    tell("exit_reason", { reason: "rate_limited", reset_at: new Date(Date.now() + plan.rate_limit_ms).toISOString() });
    process.exit(1);
  }
  let saved = savedFor(bead, prime);
  process.once("SIGTERM", () => {
    stopping = true;
    say("asked to stop: saving a checkpoint");
    void rig
      .checkpoint(saved, LAST_CHECKPOINT_MS)
      .catch((error: unknown) => say(String(error)))
      .finally(() => process.exit(143));
  });
  const save = async (next: Partial<Checkpoint>): Promise<void> => {
    saved = { ...saved, ...next };
    await rig.checkpoint(saved);
  };

  if (plan.spend > 0) await goInCircles(plan, rig);
  const isRework = needsRework(bead, prime);
  if (isRework) {
    say("reworking: taking in what was merged meanwhile");
    await mergeDefaultBranch(process.env["TICKTOWN_DEFAULT_BRANCH"] ?? "main");
    settleTodos(plan.file);
    await commit(`${bead.title}: what was left to do is done (${bead.id})`, plan.file);
  }
  if (saved.step > 0) say(`resuming at step ${saved.step + 1}`);
  const middle = Math.ceil(plan.steps / 2);
  for (let step = saved.step + 1; step <= plan.steps; step++) {
    if (step === middle && plan.help !== null && saved.help !== "answered") {
      // Saved before asking: a checkpoint afterwards would count as progress and end the wait in the rig's eyes.
      if (saved.help !== "asking") await save({ help: "asking" });
      if (counters.get("asked") === 0) {
        await rig.askForHelp(plan.help, bead.id);
        counters.add("asked");
      }
      addLine(plan.file, `answer: ${await waitForAnswer(plan.help, rig, inbox, prime)}`);
      await commit(`${bead.title}: what was answered (${bead.id})`, plan.file);
      await save({ help: "answered" });
    }
    const forgets = plan.forget && step === plan.steps && counters.get("forgot") === 0;
    if (forgets) counters.add("forgot");
    await doStep(step, plan, bead, rig, !forgets);
    if (plan.todo && !isRework && step === plan.steps) {
      addLine(plan.file, "TODO: think of the edges");
      await commit(`${bead.title}: what is left to do (${bead.id})`, plan.file);
    }
    await save({ step });
    if (plan.hang && step === 1 && counters.get("hung") === 0) {
      counters.add("hung");
      say("hanging as asked");
      await inbox.next(HELP_WAIT_MS);
    }
  }

  const branch = process.env["TICKTOWN_BRANCH"] ?? (await git("branch", "--show-current"));
  const summary = `${bead.title}: ${plan.steps} steps in ${plan.file}`;
  const came = await rig.done(branch, summary);
  if (came !== null && MENDS.has(came.code)) {
    say(`not taken: ${came.sentence}`);
    await commit(messageFor(plan.steps, plan, bead), plan.file);
    await rig.done(branch, summary);
  }
  say(`done: ${branch}`);
}

/** It asks its model the same again and again, as far as anybody can tell. */
async function goInCircles({ spend, step_ms }: Plan, rig: RigClient): Promise<never> {
  for (let turn = 1; ; turn++) {
    await sleep(step_ms);
    say(`turn ${turn}: the same again`);
    await rig.spent({ tokens: turn * 1_000, microdollars: turn * spend });
  }
}

/** Refusals that a commit mends. */
const MENDS: ReadonlySet<string> = new Set(["dirty", "no_commits"]);

const messageFor = (step: number, plan: Plan, bead: Bead): string =>
  `${bead.title}: step ${step} of ${plan.steps} (${bead.id})`;

async function doStep(step: number, plan: Plan, bead: Bead, rig: RigClient, commits: boolean): Promise<void> {
  tell("tool_start", { name: "write_file" });
  await sleep(plan.step_ms);
  addLine(plan.file, `${bead.title}: step ${step} of ${plan.steps}`);
  if (commits) await commit(messageFor(step, plan, bead), plan.file);
  tell("tool_end", { name: "write_file", step });
  await rig.event("tool_call", { tool: "write_file", file: plan.file, step, steps: plan.steps });
}

/** The file that came with the start, or what the rig has; only if it is about this bead. */
function savedFor(bead: Bead, prime: Prime): Checkpoint {
  const file = process.env["TICKTOWN_CHECKPOINT_FILE"];
  const found = [file ? (JSON.parse(readFileSync(file, "utf8")) as unknown) : null, prime.agent.checkpoint];
  const mine = found.find((saved) => (saved as Checkpoint | null)?.bead_id === bead.id) as Checkpoint | undefined;
  return mine !== undefined && Number.isInteger(mine.step) ? mine : { bead_id: bead.id, step: 0 };
}

function needsRework(bead: Bead, prime: Prime): boolean {
  const mails = prime.undelivered_mail ?? [];
  return (
    Boolean(bead.metadata["rework"] ?? bead.metadata["conflict"]) ||
    mails.some(({ subject }) => /conflict|rework/i.test(subject))
  );
}

/** From a message on stdin or a mail, whichever comes first. @throws Error when nobody answers */
async function waitForAnswer(question: string, rig: RigClient, inbox: Inbox, prime: Prime): Promise<string> {
  say(`waiting for an answer to: ${question}`);
  const early = answerIn(prime.undelivered_mail ?? []);
  if (early !== null) return early;
  const deadline = Date.now() + HELP_WAIT_MS;
  while (Date.now() < deadline) {
    const answer = (await inbox.next(MAIL_POLL_MS)) ?? answerIn(await rig.mail());
    if (answer !== null) return answer;
  }
  tell("exit_reason", { reason: `nobody answered within ${HELP_WAIT_MS / 60_000} min` });
  throw new Error(`nobody answered: ${question}`);
}

function answerIn(mails: readonly Mail[]): string | null {
  const answer = mails.find(({ subject }) => !/GUPP|conflict|rework/i.test(subject));
  return answer === undefined ? null : oneLine(answer.body);
}

interface Inbox {
  /** The next message, or null after the wait. Reminders are not messages. */
  readonly next: (wait_ms: number) => Promise<string | null>;
}

function listenToStdin(): Inbox {
  const messages: string[] = [];
  let arrived = (): void => {};
  createInterface({ input: process.stdin }).on("line", (line) => {
    const text = messageIn(line);
    if (text === null || /^\s*GUPP/i.test(text)) return;
    messages.push(oneLine(text));
    arrived();
  });
  return {
    next: async (wait_ms) => {
      if (messages.length === 0) {
        const woken = new AbortController();
        arrived = () => woken.abort();
        await sleep(wait_ms, undefined, { signal: woken.signal }).catch(() => {});
      }
      return messages.shift() ?? null;
    },
  };
}

function messageIn(line: string): string | null {
  try {
    const { type, prompt } = JSON.parse(line) as { type?: unknown; prompt?: unknown };
    return type === "message" && typeof prompt === "string" ? prompt : null;
  } catch {
    return null;
  }
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, " ");
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    if (stopping) return; // The signal went to our git as well; the handler exits when the checkpoint is saved.
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(1);
  },
);
