import { useEffect, useRef } from "react";

/** Keys, as pages give them a meaning while they are shown. No key acts while somebody types, or while a dialog is open. */

export interface Key {
  /** As `KeyboardEvent.key` has it; two in a row, as in `g n`, are written with a space. */
  readonly keys: string;
  readonly does: string;
  readonly act: (event: KeyboardEvent) => void;
}
interface Layer {
  readonly section: string;
  readonly keys: { readonly current: readonly Key[] };
}

/** The newest layer is asked first. */
const layers: Layer[] = [];
let first = "";
let firstAt = 0;
/** Two keys are one combination when they come within this time. */
const TOGETHER_MS = 1_000;

const isTyping = (target: HTMLElement | null): boolean =>
  target?.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable], [role=dialog], dialog") != null;

function find(keys: string): Key | undefined {
  for (const layer of layers.toReversed()) {
    const key = layer.keys.current.find((known) => known.keys === keys);
    if (key !== undefined) return key;
  }
  return undefined;
}

function press(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target as HTMLElement))
    return;
  const both = event.timeStamp - firstAt < TOGETHER_MS ? `${first} ${event.key}` : "";
  const key = (both === "" ? undefined : find(both)) ?? find(event.key);
  first = event.key;
  firstAt = event.timeStamp;
  if (key === undefined) return;
  event.preventDefault();
  key.act(event);
}
addEventListener("keydown", press);

/** @param section the heading under which the list of all keys shows them */
export function useKeys(section: string, keys: readonly Key[]): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const layer: Layer = { section, keys: latest };
    layers.push(layer);
    return () => void layers.splice(layers.indexOf(layer), 1);
  }, [section]);
}

/** All that act now, by section, for the list of keys. */
export const allKeys = (): { section: string; keys: readonly Key[] }[] =>
  layers.map(({ section, keys }) => ({ section, keys: keys.current })).filter(({ keys }) => keys.length > 0);
