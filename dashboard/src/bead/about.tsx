import { inLine } from "../../../src/core/train/depart.ts";
import type { World } from "../../../src/core/world.ts";
import type { Recorded } from "../../../src/events/facts.ts";
import type { BeadSnapshot } from "../../../src/machines/bead.ts";
import { beadCaps } from "../../../src/machines/spend.ts";
import type { Bead as WireBead } from "../../../src/wire/schemas.ts";
import { beadStateOf } from "../lib/bead-state.ts";
import { agentName, beadTitle, short } from "../lib/names.ts";
import { paths } from "../lib/routes.ts";
import { treeOf } from "../lib/tree.ts";
import { href } from "../lib/url.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { counted, Go, Meter, money, State, Tag } from "../ui/parts.tsx";
import { dispatchesOf, type Spent } from "./parts.tsx";

/** What a piece of work is, costs, waits for and holds up. */
export function About({ beadId, bead, full, facts, spent }: AboutProps) {
  return (
    <aside className="about" id="about" aria-label="About this work" tabIndex={-1}>
      <Fields beadId={beadId} bead={bead} full={full} facts={facts} />
      <Cost bead={bead} facts={facts} spent={spent} />
      <Tree beadId={beadId} facts={facts} />
    </aside>
  );
}
interface AboutProps {
  readonly beadId: string;
  readonly bead: BeadSnapshot | undefined;
  readonly full: WireBead | null;
  readonly facts: readonly Recorded[];
  readonly spent: Spent;
}

/** Where it is on its way to the target, or null. */
export function trainPlace(world: World, bead: BeadSnapshot | undefined): string | null {
  const review = world.reviews.get(bead?.context.reviewId ?? "");
  if (review === undefined || bead?.value !== "in_review") return null;
  const { train } = review.context;
  switch (review.value) {
    case "pending": {
      const line = inLine(world);
      const at = line.findIndex(({ context }) => context.id === review.context.id);
      return at < 0 ? "waits for the train" : `${at + 1} of ${line.length} in line`;
    }
    case "held":
      return review.context.protected === undefined ? "held" : "waits for an approval by name";
    default:
      return train === undefined ? "is being merged" : `on train ${train}`;
  }
}

function Fields({ beadId, bead, full, facts }: Omit<AboutProps, "spent">) {
  const { rigId } = useStore();
  const { world } = useWorld();
  const state = bead === undefined ? null : beadStateOf(bead, world, Date.now());
  const assignee = bead?.context.assignee ?? full?.assignee_agent_id ?? null;
  const branch = bead?.context.branch ?? facts.findLast((fact) => fact.type === "dispatch.granted")?.branch ?? null;
  const place = trainPlace(world, bead);
  return (
    <dl className="kv">
      <dt>State</dt>
      <dd>
        {state === null ? (
          (full?.status.replace("_", " ") ?? "·")
        ) : (
          <State icon={state.icon} tone={state.tone}>
            {state.word}
          </State>
        )}
      </dd>
      <dt>Priority</dt>
      <dd>{bead?.context.priority ?? full?.priority ?? "·"}</dd>
      <dt>Labels</dt>
      <dd>
        {(full?.labels ?? []).length === 0 ? (
          <span className="faint">none</span>
        ) : (
          full?.labels.map((label) => <Tag key={label}>{label}</Tag>)
        )}
      </dd>
      <dt>Agent</dt>
      <dd>
        {assignee === null ? (
          <span className="faint">none</span>
        ) : (
          <>
            <Go className="lk" to={href(paths.rig(rigId), { show: `agent:${assignee}` })}>
              {agentName(world, assignee)}
            </Go>{" "}
            <span className="faint">{bead?.context.model ?? ""}</span>
          </>
        )}
      </dd>
      <dt>Branch</dt>
      <dd className="mono">{branch ?? <span className="faint">none yet</span>}</dd>
      <dt>Train</dt>
      <dd>{place ?? <span className="faint">not on its way</span>}</dd>
      <dt>Attempts</dt>
      <dd className="num">
        {dispatchesOf(facts).length}{" "}
        <span className="faint">
          {bead === undefined ? "" : `${bead.context.attempts} of ${world.rig.context.settings.max_attempts} charged`}
        </span>
      </dd>
      <dt>Id</dt>
      <dd className="mono" title={beadId}>
        {short(beadId)}
      </dd>
      <dt>Debugger</dt>
      <dd>
        <Go className="lk" to={href(paths.debug, { rig: rigId, actor: `bead:${beadId}` })}>
          its statechart
        </Go>
      </dd>
    </dl>
  );
}

function Cost({ bead, facts, spent }: Pick<AboutProps, "bead" | "facts" | "spent">) {
  const { world } = useWorld();
  const rows = dispatchesOf(facts).flatMap((dispatch, n) => {
    const row = spent.get(dispatch);
    return row === undefined ? [] : [{ n: n + 1, ...row }];
  });
  const most = Math.max(1, ...rows.map((row) => row.cost_microdollars));
  const tokens = rows.reduce((sum, row) => sum + row.input_tokens + row.output_tokens, 0);
  const failedTokens = rows.reduce((sum, row) => sum + row.failed_tokens, 0);
  const caps = bead === undefined ? null : beadCaps(bead.context, world.rig.context.settings);
  return (
    <>
      <h3>Cost</h3>
      {rows.length === 0 ? (
        <p className="faint">Nothing was told of it yet.</p>
      ) : (
        <ul className="costs">
          {rows.map((row) => (
            <li key={row.n}>
              <span className="soft">
                Attempt {row.n}
                {row.incomplete > 0 && " (incomplete)"}
              </span>
              <Meter share={row.cost_microdollars / most} tone="calm" />
              <span className="num">{money(row.cost_microdollars)}</span>
            </li>
          ))}
          <li className="strong">
            <span>{counted(tokens)} tokens</span>
            <span />
            <span className="num">{money(rows.reduce((sum, row) => sum + row.cost_microdollars, 0))}</span>
          </li>
          {failedTokens > 0 && (
            <li>
              <span className="soft">of it in failures</span>
              <span className="num soft">{counted(failedTokens)} tokens</span>
              <span className="num">{money(rows.reduce((sum, row) => sum + row.failed_microdollars, 0))}</span>
            </li>
          )}
        </ul>
      )}
      {caps !== null && (caps.microdollars !== null || caps.tokens !== null) && (
        <p className="soft">
          Cap {caps.microdollars === null ? "" : money(caps.microdollars)}
          {caps.tokens === null ? "" : ` ${counted(caps.tokens)} tokens`}
        </p>
      )}
    </>
  );
}

/** All that it ever waited for. */
const blockersIn = (facts: readonly Recorded[]): string[] => [
  ...new Set(
    facts.flatMap((fact) => {
      if (fact.type === "bead.created" || fact.type === "bead.retried") return fact.blockedBy;
      if (fact.type === "bead.edited") return fact.changes.blockedBy ?? [];
      return fact.type === "bead.unblocked" ? [fact.blockerId] : [];
    }),
  ),
];

function Tree({ beadId, facts }: Pick<AboutProps, "beadId" | "facts">) {
  const { rigId } = useStore();
  const { world, state } = useWorld();
  const own = world.beads.get(beadId)?.context.blockedBy ?? [];
  const tree = treeOf(world, beadId, [...new Set([...blockersIn(facts), ...own])]);
  return (
    <>
      <h3>Depends on, and holds up</h3>
      {tree.length === 1 ? (
        <p className="faint">It waits for nothing, and nothing waits for it.</p>
      ) : (
        <ul className="tree">
          {tree.map(({ beadId: id, depth, isThis }) => {
            const bead = world.beads.get(id);
            const said = bead === undefined ? null : beadStateOf(bead, world, Date.now());
            return (
              <li key={id} style={{ paddingLeft: depth * 16 }}>
                {isThis ? (
                  <b className="clip">{beadTitle(state.content, id)}</b>
                ) : (
                  <Go className="ttl clip" to={paths.bead(rigId, id)}>
                    {beadTitle(state.content, id)}
                  </Go>
                )}
                <span className="faint small">{isThis ? "this" : (said?.word ?? "ended")}</span>
              </li>
            );
          })}
        </ul>
      )}
    </>
  );
}
