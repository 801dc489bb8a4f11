import { useKeys } from "../lib/keys.ts";

/**
 * Going through what a page lists by keyboard. A row or a need carries `data-j`; what may be done in it says its key with `data-key`.
 * So a key does exactly what the button does on which it is printed.
 */

const rows = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>("main [data-j]")];
const current = (): HTMLElement | null =>
  document.activeElement?.closest<HTMLElement>("[data-j]") ?? document.querySelector<HTMLElement>("main .need[data-j]");

function step(by: 1 | -1): void {
  const all = rows();
  const at = document.activeElement?.closest<HTMLElement>("[data-j]");
  const next = at == null ? all[0] : all[all.indexOf(at) + by];
  next?.scrollIntoView({ block: "nearest" });
  next?.focus({ preventScroll: true });
}

/** Presses what has this key in the row that is looked at. */
const press = (key: string) => () =>
  current()?.querySelector<HTMLElement>(`[data-key="${key}"]:not(:disabled)`)?.click();

function stepNeed(by: 1 | -1): void {
  const all = rows().filter((row) => row.classList.contains("need"));
  const at = document.activeElement?.closest<HTMLElement>(".need[data-j]");
  const next = at == null ? all[0] : all[all.indexOf(at) + by];
  next?.scrollIntoView({ block: "nearest" });
  next?.focus({ preventScroll: true });
}

const focusOn = (id: string) => () => {
  const section = document.getElementById(id);
  section?.scrollIntoView({ block: "start" });
  section?.focus({ preventScroll: true });
};

const CHOICES = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

export function useCursor(): void {
  useKeys("Rows", [
    { keys: "j", does: "Next row", act: () => step(1) },
    { keys: "k", does: "Row before", act: () => step(-1) },
    { keys: "Enter", does: "Open it", act: (event) => enter(event) },
    { keys: "x", does: "Choose it, or not", act: press("x") },
    { keys: "e", does: "Edit it", act: press("e") },
    { keys: "]", does: "Next need", act: () => stepNeed(1) },
    { keys: "[", does: "Need before", act: () => stepNeed(-1) },
    ...CHOICES.map((n) => ({ keys: n, does: `Answer number ${n}`, act: press(n) })),
    { keys: "o", does: "Answer in your own words", act: press("o") },
    { keys: "a", does: "Allow, approve", act: press("a") },
    { keys: "r", does: "Retry", act: press("r") },
    { keys: "h", does: "Hold, release", act: press("h") },
    { keys: "d", does: "Deny", act: press("d") },
    { keys: "g n", does: "To the needs", act: focusOn("needs") },
    { keys: "g a", does: "To the agents", act: focusOn("agents") },
    { keys: "g t", does: "To the train", act: focusOn("train") },
    { keys: "g w", does: "To the work", act: focusOn("work") },
  ]);
}

/** Enter on a button or a link is theirs. */
function enter(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (target.closest("a, button, summary, input") !== null)
    return void target.closest<HTMLElement>("a, button, summary")?.click();
  target.closest("[data-j]")?.querySelector<HTMLElement>("[data-open]")?.click();
}
