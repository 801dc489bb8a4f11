import { budgetOf } from "../../../src/events/settings.ts";
import { Button } from "@mantine/core";
import type { ReactNode } from "react";
import * as actions from "../lib/actions.ts";
import type { ShownNeed } from "../lib/needs.ts";
import { agentName, beadTitle, plural } from "../lib/names.ts";
import { setParams } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { useDialog } from "../ui/dialogs.tsx";
import { useToasts } from "../ui/toasts.tsx";

/** What a person can do about a need, beside it. */

const SMALL = { size: "compact-sm", variant: "default" } as const;

export function NeedActs({ need, see }: { need: ShownNeed; see: (ids: readonly string[]) => void }) {
  return (
    <div className="acts">
      <Particular need={need} see={see} />
      <Open need={need} />
    </div>
  );
}

function Particular({ need, see }: { need: ShownNeed; see: (ids: readonly string[]) => void }): ReactNode {
  switch (need.code) {
    case "failed":
      return (
        <>
          <Settle need={need} />
          <SlingAgain need={need} />
        </>
      );
    case "blocked_by_failed":
      return (
        <>
          <Act
            says="Retry"
            label={`Retry: ${need.title}`}
            failed="It was not tried again"
            doing={(id) => actions.retryAll(id, need.beads, need.escalations)}
          />
          <Settle need={need} />
        </>
      );
    case "given_up":
      return (
        <>
          <Button {...SMALL} onClick={() => see(need.beads)} aria-label={`Seen: ${need.title}`}>
            Seen
          </Button>
          <SlingAgain need={need} after={() => see(need.beads)} />
        </>
      );
    case "escalation":
    case "settled_itself":
      return <Settle need={need} />;
    case "permission":
    case "over_budget":
    case "not_authorized":
    case "agent_rests":
      return <Answer need={need} />;
    case "bead_budget":
      return <Raise need={need} />;
    case "hand_in_refused":
      return <Decide need={need} />;
    case "stalled":
      return <Write need={need} />;
    case "paused":
    case "draining":
      return <Act says="Resume" failed="The rig was not resumed" doing={(id) => actions.setLife(id, "resume")} />;
    case "actor_damaged":
      return (
        <>
          <Act says="Repair" failed="It could not be repaired" doing={(id) => actions.repairAll(id, need.actors)} />
          <Act says="Replay" failed="Replay found a difference" doing={actions.replay} />
        </>
      );
    default:
      return null;
  }
}

function Act(props: {
  says: string;
  label?: string;
  failed: string;
  doing: (rigId: string) => Promise<actions.Done>;
  after?: () => void;
}) {
  const { rigId } = useStore();
  const toasts = useToasts();
  const click = async () => {
    if (await toasts.act(() => props.doing(rigId), props.failed)) props.after?.();
  };
  return (
    <Button {...SMALL} onClick={() => void click()} aria-label={props.label ?? props.says}>
      {props.says}
    </Button>
  );
}

const Settle = ({ need }: { need: ShownNeed }) =>
  need.escalations.length === 0 ? null : (
    <Act
      says={need.escalations.length === 1 ? "Settled" : "Settle all"}
      label={`Settled: ${need.title}`}
      failed="The escalation was not closed"
      doing={(rigId) => actions.settle(rigId, need.escalations)}
    />
  );

const SlingAgain = ({ need, after }: { need: ShownNeed; after?: () => void }) => (
  <Act
    says={need.beads.length === 1 ? "Sling again" : `Sling all ${need.beads.length} again`}
    label={`Sling again: ${need.title}`}
    failed="Not all of it was slung again"
    doing={(rigId) => actions.slingAgain(rigId, need.beads, need.escalations)}
    {...(after === undefined ? {} : { after })}
  />
);

function Answer({ need }: { need: ShownNeed }) {
  const { world } = useWorld();
  const ask = useDialog();
  const agent = world.agents.get(need.agents[0] ?? "");
  if (agent === undefined) return null;
  return (
    <Button {...SMALL} onClick={() => ask({ type: "unblock", agent, escalationId: need.escalations[0] ?? null })}>
      Unblock
    </Button>
  );
}

/** As much again as the rig lets each bead spend. */
function Raise({ need }: { need: ShownNeed }) {
  const { world } = useWorld();
  const { bead_tokens, bead_microdollars } = budgetOf(world.rig.context.settings);
  const more = { tokens: bead_tokens ?? 0, microdollars: bead_microdollars ?? 0 };
  return (
    <Act
      says="As much again"
      label={`As much again: ${need.title}`}
      failed="Its budget was not raised"
      doing={(rigId) => actions.raiseBudget(rigId, need.beads, more, need.escalations)}
    />
  );
}

/** What is to become of a hand-in that was refused for the last time. Its commit is offered only where there is one to take. */
function Decide({ need }: { need: ShownNeed }) {
  const asIs = String(need.values["as_is"] ?? "");
  const decide = (says: string, decision: Parameters<typeof actions.settleHandIn>[2]) => (
    <Act
      says={says}
      label={`${says}: ${need.title}`}
      failed="Nothing was decided"
      doing={(rigId) => actions.settleHandIn(rigId, need.beads[0] ?? "", decision, need.escalations)}
    />
  );
  return (
    <>
      {decide("Send back", "send_back")}
      {decide("No change", "no_change")}
      {asIs !== "" && decide(`Take ${asIs.slice(0, 10)} as it is`, "as_is")}
    </>
  );
}

function Write({ need }: { need: ShownNeed }) {
  const ask = useDialog();
  return (
    <Button {...SMALL} onClick={() => ask({ type: "mail", to: need.agents[0] ?? null })}>
      Write
    </Button>
  );
}

/** The one thing that it is most about. */
function Open({ need }: { need: ShownNeed }) {
  const { world, state } = useWorld();
  const agent = need.agents[0];
  const bead = need.beads[0] ?? need.escalations[0] ?? (need.code === "wrong_role" ? need.waiting[0] : undefined);
  const isOfAgent = agent !== undefined && !["failed", "given_up", "wrong_role"].includes(need.code);
  if (!isOfAgent && bead === undefined) return null;
  const name = isOfAgent ? agentName(world, agent) : beadTitle(state.content, bead ?? "");
  return (
    <Button
      {...SMALL}
      onClick={() => setParams({ show: isOfAgent ? `agent:${agent}` : `bead:${bead}` })}
      aria-label={`Open ${name}`}
    >
      Open
    </Button>
  );
}

/** Titles of what a need gathers, where it is more than its title says. */
export function Gathered({ need }: { need: ShownNeed }) {
  const { state } = useWorld();
  const titles = (ids: readonly string[]) =>
    ids.map((id) => (
      <li key={id}>
        <button type="button" className="link-button" onClick={() => setParams({ show: `bead:${id}` })}>
          {beadTitle(state.content, id)}
        </button>
      </li>
    ));
  const many = need.beads.length > 1 ? need.beads : [];
  if (many.length === 0 && need.waiting.length === 0) return null;
  return (
    <details className="gathered small">
      <summary>
        {[
          many.length === 0 ? null : plural(many.length, "bead"),
          need.waiting.length === 0 ? null : `${need.waiting.length.toLocaleString("en")} waiting`,
        ]
          .filter(Boolean)
          .join(", ")}
      </summary>
      <ul>{titles([...many, ...need.waiting].slice(0, SHOWN))}</ul>
    </details>
  );
}
/** Titles that are listed; the list of beads has all. */
const SHOWN = 50;
