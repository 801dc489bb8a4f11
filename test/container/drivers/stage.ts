/** A conversation with a fake agent: no process, no clock but the test's. */
import { randomUUID } from "node:crypto";
import {
  type AfterTurn,
  type Conversation,
  type ConversationEnd,
  createConversation,
} from "../../../container/agents/drivers/conversation.ts";
import type { Ask, DriverKind, Usage } from "../../../container/agents/drivers/vocabulary.ts";
import { FAKES, type Fake, type Heard } from "./fakes.ts";

export const NUDGE = "Go on, or say done.";

export interface Stage {
  readonly fake: Fake;
  readonly conversation: Conversation;
  readonly told: { readonly type: string; readonly data: Readonly<Record<string, unknown>> }[];
  readonly asked: Ask[];
  readonly usages: Usage[];
  readonly ends: (ConversationEnd | null)[];
  readonly lost: boolean[];
  /** Lines of ours. */
  readonly written: string[];
  /** How often session or waiting changed. */
  changes: number;
  now: number;
  /** What the host says of each turn that ends. */
  afterTurn: () => AfterTurn | Promise<AfterTurn>;
  /** Whether its input takes anything. */
  reads: boolean;
  readonly print: (text: string) => void;
  readonly types: () => string[];
  /** What it heard of one kind. */
  readonly heard: <W extends Heard["what"]>(what: W) => Extract<Heard, { what: W }>[];
}

export interface StageOptions {
  readonly asksPermission?: boolean;
  readonly takesMessages?: boolean;
}

export function stageOf(kind: DriverKind, { asksPermission = true, takesMessages = true }: StageOptions = {}): Stage {
  const told: Stage["told"] = [];
  const asked: Ask[] = [];
  const usages: Usage[] = [];
  const ends: Stage["ends"] = [];
  const lost: boolean[] = [];
  const written: string[] = [];
  const print = (text: string): void => conversation.heard(Buffer.from(text));
  const fake = FAKES[kind](print);
  const stage: Stage = {
    fake,
    get conversation() {
      return conversation;
    },
    told,
    asked,
    usages,
    ends,
    lost,
    written,
    changes: 0,
    now: Date.parse("2026-11-26T10:00:00.000Z"),
    afterTurn: () => ({ kind: "nothing" }),
    reads: true,
    print,
    types: () => told.map(({ type }) => type),
    heard: (what) => fake.heard.filter((one) => one.what === what) as never,
  };
  const conversation = createConversation({
    kind,
    write: (line) => {
      written.push(line);
      if (stage.reads) fake.receive(line);
      return stage.reads;
    },
    now: () => stage.now,
    newId: randomUUID,
    cwd: "/clone",
    model: "m",
    mcp: null,
    asksPermission,
    takesMessages,
    chosenSession: "chosen",
    tell: (type, data) => void told.push({ type, data }),
    firstPrompt: (resumed) => (resumed ? "Go on." : "Do the work."),
    nudge: () => NUDGE,
    afterTurn: () => stage.afterTurn(),
    onAsk: (ask) => void asked.push(ask),
    onUsage: (_, usage) => void usages.push(usage),
    onChange: () => void (stage.changes += 1),
    onOver: (end, isLost) => {
      ends.push(end);
      lost.push(isLost);
    },
  });
  return stage;
}

/** Open, with its first prompt said. */
export function openStage(kind: DriverKind, options: StageOptions = {}): Stage {
  const stage = stageOf(kind, options);
  stage.conversation.open(null);
  stage.fake.opens("chosen");
  return stage;
}

/** What is promised has had its turn. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
