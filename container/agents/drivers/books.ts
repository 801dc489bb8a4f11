/** What a driver keeps count of: tools that are open, and asks without an answer. Both have an end and a limit. */
import { meantOption } from "../../../src/events/choice.ts";
import { DRIVER_ASKS_MAX, DRIVER_TOOLS_MAX, TOOL_NAME_MAX_CHARS, TOOL_TITLE_MAX_CHARS } from "../../limits.ts";
import { shortened } from "./json.ts";
import type { Answer, Ask, AskOption, DriverEvent } from "./vocabulary.ts";

type Emit = (event: DriverEvent) => void;

/** Tools by id: each starts once and ends once, however often it is told. */
export function openTools(emit: Emit) {
  const open = new Map<string, string>();
  const ended = new Set<string>();
  function end(id: string, ok: boolean): void {
    const name = open.get(id);
    if (name === undefined) return;
    open.delete(id);
    ended.add(id);
    // The oldest first: nobody tells of them any more.
    if (ended.size > DRIVER_TOOLS_MAX) ended.delete(ended.values().next().value as string);
    emit({ type: "tool_end", id, name, ok });
  }
  return {
    start: (id: string, name: string, title: string): void => {
      if (id === "" || open.has(id) || ended.has(id) || open.size >= DRIVER_TOOLS_MAX) return;
      open.set(id, shortened(name, TOOL_NAME_MAX_CHARS));
      emit({
        type: "tool_start",
        id,
        name: shortened(name, TOOL_NAME_MAX_CHARS),
        title: shortened(title, TOOL_TITLE_MAX_CHARS),
      });
    },
    end,
    /** The turn is over, and so is what was never said to have ended. */
    closeAll: (): void => {
      for (const id of open.keys()) end(id, false);
    },
  };
}

export type OpenTools = ReturnType<typeof openTools>;
export type OpenAsks<Held> = ReturnType<typeof openAsks<Held>>;

interface Asked<Held> {
  readonly ask: Ask;
  /** What the protocol needs to answer it. */
  readonly held: Held;
}

export function openAsks<Held>(emit: Emit) {
  const open = new Map<string, Asked<Held>>();
  const close = (id: string): void => {
    if (open.delete(id)) emit({ type: "asks_no_more", askId: id });
  };
  const takeAll = (): Asked<Held>[] => {
    const all = [...open.values()];
    for (const { ask } of all) close(ask.id);
    return all;
  };
  return {
    /** The same ask again asks nobody. @returns false when too many are open */
    open: (ask: Ask, held: Held): boolean => {
      const isNew = !open.has(ask.id);
      if (isNew && open.size >= DRIVER_ASKS_MAX) return false;
      open.set(ask.id, { ask, held });
      if (isNew) emit({ type: "asks", ask });
      return true;
    },
    peek: (id: string): Asked<Held> | null => open.get(id) ?? null,
    close,
    takeAll,
    dropAll: (): void => void takeAll(),
  };
}

/**
 * The option that is meant: by its id, or by words that are its id or its label. @returns null for words of one's own, which are
 * no Yes and no No
 */
export function chosenOption(options: readonly AskOption[], { optionId, text = "" }: Answer): string | null {
  const found = options.find(({ id }) => id === optionId) ?? meantOption(text, options);
  return found?.id ?? null;
}

/** Words of one's own: they are told beside the option that was chosen. @returns null where they are only its name */
export const ownWords = (options: readonly AskOption[], { text = "" }: Answer): string | null =>
  text.trim() === "" || meantOption(text, options) !== undefined ? null : text;
