import { useState, type FormEvent, type KeyboardEvent } from "react";
import { optionsOf, promptOf } from "../../../src/core/prompts.ts";
import type { World } from "../../../src/core/world.ts";
import { askOf, type Ask } from "../../../src/machines/agent/driver.ts";
import * as actions from "../lib/actions.ts";
import { agentName } from "../lib/names.ts";
import type { ShownNeed } from "../lib/needs.ts";
import { useStore, useWhole, useWorld } from "../lib/use-rig.ts";
import { Btn, Kbd } from "../ui/parts.tsx";
import { SureBtn } from "../ui/sure.tsx";
import type { Send } from "./need.tsx";

/** What somebody was asked, with all that is known of it, and the answer where the question is. */

export function Asked({ need }: { need: ShownNeed }) {
  const { state, world } = useWorld();
  const [escalationId = ""] = need.escalations;
  useWhole(escalationId);
  const ask = askIn(world, need);
  if (ask !== undefined) return <Shown text={ask.text} command={ask.command} />;
  if (need.code === "permission")
    return <Shown {...promptOf(state.prompts.get(need.agents[0] ?? "") ?? "")} or={need.title} />;
  const content = state.content.get(escalationId);
  const body = content?.body ?? "";
  const title = content?.title ?? need.title;
  return (
    <>
      <h3 className="need-title">{title}</h3>
      {body !== "" && body !== title && <p className="asked">{body}</p>}
    </>
  );
}

const Shown = ({ text, command, or = "" }: { text: string; command: string | null; or?: string }) => (
  <>
    {text !== "" || command === null ? <h3 className="need-title asked-text">{text === "" ? or : text}</h3> : null}
    {command !== null && <code className="cmd">{command}</code>}
  </>
);

/** What its driver has told that it asks, in its own words. */
const askIn = (world: World, { agents: [agentId = ""] }: ShownNeed): Ask | undefined => {
  const agent = world.agents.get(agentId);
  return agent === undefined ? undefined : askOf(agent.context);
};

const ANSWERED: ReadonlySet<string> = new Set(["question", "permission", "over_budget", "agent_rests"]);
/** Whether words are an answer to it. */
export const isAsking = (need: ShownNeed): boolean => ANSWERED.has(need.code) && need.agents.length > 0;

interface Option {
  readonly id: string | null;
  readonly label: string;
}

function optionsIn(world: World, metadata: Readonly<Record<string, unknown>> | undefined, need: ShownNeed): Option[] {
  const ask = askIn(world, need);
  if (ask !== undefined) return [...ask.options];
  return optionsOf(metadata).map((label) => ({ id: null, label }));
}

/** Which of the usual three an option of a permission is; its driver words it. */
function actOf({ id, label }: Option): "allow" | "always" | "deny" | null {
  const words = `${id ?? ""} ${label}`.toLowerCase();
  if (/\b(deny|reject|refuse|no|never|cancel|abort)\b|reject|deny/.test(words)) return "deny";
  if (/always|session|remember|don.t ask/.test(words)) return "always";
  return /allow|approve|accept|yes|once|proceed|grant/.test(words) ? "allow" : null;
}
const KEYS = { allow: "a", always: "A", deny: "d" } as const;

export function Answer({ need, send, isOpen }: { need: ShownNeed; send: Send; isOpen: boolean }) {
  const { rigId } = useStore();
  const { state, world } = useWorld();
  const [isWriting, setWriting] = useState(isOpen);
  const [agentId = ""] = need.agents;
  const [escalationId = null] = need.escalations;
  const name = agentName(world, agentId);
  const options = optionsIn(world, state.content.get(escalationId ?? "")?.metadata, need);
  const answer = (words: string, option: string | null = null) =>
    send(words, () => actions.unblock(rigId, agentId, words, escalationId, option));
  const isPermission = need.code === "permission";
  const hasField = isWriting || options.length === 0;
  return (
    <>
      {options.length > 0 && (
        <div className={isPermission ? "acts" : "opts"} role="group" aria-label={`Answers to choose from for ${name}`}>
          {options.map((option, i) =>
            isPermission ? (
              <Permission
                key={option.id ?? option.label}
                option={option}
                onPick={() => answer(option.label, option.id)}
              />
            ) : (
              <button
                key={option.id ?? option.label}
                type="button"
                className="opt"
                data-key={String(i + 1)}
                aria-keyshortcuts={String(i + 1)}
                onClick={() => answer(option.label, option.id)}
              >
                <Kbd>{String(i + 1)}</Kbd>
                <span>{option.label}</span>
              </button>
            ),
          )}
          {!hasField && (
            <button
              type="button"
              className={isPermission ? "btn s ghost" : "opt other"}
              data-key="o"
              aria-keyshortcuts="O"
              onClick={() => setWriting(true)}
            >
              {isPermission ? null : <Kbd>O</Kbd>}
              <span>Other…</span>
            </button>
          )}
        </div>
      )}
      {hasField && (
        <OwnWords name={name} hasOptions={options.length > 0} isFocused={!isOpen && isWriting} onSend={answer} />
      )}
    </>
  );
}

function Permission({ option, onPick }: { option: Option; onPick: () => void }) {
  const act = actOf(option);
  const key = act === null ? undefined : KEYS[act];
  if (act === "deny")
    return (
      <SureBtn isSmall kind="ghost" data-key={key} hotkey="D" sure={`${option.label}: sure?`} onSure={onPick}>
        {option.label}
      </SureBtn>
    );
  return (
    <Btn
      isSmall
      {...(key === undefined ? {} : { "data-key": key })}
      hotkey={act === "allow" ? "A" : undefined}
      onClick={onPick}
    >
      {option.label}
    </Btn>
  );
}

function OwnWords(props: { name: string; hasOptions: boolean; isFocused: boolean; onSend: (words: string) => void }) {
  const { name, hasOptions, isFocused, onSend } = props;
  const [words, setWords] = useState("");
  const isReady = words.trim() !== "";
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (isReady) onSend(words);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !isReady) return;
    event.preventDefault();
    onSend(words);
  };
  return (
    <form className="own-words" onSubmit={submit}>
      <textarea
        className="in"
        rows={1}
        aria-label={`Answer ${name} in your own words`}
        placeholder={hasOptions ? "or in your own words" : "Your answer"}
        value={words}
        autoFocus={isFocused}
        onKeyDown={onKeyDown}
        onChange={(event) => setWords(event.currentTarget.value)}
      />
      <Btn type="submit" isSmall disabled={!isReady} title="Ctrl Enter sends">
        Send
      </Btn>
    </form>
  );
}
