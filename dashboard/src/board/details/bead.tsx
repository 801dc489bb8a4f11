import { spentText, usedText } from "../../../../src/events/budget.ts";
import { beadCaps } from "../../../../src/machines/spend.ts";
import { Button } from "@mantine/core";
import { useEffect, useState } from "react";
import type { Bead as WireBead } from "../../../../src/wire/schemas.ts";
import type { BeadSnapshot } from "../../../../src/machines/bead.ts";
import { whyBead } from "../../../../src/core/why.ts";
import * as actions from "../../lib/actions.ts";
import { get, rigPath } from "../../lib/api.ts";
import { agentName, beadTitle, plural } from "../../lib/names.ts";
import { dateAndTime } from "../../lib/time.ts";
import { setParams } from "../../lib/url.ts";
import { useStore, useWorld } from "../../lib/use-rig.ts";
import { BeadPill } from "../../ui/bits.tsx";
import { useDialog } from "../../ui/dialogs.tsx";
import { useToasts } from "../../ui/toasts.tsx";
import { Attempts } from "./attempts.tsx";
import { Debug, Flow, WhyBox } from "./shared.tsx";

const DAY_MS = 86_400_000;

/** Everything about one bead. */
export function BeadDetails({ bead }: { bead: BeadSnapshot }) {
  const { rigId } = useStore();
  const { world } = useWorld();
  const { context } = bead;
  const [full, setFull] = useState<WireBead | null>(null);
  useEffect(() => {
    const stop = new AbortController();
    get<WireBead>(rigPath(rigId, `/beads/${encodeURIComponent(context.id)}`), stop.signal).then(setFull, () => {});
    return () => stop.abort();
  }, [rigId, context.id]);
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
      <BeadActions bead={bead} body={full?.body ?? ""} />
      {full !== null && full.body !== null && full.body !== "" && (
        <div className="text-block" tabIndex={0}>
          {full.body}
        </div>
      )}
      <BeadFields bead={bead} />
      <Attempts beadId={context.id} after={context.updatedAt} />
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

function BeadActions({ bead, body }: { bead: BeadSnapshot; body: string }) {
  const { rigId } = useStore();
  const { state } = useWorld();
  const { context } = bead;
  const ask = useDialog();
  const toasts = useToasts();
  const title = beadTitle(state.content, context.id);
  const act = { size: "compact-sm", variant: "default" } as const;
  const isOpen = !bead.hasTag("terminal");
  return (
    <div className="row wrap">
      <Button {...act} onClick={() => ask({ type: "edit", beadId: context.id, body })}>
        Edit…
      </Button>
      <Hold bead={bead} />
      {bead.value === "failed" && context.type === "issue" && (
        <Button
          {...act}
          onClick={() => void toasts.act(() => actions.retryAll(rigId, [context.id], []), "It was not tried again")}
        >
          Retry
        </Button>
      )}
      {context.commitSha !== null && bead.value === "closed" && (
        <Button {...act} onClick={() => ask({ type: "revert", beadId: context.id })}>
          Revert…
        </Button>
      )}
      {isOpen && context.type === "issue" && context.assignee === null && (
        <Button {...act} onClick={() => ask({ type: "hook", agentId: null, beadId: context.id })}>
          Hook to an agent
        </Button>
      )}
      {isOpen && context.type !== "issue" && (
        <Button
          {...act}
          onClick={() => void toasts.act(() => actions.closeBead(rigId, context.id), "The bead was not closed")}
        >
          Close it
        </Button>
      )}
      {isOpen && (
        <Button
          {...act}
          onClick={() =>
            ask({
              type: "confirm",
              title: "Cancel this bead?",
              text: `“${title}” becomes failed and stays so. What runs for it is stopped.`,
              yes: "Cancel the bead",
              isGrave: true,
              doing: () => actions.cancelBead(rigId, context.id),
              failed: "The bead was not cancelled",
            })
          }
        >
          Cancel
        </Button>
      )}
      {!isOpen && context.type === "issue" && (
        <Button {...act} onClick={() => ask({ type: "sling", title, body })}>
          Sling again
        </Button>
      )}
    </div>
  );
}

/** Keeps work that nobody has begun from being begun, or lets it go. */
function Hold({ bead: { value, context } }: { bead: BeadSnapshot }) {
  const { rigId } = useStore();
  const { now } = useWorld();
  const toasts = useToasts();
  if (value !== "open" || context.type !== "issue") return null;
  const isHeld = (context.deferUntil ?? 0) > now;
  const until = isHeld ? null : new Date(now + DAY_MS).toISOString();
  return (
    <Button
      size="compact-sm"
      variant="default"
      onClick={() =>
        void toasts.act(() => actions.edit(rigId, context.id, { defer_until: until }), "It stays as it is")
      }
    >
      {isHeld ? "Release" : "Hold for a day"}
    </Button>
  );
}

function BeadFields({ bead }: { bead: BeadSnapshot }) {
  const { world } = useWorld();
  const { context } = bead;
  const dependents = [...(world.index.dependents.get(context.id) ?? [])];
  return (
    <dl className="kv">
      <dt>Agent</dt>
      <dd>
        {context.assignee === null ? (
          <span className="soft">none</span>
        ) : (
          <button
            type="button"
            className="link-button"
            onClick={() => setParams({ show: `agent:${context.assignee ?? ""}` })}
          >
            {agentName(world, context.assignee)}
          </button>
        )}
      </dd>
      <dt>Waits for</dt>
      <dd>
        {context.blockedBy.length === 0 ? <span className="soft">nothing</span> : <Links ids={context.blockedBy} />}
      </dd>
      <dt>Waited for by</dt>
      <dd>{dependents.length === 0 ? <span className="soft">nothing</span> : <Links ids={dependents} />}</dd>
      <dt>Attempts</dt>
      <dd>
        {context.attempts} of {world.rig.context.settings.max_attempts}
        {context.reworks > 0 ? `, ${plural(context.reworks, "rework")}` : ""}
      </dd>
      {context.spent !== undefined && (
        <>
          <dt>Used</dt>
          <dd>{spentText(context.spent, beadCaps(context, world.rig.context.settings)) || usedText(context.spent)}</dd>
        </>
      )}
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
