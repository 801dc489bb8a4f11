/** The door of one dispatch, as its driver uses it: models and tools for the agent, and what is seen of both. */
import type { Limited, StartAgentRequest } from "../../../src/wire/container.ts";
import type { Used } from "../door/budget.ts";
import type { AgentDoor, DoorPass } from "../door/door.ts";
import type { DoorEvent, ModelUsage } from "../door/pass.ts";
import { upstreamsOf } from "../door/upstreams.ts";
import { LIMIT_PATIENCE_MS } from "../../limits.ts";
import type { Redact } from "../../redact.ts";
import type { ConversationEnd } from "../drivers/conversation.ts";
import type { Usage } from "../drivers/vocabulary.ts";
import type { Run } from "../run.ts";
import type { ModelDoor } from "../runtimes/runtime.ts";

export interface OpenDoor {
  readonly pass: DoorPass;
  readonly models: ModelDoor;
  /** Of all that went through it; null: nothing did. */
  readonly usage: () => Usage | null;
  /** What was seen last that may be why a program gives up, ms since epoch where known. */
  readonly trouble: () => ConversationEnd | null;
  /** Nothing goes through it any more. */
  readonly close: () => void;
}

export interface DoorHost {
  readonly door: AgentDoor;
  readonly request: StartAgentRequest;
  readonly run: Run;
  /** The door's address in the agent's box; null: as it is on this machine. */
  readonly reachedAt: string | null;
  readonly hostEnv: Readonly<Record<string, string | undefined>>;
  readonly redact: Redact;
  readonly tell: (type: string, data: Readonly<Record<string, unknown>>) => void;
}

/** @throws Refusal door_unavailable */
export async function openDoor(host: DoorHost): Promise<OpenDoor> {
  const { door, request, run, hostEnv, redact } = host;
  const upstreams = upstreamsOf(hostEnv, request.envVars ?? {});
  let trouble: ConversationEnd | null = null;
  const budget = host.door.budgets.open(run.rigId, request.beadId ?? null, () => usedBy(run));
  budget.take(request.budget);
  run.budget = budget;
  const pass = await door.open({
    agentId: run.agentId,
    rigId: run.rigId,
    dispatchId: run.dispatchId,
    branch: request.branch,
    defaultBranch: request.defaultBranch,
    apiUrl: run.apiUrl,
    token: run.token,
    upstreams,
    redact,
    ...(host.reachedAt === null ? {} : { reachedAt: host.reachedAt }),
    mayAnswer: () => budget.refusal(),
    inFlight: budget.inFlight,
    ...(request.holdAccounts === undefined ? {} : { holdsAccounts: request.holdAccounts }),
    on: (event) => {
      if (event.type === "answering") {
        trouble = null;
        run.limited = null;
      }
      if (event.type === "limited") run.limited = limitIn(event);
      const end = endIn(event);
      if (end !== null) trouble = end;
      seen(host, event, end);
    },
  });
  return {
    pass,
    models: {
      token: pass.token,
      modelUrl: pass.modelUrl,
      hasKey: (provider) => upstreams[provider]?.key !== null && upstreams[provider] !== undefined,
    },
    usage: () => sumUp(pass.usage()),
    trouble: () => trouble,
    close: () => {
      budget.close();
      pass.close();
    },
  };
}

function seen({ run, tell }: DoorHost, event: DoorEvent, end: ConversationEnd | null): void {
  const talk = run.talk?.conversation;
  switch (event.type) {
    case "waiting":
      talk?.noteWaiting({ for: "model", since: event.since, until: isoOf(event.until) });
      return;
    case "answering":
      talk?.noteWaiting(null);
      return;
    case "asked":
      run.questions.set(event.askId, event.answerComesAs);
      return;
    case "handed_in":
      tell("hand_in", { code: event.code, sentence: event.sentence });
      if (event.accepted) run.handedIn = true;
      return;
    case "usage":
    case "tool":
      return;
    default:
      tell("model_trouble", { ...event });
      if (end !== null && isForGood(event)) talk?.end(end);
  }
}

/** Whose limit it is, and its end; null: nobody says when that is. */
const limitIn = ({ account, until }: Extract<DoorEvent, { type: "limited" }>): Limited | null =>
  account === undefined || until === null ? null : { account, until: new Date(until).toISOString() };

/** What a program that gives up now has given up for; null: it says nothing of the dispatch. */
function endIn(event: DoorEvent): ConversationEnd | null {
  switch (event.type) {
    case "limited":
      return {
        kind: event.kind === "quota" ? "over_budget" : "rate_limited",
        until: isoOf(event.until),
        says: `the model's provider answered ${event.status}`,
      };
    case "unauthorized":
      return {
        kind: "not_authorized",
        until: null,
        says: `the model's provider answered ${event.status}: look at ${event.key}`,
      };
    case "over_budget":
      // The rig's day ends by itself; a bead's cap is for a person.
      return event.until === null
        ? { kind: "over_budget", until: null, says: event.message }
        : { kind: "rate_limited", until: isoOf(event.until), says: event.message };
    case "context_full":
      return { kind: "context_full", until: null, says: event.message };
    default:
      return null;
  }
}

/** Whether nothing is gained by letting the program try on. It may shorten a conversation that is too long, and wait for a limit that ends soon. */
function isForGood(event: DoorEvent): boolean {
  if (event.type === "limited")
    return event.kind === "quota" || (event.until !== null && event.until - Date.now() > LIMIT_PATIENCE_MS);
  return event.type === "unauthorized" || event.type === "over_budget";
}

/** What its conversation has used from its beginning; null: it has none yet. */
function usedBy({ talk }: Run): Used | null {
  const { session } = talk?.conversation.facts() ?? { session: null };
  const usage = talk?.usage() ?? null;
  return session === null || usage === null ? null : { session, ...usage };
}

function sumUp(rows: readonly ModelUsage[]): Usage | null {
  if (rows.length === 0) return null;
  const sum = (of: (row: ModelUsage) => number): number => rows.reduce((total, row) => total + of(row), 0);
  const main = rows.toSorted((a, b) => b.input_tokens - a.input_tokens)[0];
  return {
    input_tokens: sum((row) => row.input_tokens),
    cached_tokens: sum((row) => row.cached_tokens),
    output_tokens: sum((row) => row.output_tokens),
    model: main?.model ?? null,
    cost_microdollars: null,
  };
}

const isoOf = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
