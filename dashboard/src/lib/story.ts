import type { Recorded } from "../../../src/events/facts.ts";
import { promptOf } from "../../../src/core/prompts.ts";
import { commentIn } from "./diff-rows.ts";
import { reasonOf } from "./names.ts";

type Icon =
  | "play"
  | "fail"
  | "chain"
  | "edit"
  | "coin"
  | "done"
  | "back"
  | "ask"
  | "lock"
  | "clock"
  | "merge"
  | "check"
  | "shield"
  | "pause";
type Tone = "good" | "busy" | "warn" | "bad" | "violet" | "plain";

/** One bead's facts as a conversation: who said what, and what happened between. */

export type Turn = { readonly seq: number; readonly at: number } & (
  | {
      readonly kind: "said";
      readonly who: string;
      readonly isAgent: boolean;
      readonly what: string;
      readonly text: string;
      readonly command?: string;
    }
  | {
      readonly kind: "event";
      readonly icon: Icon;
      readonly tone: Tone;
      readonly what: string;
      readonly text: string;
      readonly attempt?: string;
    }
);

type Names = (agentId: string) => string;
type Said = Omit<Extract<Turn, { kind: "said" }>, "seq" | "at">;
type Happened = Omit<Extract<Turn, { kind: "event" }>, "seq" | "at">;

const said = (who: string, isAgent: boolean, what: string, text: string, command?: string | null): Said => ({
  kind: "said",
  who,
  isAgent,
  what,
  text,
  ...(command == null ? {} : { command }),
});
const event = (icon: Icon, tone: Tone, what: string, text = "", attempt?: string): Happened => ({
  kind: "event",
  icon,
  tone,
  what,
  text,
  ...(attempt === undefined ? {} : { attempt }),
});

const person = (by: string | null): string => (by === null || by === "operator" ? "Operator" : by);

const WORK_FACTS = (fact: Recorded, name: Names): Said | Happened | null => {
  switch (fact.type) {
    case "bead.created":
      return said(person(fact.createdBy === null ? null : name(fact.createdBy)), false, "slung it", fact.body ?? "");
    case "dispatch.granted":
      return event(
        "play",
        "busy",
        `${name(fact.agentId)} starts`,
        fact.rework ? "again, on its own branch" : "",
        fact.dispatchId,
      );
    case "dispatch.failed":
      return event("fail", "bad", "Attempt failed", fact.reason.replace(/^failed: /, ""), fact.dispatchId);
    case "bead.unblocked":
      return event("chain", "plain", "Nothing is before it any more");
    case "bead.stuck":
      return event("chain", "bad", "Stuck behind a failure");
    case "bead.edited":
      return event("edit", "plain", `${person(fact.by)} changed it`, Object.keys(fact.changes).join(", "));
    case "bead.retried":
      return event("play", "plain", `${person(fact.by)} had it tried again`);
    case "bead.budget_raised":
      return event("coin", "plain", `${person(fact.by)} let it spend more`);
    case "bead.capped":
      return event("coin", "warn", "Its budget is spent");
    case "bead.cancelled":
      return event("fail", "bad", `${person(fact.by)} cancelled it`);
    case "bead.failed":
      return event("fail", "bad", "Failed", reasonOf(fact.reason));
    case "bead.closed":
      return event("done", "good", `${person(fact.by)} closed it`);
    case "bead.no_change":
      return event("done", "good", "Nothing had to be changed", fact.note ?? "");
    case "work.set_aside":
      return event(
        "back",
        "plain",
        fact.givenBack ? "Its uncommitted files were given back" : "Its uncommitted files were set aside",
        fact.why,
      );
    default:
      return null;
  }
};

const TALK_FACTS = (fact: Recorded, name: Names): Said | Happened | null => {
  switch (fact.type) {
    case "agent.asked":
      return said(name(fact.agentId), true, fact.command === null ? "asks" : "wants to run", fact.text, fact.command);
    case "agent.asked_help":
      return event("ask", "warn", `${name(fact.agentId)} asks for help`);
    case "permission.asked": {
      const { text, command } = promptOf(fact.prompt);
      return said(name(fact.agentId), true, "wants a permission", text, command);
    }
    case "permission.answered":
      return event("lock", "plain", "The permission was answered");
    case "agent.answered":
      return said(person(fact.by), false, "answered", fact.answer);
    case "agent.status_said":
      return said(name(fact.agentId), true, "says", fact.line);
    case "mail.sent": {
      const isComment = fact.subject.startsWith("Comment on ");
      return said(
        fact.from === "operator" ? "Operator" : name(fact.from),
        fact.from !== "operator",
        isComment ? `commented${fact.subject.slice(7)}` : `wrote: ${fact.subject}`,
        isComment ? (fact.body.split("\n\nOn line ")[0] ?? "") : fact.body,
      );
    }
    case "agent.waiting":
      return fact.for === null ? null : event("clock", "plain", `${name(fact.agentId)} waits for its model`);
    default:
      return null;
  }
};

const GATE_FACTS = (fact: Recorded): Said | Happened | null => {
  switch (fact.type) {
    case "work.handed_in":
      return event("merge", "violet", "Handed in", fact.branch);
    case "hand_in.accepted":
      return event(
        "check",
        "good",
        "Taken",
        `${fact.files} ${fact.files === 1 ? "file" : "files"}, commit ${fact.commit.slice(0, 10)}`,
      );
    case "hand_in.refused":
      return event("back", "warn", "Not taken", fact.sentence);
    case "hand_in.settled":
      return event(
        "back",
        "plain",
        `${person(fact.by)} decided: ${fact.decision.replaceAll("_", " ")}`,
        fact.note ?? "",
      );
    case "review.boarded":
      return event("merge", "violet", `On train ${fact.train}`);
    case "review.protected":
      return event("shield", "warn", "Waits for an approval by name", fact.files.slice(0, 5).join(", "));
    case "review.approved":
      return event("shield", "good", `${person(fact.by)} approved it`);
    case "review.held":
      return event("pause", "warn", `${person(fact.by)} holds it`);
    case "review.released":
      return event("play", "plain", `${person(fact.by)} lets it go on`);
    case "review.unboarded":
      return event("back", "plain", "Goes with a later train", fact.why);
    case "bead.rejected":
      return event("fail", "bad", `Check failed: ${fact.check}`, fact.words.trim().split("\n").slice(-3).join("\n"));
    case "bead.conflicted":
      return event("fail", "bad", "Conflict: sent back", fact.message);
    case "bead.merged":
      return event("done", "good", "Merged", fact.commitSha === null ? "" : `as ${fact.commitSha.slice(0, 10)}`);
    default:
      return null;
  }
};

/** @param facts oldest first @returns what a person reads, in the same order; what is said twice is said once */
export function turnsOf(facts: readonly Recorded[], name: Names): Turn[] {
  const turns: Turn[] = [];
  for (const fact of facts) {
    const turn = WORK_FACTS(fact, name) ?? TALK_FACTS(fact, name) ?? GATE_FACTS(fact);
    if (turn === null) continue;
    const last = turns.at(-1);
    if (
      turn.kind === "said" &&
      last?.kind === "said" &&
      (turn.what === "says" || fact.type === "mail.sent") &&
      last.text === turn.text
    )
      continue;
    turns.push({ ...turn, seq: fact.seq, at: fact.at });
  }
  return turns;
}

/** The receipt of what got onto the target, if it is there yet. */
export const receiptIn = (facts: readonly Recorded[]): Extract<Recorded, { type: "review.checked" }> | null =>
  facts.findLast((fact) => fact.type === "review.checked") ?? null;

export interface SaidOfLine {
  readonly seq: number;
  readonly at: number;
  readonly who: string;
  readonly text: string;
}

/** Comments by file and line, oldest first. */
export function commentsIn(facts: readonly Recorded[], beadId: string): ReadonlyMap<string, readonly SaidOfLine[]> {
  const found = new Map<string, SaidOfLine[]>();
  for (const fact of facts) {
    const comment = fact.type === "mail.sent" ? commentIn(fact, beadId) : null;
    if (comment === null || fact.type !== "mail.sent") continue;
    const key = `${comment.path}:${comment.line}`;
    const one = { seq: fact.seq, at: fact.at, who: person(fact.from), text: comment.text };
    found.set(key, [...(found.get(key) ?? []), one]);
  }
  return found;
}
