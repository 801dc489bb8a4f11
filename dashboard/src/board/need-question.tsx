import { Button } from "@mantine/core";
import { useState, type FormEvent, type KeyboardEvent } from "react";
import { optionsOf, promptOf } from "../../../src/core/prompts.ts";
import type { World } from "../../../src/core/world.ts";
import { askOf, type Ask } from "../../../src/machines/agent/driver.ts";
import * as actions from "../lib/actions.ts";
import { agentName } from "../lib/names.ts";
import type { ShownNeed } from "../lib/needs.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { useToasts } from "../ui/toasts.tsx";

/** What somebody was asked, with all that is known of it, and the answer where the question is. */

export function Asked({ need }: { need: ShownNeed }) {
  const { state, world } = useWorld();
  const ask = askIn(world, need);
  if (ask !== undefined) return <AskShown ask={ask} />;
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

/** What its driver has told that it asks, in its own words. */
const askIn = (world: World, { agents: [agentId = ""] }: ShownNeed): Ask | undefined => {
  const agent = world.agents.get(agentId);
  return agent === undefined ? undefined : askOf(agent.context);
};

/** A question, and a prompt whose driver takes an answer. */
export const isAnsweredHere = (world: World, need: ShownNeed): boolean =>
  need.code === "question" || (need.code === "permission" && askIn(world, need) !== undefined);

function AskShown({ ask: { text, command } }: { ask: Ask }) {
  return (
    <>
      {text !== "" && <p className="asked">{text}</p>}
      {command !== null && <pre className="asked-command">{command}</pre>}
    </>
  );
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
  const send = async (text: string, option: string | null = null) => {
    setBusy(true);
    await toasts.act(() => actions.unblock(rigId, agentId, text, escalationId, option), `${name} was not unblocked`);
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
  const ask = askIn(world, need);
  const options =
    ask === undefined
      ? optionsOf(state.content.get(escalationId ?? "")?.metadata).map((label) => ({ id: null, label }))
      : ask.options;
  return (
    <form onSubmit={submit}>
      {options.length > 0 && (
        <div className="options" role="group" aria-label={`Answers to choose from for ${name}`}>
          {options.map(({ id, label }) => (
            <Button
              key={id ?? label}
              size="compact-sm"
              variant="light"
              disabled={isBusy}
              onClick={() => void send(label, id)}
            >
              {label}
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
