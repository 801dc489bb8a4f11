import { memo, useState, type FormEvent } from "react";
import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import { aboutOf } from "../../../src/core/needs.ts";
import { whyBead } from "../../../src/core/why.ts";
import type { World } from "../../../src/core/world.ts";
import * as actions from "../lib/actions.ts";
import { beadStateOf } from "../lib/bead-state.ts";
import { doesNow, questionOf, type AgentState } from "../lib/does-now.ts";
import { agentName, beadTitle, reasonOf } from "../lib/names.ts";
import type { ShownNeed } from "../lib/needs.ts";
import { paths } from "../lib/routes.ts";
import { href } from "../lib/url.ts";
import { useStore, useWhole, useWorld } from "../lib/use-rig.ts";
import { PRIORITIES } from "../lib/work.ts";
import { Icon } from "../ui/icons.tsx";
import { Btn, Go, money, Since, State } from "../ui/parts.tsx";
import { useToasts } from "../ui/toasts.tsx";

interface Props {
  bead: BeadSnapshot;
  /** The need that it tells of, if it is asked of people. */
  tells: ShownNeed | undefined;
  now: number;
  isChosen: boolean;
  choose: (id: string) => void;
  isEdited: boolean;
  edit: (id: string | null) => void;
}

/** Of what is asked of people, and of work, which is in the same state wherever it is shown. */
function stateOf(bead: BeadSnapshot, world: World, now: number): AgentState {
  const isAsked = bead.context.type !== "issue" && !bead.hasTag("terminal");
  return isAsked ? { word: "For people", icon: "ask", tone: "warn" } : beadStateOf(bead, world, now);
}

/** One piece of work: what it is, where it is and why, and what it took so far. A scroll draws it once, not with each frame. */
export const WorkRow = memo(function WorkRow({ bead, tells, now, isChosen, choose, isEdited, edit }: Props) {
  const { rigId } = useStore();
  const { state, world } = useWorld();
  const { context } = bead;
  const { id } = context;
  const about = aboutOf(state.content.get(id)).beadId;
  const title =
    tells?.code === "failed" && about !== null
      ? `“${beadTitle(state.content, about)}” failed`
      : (tells?.title ?? beadTitle(state.content, id));
  const { icon, tone, word } = stateOf(bead, world, now);
  if (isEdited) return <Edit bead={bead} title={title} close={() => edit(null)} />;
  const isCalm = tone === "busy" || tone === "plain";
  const labels = state.content.get(id)?.labels ?? [];
  return (
    <>
      <span className="w-x">
        <input
          type="checkbox"
          data-key="x"
          checked={isChosen}
          aria-label={`Choose ${title}`}
          onChange={() => choose(id)}
        />
      </span>
      <Priority of={context.priority} />
      <span className="w-t">
        <Go to={paths.bead(rigId, id)} className="ttl clip" data-open="">
          {title}
        </Go>
        {labels.slice(0, 2).map((label) => (
          <span key={label} className="tag wide">
            <span className="clip">{label}</span>
          </span>
        ))}
      </span>
      <span className="w-s">
        <State icon={icon} tone={tone} isCalm={isCalm}>
          {word}
        </State>
      </span>
      <Why bead={bead} tells={tells} />
      <span className="w-g clip">
        {context.assignee === null ? (
          <span className="faint">·</span>
        ) : (
          <Go to={href(paths.rig(rigId), { show: `agent:${context.assignee}` })} className="ttl plain">
            {agentName(world, context.assignee)}
          </Go>
        )}
      </span>
      <span className="w-a right num soft">
        {context.attempts === 0 ? "·" : `${context.attempts}/${world.rig.context.settings.max_attempts}`}
      </span>
      <span className="w-c right num">{money(context.spent?.microdollars ?? null)}</span>
      <span className="w-u right soft">
        <Since at={context.closedAt ?? context.updatedAt} skew={state.skew_ms} />
      </span>
      <span className="w-e">
        <Btn kind="ghost" isSmall isSquare data-key="e" aria-label={`Edit ${title}`} onClick={() => edit(id)}>
          <Icon name="edit" />
        </Btn>
      </span>
    </>
  );
});

/** Why it is where it is: everything that does not run says so. */
function Why({ bead, tells }: Pick<Props, "bead" | "tells">) {
  const { world, state, now } = useWorld();
  const { context } = bead;
  if (bead.value === "failed")
    return <Said text={reasonOf(context.reason)} tone={context.cancelled === true ? "soft" : "t-bad"} />;
  if (bead.value === "closed")
    return <Said text={context.commitSha === null ? "" : `as ${context.commitSha.slice(0, 10)}`} />;
  if (context.type !== "issue") return <Said text={tells?.text ?? state.content.get(context.id)?.body ?? ""} />;
  if (context.blockedBy.length > 0)
    return <Said text={`after ${context.blockedBy.map((id) => beadTitle(state.content, id)).join(", ")}`} />;
  const agent = bead.value === "in_progress" ? world.agents.get(context.assignee ?? "") : undefined;
  if (agent !== undefined) return <Said text={doesNow(world, agent, now, questionOf(agent, state.content)).text} />;
  return <Said text={whyBead(world, bead).sentence} />;
}

const Said = ({ text, tone = "soft" }: { text: string; tone?: string }) => (
  <span className={`w-w clip ${tone}`} title={text}>
    {text}
  </span>
);

const PRIORITY_ICON: Record<string, string> = {
  critical: "M3 3h10v10H3z",
  high: "M3.5 12.5v-2M8 12.5v-5M12.5 12.5v-9",
  medium: "M3.5 12.5v-2M8 12.5v-5",
  low: "M3.5 12.5v-2",
};
const Priority = ({ of }: { of: string }) => (
  <span className={`w-p priority ${of}`} title={`${of} priority`}>
    <svg className="i" viewBox="0 0 16 16" role="img" aria-label={`${of} priority`}>
      {of !== "critical" && <path d="M3.5 12.5v-2M8 12.5v-5M12.5 12.5v-9" strokeWidth="2.4" opacity=".28" />}
      <path d={PRIORITY_ICON[of] ?? ""} strokeWidth="2.4" fill={of === "critical" ? "currentColor" : "none"} />
    </svg>
  </span>
);

/** Title and priority, changed where they stand: Enter keeps, Escape leaves it as it was. */
function Edit(props: { bead: BeadSnapshot; title: string; close: () => void }) {
  return useWhole(props.bead.context.id) ? <EditWhole {...props} /> : <Said text="Its whole title is fetched." />;
}

function EditWhole({ bead, title, close }: { bead: BeadSnapshot; title: string; close: () => void }) {
  const { rigId } = useStore();
  const toasts = useToasts();
  const { id, priority } = bead.context;
  const [name, setName] = useState(title);
  const [urgency, setUrgency] = useState(priority);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const change: actions.BeadChange = {
      ...(name.trim() === title ? {} : { title: name.trim() }),
      ...(urgency === priority ? {} : { priority: urgency }),
    };
    if (Object.keys(change).length === 0) return close();
    if (await toasts.act(() => actions.edit(rigId, id, change), "It was not changed")) close();
  };
  return (
    <form
      className="work-edit"
      onSubmit={(event) => void submit(event)}
      onKeyDown={({ key }) => key === "Escape" && close()}
    >
      <input
        className="in"
        aria-label="Title"
        value={name}
        required
        autoFocus
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <select
        className="in"
        aria-label="Priority"
        value={urgency}
        onChange={(event) => setUrgency(event.currentTarget.value as typeof urgency)}
      >
        {PRIORITIES.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
      <Btn type="submit" isSmall>
        Keep
      </Btn>
      <Btn isSmall kind="ghost" onClick={close}>
        Leave it
      </Btn>
    </form>
  );
}
