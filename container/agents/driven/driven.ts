/** A coding agent that is spoken with: its home, its door, its process, and another process where its old conversation is lost. */
import { randomUUID } from "node:crypto";
import path from "node:path";
import type { StartAgentRequest } from "../../../src/wire/container.ts";
import type { OpenBox } from "../../box/agent-box.ts";
import type { Config } from "../../config.ts";
import { agentFoldersOf, foldersOf } from "../../git/layout.ts";
import { messageOf } from "../../log.ts";
import { type Redact, redacted, redactorOf } from "../../redact.ts";
import { Refusal } from "../../refusal.ts";
import type { Callbacks } from "../../reports/callbacks.ts";
import type { AgentDoor } from "../door/door.ts";
import type { ConversationEnd } from "../drivers/conversation.ts";
import { askedToEnd } from "../ending.ts";
import type { EventRing } from "../output.ts";
import { type Run, noteLine } from "../run.ts";
import { environmentFor, hasOwnKey } from "../runtimes/environment.ts";
import { prepareHome } from "../runtimes/home.ts";
import { loginHomeOf } from "../runtimes/logins.ts";
import type { Runtime, RuntimePlan } from "../runtimes/runtime.ts";
import { type AgentProcess, type Exit, spawnAgent } from "../supervisor.ts";
import type { Workspace } from "../workspace.ts";
import { type OpenDoor, openDoor } from "./door.ts";
import { type Over, type Talk, talkWith } from "./talk.ts";

export interface DrivenOptions {
  readonly config: Config;
  readonly callbacks: Callbacks;
  readonly door: AgentDoor;
  readonly request: StartAgentRequest;
  readonly run: Run;
  readonly workspace: Workspace;
  /** Where its processes run. */
  readonly room: OpenBox;
  readonly runtime: Runtime;
  readonly ring: EventRing;
  /** What a plain command would get, with the prompts in it. */
  readonly env: Readonly<Record<string, string>>;
  /** The mark of one process. */
  readonly newMark: () => string;
  /** There is a process, the first one or one in its place. */
  readonly onProcess: (process: AgentProcess) => void;
  /** Session or waiting are others than before. */
  readonly onChange: () => void;
}

export interface DrivenExit {
  readonly exit: Exit;
  /** null: its work is handed in. */
  readonly end: ConversationEnd | null;
}

/** Resolves once there is a process. @throws Refusal spawn_failed, home_failed, door_unavailable */
export async function startDriven(options: DrivenOptions): Promise<{ readonly gone: Promise<DrivenExit> }> {
  const { request, runtime, ring, run, workspace } = options;
  const opened = await openDoor({
    door: options.door,
    request,
    run,
    reachedAt: options.room.doorUrl,
    hostEnv: options.config.hostEnv,
    redact: workspace.redact,
    tell: (type, data) => ring.append(type, redacted(data, workspace.redact)),
  });
  const { close } = opened;
  const old = request.session?.driver === runtime.name ? request.session.id : null;
  try {
    const first = await startOnce(options, opened, old);
    return { gone: untilOver(options, opened, first).finally(close) };
  } catch (error) {
    close();
    throw error;
  }
}

interface Started {
  readonly gone: Promise<Exit>;
  readonly over: Promise<Over>;
}

/** An old conversation that cannot be gone on in is replaced once, by a new one in a new process. */
async function untilOver(options: DrivenOptions, opened: OpenDoor, first: Started): Promise<DrivenExit> {
  const exit = await first.gone;
  const { end, lost } = await first.over;
  if (!lost || askedToEnd(options.run) !== null) return { exit, end };
  options.ring.append("session_lost", { says: "a new conversation is begun" });
  try {
    const second = await startOnce(options, opened, null);
    return { exit: await second.gone, end: (await second.over).end };
  } catch (error) {
    return { exit, end: { kind: "crashed", until: null, says: messageOf(error) } };
  }
}

async function startOnce(options: DrivenOptions, opened: OpenDoor, session: string | null): Promise<Started> {
  const { config, request, run, workspace, room, runtime, ring, env: given } = options;
  const mine = agentFoldersOf(foldersOf(config.workDir, run.rigId), run.agentId);
  const home = path.join(mine.home, runtime.name);
  const chosen = session ?? randomUUID();
  const model = NO_MODEL.has(request.model) ? null : request.model;
  const plan = runtime.plan({
    home,
    model,
    systemPrompt: request.systemPrompt,
    session: { id: chosen, resume: session !== null },
    door: opened.models,
    mcp: { url: opened.pass.mcpUrl, token: opened.pass.token },
    asksPermission: config.agentAsks,
    hasOwnKey: hasOwnKey(runtime, given, config.hostEnv),
  });
  await makeHome(options, plan, home);
  const { env, secrets } = environmentFor(given, config, runtime, plan, opened.models, home);
  const hide = redactorOf(secrets);
  const redact: Redact = (text) => hide(workspace.redact(text));
  let talk: Talk | null = null;
  const process = await spawnAgent({
    command: plan.argv.join(" "),
    argv: room.within(plan.argv),
    cwd: workspace.worktree,
    env: room.env(env, home),
    mark: options.newMark(),
    launcher: room.launcher,
    redact,
    linesOfStderr: true,
    onLine: (stream, line) => noteLine(run, ring, stream, line),
    onBytes: (chunk, stream) => {
      run.lastActivityAt_ms = Date.now();
      if (stream === "stdout") talk?.conversation.heard(chunk);
    },
  }).catch((error: unknown) => {
    throw new Refusal(422, "spawn_failed", `${runtime.program} was not started: ${messageOf(error)}`);
  });
  const begun = talkWith({ ...options, opened, home, redact, process, plan, model, chosen });
  talk = begun.talk;
  run.talk = talk;
  options.onProcess(process);
  talk.conversation.open(session);
  return { gone: process.gone, over: begun.over };
}

/** What a rig says where nobody has chosen a model. */
const NO_MODEL: ReadonlySet<string> = new Set(["", "default", "none"]);

async function makeHome({ config, runtime, ring, env }: DrivenOptions, plan: RuntimePlan, home: string): Promise<void> {
  await prepareHome({
    home,
    files: plan.files,
    logins: hasOwnKey(runtime, env, config.hostEnv) ? [] : runtime.logins,
    personHome: loginHomeOf(runtime, config.hostEnv),
    warn: (message) => ring.append("home_warning", { message }),
  }).catch((error: unknown) => {
    throw new Refusal(422, "home_failed", `the agent's own home ${home} cannot be written: ${messageOf(error)}`);
  });
}
