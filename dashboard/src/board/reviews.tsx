import { useMemo } from "react";
import type { ReviewSnapshot } from "../../../src/machines/review.ts";
import { agentName, beadTitle } from "../lib/names.ts";
import { setParams } from "../lib/url.ts";
import { useWorld } from "../lib/use-rig.ts";
import { Ago, Empty, Pill, Until } from "../ui/bits.tsx";
import { VirtualList } from "../ui/virtual-list.tsx";

const TONE: Record<string, string> = {
  pending: "quiet",
  running: "busy",
  boarded: "busy",
  held: "warn",
  unapproved: "warn",
  handed_over: "quiet",
  merged: "good",
  failed: "bad",
};

/** As people call them. */
const WORDS: Record<string, string> = {
  running: "merging",
  boarded: "on a train",
  unapproved: "needs approval",
  handed_over: "handed over",
};

const QUEUE_WORDS: Record<string, string> = {
  waiting: "in trains: stacked, checked, pushed when green",
  running: "a train is running",
  parked: "parked: nothing can be pushed",
  held: "held: the target is red",
};

const isMerging = ({ value }: ReviewSnapshot): boolean => value === "running" || value === "boarded";

/** Branches in the order in which they are merged, then what became of the last ones. */
export function Reviews() {
  const { state, world } = useWorld();
  const { live, list } = useMemo(() => {
    const all = [...world.reviews.values()];
    const live = all
      .filter((review) => !review.hasTag("terminal"))
      .sort((a, b) => Number(isMerging(b)) - Number(isMerging(a)) || a.context.seq - b.context.seq);
    const ended = all
      .filter((review) => review.hasTag("terminal"))
      .sort((a, b) => b.context.updatedAt - a.context.updatedAt);
    return { live: live.length, list: [...live, ...ended.slice(0, 200)] };
  }, [world, state.version]);
  return (
    <section className="card" aria-labelledby="reviews">
      <div className="card-head">
        <h2 id="reviews">
          Review queue <span className="count">{live}</span>
        </h2>
        <span className="soft small">
          {world.queue === undefined
            ? "one merge at a time, oldest first"
            : (QUEUE_WORDS[String(world.queue.value)] ?? String(world.queue.value))}
        </span>
      </div>
      {list.length === 0 ? (
        <Empty title="No branch has come in yet">
          <p>
            When an agent is done, its branch waits here until the container has merged it. A bead is closed when its
            merge is real, never before.
          </p>
        </Empty>
      ) : (
        <VirtualList
          label="Reviews"
          items={list}
          rowHeight={58}
          maxHeight={290}
          keyOf={(review) => review.context.id}
          onPick={(review) => () => setParams({ show: `bead:${review.context.beadId}` })}
          render={(review) => (
            <Row
              review={review}
              title={beadTitle(state.content, review.context.beadId)}
              by={agentName(world, review.context.agentId)}
            />
          )}
        />
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
          {context.commit === undefined ? " · not looked at" : ""}
          {context.message === null || context.message === "" ? "" : ` · ${context.message}`}
        </span>
      </span>
      <span className="side">
        <Pill tone={TONE[String(review.value)] ?? "quiet"} beats={isMerging(review)}>
          {WORDS[String(review.value)] ?? String(review.value)}
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
