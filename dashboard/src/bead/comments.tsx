import { useState, type KeyboardEvent } from "react";
import type { Bead as WireBead } from "../../../src/wire/schemas.ts";
import type { World } from "../../../src/core/world.ts";
import * as actions from "../lib/actions.ts";
import { post, rigPath } from "../lib/api.ts";
import { bodyOf, subjectOf, type Comment } from "../lib/diff-rows.ts";
import { agentName } from "../lib/names.ts";
import type { SaidOfLine } from "../lib/story.ts";
import { Icon } from "../ui/icons.tsx";
import { Btn } from "../ui/parts.tsx";
import { At } from "./parts.tsx";

/** What a person says of a line goes to whoever works on it, as a letter; where nobody does any more, it is a new piece of work. */
export interface Recipient {
  readonly agentId: string | null;
  readonly name: string;
  readonly beadId: string;
  readonly title: string;
  readonly isOver: boolean;
}

export function recipientOf(world: World, beadId: string, title: string): Recipient {
  const bead = world.beads.get(beadId);
  const agent = world.agents.get(bead?.context.assignee ?? "");
  const isAtWork = agent?.context.hook === beadId;
  return {
    agentId: isAtWork ? agent.context.id : null,
    name: isAtWork ? agentName(world, agent.context.id) : "a new piece of work",
    beadId,
    title,
    isOver: bead === undefined || bead.hasTag("terminal"),
  };
}

/** Says it, and answers with what came of it. */
export async function sendComment(
  rigId: string,
  to: Recipient,
  comment: Comment,
  quoted: string,
): Promise<actions.Done> {
  const body = bodyOf(comment, to.beadId, quoted);
  if (to.agentId !== null) {
    await actions.sendMail(rigId, to.agentId, to.name, subjectOf(comment), body);
    return { title: `Went to ${to.name} as rework`, text: "It reads it with its next step." };
  }
  const bead = await post<WireBead>(rigPath(rigId, "/beads"), {
    type: "issue",
    title: `Rework: ${to.title}`.slice(0, 900),
    body,
    blocked_by: to.isOver ? [] : [to.beadId],
  });
  return {
    title: `Made “${bead.title}”`,
    text: to.isOver ? "It is given to an agent when a slot is free." : "It waits for this one.",
  };
}

export function Compose({
  to,
  line,
  onSend,
  onClose,
}: {
  to: Recipient;
  line: number;
  onSend: (text: string) => Promise<boolean>;
  onClose: () => void;
}) {
  const [text, setText] = useState("");
  const [isBusy, setBusy] = useState(false);
  const send = async () => {
    if (text.trim() === "" || isBusy) return;
    setBusy(true);
    if (!(await onSend(text.trim()))) setBusy(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") onClose();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void send();
    }
  };
  return (
    <form
      className="comment"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <textarea
        className="in"
        rows={3}
        maxLength={20_000}
        aria-label={`Comment on line ${line}`}
        placeholder={
          to.agentId === null
            ? "What shall be different? It becomes a new piece of work"
            : `What shall ${to.name} do otherwise?`
        }
        value={text}
        autoFocus
        onKeyDown={onKeyDown}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <div className="row">
        <span className="faint small grow">
          {to.agentId === null ? "Nobody is at work on it any more" : `Goes to ${to.name} as rework`}
        </span>
        <Btn isSmall onClick={onClose}>
          Cancel
        </Btn>
        <Btn isSmall kind="primary" type="submit" hotkey="Ctrl ↵" disabled={text.trim() === "" || isBusy}>
          Send
        </Btn>
      </div>
    </form>
  );
}

export const SaidHere = ({ said, now }: { said: readonly SaidOfLine[]; now: number }) => (
  <div className="comment">
    {said.map(({ seq, who, text, at }) => (
      <article key={seq}>
        <header className="row">
          <b>{who}</b> <At at={at} now={now} /> <span className="grow" />
          <span className="tag busy">
            <Icon name="mail" />
            went to its agent as rework
          </span>
        </header>
        <p className="pre">{text}</p>
      </article>
    ))}
  </div>
);
