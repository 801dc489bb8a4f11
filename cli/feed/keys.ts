/** What a key does: to what is shown, or to a rig. */
import { choicesOf, type Choice, verdictOf } from "../../src/core/needs-actions.ts";
import type { Needed } from "../needs.ts";
import { keysOf, selectedOf, type View } from "./view.ts";

export type Act =
  | { readonly type: "reply"; readonly to: Needed; readonly choice: Choice }
  | { readonly type: "retry"; readonly of: Needed }
  | { readonly type: "settle"; readonly of: Needed }
  | { readonly type: "follow"; readonly agentId: string; readonly name: string }
  | { readonly type: "open" }
  | { readonly type: "quit" }
  | { readonly type: "back" };

export interface Pressed {
  readonly view: View;
  readonly act: Act | null;
}

const ESCAPE = "\u001b";
const CTRL_C = "\u0003";
const UP = new Set([`${ESCAPE}[A`, `${ESCAPE}OA`, "k"]);
const DOWN = new Set([`${ESCAPE}[B`, `${ESCAPE}OB`, "j"]);
const ERASE = new Set(["\u007f", "\b"]);
const ENTER = new Set(["\r", "\n"]);
/** What an answer may have at this line; longer ones are for `ticktown answer`. */
export const TYPED_CHARS = 2_000;

/** What came at once: a key with an escape, what is typed or pasted into an answer, or several keys. */
export const keysIn = (chunk: string, { asking }: View): readonly string[] =>
  asking !== null || chunk.startsWith(ESCAPE) ? [chunk] : [...chunk];

const nothing = (view: View): Pressed => ({ view, act: null });
const tell = (view: View, told: string): Pressed => nothing({ ...view, told });

/** @param key what the terminal sent: one key, or what was pasted */
export function press(view: View, key: string): Pressed {
  if (key === CTRL_C) return { view, act: { type: "quit" } };
  if (view.asking !== null) return type(view, view.asking.text, key);
  if (view.following !== null)
    return key === "q" || key === ESCAPE
      ? { view: { ...view, following: null }, act: { type: "back" } }
      : nothing(view);
  if (UP.has(key)) return nothing(moved(view, -1));
  if (DOWN.has(key)) return nothing(moved(view, 1));
  if (key === "q") return { view, act: { type: "quit" } };
  if (key === "o") return { view, act: { type: "open" } };
  const { need, runner } = selectedOf(view);
  const agent = runner ?? need?.need.agents[0];
  if (key === "f")
    return agent === undefined
      ? tell(view, "nobody to follow")
      : { view, act: { type: "follow", agentId: agent.id, name: agent.name } };
  return need === null ? nothing(view) : onNeed(view, need, key);
}

function onNeed(view: View, to: Needed, key: string): Pressed {
  const { need } = to;
  const waits = need.agents.length > 0;
  if ((key === "y" || key === "n") && need.code === "permission") {
    const choice = verdictOf(need, key === "y");
    if (choice !== undefined) return { view, act: { type: "reply", to, choice } };
    return choicesOf(need).length > 0
      ? tell(view, "it offers other answers: choose one by its number")
      : { view, act: { type: "reply", to, choice: { id: null, label: key === "y" ? "allow" : "deny" } } };
  }
  const chosen = /^[1-9]$/.test(key) ? choicesOf(need)[Number(key) - 1] : undefined;
  if (chosen !== undefined && waits) return { view, act: { type: "reply", to, choice: chosen } };
  if (key === "a" && waits) return nothing({ ...view, asking: { what: "answer", text: "" }, told: "" });
  if (key === "r" && need.code === "failed") return { view, act: { type: "retry", of: to } };
  if (key === "s" && need.escalations.length > 0 && (need.code === "escalation" || need.code === "failed"))
    return { view, act: { type: "settle", of: to } };
  return nothing(view);
}

function type(view: View, text: string, key: string): Pressed {
  const asking = (next: string): Pressed =>
    nothing({ ...view, asking: { what: "answer", text: next.slice(0, TYPED_CHARS) } });
  if (key === ESCAPE) return nothing({ ...view, asking: null });
  if (ERASE.has(key)) return asking(text.slice(0, -1));
  if (ENTER.has(key)) {
    const { need } = selectedOf(view);
    if (need === null || text.trim() === "") return nothing({ ...view, asking: null, told: "nothing was said" });
    return { view: { ...view, asking: null }, act: { type: "reply", to: need, choice: { id: null, label: text } } };
  }
  // Arrows and the like begin with an escape and are no text.
  return key.startsWith(ESCAPE) ? nothing(view) : asking(text + key.replaceAll(/\p{Cc}/gu, " "));
}

function moved(view: View, by: number): View {
  const keys = keysOf(view.seen);
  if (keys.length === 0) return view;
  const at = Math.max(0, keys.indexOf(view.selected ?? keys[0] ?? ""));
  return { ...view, selected: keys[Math.min(keys.length - 1, Math.max(0, at + by))] ?? null };
}
