import { Button } from "@mantine/core";
import { useContext, useEffect, useMemo, useRef, useState, type DragEvent, type ReactNode } from "react";
import { contentOf, type BoardContent } from "../../../src/wire/board.ts";
import { judge } from "../../../src/core/explain.ts";
import type { JournalEntry } from "../../../src/core/journal.ts";
import type { Fact } from "../../../src/events/facts.ts";
import { stateName } from "../../../src/core/decide/index.ts";
import type { World } from "../../../src/core/world.ts";
import { RigPicker } from "../board/welcome.tsx";
import { messageOf, request, rigPath } from "../lib/api.ts";
import type { RigStore } from "../lib/rig-store.ts";
import { useSeconds } from "../lib/time.ts";
import { href, setParams, usePlace } from "../lib/url.ts";
import { RigContext, useRig } from "../lib/use-rig.ts";
import { Chip } from "../ui/bits.tsx";
import { useToasts } from "../ui/toasts.tsx";
import { actorName, actorRef, firstActor, refText, snapshotOf } from "./actor.ts";
import { Actors } from "./actors.tsx";
import type { Bench } from "./bench.ts";
import { ChangesPanel, useKept } from "./changes-panel.tsx";
import { ChartView, useLayout } from "./chart.tsx";
import { FactsPanel, NowPanel, PossiblePanel } from "./panels.tsx";
import { WhatIfPanel } from "./what-if.tsx";
import { Scrubber } from "./scrubber.tsx";
import { liveSource } from "./live-source.ts";
import { fileSource, momentAt, type FileSource, type Moment, type Source } from "./source.ts";
import "../styles/debug.css";

/** The statechart debugger: of a live rig, or of a journal file that never leaves this browser. */
export default function Debugger() {
  const store = useContext(RigContext);
  const [file, setFile] = useState<FileSource | null>(null);
  const [error, setError] = useState<string | null>(null);
  const open = async (picked: File) => {
    setError(null);
    try {
      setFile(await fileSource(picked));
      setParams({ seq: null, actor: null });
    } catch (thrown) {
      setError(`${picked.name}: ${messageOf(thrown)}`);
    }
  };
  const failed =
    error === null ? null : (
      <div className="notice bad" role="alert">
        {error}
      </div>
    );
  if (file !== null) {
    return (
      <>
        <h1 className="visually-hidden">The statechart debugger</h1>
        {failed}
        <FileBench file={file} close={() => (setFile(null), setParams({ seq: null, actor: null }))} />
      </>
    );
  }
  if (store === null) return <Start open={open} failed={failed} />;
  return (
    <>
      <h1 className="visually-hidden">The statechart debugger</h1>
      {failed}
      <LiveBench store={store} open={open} />
    </>
  );
}

function Start({ open, failed }: { open: (file: File) => void; failed: ReactNode }) {
  return (
    <div className="welcome" style={{ display: "grid", gap: 16 }}>
      <div className="card" style={{ padding: 24 }}>
        <h1>The statechart debugger</h1>
        <p className="soft" style={{ marginBottom: 14 }}>
          Choose a rig to watch, or open a journal file: it is folded in this browser and sent nowhere.
        </p>
        <RigPicker current={null} pathOf={(rigId) => href("/debug", { rig: rigId })} />
      </div>
      {failed}
      <Drop open={open} />
    </div>
  );
}

function Drop({ open }: { open: (file: File) => void }) {
  const [isOver, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const [file] = event.dataTransfer.files;
    if (file !== undefined) open(file);
  };
  return (
    <div
      className={`drop${isOver ? " over" : ""}`}
      onDragOver={(event) => (event.preventDefault(), setOver(true))}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <b>Drop a journal file here</b>
      <FileButton open={open}>Open a file</FileButton>
    </div>
  );
}

function FileButton({ open, children }: { open: (file: File) => void; children: ReactNode }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        accept=".ndjson,.jsonl,application/x-ndjson"
        className="visually-hidden"
        tabIndex={-1}
        aria-label="Journal file"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (file !== undefined) open(file);
        }}
      />
      <Button size="compact-sm" variant="default" onClick={() => input.current?.click()}>
        {children}
      </Button>
    </>
  );
}

function LiveBench({ store, open }: { store: RigStore; open: (file: File) => void }) {
  const state = useRig();
  const toasts = useToasts();
  const now = useSeconds() + state.skew_ms;
  const source = useMemo(() => liveSource(store), [store]);
  const taken = useLastTaken(store);
  const { world } = state;
  if (world === null) return null;
  const save = () =>
    toasts.act(async () => {
      const blob = await (await request("GET", rigPath(store.rigId, "/export"))).blob();
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${store.rigId}.journal.ndjson`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
      return {
        title: "The journal is saved",
        text: `${Math.ceil(blob.size / 1_024)} KB. Open it here again, or with the replay command.`,
      };
    }, "The journal was not exported");
  return (
    <Workbench
      source={source}
      live={world}
      content={state.content}
      entries={state.entries}
      version={state.version}
      now={now}
      lastTaken={taken}
    >
      <Button size="compact-sm" variant="default" onClick={() => void save()}>
        Export
      </Button>
      <FileButton open={open}>Open a file</FileButton>
    </Workbench>
  );
}

/** The transitions that the newest fact of each actor took, while this page watched. */
function useLastTaken(store: RigStore): (actor: string) => ReadonlySet<string> {
  const taken = useRef(new Map<string, ReadonlySet<string>>());
  const { params } = usePlace();
  const watched = params.get("actor");
  useEffect(
    () =>
      store.beforeEntry(({ fact }, world) => {
        const actor = actorRef(watched) ?? firstActor(world);
        const ids = judge(world, actor.kind, actor.id, fact)
          .filter((branch) => branch.taken)
          .map((branch) => branch.id);
        if (ids.length > 0) taken.current.set(refText(actor), new Set(ids));
      }),
    [store, watched],
  );
  return (actor) => taken.current.get(actor) ?? NONE;
}

const NONE: ReadonlySet<string> = new Set();

function FileBench({ file, close }: { file: FileSource; close: () => void }) {
  const [loaded, setLoaded] = useState<{
    world: World;
    entries: readonly JournalEntry[];
    content: ReadonlyMap<string, BoardContent>;
  } | null>(null);
  useEffect(() => {
    const load = async () => {
      const [world, entries] = await Promise.all([file.committed(file.last()), file.entries(1, file.last())]);
      const content = new Map<string, BoardContent>();
      for (const { fact } of entries)
        if (fact.type === "bead.created") content.set(fact.beadId, contentOf(fact.beadType, fact));
      setLoaded({ world, entries, content });
    };
    void load();
  }, [file]);
  if (loaded === null) return null;
  return (
    <>
      <div className={`notice${file.difference === null ? "" : " bad"}`} role="status">
        <span>
          <b>{file.name}</b>:{" "}
          {file.difference === null
            ? `${file.facts.toLocaleString("en")} facts folded again in this browser, no difference.`
            : file.difference}
        </span>
        <Button size="compact-sm" variant="default" onClick={close}>
          Close the file
        </Button>
      </div>
      <Workbench
        source={file}
        live={loaded.world}
        content={loaded.content}
        entries={loaded.entries}
        version={0}
        now={loaded.world.at}
        lastTaken={() => NONE}
      />
    </>
  );
}

const TABS = ["Now", "Changes", "Can happen", "What if", "Facts"] as const;

interface WorkbenchProps {
  readonly source: Source;
  readonly live: World;
  readonly content: ReadonlyMap<string, BoardContent>;
  readonly entries: readonly JournalEntry[];
  readonly version: number;
  readonly now: number;
  readonly lastTaken: (actor: string) => ReadonlySet<string>;
  readonly children?: ReactNode;
}

function Workbench({ source, live, content, entries, version, now, lastTaken, children }: WorkbenchProps) {
  const { path, params } = usePlace();
  const toasts = useToasts();
  const asked = /^\d{1,15}$/.exec(params.get("seq") ?? "");
  const seq = asked === null ? null : Number(asked[0]);
  const { moment, error, isReplaying } = useMoment(source, seq);
  const shown = seq === null ? null : moment;
  const world = shown?.after ?? live;
  const actor = actorRef(params.get("actor")) ?? firstActor(live);
  const bench: Bench = { source, actor, world, moment: shown, now: shown?.entry.fact.at ?? now, content, version };
  const snapshot = snapshotOf(world, actor);
  const active = useMemo(() => new Set((snapshot?._nodes ?? []).map((node: { id: string }) => node.id)), [snapshot]);
  const taken = useMemo(
    () =>
      shown === null
        ? lastTaken(refText(actor))
        : new Set(
            judge(shown.before, actor.kind, actor.id, shown.entry.fact)
              .filter((branch) => branch.taken)
              .map((branch) => branch.id),
          ),
    [shown, actor.kind, actor.id, version],
  );
  const layout = useLayout(actor.kind);
  const goTo = (to: number | null) => setParams({ seq: to, actor: refText(actor) }, false);
  const copy = () =>
    toasts.act(async () => {
      const link = `${location.origin}${href(path, { actor: refText(actor), seq: seq ?? source.last() }, params)}`;
      await navigator.clipboard.writeText(link);
      return { title: "Link copied", text: `It shows this actor as of #${seq ?? source.last()}.` };
    }, "The link was not copied");
  return (
    <>
      <Scrubber bench={bench} seq={seq} isReplaying={isReplaying} goTo={goTo}>
        <Button size="compact-sm" variant="default" onClick={() => void copy()}>
          Copy link
        </Button>
        {children}
      </Scrubber>
      {error !== null && (
        <div className="notice bad" role="alert">
          <span>{error}</span>
          <Button size="compact-sm" variant="default" onClick={() => goTo(null)}>
            Go to now
          </Button>
        </div>
      )}
      <div className="debug">
        <Actors bench={bench} pick={(picked) => setParams({ actor: refText(picked) })} />
        <section className="card" aria-labelledby="chart">
          <div className="card-head">
            <h2 id="chart" className="clip">
              {actorName(world, content, actor)}
            </h2>
            <span className="mono small soft">{snapshot === undefined ? "does not exist" : stateName(snapshot)}</span>
          </div>
          {layout === null ? (
            <div className="chart-window" />
          ) : (
            <ChartView
              key={actor.kind}
              layout={layout}
              active={active}
              taken={taken}
              label={`Statechart of ${actor.kind} ${actorName(world, content, actor)}${snapshot === undefined ? "" : `, in ${stateName(snapshot)}`}`}
            />
          )}
        </section>
        <Side bench={bench} seq={seq} entries={entries} goTo={goTo} />
      </div>
    </>
  );
}

/** What is known of the actor at the moment that is shown, in tabs. */
function Side({
  bench,
  seq,
  entries,
  goTo,
}: {
  bench: Bench;
  seq: number | null;
  entries: readonly JournalEntry[];
  goTo: (seq: number | null) => void;
}) {
  const { actor } = bench;
  // A link to a comparison opens it.
  const [tab, setTab] = useState<(typeof TABS)[number]>(useKept() === null ? "Now" : "Changes");
  const [draft, setDraft] = useState<string | null>(null);
  useEffect(() => setDraft(null), [actor.kind, actor.id]);
  const tryIt = (fact: Fact) => (setDraft(JSON.stringify(fact, null, 1)), setTab("What if"));
  return (
    <section className="card side-panel" aria-label="Details">
      <div className="tabs" role="group" aria-label="What to show">
        {TABS.map((name) => (
          <Chip key={name} on={tab === name} onClick={() => setTab(name)}>
            {name === "Now" && seq !== null ? "Then" : name}
          </Chip>
        ))}
      </div>
      <div className="body" tabIndex={0} role="region" aria-label={tab}>
        {tab === "Now" && <NowPanel bench={bench} />}
        {tab === "Changes" && <ChangesPanel bench={bench} />}
        {tab === "Can happen" && <PossiblePanel bench={bench} tryIt={tryIt} />}
        {tab === "What if" && (
          <WhatIfPanel key={`${refText(actor)} ${seq}`} bench={bench} draft={draft} setDraft={setDraft} />
        )}
        {tab === "Facts" && <FactsPanel bench={bench} entries={entries} goTo={goTo} />}
      </div>
    </section>
  );
}

/** The moment at a seq; the one before stays until the next one is replayed. */
function useMoment(
  source: Source,
  seq: number | null,
): { moment: Moment | null; error: string | null; isReplaying: boolean } {
  const [state, setState] = useState<{ seq: number | null; moment: Moment | null; error: string | null }>({
    seq: null,
    moment: null,
    error: null,
  });
  useEffect(() => {
    if (seq === null) return setState({ seq: null, moment: null, error: null });
    let isGone = false;
    momentAt(source, seq).then(
      (moment) => !isGone && setState({ seq, moment, error: null }),
      (error: unknown) => !isGone && setState((now) => ({ seq, moment: now.moment, error: messageOf(error) })),
    );
    return () => {
      isGone = true;
    };
  }, [source, seq]);
  return { moment: state.moment, error: state.error, isReplaying: seq !== null && state.seq !== seq };
}
