import * as z from "zod";
import { DOOR } from "../events/limits.ts";
import type { JournalEntry } from "../core/journal.ts";
import { readJournal } from "./store.ts";
import type { Rig } from "./rig.ts";

/**
 * The live feed of a rig's facts, by WebSocket and by server-sent events. Each message is one journal entry; a client that
 * says the last seq it has seen goes on from there, without gap or double, because every socket is fed from the journal.
 */

/** Entries read from the journal at a time. */
const PAGE = 500;
/** Entries sent to one socket before others get their turn. */
const BURST = 2_000;

/** What a stream tells: each fact, or the inspection protocol. The route that opens one says it in this header. */
export const STREAM_HEADER = "x-ticktown-stream";
export const StreamKind = z.enum(["feed", "inspect"]);
export type StreamKind = z.infer<typeof StreamKind>;

/** What a socket remembers while its object sleeps. */
export interface Attachment {
  readonly kind: StreamKind;
  /** Seq of the last entry that was sent. */
  after: number;
  /** From then on it is told nothing more; its token may have ended meanwhile. */
  readonly until?: number;
}

/** What a stream is told at its end: it is good for so long, and then its token is looked at again. */
export const OVER = { code: 4001, reason: "connect again" } as const;

/** Whether a socket was opened too long ago to be told anything more. One of an earlier version does not say. */
export const isOver = (attachment: Attachment | null, now: number): boolean => (attachment?.until ?? 0) <= now;

export interface Socket {
  send(message: string): void;
  close(code?: number, reason?: string): void;
  serializeAttachment(attachment: Attachment): void;
  deserializeAttachment(): Attachment | null;
}

export type Encode = (rig: Rig, entry: JournalEntry) => string[];

export const encodeFeed: Encode = (_rig, entry) => [JSON.stringify(entry)];

/** Sends a socket what it has not seen. Answers whether there is more. */
export function pump(rig: Rig, socket: Socket, encode: Encode): boolean {
  const attachment = socket.deserializeAttachment();
  if (attachment === null) return false;
  if (isOver(attachment, rig.ports.now())) {
    socket.close(OVER.code, OVER.reason);
    return false;
  }
  let { after } = attachment;
  try {
    for (let sent = 0; sent < BURST;) {
      const entries = after >= rig.world.seq ? [] : readJournal(rig.ports.sql, after, PAGE);
      if (entries.length === 0) return false;
      for (const entry of entries) for (const message of encode(rig, entry)) socket.send(message);
      after = entries.at(-1)?.fact.seq ?? after;
      sent += entries.length;
      socket.serializeAttachment({ ...attachment, after });
    }
    return true;
  } catch {
    socket.close(1011, "the feed failed; connect again with the last seq you saw");
    return false;
  }
}

/** Pumps until nothing is left, letting others have their turn in between. */
export async function pumpAll(rig: Rig, socket: Socket, encode: Encode): Promise<void> {
  while (pump(rig, socket, encode)) await new Promise((resolve) => setTimeout(resolve, 0));
}

/**
 * The same as server-sent events: `id` is the seq, so a browser resumes by itself.
 * @param onEnd called once, when nobody listens any more.
 */
export function eventStream(rig: Rig, after: number, onEnd: () => void = () => {}): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let last = after;
  let stop = () => {};
  const until = rig.ports.now() + DOOR.stream_life_ms;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const end = () => {
        stop();
        controller.close();
      };
      const send = () => {
        if (rig.ports.now() >= until) return end();
        try {
          for (;;) {
            const entries = last >= rig.world.seq ? [] : readJournal(rig.ports.sql, last, PAGE);
            if (entries.length === 0) return;
            for (const entry of entries)
              controller.enqueue(
                encoder.encode(`id: ${entry.fact.seq}\nevent: fact\ndata: ${JSON.stringify(entry)}\n\n`),
              );
            last = entries.at(-1)?.fact.seq ?? last;
          }
        } catch {
          stop();
        }
      };
      // A comment now and then tells both ends that the line is alive.
      const beat = setInterval(() => {
        if (rig.ports.now() >= until) return end();
        try {
          controller.enqueue(encoder.encode(": beat\n\n"));
        } catch {
          stop();
        }
      }, 15_000);
      rig.listeners.add(send);
      stop = () => {
        clearInterval(beat);
        if (rig.listeners.delete(send)) onEnd();
      };
      controller.enqueue(encoder.encode("retry: 1000\n\n"));
      send();
    },
    cancel() {
      stop();
    },
  });
}
