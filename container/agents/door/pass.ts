/** What one dispatch may do at the door, what it has used, and what it is told of. */
import { createHash, randomBytes } from "node:crypto";
import {
  MODELS_PER_DISPATCH_MAX,
  MODEL_ANSWER_MAX_BYTES,
  MODEL_ANSWER_MAX_MS,
  MODEL_BODY_MAX_BYTES,
  MODEL_ERROR_MS,
  MODEL_FIRST_BYTE_MS,
  MODEL_IN_FLIGHT_MAX,
  ANSWER_SILENCE_MS,
  MODEL_WAITING_MS,
  TOOLS_IN_FLIGHT_MAX,
} from "../../limits.ts";
import type { Redact } from "../../redact.ts";
import type { Tokens } from "./answer.ts";
import type { Refused } from "./budget.ts";
import type { Trouble } from "./classify.ts";
import type { ModelApi } from "./routes.ts";
import type { Provider, Upstreams } from "./upstreams.ts";

/** Integers, of one model; `input_tokens` is all of the prompts, `cached_tokens` what of them was read from a cache. */
export interface ModelUsage extends Tokens {
  readonly model: string;
  /** Answers that were begun. */
  readonly requests: number;
  /** Of them those that did not say what they cost: it is estimated by the length of what was asked and answered. */
  readonly unreported: number;
}

/** Something that the dispatch's driver may want to know. Times are ms since epoch. */
export type DoorEvent =
  | Trouble
  /** Of one answer; the sum is in `usage()`. */
  | { readonly type: "usage"; readonly provider: Provider; readonly answer: ModelUsage }
  /** Nothing comes of a request since then; `until`: the provider has said when it may be tried again. */
  | { readonly type: "waiting"; readonly since: number; readonly until: number | null }
  /** An answer has begun, so that nobody waits any more. */
  | { readonly type: "answering" }
  /** `mayAnswer` has refused a request, in these words. */
  | { readonly type: "over_budget"; readonly message: string; readonly until: number | null }
  /** One of Ticktown's tools has answered. */
  | { readonly type: "tool"; readonly name: string; readonly ok: boolean }
  /** A question went to the rig; its answer comes later. */
  | {
      readonly type: "asked";
      readonly askId: string;
      readonly text: string;
      readonly options: readonly AskOption[];
      /** A rig that knows no questions answers as it says anything else. */
      readonly answerComesAs: "answer" | "message";
    }
  /** What came of gt_done. */
  | { readonly type: "handed_in"; readonly code: string; readonly sentence: string; readonly accepted: boolean };

export interface AskOption {
  readonly id: string;
  readonly label: string;
}

export interface DoorDispatch {
  readonly agentId: string;
  readonly rigId: string;
  readonly dispatchId: string | null;
  /** What gt_done hands in. */
  readonly branch: string;
  readonly defaultBranch: string;
  /** Where and as whom the tools speak to the rig; null: they say that there is none. */
  readonly apiUrl: string | null;
  readonly token: string | null;
  /** The door's address as the agent sees it, where that is not a port of this machine. */
  readonly reachedAt?: string;
  /** A provider that is not among them is not there. */
  readonly upstreams: Upstreams;
  readonly redact: Redact;
  /** Asked before a request is sent to a model; what it says refuses it, so that nothing is paid for. */
  readonly mayAnswer?: (asked: AskedModel) => Refused | null;
  /** How many requests it may have with models at once, where that is less than the door's own limit. */
  readonly inFlight?: () => number;
  /** False: also a credential that is limited is tried. */
  readonly holdsAccounts?: boolean;
  readonly on?: (event: DoorEvent) => void;
}

export interface AskedModel {
  readonly provider: Provider;
  readonly api: ModelApi;
  /** null: it stands so far behind in the request that it was not read. */
  readonly model: string | null;
  readonly usage: readonly ModelUsage[];
}

/** Bounds from limits.ts that tests shorten. */
export interface DoorLimits {
  readonly body_bytes: number;
  readonly answer_bytes: number;
  readonly firstByte_ms: number;
  readonly silence_ms: number;
  readonly answer_ms: number;
  readonly error_ms: number;
  readonly waiting_ms: number;
  readonly inFlight: number;
  readonly tools: number;
}

export const DOOR_LIMITS: DoorLimits = {
  body_bytes: MODEL_BODY_MAX_BYTES,
  answer_bytes: MODEL_ANSWER_MAX_BYTES,
  firstByte_ms: MODEL_FIRST_BYTE_MS,
  silence_ms: ANSWER_SILENCE_MS,
  answer_ms: MODEL_ANSWER_MAX_MS,
  error_ms: MODEL_ERROR_MS,
  waiting_ms: MODEL_WAITING_MS,
  inFlight: MODEL_IN_FLIGHT_MAX,
  tools: TOOLS_IN_FLIGHT_MAX,
};

const TOKEN_BYTES = 32;

/** The state of one dispatch at the door. */
export interface Pass {
  readonly dispatch: DoorDispatch;
  readonly token: string;
  readonly isOpen: () => boolean;
  readonly usage: () => readonly ModelUsage[];
  readonly tell: (event: DoorEvent) => void;
  /** @param isReported its provider has said what it cost; otherwise the tokens are an estimate */
  readonly note: (provider: Provider, model: string, tokens: Tokens, isReported: boolean) => void;
  /** Something that runs for this dispatch and ends with it. @returns to be called when it is over */
  readonly hold: (end: () => void) => () => void;
  /** Requests to models that nothing has come of yet, by when they were sent, ms. */
  readonly waiting: Set<{ readonly since: number }>;
  readonly counts: { models: number; tools: number };
  /** Questions that went to the rig and have no answer yet. */
  readonly asks: Map<string, { readonly question: string; readonly options: readonly AskOption[] }>;
  /** gt_done was taken. */
  handedIn: boolean;
  readonly close: () => void;
}

/** @param onFailure a listener threw */
export function createPass(dispatch: DoorDispatch, onClose: () => void, onFailure: (error: unknown) => void): Pass {
  const byModel = new Map<string, ModelUsage>();
  const held = new Set<() => void>();
  let open = true;
  const pass: Pass = {
    dispatch,
    token: `tt-${randomBytes(TOKEN_BYTES).toString("hex")}`,
    isOpen: () => open,
    usage: () => [...byModel.values()],
    waiting: new Set(),
    counts: { models: 0, tools: 0 },
    asks: new Map(),
    handedIn: false,
    tell: (event) => {
      if (!open) return;
      try {
        dispatch.on?.(event);
      } catch (error) {
        onFailure(error);
      }
    },
    note: (provider, model, tokens, isReported) => {
      const row = byModel.has(model) || byModel.size < MODELS_PER_DISPATCH_MAX ? model : OTHERS;
      const answer = usageOf(row, tokens, isReported);
      byModel.set(row, added(byModel.get(row), answer));
      pass.tell({ type: "usage", provider, answer });
    },
    hold: (end) => {
      held.add(end);
      return () => void held.delete(end);
    },
    close: () => {
      if (!open) return;
      // What is in flight is counted while somebody still hears of it.
      for (const end of held) end();
      open = false;
      onClose();
    },
  };
  return pass;
}

const OTHERS = "other";

const usageOf = (model: string, tokens: Tokens, isReported: boolean): ModelUsage => ({
  model,
  ...tokens,
  requests: 1,
  unreported: isReported ? 0 : 1,
});

const added = (before: ModelUsage | undefined, { model, ...more }: ModelUsage): ModelUsage => ({
  model,
  input_tokens: (before?.input_tokens ?? 0) + more.input_tokens,
  cached_tokens: (before?.cached_tokens ?? 0) + more.cached_tokens,
  output_tokens: (before?.output_tokens ?? 0) + more.output_tokens,
  requests: (before?.requests ?? 0) + more.requests,
  unreported: (before?.unreported ?? 0) + more.unreported,
});

/** Passes by what their tokens hash to, so that how long a look takes says nothing of a token. */
export interface PassList {
  readonly add: (pass: Pass) => void;
  readonly remove: (pass: Pass) => void;
  readonly of: (token: string | null) => Pass | null;
  readonly all: () => readonly Pass[];
}

export function createPassList(): PassList {
  const passes = new Map<string, Pass>();
  const keyOf = (token: string): string => createHash("sha256").update(token).digest("base64");
  return {
    add: (pass) => void passes.set(keyOf(pass.token), pass),
    remove: (pass) => void passes.delete(keyOf(pass.token)),
    of: (token) => (token === null ? null : (passes.get(keyOf(token)) ?? null)),
    all: () => [...passes.values()],
  };
}
