import type { JournalEntry } from "../../../src/core/journal.ts";
import { exponential } from "../../../src/events/backoff.ts";
import { openSocket, rigPath } from "./api.ts";

/** How the line to the rig is. Only `live` may be trusted to be now. */
export type Line = "connecting" | "live" | "stale";

export interface FeedOptions {
  readonly rigId: string;
  /** Seq of the newest fact that is known: the feed goes on after it. */
  after(): number;
  onEntry(entry: JournalEntry): void;
  onLine(line: Line): void;
  /** Told when connecting fails, so that the page can find out why: a socket does not say. */
  onTrouble(tries: number): void;
}

const FIRST_RETRY_MS = 400;
const LONGEST_RETRY_MS = 15_000;
const PING_MS = 15_000;
/** A line on which nothing came back for this long after a ping is dead, whatever the browser believes. */
const PONG_MS = 8_000;

/** Follows a rig's facts; connects again by itself, from the last seq it saw. */
export function follow(options: FeedOptions): { close(): void; retryNow(): void } {
  let socket: WebSocket | null = null;
  let tries = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pinging: ReturnType<typeof setInterval> | undefined;
  let silent: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;

  const connect = (): void => {
    clearTimeout(timer);
    if (isClosed || socket !== null) return;
    if (tries === 0) options.onLine("connecting");
    const opened = openSocket(rigPath(options.rigId, `/feed?after=${options.after()}`));
    socket = opened;
    opened.addEventListener("open", () => {
      tries = 0;
      options.onLine("live");
      pinging = setInterval(ping, PING_MS);
    });
    opened.addEventListener("message", ({ data }: MessageEvent<string>) => {
      clearTimeout(silent);
      silent = undefined;
      if (data === "pong") return;
      options.onEntry(JSON.parse(String(data)) as JournalEntry);
    });
    opened.addEventListener("close", () => lost(opened));
  };

  const lost = (which: WebSocket): void => {
    if (socket !== which) return;
    socket = null;
    clearInterval(pinging);
    clearTimeout(silent);
    silent = undefined;
    if (isClosed) return;
    tries++;
    options.onLine("stale");
    options.onTrouble(tries);
    // Half of the wait is chance, so that a thousand boards do not come back together.
    const wait = exponential(tries, FIRST_RETRY_MS, LONGEST_RETRY_MS);
    timer = setTimeout(connect, wait / 2 + (Math.random() * wait) / 2);
  };

  const ping = (): void => {
    const current = socket;
    if (current?.readyState !== WebSocket.OPEN) return;
    current.send("ping");
    silent ??= setTimeout(() => {
      current.close();
      lost(current);
    }, PONG_MS);
  };

  const retryNow = (): void => {
    if (socket !== null) return ping();
    clearTimeout(timer);
    connect();
  };
  const onVisible = (): void => {
    if (document.visibilityState === "visible") retryNow();
  };

  addEventListener("online", retryNow);
  document.addEventListener("visibilitychange", onVisible);
  connect();
  return {
    retryNow,
    close() {
      isClosed = true;
      clearTimeout(timer);
      clearInterval(pinging);
      clearTimeout(silent);
      removeEventListener("online", retryNow);
      document.removeEventListener("visibilitychange", onVisible);
      socket?.close();
    },
  };
}
