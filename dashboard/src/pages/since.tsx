import type { World } from "../../../src/core/world.ts";
import type { Report } from "../../../src/wire/report.ts";
import type { RunAnswer } from "../../../src/wire/run.ts";
import { moment } from "../lib/looked.ts";
import type { Night } from "../lib/night.ts";
import { plural } from "../lib/names.ts";
import { PHASE_WORDS } from "../lib/phases.ts";
import { paths } from "../lib/routes.ts";
import { duration } from "../lib/time.ts";
import { href, usePlace } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { NightHead } from "../run/head.tsx";
import { useNight } from "../run/use-night.ts";
import { Icon } from "../ui/icons.tsx";
import { Go, money, Num, Panel } from "../ui/parts.tsx";
import "../styles/board.css";
import "../styles/night.css";

/** What the rig came to in a time: three sentences, seven numbers, and the lists behind them. */
export default function SincePage() {
  const { rigId } = useStore();
  const { params } = usePlace();
  const one = useNight();
  const { night, report, run, titleOf, now } = one;
  const { world } = useWorld();
  const open = [...new Set(report.data?.asked.ids)].filter((id) => isOpen(world, id)).length;
  const toRun = href(paths.run(rigId), { from: params.get("from"), to: params.get("to") });
  return (
    <div className="page flush night-page">
      <div className="night-top">
        <NightHead title="Since you looked" one={one}>
          <Go className="btn s ghost" to={toRun}>
            The night
          </Go>
        </NightHead>
        {night !== null && <Numbers night={night} open={open} toRun={toRun} />}
      </div>
      {night !== null && report.data !== null && run.data !== null && (
        <div className="night-lists">
          <Failed report={report.data} run={run.data} titleOf={titleOf} now={now} />
          <Waits night={night} titleOf={titleOf} now={now} />
          <Merged report={report.data} run={run.data} titleOf={titleOf} now={now} />
          <Asked report={report.data} titleOf={titleOf} />
          <Hours report={report.data} now={now} />
        </div>
      )}
    </div>
  );
}

/** Whether it still waits for somebody. */
const isOpen = (world: World, agentId: string): boolean => world.agents.get(agentId)?.matches("blocked") === true;

function Numbers({ night, open, toRun }: { night: Night; open: number; toRun: string }) {
  const { path, params } = usePlace();
  const { rigId } = useStore();
  const here = (list: string): string => `${href(path, {}, params)}#${list}`;
  const { capacity } = night;
  return (
    <nav className="nums" aria-label="In numbers">
      <Num n={night.merged} label="merged" to={here("merged")} />
      <Num
        n={night.failed}
        aside={night.failed === 0 ? null : plural(night.causes, "cause")}
        label="failed"
        to={here("failed")}
      />
      <Num
        n={night.asked}
        aside={open === 0 ? null : `${open} open`}
        label="questions and permissions"
        to={here("asked")}
        isHot={open > 0}
      />
      <Num n={night.stuck} label="stuck agents" to={here("asked")} />
      <Num n={duration(night.personMs)} label="agents waited for you" to={here("waits")} />
      <Num n={`${Math.round(night.inUse * 100)}%`} aside={`of ${plural(capacity, "slot")}`} label="in use" to={toRun} />
      <Num
        n={money(night.spent)}
        aside={
          [
            ...(night.lost === 0 ? [] : [`${money(night.lost)} in failures`]),
            ...(night.incomplete === 0 ? [] : ["incomplete"]),
          ].join(", ") || null
        }
        label="spent on these days"
        to={`${paths.rig(rigId)}`}
      />
    </nav>
  );
}

type Titles = (id: string) => string;
type Listed = { report: Report; run: RunAnswer; titleOf: Titles; now: number };

/** The marks of ends, by bead: the newest of each. */
const ends = (run: RunAnswer, kind: string): Map<string, RunAnswer["marks"][number]> =>
  new Map(run.marks.filter((mark) => mark.kind === kind && mark.ends).map((mark) => [mark.beadId, mark]));

const More = ({ count, shown }: { count: number; shown: number }) =>
  count <= shown ? null : (
    <li className="soft">and {(count - shown).toLocaleString("en")} more; the newest are listed</li>
  );

function Merged({ report, run, titleOf, now }: Listed) {
  const { rigId } = useStore();
  const marks = ends(run, "merged");
  const ids = report.merged.ids.toReversed();
  return (
    <Panel id="merged" title="Merged" count={report.merged.count}>
      {ids.length === 0 && <p className="empty-line">Nothing was merged.</p>}
      <ul className="night-list" hidden={ids.length === 0}>
        {ids.map((id) => {
          const mark = marks.get(id);
          return (
            <li key={id}>
              <span className="t-good">
                <Icon name="done" />
              </span>
              <Go className="ttl clip grow" to={paths.bead(rigId, id)}>
                {titleOf(id)}
              </Go>
              <span className="soft nowrap wide">{mark?.agentId == null ? "" : titleOf(mark.agentId)}</span>
              <span className="faint nowrap num">{mark === undefined ? "" : moment(mark.at, now)}</span>
            </li>
          );
        })}
        <More count={report.merged.count} shown={ids.length} />
      </ul>
    </Panel>
  );
}

function Failed({ report, run, titleOf, now }: Listed) {
  const { rigId } = useStore();
  const marks = ends(run, "failed");
  return (
    <Panel id="failed" title="Failed, by cause" count={report.failed.count}>
      {report.failed.count === 0 && <p className="empty-line">Nothing failed.</p>}
      <ul className="night-list" hidden={report.failed.count === 0}>
        {report.failed.causes.map((cause) => (
          <li key={`${cause.code}${cause.words}`} className="cause">
            <p>
              <span className="t-bad">
                <Icon name="fail" />
              </span>
              <b className="grow">{cause.words}</b>
              <span className="soft nowrap num">{plural(cause.count, "piece")}</span>
            </p>
            <ul>
              {cause.ids.toReversed().map((id) => (
                <li key={id}>
                  <Go className="lk clip grow" to={paths.bead(rigId, id)}>
                    {titleOf(id)}
                  </Go>
                  <span className="faint nowrap num">{marks.has(id) ? moment(marks.get(id)?.at ?? 0, now) : ""}</span>
                </li>
              ))}
              <More count={cause.count} shown={cause.ids.length} />
            </ul>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

const ICONS = {
  person: "ask",
  model: "clock",
  blocked: "chain",
  backoff: "clock",
  queued: "ready",
  gate: "merge",
} as const;

function Waits({ night, titleOf, now }: { night: Night; titleOf: Titles; now: number }) {
  const { rigId } = useStore();
  return (
    <Panel id="waits" title="Longest waits">
      {night.waits.length === 0 && <p className="empty-line">Nothing waited for longer than a minute.</p>}
      <ul className="night-list" hidden={night.waits.length === 0}>
        {night.waits.map(({ beadId, phase, ms, from }) => (
          <li key={`${beadId}${from}`}>
            <span className={phase === "person" ? "t-warn" : "soft"}>
              <Icon name={ICONS[phase as keyof typeof ICONS] ?? "clock"} />
            </span>
            <Go className="ttl clip grow" to={paths.bead(rigId, beadId)}>
              {titleOf(beadId)}
            </Go>
            <span className="soft nowrap wide">
              {PHASE_WORDS[phase].toLowerCase()} from {moment(from, now)}
            </span>
            <span className="num nowrap">{duration(ms)}</span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Asked({ report, titleOf }: { report: Report; titleOf: Titles }) {
  const { rigId } = useStore();
  const { world } = useWorld();
  const list = (ids: readonly string[], word: string) => {
    const counts = new Map<string, number>();
    for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
    return Array.from(counts, ([id, n]) => (
      <li key={`${word}${id}`}>
        <span className="t-warn">
          <Icon name={word === "asked" ? "ask" : "stale"} />
        </span>
        <Go className="ttl clip grow" to={href(paths.rig(rigId), { show: `agent:${id}` })}>
          {titleOf(id)}
        </Go>
        <span className="soft nowrap">
          {word} {n === 1 ? "once" : `${n} times`}
        </span>
        <span className="faint nowrap">{isOpen(world, id) ? "open" : ""}</span>
      </li>
    ));
  };
  return (
    <Panel id="asked" title="Asked, and stuck" count={report.asked.count + report.stuck.count}>
      {report.asked.count + report.stuck.count === 0 && <p className="empty-line">Nobody asked for anything.</p>}
      <ul className="night-list" hidden={report.asked.count + report.stuck.count === 0}>
        {list(report.asked.ids, "asked")}
        {list(report.stuck.ids, "was stuck")}
      </ul>
    </Panel>
  );
}

/** How much went on in each hour, as bars that are read by their numbers. */
function Hours({ report, now }: { report: Report; now: number }) {
  const most = Math.max(1, ...report.hours.map(({ started, merged, failed }) => Math.max(started, merged + failed)));
  return (
    <Panel id="hours" title="By the hour">
      {report.hours.length === 0 && <p className="empty-line">Nothing was started.</p>}
      {report.hours.length > 0 && (
        <div className="hours" tabIndex={0} role="region" aria-label="Hour by hour">
          <table className="tbl">
            <thead>
              <tr>
                <th scope="col">Hour</th>
                <th scope="col" className="right">
                  Started
                </th>
                <th scope="col" className="right">
                  Merged
                </th>
                <th scope="col" className="right">
                  Failed
                </th>
                <th scope="col">
                  <span className="visually-hidden">As bars</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {report.hours.toReversed().map(({ at, started, merged, failed }) => (
                <tr key={at}>
                  <td className="num">{moment(Date.parse(at), now)}</td>
                  <td className="num right">{started}</td>
                  <td className="num right">{merged}</td>
                  <td className={`num right${failed > 0 ? " t-bad" : ""}`}>{failed}</td>
                  <td className="bars" aria-hidden="true">
                    <i className="merged" style={{ width: `${(merged / most) * 100}%` }} />
                    <i className="failed" style={{ width: `${(failed / most) * 100}%` }} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}
