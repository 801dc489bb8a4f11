import { Button } from "@mantine/core";
import { useState, type FormEvent, type KeyboardEvent } from "react";
import { optionsOf, promptOf } from "../../../src/core/prompts.ts";
import * as actions from "../lib/actions.ts";
import { agentName } from "../lib/names.ts";
import type { ShownNeed } from "../lib/needs.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { useToasts } from "../ui/toasts.tsx";

/** What somebody was asked, with all that is known of it, and the answer where the question is. */

export function Asked({ need }: { need: ShownNeed }) {
  const { state } = useWorld();
  if (need.code === "permission") {
    const { text, command } = promptOf(state.prompts.get(need.agents[0] ?? "") ?? "");
    return (
      <>
        {text !== "" && <p className="asked">{text}</p>}
        {command !== null && <pre className="asked-command">{command}</pre>}
      </>
    );
  }
  if (need.code !== "question" && need.code !== "escalation") return null;
  const body = state.content.get(need.escalations[0] ?? "")?.body ?? "";
  return body === "" ? null : <p className="asked">{body}</p>;
}

export function InlineAnswer({ need }: { need: ShownNeed }) {
  const { rigId } = useStore();
  const { state, world } = useWorld();
  const toasts = useToasts();
  const [answer, setAnswer] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [agentId = ""] = need.agents;
  const [escalationId = null] = need.escalations;
  const name = agentName(world, agentId);
  const send = async (text: string) => {
    setBusy(true);
    await toasts.act(() => actions.unblock(rigId, agentId, text, escalationId), `${name} was not unblocked`);
    setBusy(false);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void send(answer);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || answer.trim() === "" || isBusy) return;
    event.preventDefault();
    void send(answer);
  };
  const options = optionsOf(state.content.get(escalationId ?? "")?.metadata);
  return (
    <form onSubmit={submit}>
      {options.length > 0 && (
        <div className="options" role="group" aria-label={`Answers to choose from for ${name}`}>
          {options.map((option) => (
            <Button key={option} size="compact-sm" variant="light" disabled={isBusy} onClick={() => void send(option)}>
              {option}
            </Button>
          ))}
        </div>
      )}
      <textarea
        rows={1}
        aria-label={`Answer to ${name}`}
        placeholder="Your answer (Ctrl+Enter sends)"
        value={answer}
        onKeyDown={onKeyDown}
        onChange={(event) => setAnswer(event.currentTarget.value)}
      />
      <Button type="submit" loading={isBusy} disabled={answer.trim() === ""}>
        Unblock
      </Button>
    </form>
  );
}
