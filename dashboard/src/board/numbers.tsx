import { dayOf, NOTHING_SPENT } from "../../../src/events/budget.ts";
import { gateOf } from "../../../src/machines/rig.ts";
import { dayCaps } from "../../../src/machines/budget.ts";
import * as actions from "../lib/actions.ts";
import type { Lists } from "../lib/lists.ts";
import { paths } from "../lib/routes.ts";
import { bytes } from "../lib/bytes.ts";
import { dateAndTime } from "../lib/time.ts";
import { href } from "../lib/url.ts";
import { useRig, useStore, useWorld } from "../lib/use-rig.ts";
import { Icon } from "../ui/icons.tsx";
import { Btn, counted, Meter, money, Num, Spark } from "../ui/parts.tsx";
import { useToasts } from "../ui/toasts.tsx";

/** How the rig is, in numbers. Each opens its list, and is that list's length. */
export function Numbers({ lists, now }: { lists: Lists; now: number }) {
  const { rigId } = useStore();
  const { world } = useWorld();
  const to = (params: Record<string, string>, list: string) => `${href(paths.rig(rigId), params)}#${list}`;
  const { capacity } = world.rig.context.settings;
  const soon = lists.needs.soon.length;
  return (
    <section className="nums" aria-label="The rig in numbers">
      <Num
        n={lists.needs.now.length}
        isHot={lists.needs.now.length > 0}
        aside={soon === 0 ? null : `${soon} soon`}
        label={
          <>
            {lists.needs.now.length > 0 && <Icon name="warn" />}
            need you
          </>
        }
        to={to({}, "needs")}
      />
      <Num
        n={lists.running.length}
        aside={`of ${capacity} slots`}
        label="running"
        to={to({ agents: "running" }, "agents")}
      />
      <Num n={lists.work.ready.length} label="ready" to={to({ work: "ready" }, "work")} />
      <Num
        n={lists.work.waiting.length}
        aside={lists.stuck.length === 0 ? null : <span className="t-bad">{lists.stuck.length} stuck</span>}
        label="waiting"
        to={to({ work: "waiting" }, "work")}
      />
      <Num n={lists.train.length} label="in the train" to={to({}, "train")} />
      <Num n={lists.work.failed.length} label="failed" to={to({ work: "failed" }, "work")} />
      <Num
        n={
          <>
            {lists.merged.length}
            <Spark values={byHour(lists, now)} width={56} />
          </>
        }
        label={
          <>
            merged today <span className="wide">by hour</span>
          </>
        }
        to={to({ work: "merged" }, "work")}
      />
      <Spent rigId={rigId} />
      <Disk />
      <Life />
    </section>
  );
}

const HOURS = 8;
function byHour({ merged }: Lists, now: number): number[] {
  const bars = Array.from({ length: HOURS }, () => 0);
  for (const { context } of merged) {
    const bar = HOURS - 1 - Math.floor((now - (context.closedAt ?? 0)) / 3_600_000);
    if (bar >= 0 && bar < HOURS) bars[bar] = (bars[bar] ?? 0) + 1;
  }
  return bars;
}

/** What the rig has used today, and of which cap. */
function Spent({ rigId }: { rigId: string }) {
  const { world } = useWorld();
  const { budget } = world;
  const today = budget?.context.day === dayOf(world.at) ? budget.context.today : NOTHING_SPENT;
  const caps = dayCaps(world.rig.context.settings);
  const [used, cap] =
    caps.microdollars === null && caps.tokens !== null
      ? [today.tokens, caps.tokens]
      : [today.microdollars, caps.microdollars];
  const share = cap === null ? 0 : used / Math.max(1, cap);
  const isFull = share >= 1;
  return (
    <Num
      n={money(today.microdollars)}
      aside={`${counted(today.tokens)} tokens`}
      label={
        <>
          spent today
          {cap !== null && (
            <span className="wide">
              {" "}
              <Meter share={share} tone={isFull ? "bad" : share > 0.8 ? "warn" : ""} /> of{" "}
              {caps.microdollars === null ? `${counted(cap)} tokens` : money(cap)}
            </span>
          )}
        </>
      }
      to={`${href(paths.rig(rigId), { work: "all", sort: "cost" })}#work`}
    />
  );
}

/** How full the container's disk is, and what of it is this rig's. */
function Disk() {
  const { disk } = useRig();
  if (disk === null) return null;
  const { at, free_bytes, total_bytes, rig_bytes } = disk;
  return (
    <div className="cell disk" title={`As of ${dateAndTime(at)}`}>
      <b>{bytes(free_bytes)}</b>
      <span className="l">
        <Meter share={total_bytes === 0 ? 0 : 1 - free_bytes / total_bytes} tone="calm" /> of {bytes(total_bytes)} disk
        free{rig_bytes === null ? "" : `, ${bytes(rig_bytes)} this rig's`}
      </span>
    </div>
  );
}

function Life() {
  const { rigId } = useStore();
  const { world } = useWorld();
  const toasts = useToasts();
  const gate = gateOf(world.rig);
  const isStopped = gate === "paused" || gate === "draining";
  return (
    <div className="cell acts wide">
      <Btn
        onClick={() =>
          void toasts.act(
            () => actions.setLife(rigId, isStopped ? "resume" : "pause"),
            isStopped ? "The rig was not resumed" : "The rig was not paused",
          )
        }
      >
        <Icon name={isStopped ? "play" : "pause"} />
        {isStopped ? "Resume" : "Pause"}
      </Btn>
    </div>
  );
}
