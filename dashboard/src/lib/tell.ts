import { paths } from "./routes.ts";
import { setWaiting } from "./title.ts";
import { go } from "./url.ts";

/**
 * Tells somebody who is not looking: the count in the tab's title and icon at once, and for each need that is new a notification of the
 * desktop with a link to it, and a sound if that is wanted. Once: tabs of one browser agree who tells.
 */

const WISHES = "ticktown.tell";
const TOLD = "ticktown.told";
const TOLD_KEPT = 500;

export interface Wishes {
  readonly notify: boolean;
  readonly sound: boolean;
}

export function wishes(): Wishes {
  const kept = JSON.parse(localStorage.getItem(WISHES) ?? "{}") as Partial<Wishes>;
  return { notify: kept.notify === true, sound: kept.sound === true };
}
export const wish = (next: Wishes): void => localStorage.setItem(WISHES, JSON.stringify(next));

export interface Told {
  /** The rig whose need it is. */
  readonly of: string;
  /** The same for as long as it is the same need. */
  readonly key: string;
  readonly title: string;
  readonly text: string;
  /** Where it is answered. */
  readonly to: string;
}

/** Needs of each rig that were there when it was looked at last: whoever opened the page has seen them. */
const known = new Map<string, Set<string>>();

/** @param of the rig, or null: all rigs; @param needs all that stand still for a person now; @param count of all of them */
export function tell(of: string | null, needs: readonly Told[], count = needs.length): void {
  setWaiting(count);
  drawIcon(count);
  const all = of ?? "";
  const before = known.get(all);
  known.set(all, new Set(needs.map(idOf)));
  if (before === undefined) return;
  const fresh = needs.filter((need) => !before.has(idOf(need)));
  if (fresh.length > 0 && document.visibilityState !== "visible") void once(fresh);
}

const idOf = ({ of, key }: Told): string => `${of} ${key}`;

/** Nothing waits on a page that shows no needs. */
export function tellNothing(): void {
  setWaiting(0);
  drawIcon(0);
}

/** Only what no other tab has told. */
async function once(fresh: readonly Told[]): Promise<void> {
  const take = (): Told[] => {
    const told = new Set(JSON.parse(localStorage.getItem(TOLD) ?? "[]") as string[]);
    const mine = fresh.filter((need) => !told.has(idOf(need)));
    for (const need of mine) told.add(idOf(need));
    localStorage.setItem(TOLD, JSON.stringify([...told].slice(-TOLD_KEPT)));
    return mine;
  };
  const mine = "locks" in navigator ? await navigator.locks.request(TOLD, take) : take();
  const { notify, sound } = wishes();
  if (mine.length === 0) return;
  if (notify && "Notification" in globalThis && Notification.permission === "granted")
    for (const need of mine) show(need);
  if (sound) beep();
}

function show({ key, title, text, to }: Told): void {
  const shown = new Notification(title, { body: text, tag: key, icon: "/favicon.svg" });
  shown.addEventListener("click", () => {
    window.focus();
    go(to);
    shown.close();
  });
}

/** Forgets what is over, so that the same need is told when it comes again. */
export function forget(of: string, keys: ReadonlySet<string>): void {
  const told = JSON.parse(localStorage.getItem(TOLD) ?? "[]") as string[];
  const kept = told.filter((one) => !one.startsWith(`${of} `) || keys.has(one.slice(of.length + 1)));
  if (kept.length < told.length) localStorage.setItem(TOLD, JSON.stringify(kept));
}

/** Two short tones; a browser lets a page sound once somebody has clicked in it. */
export function beep(): void {
  const context = new AudioContext();
  const gain = context.createGain();
  gain.gain.setValueAtTime(0.08, context.currentTime);
  gain.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.5);
  gain.connect(context.destination);
  for (const [i, pitch] of [660, 880].entries()) {
    const tone = context.createOscillator();
    tone.frequency.value = pitch;
    tone.connect(gain);
    tone.start(context.currentTime + i * 0.16);
    tone.stop(context.currentTime + i * 0.16 + 0.15);
  }
  setTimeout(() => void context.close(), 1_000);
}

let drawn = 0;

/** The count on the tab's icon. */
function drawIcon(count: number): void {
  const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (link === null || count === drawn) return;
  drawn = count;
  const words = count > 99 ? "99" : String(count);
  const badge =
    count === 0
      ? ""
      : `<rect x="${words.length > 1 ? 10 : 15}" y="14" width="${words.length > 1 ? 22 : 17}" height="18" rx="8" fill="#b3261e"/><text x="${words.length > 1 ? 21 : 23.5}" y="28" font-family="sans-serif" font-size="14" font-weight="bold" text-anchor="middle" fill="#fff">${words}</text>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#0f6b5c"/><circle cx="16" cy="16" r="9.5" fill="none" stroke="#fff" stroke-width="2.4"/><path d="M16 10.5V16l4 2.6" fill="none" stroke="#ffd166" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/>${badge}</svg>`;
  link.href = count === 0 ? "/favicon.svg" : `data:image/svg+xml,${encodeURIComponent(svg)}`;
  link.dataset["count"] = String(count);
}

/** Where a need of a rig is answered. */
export const needPath = (rigId: string, key: string): string => `${paths.rig(rigId)}?need=${encodeURIComponent(key)}`;
