import { useEffect, useRef, useState } from "react";
import type { AgentEvent as WireAgentEvent } from "../../../../src/wire/schemas.ts";
import type { AgentSnapshot } from "../../../../src/machines/agent.ts";
import { concerns } from "../../../../src/core/explain.ts";
import { exponential } from "../../../../src/events/backoff.ts";
import { get, openSocket, post, rigPath } from "../../lib/api.ts";
import { timeOfDay } from "../../lib/time.ts";
import { useStore, useWorld } from "../../lib/use-rig.ts";

const OUTPUT_SHOWN = 300;

/** What the agent did and said, asked for again with each of its facts; and what its process prints, by the container's own stream. */
export function Output({ agent }: { agent: AgentSnapshot }) {
  const store = useStore();
  const { id } = agent.context;
  const [events, setEvents] = useState<readonly WireAgentEvent[] | null>(null);
  const last = useRef(0);
  const box = useRef<HTMLDivElement>(null);
  const printed = usePrinted(store.rigId, id, agent.context.dispatchN, agent.hasTag("slot"));
  useEffect(() => {
    let isGone = false;
    let isAsking = false;
    const load = async () => {
      if (isAsking || document.visibilityState !== "visible") return;
      isAsking = true;
      try {
        for (;;) {
          const more = await get<WireAgentEvent[]>(
            rigPath(store.rigId, `/agents/${encodeURIComponent(id)}/events?after_id=${last.current}&limit=500`),
          );
          if (isGone) return;
          last.current = more.at(-1)?.id ?? last.current;
          setEvents((known) => [...(known ?? []), ...more].slice(-OUTPUT_SHOWN));
          if (more.length < 500) return;
        }
      } catch {
        if (!isGone) setEvents((known) => known ?? []);
      } finally {
        isAsking = false;
      }
    };
    void load();
    const unsubscribe = store.onEntry(({ fact }) => {
      if (concerns(fact, "agent", id)) void load();
    });
    return () => {
      isGone = true;
      unsubscribe();
    };
  }, [store, id]);
  useEffect(() => {
    const element = box.current;
    if (element !== null && element.scrollHeight - element.scrollTop - element.clientHeight < 160)
      element.scrollTop = element.scrollHeight;
  }, [events]);
  return (
    <>
      <h3 className="sub">What it prints</h3>
      {events === null || events.length === 0 ? (
        <p className="soft">{events === null ? "…" : "Nothing yet."}</p>
      ) : (
        <div className="output" ref={box} tabIndex={0} role="log" aria-label={`Output of ${agent.context.name}`}>
          {events.map((event) => (
            <div key={event.id}>
              <span className="when">{timeOfDay(Date.parse(event.created_at))}</span>{" "}
              <span className="what">{event.event_type}</span> {textOf(event.data)}
            </div>
          ))}
        </div>
      )}
      {printed.length > 0 && (
        <>
          <h3 className="sub">What its process prints</h3>
          <div
            className="output"
            tabIndex={0}
            role="log"
            aria-label={`What the process of ${agent.context.name} prints`}
          >
            {printed.map((line) => (
              <div key={line.id}>
                <span className="when">{timeOfDay(Date.parse(line.at))}</span> {textOf(line.data)}
              </div>
            ))}
          </div>
        </>
      )}
    </>
  );
}

interface Printed {
  readonly id: number;
  readonly type: string;
  readonly data: WireAgentEvent["data"];
  readonly at: string;
}

/** A stream that broke off is opened again after this long, and then twice as long each time. */
const RECONNECT_MS = 2_000;
const RECONNECT_MOST_MS = 60_000;

/** What a live process prints, pushed by the container through the Worker: a ticket, then a socket that resumes by event id. */
function usePrinted(rigId: string, agentId: string, dispatch: number, isAlive: boolean): readonly Printed[] {
  const { world } = useWorld();
  const townId = world.rig.context.config?.townId ?? null;
  const [lines, setLines] = useState<readonly Printed[]>([]);
  useEffect(() => {
    setLines([]);
    if (!isAlive || townId === null) return;
    const path = `/api/towns/${encodeURIComponent(townId)}/container/agents/${encodeURIComponent(agentId)}`;
    let isGone = false;
    let socket: WebSocket | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let after = 0;
    let tries = 0;
    const later = () => {
      if (!isGone) timer = setTimeout(() => void open(), exponential(++tries, RECONNECT_MS, RECONNECT_MOST_MS));
    };
    const open = async () => {
      try {
        const { ticket } = await post<{ ticket: string }>(`${path}/stream-ticket`);
        if (isGone) return;
        const opened = openSocket(`${path}/stream?ticket=${encodeURIComponent(ticket)}&after=${after}`, {
          withToken: false,
        });
        socket = opened;
        opened.addEventListener("message", ({ data }) => {
          const event = JSON.parse(String(data)) as Printed;
          tries = 0;
          after = Math.max(after, event.id);
          if (event.type !== "heartbeat_failed") setLines((known) => [...known, event].slice(-OUTPUT_SHOWN));
        });
        opened.addEventListener("close", later);
      } catch {
        later();
      }
    };
    void open();
    return () => {
      isGone = true;
      clearTimeout(timer);
      socket?.close();
    };
  }, [rigId, agentId, townId, dispatch, isAlive]);
  return lines;
}

/** Most events carry one text; others are shown as they are. Always text: React escapes it, whatever it holds. */
function textOf(data: WireAgentEvent["data"]): string {
  if (typeof data === "string") return data;
  if (typeof data === "object" && data !== null && !Array.isArray(data)) {
    for (const name of ["text", "line", "message", "output", "content"])
      if (typeof data[name] === "string") return data[name];
    if (Object.keys(data).length === 0) return "";
  }
  return JSON.stringify(data);
}
