import { Button } from "@mantine/core";
import type { AgentSnapshot } from "../../../../src/machines/agent.ts";
import { whyAgent } from "../../../../src/core/why.ts";
import * as actions from "../../lib/actions.ts";
import { beadTitle } from "../../lib/names.ts";
import { setParams } from "../../lib/url.ts";
import { useStore, useWorld } from "../../lib/use-rig.ts";
import { AgentPill, Ago, substate } from "../../ui/bits.tsx";
import { useDialog } from "../../ui/dialogs.tsx";
import { useToasts } from "../../ui/toasts.tsx";
import { Output } from "./output.tsx";
import { Debug, Flow, WhyBox } from "./shared.tsx";

/** Everything about one agent. */
export function AgentDetails({ agent }: { agent: AgentSnapshot }) {
  const { world } = useWorld();
  const { context } = agent;
  return (
    <div className="stack">
      <div className="row wrap">
        <AgentPill agent={agent} />
        <span className="soft">{substate(agent)}</span>
        <span className="soft">· {context.role}</span>
        <Debug actor={`agent:${context.id}`} />
      </div>
      <WhyBox why={whyAgent(world, agent)} />
      <AgentActions agent={agent} />
      <AgentFields agent={agent} />
      <Output agent={agent} />
      <Flow kind="agent" id={context.id} />
    </div>
  );
}

function AgentActions({ agent }: { agent: AgentSnapshot }) {
  const { rigId } = useStore();
  const { state } = useWorld();
  const { context } = agent;
  const toasts = useToasts();
  const ask = useDialog();
  const act = { size: "compact-sm", variant: "default" } as const;
  const bead = context.hook === null ? null : beadTitle(state.content, context.hook);
  return (
    <div className="row wrap">
      {agent.matches("blocked") && (
        <Button size="compact-sm" onClick={() => ask({ type: "unblock", agent, escalationId: null })}>
          Unblock with an answer
        </Button>
      )}
      {agent.matches({ idle: "empty" }) && (
        <Button {...act} onClick={() => ask({ type: "hook", agentId: context.id, beadId: null })}>
          Hook a bead
        </Button>
      )}
      {agent.matches({ restarting: "backingOff" }) && (
        <Button
          size="compact-sm"
          onClick={() => void toasts.act(() => actions.restart(rigId, agent), `${context.name} was not started again`)}
        >
          Retry now
        </Button>
      )}
      {context.hook !== null && (
        <>
          <Button {...act} onClick={() => ask({ type: "move", agent })}>
            Move…
          </Button>
          <Button
            {...act}
            onClick={() =>
              ask({
                type: "confirm",
                title: `Restart ${context.name}?`,
                text: `“${bead ?? ""}” is taken off its hook and put back: a running process is stopped and a new dispatch starts.`,
                yes: "Restart",
                isGrave: false,
                doing: () => actions.restart(rigId, agent),
                failed: `${context.name} was not restarted`,
              })
            }
          >
            Restart
          </Button>
          <Button
            {...act}
            onClick={() =>
              ask({
                type: "confirm",
                title: `Unhook ${context.name}?`,
                text: `“${bead ?? ""}” goes back to the queue${agent.hasTag("slot") ? " and the process is asked to stop" : ""}.`,
                yes: "Unhook",
                isGrave: false,
                doing: () => actions.unhook(rigId, agent),
                failed: `${context.name} was not unhooked`,
              })
            }
          >
            Unhook
          </Button>
        </>
      )}
      <Hold agent={agent} />
      <Button {...act} onClick={() => ask({ type: "mail", to: context.id })}>
        Write
      </Button>
      <Button {...act} onClick={() => void toasts.act(() => actions.tickNow(rigId), "The rig did not tick")}>
        Look now
      </Button>
    </div>
  );
}

/** Kept from new dispatches, or let go again; what runs goes on. */
function Hold({ agent }: { agent: AgentSnapshot }) {
  const { rigId } = useStore();
  const toasts = useToasts();
  const ask = useDialog();
  const { held, name } = agent.context;
  const act = () =>
    held === undefined
      ? ask({ type: "hold", agent })
      : void toasts.act(() => actions.release(rigId, agent), `${name} was not released`);
  return (
    <Button size="compact-sm" variant="default" onClick={act}>
      {held === undefined ? "Hold…" : "Release"}
    </Button>
  );
}

function AgentFields({ agent }: { agent: AgentSnapshot }) {
  const { world, state } = useWorld();
  const { context } = agent;
  const bead = context.hook === null ? null : beadTitle(state.content, context.hook);
  return (
    <dl className="kv">
      <dt>Bead</dt>
      <dd>
        {context.hook === null ? (
          <span className="soft">none</span>
        ) : (
          <button
            type="button"
            className="link-button"
            onClick={() => setParams({ show: `bead:${context.hook ?? ""}` })}
          >
            {bead}
          </button>
        )}
      </dd>
      {context.held !== undefined && (
        <>
          <dt>Held</dt>
          <dd>
            by {context.held.by} (<Ago at={context.held.at} />)
            {context.held.reason === "" ? "" : `: ${context.held.reason}`}
          </dd>
        </>
      )}
      <dt>Attempts</dt>
      <dd>
        {context.attempts} of {world.rig.context.settings.max_attempts}
      </dd>
      <dt>Dispatch</dt>
      <dd className="num">{context.dispatchN === 0 ? "never dispatched" : `number ${context.dispatchN}`}</dd>
      <dt>Progress</dt>
      <dd>
        {context.progressAt === null ? (
          <span className="soft">its clock stands still</span>
        ) : (
          <Ago at={context.progressAt} />
        )}
      </dd>
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
  );
}
