import type { ReactNode } from "react";
import { budgetOf } from "../../../src/events/settings.ts";
import { actorOfNeed } from "../debug/actor.ts";
import * as actions from "../lib/actions.ts";
import { agentName } from "../lib/names.ts";
import type { ShownNeed } from "../lib/needs.ts";
import { paths } from "../lib/routes.ts";
import { href } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { useDialog } from "../ui/dialogs.tsx";
import { Icon } from "../ui/icons.tsx";
import { Btn, Go } from "../ui/parts.tsx";
import { SureBtn } from "../ui/sure.tsx";
import type { Send } from "./need.tsx";

/** What a person can do about a need, in it. Each says on how many it acts. */

interface Props {
  readonly need: ShownNeed;
  readonly see: (ids: readonly string[]) => void;
  readonly send: Send;
}

export function NeedActs(props: Props) {
  const acts = particular(props);
  return acts === null ? null : <div className="acts">{acts}</div>;
}

const of = (count: number): string => (count > 1 ? ` ${count}` : "");

function particular({ need, see, send }: Props): ReactNode {
  const act = (says: string, doing: (rigId: string) => Promise<actions.Done>, more: Partial<ActProps> = {}) => (
    <Act key={says} says={says} need={need} send={send} doing={doing} {...more} />
  );
  const settle =
    need.escalations.length === 0
      ? null
      : act(need.escalations.length === 1 ? "Settled" : "Settle all", (id) => actions.settle(id, need.escalations), {
          isQuiet: true,
        });
  switch (need.code) {
    case "failed":
    case "blocked_by_failed":
      return (
        <>
          {act(`Retry${of(need.beads.length)}`, (id) => actions.retryAll(id, need.beads, need.escalations), {
            hotkey: "r",
          })}
          {need.waiting.length > 0 && <Free need={need} send={send} />}
          {settle}
        </>
      );
    case "given_up":
      return (
        <>
          {act(`Retry${of(need.beads.length)}`, async (id) => {
            const done = await actions.retryAll(id, need.beads, need.escalations);
            see(need.beads);
            return done;
          })}
          <Btn isSmall kind="ghost" onClick={() => see(need.beads)} aria-label={`Seen: ${need.title}`}>
            Seen
          </Btn>
        </>
      );
    case "escalation":
    case "settled_itself":
      return settle;
    case "approval":
      return (
        <>
          {act("Approve", (id) => actions.approve(id, need.reviews[0] ?? "", String(need.values["tree"] ?? "")), {
            hotkey: "a",
          })}
          <Open need={need} says="Review the diff" />
        </>
      );
    case "review_held":
      return act(`Release${of(need.reviews.length)}`, (id) => actions.queueAll(id, need.reviews, "release"), {
        hotkey: "h",
      });
    case "queue_parked":
    case "target_red":
    case "queue_waits":
      return act("Try again now", actions.resumeQueue);
    case "bead_budget":
      return <Raise need={need} send={send} />;
    case "day_budget":
      return <SettingsLink says="Raise it…" part="budget" />;
    case "not_authorized":
      return <SettingsLink says="Set the key…" part="secrets" />;
    case "hand_in_refused":
      return <Decide need={need} send={send} />;
    default:
      return ofRigAndAgents({ need, see, send }, act);
  }
}

type MakeAct = (says: string, doing: (rigId: string) => Promise<actions.Done>, more?: Partial<ActProps>) => ReactNode;

function ofRigAndAgents({ need }: Props, act: MakeAct): ReactNode {
  switch (need.code) {
    case "stalled":
    case "busy":
    case "no_output":
    case "fruitless":
    case "model_silent":
    case "early_ends":
      return (
        <>
          <Write need={need} />
          <Open need={need} says="Open it" />
        </>
      );
    case "restored":
    case "paused":
    case "draining":
      return act("Resume", (id) => actions.setLife(id, "resume"));
    case "container_unreachable":
    case "hand_in_unanswered":
      return act("Ask again now", actions.tickNow);
    case "at_capacity":
      return <SettingsLink says="More slots…" part="capacity" />;
    case "actor_damaged":
      return (
        <>
          {act("Repair", (id) => actions.repairAll(id, need.actors))}
          {act("Replay", actions.replay, { isQuiet: true })}
        </>
      );
    default:
      return need.beads.length > 0 && need.agents.length === 0 ? <Open need={need} says="Open it" /> : null;
  }
}

interface ActProps {
  says: string;
  need: ShownNeed;
  send: Send;
  doing: (rigId: string) => Promise<actions.Done>;
  isQuiet?: boolean;
  hotkey?: string;
}

function Act({ says, need, send, doing, isQuiet = false, hotkey }: ActProps) {
  const { rigId } = useStore();
  return (
    <Btn
      isSmall
      kind={isQuiet ? "ghost" : "plain"}
      aria-label={`${says}: ${need.title}`}
      hotkey={hotkey?.toUpperCase()}
      {...(hotkey === undefined ? {} : { "data-key": hotkey })}
      onClick={() => send(says, () => doing(rigId))}
    >
      {says}
    </Btn>
  );
}

/** Takes what failed out of what waits for it: they go on without it. */
function Free({ need, send }: { need: ShownNeed; send: Send }) {
  const { rigId } = useStore();
  const { world } = useWorld();
  const direct = need.waiting.filter((id) =>
    world.beads.get(id)?.context.blockedBy.some((blocker) => need.beads.includes(blocker)),
  );
  if (direct.length === 0) return null;
  const says = `Free the ${need.waiting.length}`;
  const edges = direct.map((id) => ({
    id,
    blockedBy: (world.beads.get(id)?.context.blockedBy ?? []).filter((blocker) => !need.beads.includes(blocker)),
  }));
  return (
    <SureBtn
      isSmall
      kind="ghost"
      aria-label={`${says}: ${need.title}`}
      sure={`${says} without it?`}
      onSure={() => send(says, () => actions.freeAll(rigId, edges))}
    >
      {says}
    </SureBtn>
  );
}

/** As much again as the rig lets each piece of work spend. */
function Raise({ need, send }: { need: ShownNeed; send: Send }) {
  const { world } = useWorld();
  const { bead_tokens, bead_microdollars } = budgetOf(world.rig.context.settings);
  const more = { tokens: bead_tokens ?? 0, microdollars: bead_microdollars ?? 0 };
  return (
    <Act
      says="As much again"
      need={need}
      send={send}
      doing={(rigId) => actions.raiseBudget(rigId, need.beads, more, need.escalations)}
    />
  );
}

/** What is to become of a hand-in that was refused for the last time. Its commit is offered only where there is one to take. */
function Decide({ need, send }: { need: ShownNeed; send: Send }) {
  const asIs = String(need.values["as_is"] ?? "");
  const decide = (says: string, decision: Parameters<typeof actions.settleHandIn>[2]) => (
    <Act
      says={says}
      need={need}
      send={send}
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
  const { world } = useWorld();
  const ask = useDialog();
  const [agentId = null] = need.agents;
  return (
    <Btn
      isSmall
      aria-label={`Write to ${agentName(world, agentId)}`}
      onClick={() => ask({ type: "mail", to: agentId })}
    >
      Write…
    </Btn>
  );
}

function Open({ need, says }: { need: ShownNeed; says: string }) {
  const { rigId } = useStore();
  const [beadId] = need.beads;
  if (beadId === undefined) return null;
  const tab = says === "Review the diff" ? { tab: "diff" } : {};
  return (
    <Go className="btn s ghost" to={href(paths.bead(rigId, beadId), tab)} aria-label={`${says}: ${need.title}`}>
      {says}
    </Go>
  );
}

function SettingsLink({ says, part }: { says: string; part: string }) {
  const { rigId } = useStore();
  return (
    <Go className="btn s" to={`${paths.rigSettings(rigId)}?part=${part}`}>
      {says}
    </Go>
  );
}

/** The way into the debugger, of what it is most about. */
export function Debug({ need }: { need: ShownNeed }) {
  const { rigId } = useStore();
  const actor = actorOfNeed(need);
  return (
    <Go
      className="need-debug"
      to={href(paths.debug, { rig: rigId, actor })}
      aria-label={`Debug: ${need.title}`}
      title="Its statechart"
    >
      <Icon name="board" />
    </Go>
  );
}
