import { useEffect, useState } from "react";
import { knowRigs } from "../board/known-rigs.ts";
import { NEED_KINDS } from "../board/need-words.ts";
import { messageOf, post, rigPath } from "../lib/api.ts";
import { gateOf, isStopped, rigsOf, sumsOf, type Gate, type Listed, type OfNeed, type Standing } from "../lib/rigs.ts";
import { paths } from "../lib/routes.ts";
import { setParams, usePlace } from "../lib/url.ts";
import type { Overseen } from "../lib/use-overview.ts";
import { Icon, type IconName } from "../ui/icons.tsx";
import { Btn, Chip, counted, Go, Meter, money, Nothing, Num, Since, State, Tag, type Tone } from "../ui/parts.tsx";
import { useToasts } from "../ui/toasts.tsx";
import { StopAll } from "./stop-all.tsx";
import "../styles/overview.css";

/** All rigs: where must I go? */

const WORDS: Record<Standing, string> = { trouble: "Trouble", calm: "Calm", stopped: "Stopped" };

export function Overview({ seen: { overview } }: { seen: Overseen }) {
  const { params } = usePlace();
  const [dialog, setDialog] = useState<"stop" | "resume" | null>(null);
  const all = overview === null ? [] : rigsOf(overview);
  useEffect(() => {
    if (overview !== null) knowRigs(overview.rigs);
  }, [overview]);
  if (overview === null) return <Waiting />;
  if (all.length === 0) return <First />;
  const only = params.get("show");
  const shown =
    only === null
      ? all
      : all.filter((listed) => listed.standing === only || (only === "gates" && gateOf(listed.rig) !== "open"));
  const stopped = all.filter(({ rig }) => isStopped(rig));
  return (
    <div className="page flush">
      <h1 className="visually-hidden">All rigs</h1>
      <Sums listed={all}>
        <div className="cell acts">
          {stopped.length < all.length && (
            <Btn onClick={() => setDialog("stop")}>
              <Icon name="pause" />
              Pause all…
            </Btn>
          )}
          {stopped.length > 0 && (
            <Btn onClick={() => setDialog("resume")}>
              <Icon name="play" />
              Resume {stopped.length}…
            </Btn>
          )}
          <Go to={paths.newRig} className="btn">
            <Icon name="plus" />
            New rig
          </Go>
        </div>
      </Sums>
      <section className="panel rigs-panel" id="rigs" aria-labelledby="rigs-name" tabIndex={-1}>
        <div className="head">
          <h2 id="rigs-name">Rigs</h2>
          <span className="n">{shown.length}</span>
          <div className="chips" role="group" aria-label="Show rigs that are">
            <Chip on={only === null} count={all.length} onClick={() => setParams({ show: null }, false)}>
              All
            </Chip>
            {(Object.keys(WORDS) as Standing[]).map((standing) => (
              <Chip
                key={standing}
                on={only === standing}
                count={all.filter((listed) => listed.standing === standing).length}
                onClick={() => setParams({ show: only === standing ? null : standing }, false)}
              >
                {WORDS[standing]}
              </Chip>
            ))}
            {only === "gates" && (
              <Chip on count={shown.length} onClick={() => setParams({ show: null }, false)}>
                Gate not open
              </Chip>
            )}
          </div>
          <span className="grow" />
          <span className="faint small wide">Trouble first, then the oldest</span>
        </div>
        <Table listed={shown} />
      </section>
      {dialog !== null && <StopAll kind={dialog} listed={all} close={() => setDialog(null)} />}
    </div>
  );
}

const Waiting = () => (
  <div className="page" role="status" aria-busy="true" aria-label="Loading">
    <div className="skeleton" style={{ height: 56 }} />
    <div className="skeleton" style={{ height: 320 }} />
  </div>
);

const First = () => (
  <div className="page narrow">
    <h1 className="visually-hidden">All rigs</h1>
    <Nothing title="There is no rig yet">
      <p>A rig is one repository and the agents that work on it.</p>
      <p>
        <Go to={paths.newRig} className="btn primary">
          New rig
        </Go>
      </p>
    </Nothing>
  </div>
);

function Sums({ listed, children }: { listed: readonly Listed[]; children: React.ReactNode }) {
  const sums = sumsOf(listed);
  return (
    <section className="nums" aria-label="All rigs in numbers">
      <Num
        n={sums.needs}
        isHot={sums.needs > 0}
        label={
          <>
            {sums.needs > 0 && <Icon name="warn" />}
            need you
          </>
        }
        to={paths.needs}
      />
      <Num n={sums.used} aside={`of ${sums.capacity} slots`} label="agents running" />
      <Num n={sums.ready} label="ready, waiting for a slot" />
      <Num n={sums.merged} label="merged today" />
      <Num n={money(sums.microdollars)} aside={`${counted(sums.tokens)} tokens`} label="spent today" />
      <Num
        n={sums.notOpen}
        aside={`of ${listed.length}`}
        label="gates not open"
        to={`${paths.overview}?show=gates#rigs`}
      />
      {children}
    </section>
  );
}

function Table({ listed }: { listed: readonly Listed[] }) {
  if (listed.length === 0) return <Nothing title="No rig is so just now" />;
  return (
    <table className="tbl rigs-table">
      <thead>
        <tr>
          <th scope="col">Rig</th>
          <th scope="col">Needs you</th>
          <th scope="col">Oldest that stands still, and why</th>
          <th scope="col" className="right c-age">
            For
          </th>
          <th scope="col">Running</th>
          <th scope="col" className="right c-ready">
            Ready
          </th>
          <th scope="col" className="right c-merged">
            Merged today
          </th>
          <th scope="col" className="c-spend">
            Spent today
          </th>
          <th scope="col" className="c-gate">
            Gate
          </th>
          <th scope="col">
            <span className="visually-hidden">Pause or resume</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {listed.map((one, i) => (
          <Row key={one.rig.id} listed={one} isEdge={i > 0 && one.standing !== listed[i - 1]?.standing} />
        ))}
      </tbody>
    </table>
  );
}

const OLD_MS = 2 * 3_600_000;

function Row({ listed, isEdge }: { listed: Listed; isEdge: boolean }) {
  const { rig, needs, oldest } = listed;
  const { state } = rig;
  const isBad = oldest?.since != null && Date.now() - Date.parse(oldest.since) > OLD_MS;
  return (
    <tr className={`${listed.standing}${isEdge ? " edge" : ""}`} data-j="" tabIndex={-1}>
      <td className="c-name">
        <Go to={paths.rig(rig.id)} className="ttl clip" data-open="">
          {rig.name}
        </Go>
      </td>
      <td className="c-needs">
        {(state?.needs.now ?? 0) > 0 && <b className="num">{state?.needs.now}</b>}
        <Kinds needs={needs} />
      </td>
      <td className="c-stuck" title={oldest?.text}>
        {oldest === null ? <Quiet listed={listed} /> : <Oldest need={oldest} />}
      </td>
      <td className={`right c-age num${isBad ? " t-bad strong" : ""}`}>
        {oldest?.since == null ? <span className="faint">·</span> : <Since at={Date.parse(oldest.since)} />}
      </td>
      <td className="c-run num">
        {state !== null && (
          <>
            <Meter share={state.slots.used / Math.max(1, state.slots.capacity)} /> {state.slots.used}
            <span className="faint">/{state.slots.capacity}</span>
          </>
        )}
      </td>
      <td className="right c-ready num">{state?.ready ?? "·"}</td>
      <td className="right c-merged num">{state?.today.merged ?? "·"}</td>
      <td className="c-spend num">{state !== null && <Spend spend={state.spend} />}</td>
      <td className="c-gate">
        <GateWord gate={gateOf(rig)} />
      </td>
      <td className="c-act">
        <Life listed={listed} />
      </td>
    </tr>
  );
}

const Oldest = ({ need }: { need: OfNeed }) => (
  <Go to={`${paths.rig(need.rig_id)}?need=${encodeURIComponent(need.key)}`} className="ttl plain">
    {need.code === "question" || need.code === "permission" ? need.text : need.title}
  </Go>
);

/** Nothing stands still: when it was heard of last. */
function Quiet({ listed: { rig } }: { listed: Listed }) {
  if (rig.state === null) return <span className="faint">It has said nothing of itself yet</span>;
  const soon = rig.state.needs.soon;
  return (
    <span className="faint">
      {soon > 0 ? `${soon} to look at soon` : "Nothing stands still"}; said <Since at={Date.parse(rig.state.at)} /> ago
    </span>
  );
}

/** How many needs of each kind: icon and count. */
function Kinds({ needs }: { needs: readonly OfNeed[] }) {
  const counts = new Map<OfNeed["code"], number>();
  for (const { code } of needs) counts.set(code, (counts.get(code) ?? 0) + 1);
  return (
    <>
      {[...counts].map(([code, count]) => {
        const { icon, tone, word } = NEED_KINDS[code];
        return (
          <span key={code} className={`k t-${tone}`} title={word}>
            <Icon name={icon} label={word} />
            {count}
          </span>
        );
      })}
    </>
  );
}

function Spend({ spend }: { spend: NonNullable<Listed["rig"]["state"]>["spend"] }) {
  const cap = spend.caps.microdollars;
  if (cap === null)
    return (
      <>
        {money(spend.microdollars)}
        {spend.microdollars === 0 && spend.tokens > 0 && <span className="faint"> {counted(spend.tokens)} tokens</span>}
      </>
    );
  const share = spend.microdollars / Math.max(1, cap);
  return (
    <>
      <Meter share={share} tone={share >= 1 ? "bad" : share >= 0.8 ? "warn" : "calm"} /> {money(spend.microdollars)}{" "}
      <span className="faint">of {money(cap)}</span>
    </>
  );
}

const GATES: Record<Gate, readonly [IconName, Tone, string]> = {
  open: ["gate", "plain", "Open"],
  paused: ["pause", "plain", "Paused"],
  draining: ["clock", "busy", "Draining"],
  breaker: ["bolt", "bad", "Breaker open"],
  outage: ["bolt", "bad", "Outage"],
  probe: ["bolt", "warn", "One is tried"],
  unreachable: ["stale", "bad", "Container away"],
  capped: ["coin", "warn", "Cap reached"],
  silent: ["clock", "plain", "Not heard of"],
};
const GateWord = ({ gate }: { gate: Gate }) => {
  const [icon, tone, word] = GATES[gate];
  return (
    <State icon={icon} tone={tone} isCalm={tone === "plain"}>
      {word}
    </State>
  );
};

/** Pauses or resumes one rig, and says what came of it. */
function Life({ listed: { rig } }: { listed: Listed }) {
  const toasts = useToasts();
  const [isBusy, setBusy] = useState(false);
  const to = isStopped(rig) ? "resume" : "pause";
  const click = async () => {
    setBusy(true);
    try {
      await post(rigPath(rig.id, `/${to}`));
      toasts.say(to === "pause" ? `${rig.name} is paused` : `${rig.name} is resumed`);
    } catch (error) {
      toasts.refuse(`${rig.name} stays as it is`, messageOf(error));
    }
    setBusy(false);
  };
  return isBusy ? (
    <Tag>sent</Tag>
  ) : (
    <Btn
      kind="ghost"
      isSmall
      isSquare
      aria-label={`${to === "pause" ? "Pause" : "Resume"} ${rig.name}`}
      onClick={() => void click()}
    >
      <Icon name={to === "pause" ? "pause" : "play"} />
    </Btn>
  );
}
