/** What an agent printed and what happened to it: a bounded ring of events with ascending ids, and whoever watches. */
import { StringDecoder } from "node:string_decoder";
import type { AgentEvent } from "../../src/wire/container.ts";
import { EVENTS_PER_AGENT_MAX, EVENT_BYTES_PER_AGENT_MAX, LINE_MAX_CHARS, SECRET_MAX_CHARS } from "../limits.ts";
import type { Redact } from "../redact.ts";

export interface EventRing {
  readonly append: (type: string, data: unknown) => void;
  /** Events with an id above `after`. An `after` from before a restart is beyond the last id: then everything is new. */
  readonly since: (after: number) => AgentEvent[];
  readonly subscribe: (watch: (event: AgentEvent) => void) => () => void;
}

export function createEventRing(): EventRing {
  const events: { readonly event: AgentEvent; readonly size: number }[] = [];
  const watchers = new Set<(event: AgentEvent) => void>();
  let lastId = 0;
  let bytes = 0;
  return {
    append: (type, data) => {
      const event: AgentEvent = { id: ++lastId, type, data, at: new Date().toISOString() };
      const size = JSON.stringify(event).length;
      events.push({ event, size });
      bytes += size;
      while (events.length > EVENTS_PER_AGENT_MAX || (bytes > EVENT_BYTES_PER_AGENT_MAX && events.length > 1)) {
        bytes -= events.shift()?.size ?? 0;
      }
      for (const watch of watchers) watch(event);
    },
    since: (after) => {
      const from = after > lastId ? 0 : after;
      return events.filter(({ event }) => event.id > from).map(({ event }) => event);
    },
    subscribe: (watch) => {
      watchers.add(watch);
      return () => watchers.delete(watch);
    },
  };
}

export interface Line {
  readonly text: string;
  /** The line was longer than 8 KiB; the rest of it is gone. */
  readonly truncated: boolean;
}

/**
 * Cuts a stream of bytes into redacted lines of bounded length.
 * A line is redacted as a whole, so neither chunk borders nor the cut can leave a part of a secret behind.
 */
export function createLineSplitter(
  redact: Redact,
  onLine: (line: Line) => void,
): { push: (chunk: Buffer) => void; end: () => void } {
  const decoder = new StringDecoder("utf8");
  const collect = LINE_MAX_CHARS + SECRET_MAX_CHARS;
  let line = "";

  function emit(): void {
    const clean = redact(line.replace(/\r$/, ""));
    // Past `collect` characters there may be half a secret at the end, which no redaction recognises: cut it off first.
    const whole = line.length < collect ? clean : clean.slice(0, -SECRET_MAX_CHARS);
    onLine({
      text: whole.slice(0, LINE_MAX_CHARS),
      truncated: whole.length > LINE_MAX_CHARS || line.length >= collect,
    });
    line = "";
  }

  function add(text: string): void {
    const parts = text.split("\n");
    parts.forEach((part, n) => {
      line += part.slice(0, collect - line.length);
      if (n < parts.length - 1) emit();
    });
  }

  return {
    push: (chunk) => add(decoder.write(chunk)),
    end: () => {
      add(decoder.end());
      if (line !== "") emit();
    },
  };
}

/** A line that is a JSON object with a `type` is the agent speaking to us; anything else is just output. */
export function parseAgentLine(text: string): ({ readonly type: string } & Readonly<Record<string, unknown>>) | null {
  if (!text.startsWith("{")) return null;
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    return typeof value["type"] === "string" && value["type"].length > 0 && value["type"].length <= 64
      ? (value as { type: string })
      : null;
  } catch {
    return null;
  }
}
