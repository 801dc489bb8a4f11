/** What an agent prints, as it prints it: a ticket, a socket, and after a break the next one from where it broke. */
import { setTimeout as sleep } from "node:timers/promises";
import { exponential } from "../src/events/backoff.ts";
import { printable } from "./text.ts";

export interface Printed {
  /** Ascends within an agent. */
  readonly id: number;
  readonly type: string;
  readonly data: unknown;
}

/** Most events carry one text; others are shown as they are. @returns null for what nobody reads */
export function lineOf({ type, data }: Printed): string | null {
  if (type === "heartbeat_failed") return null;
  if (typeof data === "string") return printable(data).trimEnd();
  if (typeof data === "object" && data !== null && !Array.isArray(data)) {
    const fields = data as Record<string, unknown>;
    for (const name of ["text", "line", "message", "output", "content"])
      if (typeof fields[name] === "string") return printable(fields[name]).trimEnd();
    if (Object.keys(fields).length === 0) return `[${printable(type)}]`;
  }
  return `[${printable(type)}] ${printable(JSON.stringify(data) ?? "")}`;
}

export interface Follow {
  readonly after: number;
  readonly print: (event: Printed) => void;
  readonly signal: AbortSignal;
  /** A fresh address, good once. */
  readonly open: (after: number) => Promise<string>;
  /** Whether there is more to come: the container does not hang up when a process ends. */
  readonly isAlive: () => Promise<boolean>;
}

const AGAIN_MS = 500;
const AGAIN_MOST_MS = 15_000;
/** How often it is asked whether there is more to come. */
const LOOK_MS = 2_000;

/** Until the agent's process has ended, or the signal comes. */
export async function follow({ after, print, signal, open, isAlive }: Follow): Promise<void> {
  let last = after;
  for (let breaks = 1; !signal.aborted; breaks++) {
    const before = last;
    const over = new AbortController();
    const end = (): void => over.abort();
    signal.addEventListener("abort", end, { once: true });
    const url = await open(last);
    // It may have come while the address was asked for: then no listener is told.
    if (signal.aborted) return;
    const listening = listen(url, over.signal, (event) => {
      if (event.id <= last) return;
      last = event.id;
      print(event);
    });
    while ((await Promise.race([listening.then(() => "closed"), sleep(LOOK_MS, "open", { ref: false })])) === "open")
      if (!(await isAlive())) over.abort();
    signal.removeEventListener("abort", end);
    if (signal.aborted || over.signal.aborted || !(await isAlive())) return;
    if (last > before) breaks = 1;
    await sleep(exponential(breaks, AGAIN_MS, AGAIN_MOST_MS), undefined, { signal }).catch(() => {});
  }
}

/** Until it is closed by either side; why does not matter, since it is asked whether there is more. */
function listen(url: string, signal: AbortSignal, take: (event: Printed) => void): Promise<void> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url);
    // The other side may be gone without a word: its goodbye is not waited for.
    const end = (): void => {
      socket.close();
      resolve();
    };
    signal.addEventListener("abort", end, { once: true });
    socket.addEventListener("message", ({ data }) => take(JSON.parse(String(data)) as Printed));
    socket.addEventListener("close", () => {
      signal.removeEventListener("abort", end);
      resolve();
    });
  });
}
