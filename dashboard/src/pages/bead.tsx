import { useMemo } from "react";
import type { Recorded } from "../../../src/events/facts.ts";
import { whyBead } from "../../../src/core/why.ts";
import { concerns } from "../../../src/core/explain.ts";
import type { Attempt } from "../../../src/wire/attempts.ts";
import type { Diff } from "../../../src/wire/diff.ts";
import type { Story } from "../../../src/wire/run.ts";
import type { Bead as WireBead } from "../../../src/wire/schemas.ts";
import type { Spend } from "../../../src/wire/spend.ts";
import type * as z from "zod";
import { About, trainPlace } from "../bead/about.tsx";
import { AttemptsPanel } from "../bead/attempts.tsx";
import { Checks } from "../bead/checks.tsx";
import { recipientOf } from "../bead/comments.tsx";
import { Conversation } from "../bead/conversation.tsx";
import { DiffPanel } from "../bead/diff.tsx";
import { dispatchesOf, TimeOf, type Spent } from "../bead/parts.tsx";
import { BeadActs, PinnedNeed } from "../bead/pinned.tsx";
import { Output } from "../board/details/output.tsx";
import { rigPath } from "../lib/api.ts";
import { beadStateOf } from "../lib/bead-state.ts";
import { useLook } from "../lib/looks.ts";
import { agentName, beadTitle, plural, short } from "../lib/names.ts";
import { commentsIn } from "../lib/story.ts";
import { useTitle } from "../lib/title.ts";
import { useStore, useWorld } from "../lib/use-rig.ts";
import { money, Nothing, openList, State } from "../ui/parts.tsx";
import "../styles/board.css";
import "../styles/drawer.css";
import "../styles/lanes.css";
import "../styles/diff.css";
import "../styles/bead.css";
import "../styles/needs.css";

/** A piece of work: what it is in one line, why it took as long as it did, what was said, what it changes, and what became of it. */
export default function BeadPage({ beadId }: { beadId: string }) {
  const { world, state } = useWorld();
  const { rigId } = useStore();
  const bead = world.beads.get(beadId);
  const path = (rest: string): string => rigPath(rigId, `/beads/${encodeURIComponent(beadId)}${rest}`);
  const isOwn = (fact: Recorded): boolean =>
    concerns(fact, "bead", beadId) ||
    ("agentId" in fact && world.agents.get(String(fact.agentId))?.context.hook === beadId);
  const isLetter = (fact: Recorded): boolean =>
    fact.type === "mail.sent" && [fact.to, fact.from].some((id) => id === world.beads.get(beadId)?.context.assignee);
  const full = useLook<WireBead>(path(""), (fact) => concerns(fact, "bead", beadId));
  const story = useLook<Story>(path("/story"), (fact) => isOwn(fact) || isLetter(fact));
  const diff = useLook<Diff>(path("/diff"), (fact) => MOVES_WORK.has(fact.type) && isOwn(fact));
  const ends = useLook<Attempt[]>(
    path("/attempts"),
    (fact) => (fact.type === "agent.exited" || fact.type === "dispatch.failed") && isOwn(fact),
  );
  const spend = useLook<z.infer<typeof Spend>>(
    rigPath(rigId, `/spend?by=attempt${full.data === null ? "" : `&from=${encodeURIComponent(full.data.created_at)}`}`),
    (fact) => fact.type === "spend.counted" && fact.beadId === beadId,
  );
  const title = full.data?.title ?? beadTitle(state.content, beadId);
  useTitle(full.error?.status === 404 ? "Not found" : title);
  const facts = useMemo(() => (story.data?.facts ?? []) as unknown as Recorded[], [story.data]);
  const spent = useMemo<Spent>(() => {
    const own = new Set(dispatchesOf(facts));
    return new Map((spend.data?.rows ?? []).filter(({ key }) => own.has(key)).map((row) => [row.key, row]));
  }, [spend.data, facts]);
  const comments = useMemo(() => commentsIn(facts, beadId), [facts, beadId]);
  if (full.error?.status === 404)
    return (
      <div className="page narrow">
        <h1 className="visually-hidden">Not found</h1>
        <Nothing title="This rig has no such piece of work">
          <p>It was deleted, or it was another rig’s.</p>
        </Nothing>
      </div>
    );
  const agent = world.agents.get(bead?.context.assignee ?? "");
  const isLive = agent !== undefined && agent.context.hook === beadId;
  return (
    <div className="page bead">
      <Facts beadId={beadId} title={title} full={full.data} facts={facts} diff={diff.data} spent={spent} />
      <nav className="bead-tabs only-phone" aria-label="Parts of this page">
        {PARTS.map(([id, name]) => (
          <button type="button" key={id} onClick={() => openList(id)}>
            {name}
          </button>
        ))}
      </nav>
      {bead !== undefined && !bead.hasTag("terminal") && <p className="why soft">{whyBead(world, bead).sentence}</p>}
      <TimeOf beadId={beadId} facts={facts} now={Date.now() + state.skew_ms} spent={spent} />
      <div className="bead-grid">
        <Conversation
          facts={facts}
          isCut={story.data?.is_cut ?? false}
          output={isLive ? <Output key={agent.context.id} agent={agent} /> : null}
        >
          <PinnedNeed beadId={beadId} />
        </Conversation>
        <div className="middle">
          <DiffPanel look={diff} comments={comments} to={recipientOf(world, beadId, title)} />
          <AttemptsPanel facts={facts} ended={ends.data ?? []} spent={spent} />
          <Checks facts={facts} isMerged={bead?.context.commitSha != null} />
        </div>
        <About beadId={beadId} bead={bead} full={full.data} facts={facts} spent={spent} />
      </div>
    </div>
  );
}

/** Facts after which its work may be another one. */
const MOVES_WORK: ReadonlySet<string> = new Set([
  "agent.checkpointed",
  "agent.exited",
  "agent.asked",
  "agent.asked_help",
  "dispatch.granted",
  "work.handed_in",
  "hand_in.accepted",
  "hand_in.refused",
  "review.opened",
  "bead.merged",
  "bead.conflicted",
  "bead.rejected",
]);

const PARTS = [
  ["talk", "Talk"],
  ["diff", "Diff"],
  ["attempts", "Attempts"],
  ["checks", "Checks"],
  ["about", "About"],
] as const;

function Facts({
  beadId,
  title,
  full,
  facts,
  diff,
  spent,
}: {
  beadId: string;
  title: string;
  full: WireBead | null;
  facts: readonly Recorded[];
  diff: Diff | null;
  spent: Spent;
}) {
  const { world, now } = useWorld();
  const bead = world.beads.get(beadId);
  const said = bead === undefined ? null : beadStateOf(bead, world, now);
  const attempts = dispatchesOf(facts).length;
  const waiting = world.index.dependents.get(beadId)?.size ?? 0;
  const place = trainPlace(world, bead);
  const cost = [...spent.values()].reduce((sum, row) => sum + row.cost_microdollars, 0);
  return (
    <header className="bead-head">
      <div className="row">
        <h1>{title}</h1>
        <span className="grow" />
        {bead !== undefined && <BeadActs bead={bead} title={title} body={full?.body ?? ""} />}
      </div>
      <p className="facts">
        {said === null ? (
          <span>{full?.status.replace("_", " ")}</span>
        ) : (
          <State icon={said.icon} tone={said.tone}>
            {said.word}
          </State>
        )}
        {attempts > 0 && <span>attempt {attempts}</span>}
        {bead?.context.assignee != null && <span>{agentName(world, bead.context.assignee)}</span>}
        {place !== null && <span>{place}</span>}
        {cost > 0 && <span className="num">{money(cost)}</span>}
        {diff?.result === "found" && (
          <span className="num">
            {plural(diff.file_count, "file")} <span className="t-good">+{diff.added.toLocaleString("en")}</span>{" "}
            <span className="t-bad">−{diff.deleted.toLocaleString("en")}</span>
          </span>
        )}
        {waiting > 0 && <span>{waiting === 1 ? "1 waits for it" : `${waiting} wait for it`}</span>}
        <code className="faint">{short(beadId)}</code>
      </p>
    </header>
  );
}
