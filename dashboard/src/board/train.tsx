import type { ReviewSnapshot } from "../../../src/machines/review.ts";
import * as actions from "../lib/actions.ts";
import type { History } from "../lib/history.ts";
import type { Lists } from "../lib/lists.ts";
import { beadTitle } from "../lib/names.ts";
import { etaOf, stepOf } from "../lib/train.ts";
import { paths } from "../lib/routes.ts";
import { href } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { Until } from "../ui/bits.tsx";
import { Icon } from "../ui/icons.tsx";
import { Btn, Go, Panel, Since, State } from "../ui/parts.tsx";
import { Rows } from "../ui/rows.tsx";
import { SureBtn } from "../ui/sure.tsx";
import { useToasts } from "../ui/toasts.tsx";
import { useScreen } from "../ui/use-screen.ts";

/** Branches on their way to the target: where each is, when it may be there, and what one can do about it. */

const QUEUE_WORDS: Record<string, string> = {
  waiting: "stacked, checked, pushed when green",
  running: "one is under way",
  parked: "parked: nothing can be pushed",
  held: "held: the target is red",
};

/** The train in one line, above what it stands over. */
export function TrainLine({ lists }: { lists: Lists }) {
  const { state } = useWorld();
  const { rigId } = useStore();
  const groups = new Map<string, ReviewSnapshot[]>();
  for (const review of lists.train)
    groups.set(stepOf(review).word, [...(groups.get(stepOf(review).word) ?? []), review]);
  // The train itself says that it is empty.
  if (groups.size === 0) return null;
  return (
    <Go to={`${paths.rig(rigId)}`} className="panel train-line" onClick={(event) => toTrain(event)}>
      <span className="strong">Train</span>
      {[...groups].map(([word, reviews]) => {
        const [first] = reviews;
        if (first === undefined) return null;
        const { icon, tone } = stepOf(first);
        return (
          <span key={word} className="train-part">
            <State icon={icon} tone={tone}>
              {word}
            </State>
            <span className="clip soft">
              {beadTitle(state.content, first.context.beadId)}
              {reviews.length > 1 ? ` and ${reviews.length - 1} more` : ""}
            </span>
          </span>
        );
      })}
      <span className="grow" />
      <Icon name="right" />
    </Go>
  );
}

function toTrain(event: React.MouseEvent): void {
  if (event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  const section = document.getElementById("train");
  section?.scrollIntoView({ block: "start" });
  section?.focus({ preventScroll: true });
}

export function Train({ lists, history }: { lists: Lists; history: History }) {
  const { world } = useWorld();
  const screen = useScreen();
  const trouble = world.queue?.context.trouble ?? null;
  const words =
    world.queue === undefined
      ? "one merge at a time"
      : (QUEUE_WORDS[String(world.queue.value)] ?? String(world.queue.value));
  return (
    <Panel
      id="train"
      title="Train"
      count={lists.train.length}
      className="train-panel"
      tools={<span className="soft small clip">{words}</span>}
    >
      {trouble !== null && (
        <p className="train-trouble small">
          <span className="t-bad">
            {trouble.code}: {trouble.words}
          </span>
          {trouble.retryAt !== null && (
            <span className="soft">
              {" "}
              Tried again in <Until at={trouble.retryAt} passed="a moment" />.
            </span>
          )}
        </p>
      )}
      {lists.train.length === 0 ? (
        <p className="empty-line">
          Nothing is on its way. Work that is done waits here until it is checked and on the target; only then it is
          merged.
        </p>
      ) : (
        <Rows
          label="Train"
          items={lists.train}
          heightOf={() => (screen === "phone" || screen === "wide" ? 86 : 52)}
          keyOf={(review) => review.context.id}
          rowClass={() => "train-row"}
          render={(review) => (
            <Car review={review} position={lists.train.indexOf(review) + 1} train_ms={history.train_ms} />
          )}
        />
      )}
    </Panel>
  );
}

function Car({ review, position, train_ms }: { review: ReviewSnapshot; position: number; train_ms: number | null }) {
  const { rigId } = useStore();
  const { world, state, now } = useWorld();
  const { context } = review;
  const { word, icon, tone } = stepOf(review);
  const eta = etaOf(review, world.queue?.context.departedAt ?? null, train_ms, now);
  const until = review.value === "pending" ? context.backoffUntil : null;
  const title = beadTitle(state.content, context.beadId);
  return (
    <>
      <span className="faint num">{position}</span>
      <span className="car-main">
        <Go to={paths.bead(rigId, context.beadId)} className="ttl clip" data-open="">
          {title}
        </Go>
        <span className="soft small clip" title={context.message ?? undefined}>
          {context.protected !== undefined && review.value === "unapproved" && (
            <>touches {context.protected.files.slice(0, 3).join(", ")} · </>
          )}
          {checkWords(review)}
          <span className="mono">{context.branch}</span>
          {context.commit === undefined && context.reverts === undefined ? " · not looked at" : ""}
          {context.message === null || context.message === "" ? "" : ` · ${context.message}`}
        </span>
      </span>
      <span className="car-state">
        <State icon={icon} tone={tone}>
          {word}
        </State>
        <span className="soft small num nowrap">
          {eta === null ? (
            until === null ? (
              <Since at={context.createdAt} skew={state.skew_ms} />
            ) : (
              <>
                again in <Until at={until} />
              </>
            )
          ) : (
            <>
              about <Until at={eta} passed="now" />
            </>
          )}
        </span>
      </span>
      <CarActs review={review} title={title} />
    </>
  );
}

/** Its last check that was red, and what it was tried for. */
function checkWords({ context }: ReviewSnapshot): string {
  const parts = [
    context.rejection === undefined ? null : `${context.rejection.check} was red`,
    context.attempts > 0 ? `${context.attempts} ${context.attempts === 1 ? "try" : "tries"}` : null,
  ].filter((part) => part !== null);
  return parts.length === 0 ? "" : `${parts.join(", ")} · `;
}

function CarActs({ review, title }: { review: ReviewSnapshot; title: string }) {
  const { rigId } = useStore();
  const toasts = useToasts();
  const { id } = review.context;
  const act = (to: actions.QueueAct) => () =>
    void toasts.act(() => actions.queueAll(rigId, [id], to), "The train stays as it is");
  const isWaiting = review.value === "pending";
  return (
    <span className="car-acts">
      {review.value === "unapproved" && (
        <>
          <Go className="btn s ghost" to={href(paths.bead(rigId, review.context.beadId), { tab: "diff" })}>
            Diff
          </Go>
          <Btn
            isSmall
            data-key="a"
            aria-label={`Approve: ${title}`}
            onClick={() =>
              void toasts.act(
                () => actions.approve(rigId, id, review.context.protected?.tree ?? ""),
                "It was not approved",
              )
            }
          >
            Approve
          </Btn>
        </>
      )}
      {isWaiting && (
        <Btn isSmall kind="ghost" aria-label={`Jump to the front: ${title}`} onClick={act("jump")}>
          Jump
        </Btn>
      )}
      {review.value === "held" ? (
        <Btn isSmall data-key="h" aria-label={`Release: ${title}`} onClick={act("release")}>
          Release
        </Btn>
      ) : (
        isWaiting && (
          <Btn isSmall kind="ghost" data-key="h" aria-label={`Hold: ${title}`} onClick={act("hold")}>
            Hold
          </Btn>
        )
      )}
      {(isWaiting || review.value === "held" || review.value === "unapproved") && (
        <SureBtn isSmall kind="ghost" aria-label={`Remove: ${title}`} sure="Cancel it?" onSure={act("remove")}>
          Remove
        </SureBtn>
      )}
    </span>
  );
}
