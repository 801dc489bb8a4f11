import { Button } from "@mantine/core";
import { useMemo, useState, type FormEvent } from "react";
import * as actions from "../lib/actions.ts";
import { needs, type Need } from "../lib/attention.ts";
import { agentName, beadTitle, plural } from "../lib/names.ts";
import { setParams } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { Ago, Until } from "../ui/bits.tsx";
import { useDialog } from "../ui/dialogs.tsx";
import { useToasts } from "../ui/toasts.tsx";

/** Who needs me now: what only a person can settle, most urgent first. */

const SEEN = "ticktown.seen";
/** Needs that are shown before the reader asks for more. */
const SHOWN = 40;
const LEVEL = { now: "Needs you now", soon: "Soon", know: "Good to know" } as const;

export function Needs() {
  const { state, world, now } = useWorld();
  const [seen, setSeen] = useState<ReadonlySet<string>>(() => new Set(JSON.parse(localStorage.getItem(SEEN) ?? "[]") as string[]));
  const [all, setAll] = useState(false);
  const list = useMemo(() => needs(world, state.content, now, seen), [world, state.version, seen]);
  const see = (id: string) => {
    const next = new Set([...seen, id].slice(-2_000));
    localStorage.setItem(SEEN, JSON.stringify([...next]));
    setSeen(next);
  };
  const urgent = list.filter((need) => need.level === "now").length;
  return (
    <section className="card" aria-labelledby="needs">
      <div className="card-head">
        <h2 id="needs">Who needs me now</h2>
        <span className="count">{list.length === 0 ? "nobody" : urgent === 0 ? "nothing urgent" : `${urgent} now`}</span>
      </div>
      {list.length === 0 ? (
        <Calm />
      ) : (
        <div className="needs" role="list" aria-label="Who needs me now" tabIndex={0}>
          {(all ? list : list.slice(0, SHOWN)).map((need) => (
            <div key={need.key} role="listitem" className={`need ${need.level}`}>
              <i role="img" aria-label={LEVEL[need.level]} />
              <div>
                <h3>{need.title}</h3>
                <p className="soft small">
                  {need.text} <When need={need} />
                </p>
                {need.kind === "waiting" && <p className="soft small clip">{need.beads.slice(0, 3).map((id) => beadTitle(state.content, id)).join(" · ")}{need.beads.length > 3 ? " · …" : ""}</p>}
              </div>
              <Acts need={need} see={see} />
              {need.kind === "agent" && need.asks === "help" && <InlineAnswer need={need} />}
            </div>
          ))}
          {!all && list.length > SHOWN && (
            <div className="need">
              <span />
              <button type="button" className="link-button" onClick={() => setAll(true)}>
                Show {list.length - SHOWN} more
              </button>
            </div>
          )}
        </div>
      )}
    </section>
  );
}

function When({ need }: { need: Need }) {
  if (need.kind === "agent" || need.kind === "bead") {
    return (
      <>
        <Ago at={need.since} before="Since " after="." />
        {need.kind === "agent" && need.until !== null && (
          <>
            {" "}
            <Until at={need.until} passed="Due now." /> left.
          </>
        )}
      </>
    );
  }
  return need.until === null ? null : (
    <>
      Looked at again in <Until at={need.until} passed="a moment" />.
    </>
  );
}

function Calm() {
  const { world } = useWorld();
  const working = [...world.agents.values()].filter((agent) => agent.matches("working")).length;
  const merging = world.index.queued.size + world.index.merging.size;
  return (
    <div className="calm">
      <svg viewBox="0 0 40 40" aria-hidden="true">
        <circle cx="20" cy="20" r="18" fill="none" stroke="currentColor" strokeWidth="2.5" />
        <path d="m12 20.5 5.5 5.5L28.5 14.5" fill="none" stroke="currentColor" strokeWidth="3" strokeLinecap="round" strokeLinejoin="round" />
      </svg>
      <div>
        <b>Nothing needs you.</b>
        <span className="soft">
          {working === 0 ? "No agent is working" : `${plural(working, "agent is", "agents are")} working`}
          {merging === 0 ? "." : `, ${plural(merging, "branch waits", "branches wait")} to be merged.`}
        </span>
      </div>
    </div>
  );
}

/** The answer goes where the question is. */
function InlineAnswer({ need }: { need: Extract<Need, { kind: "agent" }> }) {
  const { rigId } = useStore();
  const toasts = useToasts();
  const [answer, setAnswer] = useState("");
  const [isBusy, setBusy] = useState(false);
  const { name, id } = need.agent.context;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    await toasts.act(() => actions.unblock(rigId, id, answer, need.escalationId), `${name} was not unblocked`);
    setBusy(false);
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <textarea rows={1} aria-label={`Answer to ${name}`} placeholder="Your answer" value={answer} onChange={(event) => setAnswer(event.currentTarget.value)} />
      <Button type="submit" loading={isBusy} disabled={answer.trim() === ""}>
        Unblock
      </Button>
    </form>
  );
}

function Acts({ need, see }: { need: Need; see: (id: string) => void }) {
  const { rigId } = useStore();
  const { world, state } = useWorld();
  const toasts = useToasts();
  const ask = useDialog();
  const small = { size: "compact-sm", variant: "default" } as const;
  if (need.kind === "rig") {
    const broken = typeof need.act === "object" && need.act !== null ? need.act.repair : null;
    return (
      <div className="acts">
        {need.act === "resume" && (
          <Button {...small} onClick={() => void toasts.act(() => actions.setLife(rigId, "resume"), "The rig was not resumed")}>
            Resume
          </Button>
        )}
        {broken !== null && (
          <>
            <Button {...small} onClick={() => void toasts.act(() => actions.repair(rigId, broken), "It could not be repaired")}>
              Repair
            </Button>
            <Button {...small} onClick={() => void toasts.act(() => actions.replay(rigId), "Replay found a difference")}>
              Replay
            </Button>
          </>
        )}
      </div>
    );
  }
  if (need.kind === "agent") {
    const { agent } = need;
    return (
      <div className="acts">
        {(need.asks === "rest" || need.asks === "permission") && (
          <Button {...small} onClick={() => ask({ type: "unblock", agent, escalationId: need.escalationId })}>
            Unblock
          </Button>
        )}
        {need.asks === "stall" && (
          <Button {...small} onClick={() => ask({ type: "mail", to: agent.context.id })}>
            Write
          </Button>
        )}
        <Button {...small} onClick={() => setParams({ show: `agent:${agent.context.id}` })} aria-label={`Open ${agent.context.name}`}>
          Open
        </Button>
      </div>
    );
  }
  if (need.kind === "bead") {
    const { id } = need.bead.context;
    const title = beadTitle(state.content, id);
    return (
      <div className="acts">
        {need.why === "escalation" && (
          <Button {...small} onClick={() => void toasts.act(() => actions.closeBead(rigId, id), "The escalation was not closed")} aria-label={`Settled: ${title}`}>
            Settled
          </Button>
        )}
        {need.why === "failed" && (
          <>
            <Button {...small} onClick={() => see(id)} aria-label={`Seen: ${title} failed`}>
              Seen
            </Button>
            <Button {...small} onClick={() => ask({ type: "sling", title })} aria-label={`Sling again: ${title}`}>
              Sling again
            </Button>
          </>
        )}
        <Button {...small} onClick={() => setParams({ show: `bead:${id}` })} aria-label={`Open ${title}`}>
          Open
        </Button>
      </div>
    );
  }
  const [first] = need.beads;
  return (
    <div className="acts">
      {(need.reason === "paused" || need.reason === "draining") && (
        <Button {...small} onClick={() => void toasts.act(() => actions.setLife(rigId, "resume"), "The rig was not resumed")}>
          Resume
        </Button>
      )}
      {need.reason === "wrong_role" && first !== undefined && (
        <Button {...small} onClick={() => setParams({ show: `bead:${first}` })}>
          Open {agentName(world, world.index.hooks.get(first) ?? null)}’s bead
        </Button>
      )}
    </div>
  );
}
