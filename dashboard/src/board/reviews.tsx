import { useMemo } from "react";
import type { ReviewSnapshot } from "../../../src/machines/review.ts";
import { agentName, beadTitle } from "../lib/names.ts";
import { setParams } from "../lib/url.ts";
import { useWorld } from "../lib/use-rig.ts";
import { Ago, Empty, Pill, Until } from "../ui/bits.tsx";
import { VirtualList } from "../ui/virtual-list.tsx";

const TONE: Record<string, string> = { pending: "quiet", running: "busy", merged: "good", failed: "bad" };

/** Branches in the order in which they are merged, then what became of the last ones. */
export function Reviews() {
  const { state, world } = useWorld();
  const { live, list } = useMemo(() => {
    const all = [...world.reviews.values()];
    const live = all.filter((review) => !review.hasTag("terminal")).sort((a, b) => Number(b.value === "running") - Number(a.value === "running") || a.context.seq - b.context.seq);
    const ended = all.filter((review) => review.hasTag("terminal")).sort((a, b) => b.context.updatedAt - a.context.updatedAt);
    return { live: live.length, list: [...live, ...ended.slice(0, 200)] };
  }, [world, state.version]);
  return (
    <section className="card" aria-labelledby="reviews">
      <div className="card-head">
        <h2 id="reviews">
          Review queue <span className="count">{live}</span>
        </h2>
        <span className="soft small">one merge at a time, oldest first</span>
      </div>
      {list.length === 0 ? (
        <Empty title="No branch has come in yet">
          <p>When an agent is done, its branch waits here until the container has merged it. A bead is closed when its merge is real, never before.</p>
        </Empty>
      ) : (
        <VirtualList label="Reviews" items={list} rowHeight={58} maxHeight={290} keyOf={(review) => review.context.id} onPick={(review) => () => setParams({ show: `bead:${review.context.beadId}` })} render={(review) => <Row review={review} title={beadTitle(state.content, review.context.beadId)} by={agentName(world, review.context.agentId)} />} />
      )}
    </section>
  );
}

function Row({ review, title, by }: { review: ReviewSnapshot; title: string; by: string }) {
  const { context } = review;
  const until = context.backoffUntil ?? context.claimUntil;
  return (
    <>
      <span className="list-main">
        <span className="list-title clip">{title}</span>
        <span className="soft small clip">
          <span className="mono">{context.branch}</span> by {by}
          {context.message === null || context.message === "" ? "" : ` · ${context.message}`}
        </span>
      </span>
      <span className="side">
        <Pill tone={TONE[String(review.value)] ?? "quiet"} beats={review.value === "running"}>
          {review.value === "running" ? "merging" : String(review.value)}
        </Pill>
        <span className="soft small">
          {review.hasTag("terminal") ? (
            <Ago at={context.updatedAt} />
          ) : until !== null && review.value === "pending" ? (
            <>
              again in <Until at={until} />
            </>
          ) : (
            <Ago at={context.createdAt} before="for " after="" />
          )}
        </span>
      </span>
    </>
  );
}
