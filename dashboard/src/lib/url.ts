import { useSyncExternalStore } from "react";

/** What the page shows is in its address, so that it can be sent to somebody. */

export interface Place {
  readonly path: string;
  readonly params: URLSearchParams;
}

const listeners = new Set<() => void>();
let place: Place = read();

function read(): Place {
  return { path: location.pathname, params: new URLSearchParams(location.search) };
}
function moved(): void {
  place = read();
  for (const listener of listeners) listener();
}
addEventListener("popstate", moved);

export type Params = Record<string, string | number | null | undefined>;

/** The address with some parameters changed; null removes one. */
export function href(path: string, params: Params, base: URLSearchParams = new URLSearchParams()): string {
  const next = new URLSearchParams(base);
  for (const [name, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === "") next.delete(name);
    else next.set(name, String(value));
  }
  // Ids hold colons; they are readable in an address as they are.
  const query = next.toString().replaceAll("%3A", ":").replaceAll("%40", "@");
  return query === "" ? path : `${path}?${query}`;
}

/** @param isStep false: the address is corrected, and Back does not stop here. */
export function go(to: string, isStep = true): void {
  if (`${location.pathname}${location.search}` === to) return;
  if (isStep) history.pushState(null, "", to);
  else history.replaceState(null, "", to);
  moved();
}

export const setParams = (params: Params, isStep = true): void => go(href(place.path, params, place.params), isStep);

export const usePlace = (): Place =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => place,
  );

/** Lets a link be followed inside the page, and opened elsewhere as any link. */
export function follows(event: React.MouseEvent<HTMLAnchorElement>): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
    return;
  event.preventDefault();
  go(event.currentTarget.getAttribute("href") ?? "/");
}
