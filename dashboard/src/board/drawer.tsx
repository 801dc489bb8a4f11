import { Button, Drawer } from "@mantine/core";
import { useEffect, useMemo, useRef, useState } from "react";
import type { WireAgentEvent, WireBead } from "../../../src/do/wire.ts";
import type { AgentSnapshot } from "../../../src/machines/agent.ts";
import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import { whyAgent, whyBead, type Why } from "../../../src/machines/why.ts";
import { concerns } from "../../../src/do/debug.ts";
import * as actions from "../lib/actions.ts";
import { get, openSocket, post, rigPath } from "../lib/api.ts";
import { agentName, beadTitle, plural, short } from "../lib/names.ts";
import { say } from "../lib/says.ts";
import { dateAndTime, timeOfDay } from "../lib/time.ts";
import { follows, href, setParams, usePlace } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { AgentPill, Ago, BeadPill, substate, Until } from "../ui/bits.tsx";
import { useDialog } from "../ui/dialogs.tsx";
import { useToasts } from "../ui/toasts.tsx";

/** Everything about one agent or bead, beside the board. */
export function Details() {
  const { params } = usePlace();
  const { world, state } = useWorld();
  const show = params.get("show") ?? "";
  const agent = show.startsWith("agent:") ? world.agents.get(show.slice(6)) : undefined;
  const bead = show.startsWith("bead:") ? world.beads.get(show.slice(5)) : undefined;
  const title = agent !== undefined ? agent.context.name : bead !== undefined ? beadTitle(state.content, bead.context.id) : "Not found";
  return (
    <Drawer opened={show !== ""} onClose={() => setParams({ show: null })} position="right" size="min(560px, 100vw)" title={<b>{title}</b>} closeButtonProps={{ "aria-label": "Close" }} overlayProps={{ backgroundOpacity: 0.18 }} transitionProps={{ duration: 120 }}>
      {agent !== undefined && <AgentDetails key={agent.context.id} agent={agent} />}
      {bead !== undefined && <BeadDetails key={bead.context.id} bead={bead} />}
      {agent === undefined && bead === undefined && <p className="soft">This rig has no {show.replace(":", " ")}, or it ended long ago: the journal still has it.</p>}
    </Drawer>
  );
}

function WhyBox({ why }: { why: Why }) {
  return (
    <div className="whybox">
      <b>{why.reason.replaceAll("_", " ")}</b>
      <div>{why.sentence}</div>
      {why.until !== null && (
        <div className="soft small">
          Looked at again in <Until at={why.until} passed="a moment" />
        </div>
      )}
    </div>
  );
}

const Debug = ({ actor }: { actor: string }) => {
  const { rigId } = useStore();
  return (
    <a href={href("/debug", { rig: rigId, actor })} onClick={follows}>
      Its statechart
    </a>
  );
};

function AgentDetails({ agent }: { agent: AgentSnapshot }) {
  const { rigId } = useStore();
  const { world, state } = useWorld();
  const { context } = agent;
  const toasts = useToasts();
  const ask = useDialog();
  const act = { size: "compact-sm", variant: "default" } as const;
  const bead = context.hook === null ? null : beadTitle(state.content, context.hook);
  return (
    <div className="stack">
      <div className="row wrap">
        <AgentPill agent={agent} />
        <span className="soft">{substate(agent)}</span>
        <span className="soft">· {context.role}</span>
        <Debug actor={`agent:${context.id}`} />
      </div>
      <WhyBox why={whyAgent(world, agent)} />
      <div className="row wrap">
        {agent.matches("blocked") && <Button size="compact-sm" onClick={() => ask({ type: "unblock", agent, escalationId: null })}>Unblock with an answer</Button>}
        {agent.matches({ idle: "empty" }) && <Button {...act} onClick={() => ask({ type: "hook", agentId: context.id, beadId: null })}>Hook a bead</Button>}
        {context.hook !== null && (
          <>
            <Button {...act} onClick={() => ask({ type: "confirm", title: `Restart ${context.name}?`, text: `“${bead ?? ""}” is taken off its hook and put back: a running process is stopped and a new dispatch starts.`, yes: "Restart", isGrave: false, doing: () => actions.restart(rigId, agent), failed: `${context.name} was not restarted` })}>
              Restart
            </Button>
            <Button {...act} onClick={() => ask({ type: "confirm", title: `Unhook ${context.name}?`, text: `“${bead ?? ""}” goes back to the queue${agent.hasTag("slot") ? " and the process is asked to stop" : ""}.`, yes: "Unhook", isGrave: false, doing: () => actions.unhook(rigId, agent), failed: `${context.name} was not unhooked` })}>
              Unhook
            </Button>
          </>
        )}
        <Button {...act} onClick={() => ask({ type: "mail", to: context.id })}>Write</Button>
        <Button {...act} onClick={() => void toasts.act(() => actions.tickNow(rigId), "The rig did not tick")}>Look now</Button>
      </div>
      <dl className="kv">
        <dt>Bead</dt>
        <dd>
          {context.hook === null ? (
            <span className="soft">none</span>
          ) : (
            <button type="button" className="link-button" onClick={() => setParams({ show: `bead:${context.hook ?? ""}` })}>
              {bead}
            </button>
          )}
        </dd>
        <dt>Attempts</dt>
        <dd>
          {context.attempts} of {world.rig.context.settings.max_attempts}
        </dd>
        <dt>Dispatch</dt>
        <dd className="num">{context.dispatchN === 0 ? "never dispatched" : `number ${context.dispatchN}`}</dd>
        <dt>Progress</dt>
        <dd>{context.progressAt === null ? <span className="soft">its clock stands still</span> : <Ago at={context.progressAt} />}</dd>
        {state.heard.has(context.id) && (
          <>
            <dt>Heard from</dt>
            <dd>
              <Ago at={state.heard.get(context.id) ?? null} />
            </dd>
          </>
        )}
        {context.exit !== null && (
          <>
            <dt>Last end</dt>
            <dd>
              {context.exit.outcome}: {context.exit.reason} (<Ago at={context.exit.at} />)
            </dd>
          </>
        )}
        <dt>Branch</dt>
        <dd className="mono">{context.branch ?? "none"}</dd>
        <dt>Checkpoint</dt>
        <dd>{context.checkpoint === null ? "none" : `saved with #${context.checkpoint.seq}`}</dd>
        <dt>Identity</dt>
        <dd className="mono">{context.identity}</dd>
        <dt>Id</dt>
        <dd className="mono">{context.id}</dd>
      </dl>
      <Output agent={agent} />
      <Flow kind="agent" id={context.id} />
    </div>
  );
}

const OUTPUT_SHOWN = 300;

/** What the agent did and said, asked for again with each of its facts; and what its process prints, by the container's own stream. */
function Output({ agent }: { agent: AgentSnapshot }) {
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
          const more = await get<WireAgentEvent[]>(rigPath(store.rigId, `/agents/${encodeURIComponent(id)}/events?after_id=${last.current}&limit=500`));
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
    if (element !== null && element.scrollHeight - element.scrollTop - element.clientHeight < 160) element.scrollTop = element.scrollHeight;
  }, [events]);
  return (
    <>
      <h3 className="sub">What it says</h3>
      {events === null || events.length === 0 ? (
        <p className="soft">{events === null ? "…" : "It has not said anything yet."}</p>
      ) : (
        <div className="output" ref={box} tabIndex={0} role="log" aria-label={`Output of ${agent.context.name}`}>
          {events.map((event) => (
            <div key={event.id}>
              <span className="when">{timeOfDay(Date.parse(event.created_at))}</span> <span className="what">{event.event_type}</span> {textOf(event.data)}
            </div>
          ))}
        </div>
      )}
      {printed.length > 0 && (
        <>
          <h3 className="sub">What its process prints</h3>
          <div className="output" tabIndex={0} role="log" aria-label={`What the process of ${agent.context.name} prints`}>
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
      if (!isGone) timer = setTimeout(() => void open(), Math.min(RECONNECT_MOST_MS, RECONNECT_MS * 2 ** tries++));
    };
    const open = async () => {
      try {
        const { ticket } = await post<{ ticket: string }>(`${path}/stream-ticket`);
        if (isGone) return;
        const opened = openSocket(`${path}/stream?ticket=${encodeURIComponent(ticket)}&after=${after}`, { withToken: false });
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
    for (const name of ["text", "line", "message", "output", "content"]) if (typeof data[name] === "string") return data[name];
    if (Object.keys(data).length === 0) return "";
  }
  return JSON.stringify(data);
}

function BeadDetails({ bead }: { bead: BeadSnapshot }) {
  const { rigId } = useStore();
  const { world, state } = useWorld();
  const { context } = bead;
  const ask = useDialog();
  const toasts = useToasts();
  const [full, setFull] = useState<WireBead | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    get<WireBead>(rigPath(rigId, `/beads/${encodeURIComponent(context.id)}`), stop.signal).then(setFull, () => {});
    return () => stop.abort();
  }, [rigId, context.id]);
  const title = beadTitle(state.content, context.id);
  const dependents = [...(world.index.dependents.get(context.id) ?? [])];
  const act = { size: "compact-sm", variant: "default" } as const;
  const isOpen = !bead.hasTag("terminal");
  return (
    <div className="stack">
      <div className="row wrap">
        <BeadPill bead={bead} />
        <span className="soft">
          {context.priority} {context.type.replace("_", " ")}
        </span>
        <Debug actor={`bead:${context.id}`} />
        {context.reviewId !== null && <Debug actor={`review:${context.reviewId}`} />}
      </div>
      <WhyBox why={whyBead(world, bead)} />
      <div className="row wrap">
        {isOpen && context.type === "issue" && context.assignee === null && <Button {...act} onClick={() => ask({ type: "hook", agentId: null, beadId: context.id })}>Hook to an agent</Button>}
        {isOpen && context.type !== "issue" && <Button {...act} onClick={() => void toasts.act(() => actions.closeBead(rigId, context.id), "The bead was not closed")}>Close it</Button>}
        {isOpen && (
          <Button {...act} onClick={() => ask({ type: "confirm", title: "Cancel this bead?", text: `“${title}” becomes failed and stays so. What runs for it is stopped.`, yes: "Cancel the bead", isGrave: true, doing: () => actions.cancelBead(rigId, context.id), failed: "The bead was not cancelled" })}>
            Cancel
          </Button>
        )}
        {!isOpen && context.type === "issue" && <Button {...act} onClick={() => ask({ type: "sling", title, body: full?.body ?? "" })}>Sling again</Button>}
      </div>
      {full !== null && full.body !== null && full.body !== "" && (
        <div className="text-block" tabIndex={0}>
          {full.body}
        </div>
      )}
      <dl className="kv">
        <dt>Agent</dt>
        <dd>
          {context.assignee === null ? (
            <span className="soft">none</span>
          ) : (
            <button type="button" className="link-button" onClick={() => setParams({ show: `agent:${context.assignee ?? ""}` })}>
              {agentName(world, context.assignee)}
            </button>
          )}
        </dd>
        <dt>Waits for</dt>
        <dd>{context.blockedBy.length === 0 ? <span className="soft">nothing</span> : <Links ids={context.blockedBy} />}</dd>
        <dt>Waited for by</dt>
        <dd>{dependents.length === 0 ? <span className="soft">nothing</span> : <Links ids={dependents} />}</dd>
        <dt>Attempts</dt>
        <dd>
          {context.attempts} of {world.rig.context.settings.max_attempts}
          {context.reworks > 0 ? `, ${plural(context.reworks, "rework")}` : ""}
        </dd>
        <dt>Branch</dt>
        <dd className="mono">{context.branch ?? "none yet"}</dd>
        {context.commitSha !== null && (
          <>
            <dt>Commit</dt>
            <dd className="mono">{context.commitSha}</dd>
          </>
        )}
        <dt>Created</dt>
        <dd>{dateAndTime(context.createdAt)}</dd>
        <dt>Id</dt>
        <dd className="mono">{context.id}</dd>
      </dl>
      {full !== null && Object.keys(full.metadata).length > 0 && (
        <>
          <h3 className="sub">Metadata</h3>
          <pre className="text-block" tabIndex={0} style={{ margin: 0 }}>
            {JSON.stringify(full.metadata, null, 2)}
          </pre>
        </>
      )}
      <Flow kind="bead" id={context.id} />
    </div>
  );
}

function Links({ ids }: { ids: readonly string[] }) {
  const { state } = useWorld();
  return (
    <>
      {ids.slice(0, 20).map((id) => (
        <div key={id}>
          <button type="button" className="link-button" onClick={() => setParams({ show: `bead:${id}` })}>
            {beadTitle(state.content, id)}
          </button>
        </div>
      ))}
      {ids.length > 20 && <span className="soft">and {ids.length - 20} more</span>}
    </>
  );
}

const FLOW_SHOWN = 60;

/** The actor's own facts, newest first, as far back as this page knows them. */
function Flow({ kind, id }: { kind: "agent" | "bead"; id: string }) {
  const { rigId } = useStore();
  const { state, world } = useWorld();
  const facts = useMemo(() => state.entries.filter(({ fact }) => fact.type !== "TICK" && concerns(fact, kind, id)).slice(-FLOW_SHOWN).toReversed(), [state.version, kind, id]);
  return (
    <>
      <h3 className="sub">What happened to it</h3>
      {facts.length === 0 ? (
        <p className="soft">Nothing lately.</p>
      ) : (
        <ol className="flow" reversed>
          {facts.map(({ fact }) => {
            const { tone, text } = say(fact, world, state.content);
            return (
              <li key={fact.seq}>
                <time title={dateAndTime(fact.at)}>{timeOfDay(fact.at)}</time>
                <i className={`tone-${tone}`} />
                <span>
                  {text}{" "}
                  <a className="small" href={href("/debug", { rig: rigId, actor: `${kind}:${id}`, seq: fact.seq })} onClick={follows} aria-label={`Debug ${short(id)} at seq ${fact.seq}`}>
                    #{fact.seq}
                  </a>
                </span>
              </li>
            );
          })}
        </ol>
      )}
    </>
  );
}
