import type { Board, BoardContent } from "../../../src/do/board.ts";
import type { JournalEntry } from "../../../src/do/store.ts";
import type { World } from "../../../src/machines/world.ts";
import { ApiError, get, messageOf, rigPath } from "./api.ts";
import { follow, type Line } from "./feed.ts";
import { advance, worldOf } from "./world.ts";

/** One rig as this page knows it: a board as of one seq, and every fact since. */

export interface Mail {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly body: string;
  readonly at: number;
  readonly deliveredAt: number | null;
}

export interface RigState {
  /** Grows with everything that may change what is shown. */
  readonly version: number;
  readonly phase: "loading" | "ready" | "failed";
  readonly error: { readonly status: number; readonly message: string } | null;
  readonly line: Line;
  /** When the line was lost, ms of this page's clock; null while it is live. */
  readonly lostAt: number | null;
  /** World, content and heard are changed in place: read them while rendering a version. */
  readonly world: World | null;
  readonly content: ReadonlyMap<string, BoardContent>;
  /** Newest last, at most ENTRIES_KEPT. */
  readonly entries: readonly JournalEntry[];
  readonly mail: readonly Mail[];
  readonly heard: ReadonlyMap<string, number>;
  /** The rig's clock minus this page's, ms. */
  readonly skew_ms: number;
}

export interface RigStore {
  readonly rigId: string;
  get(): RigState;
  subscribe(listener: () => void): () => void;
  /** Called for each new fact, in order. */
  onEntry(listener: (entry: JournalEntry) => void): () => void;
  /** The same, right before the world takes it. */
  beforeEntry(listener: (entry: JournalEntry, world: World) => void): () => void;
  retry(): void;
  close(): void;
}

/** Facts kept for the timeline; older ones are in the journal. */
const ENTRIES_KEPT = 5_000;
/** Facts before the board's seq that are fetched for the timeline. */
const HISTORY = 2_000;
const MAIL_KEPT = 500;

const EMPTY: RigState = { version: 0, phase: "loading", error: null, line: "connecting", lostAt: null, world: null, content: new Map(), entries: [], mail: [], heard: new Map(), skew_ms: 0 };

export function openRig(rigId: string): RigStore {
  let state = EMPTY;
  let entries: JournalEntry[] = [];
  let content = new Map<string, BoardContent>();
  let heard = new Map<string, number>();
  let seen = 0;
  let feed: ReturnType<typeof follow> | null = null;
  let isClosed = false;
  let loading: AbortController | null = null;
  const listeners = new Set<() => void>();
  const entryListeners = new Set<(entry: JournalEntry) => void>();
  const beforeListeners = new Set<(entry: JournalEntry, world: World) => void>();

  let scheduled = false;
  /** Tells React at most once per frame, however fast the facts come. */
  const changed = (patch: Partial<RigState> = {}): void => {
    state = { ...state, ...patch };
    if (scheduled) return;
    scheduled = true;
    const tell = (): void => {
      if (!scheduled) return;
      scheduled = false;
      state = { ...state, version: state.version + 1, entries: entries.slice() };
      for (const listener of listeners) listener();
    };
    // A page in the background gets no frames.
    if (document.visibilityState === "visible") requestAnimationFrame(tell);
    setTimeout(tell, 120);
  };

  const take = (entry: JournalEntry): void => {
    const { fact } = entry;
    if (fact.seq <= seen) return;
    if (seen !== 0 && fact.seq !== seen + 1) {
      // A gap would make the fold guess. Start from a new board instead.
      void load();
      return;
    }
    seen = fact.seq;
    entries.push(entry);
    if (entries.length > ENTRIES_KEPT) entries = entries.slice(-ENTRIES_KEPT + 500);
    const { world } = state;
    if (world !== null && fact.seq > world.seq) {
      for (const listener of beforeListeners) listener(entry, world);
      advance(world, fact);
      note(entry);
      for (const listener of entryListeners) listener(entry);
    }
    changed();
  };

  /** What people read of a fact and no machine needs. */
  const note = ({ fact }: JournalEntry): void => {
    switch (fact.type) {
      case "bead.created": {
        const { title, labels, createdBy, metadata } = fact;
        content.set(fact.beadId, { title, labels, createdBy, metadata: metadata as BoardContent["metadata"] });
        return;
      }
      case "mail.sent":
        state = { ...state, mail: [{ id: fact.mailId, from: fact.from, to: fact.to, subject: fact.subject, body: fact.body, at: fact.at, deliveredAt: null }, ...state.mail].slice(0, MAIL_KEPT) };
        return;
      case "mail.delivered": {
        const read = new Set(fact.mailIds);
        state = { ...state, mail: state.mail.map((mail) => (read.has(mail.id) && mail.to === fact.agentId ? { ...mail, deliveredAt: fact.at } : mail)) };
        return;
      }
      case "agent.heard":
      case "agent.progressed":
      case "agent.checkpointed":
        heard.set(fact.agentId, fact.at);
        return;
      default:
    }
  };

  const load = async (): Promise<void> => {
    loading?.abort();
    loading = new AbortController();
    const { signal } = loading;
    feed?.close();
    feed = null;
    try {
      const board = await get<Board>(rigPath(rigId, "/board"), signal);
      if (isClosed || signal.aborted) return;
      entries = [];
      content = new Map(Object.entries(board.content));
      heard = new Map(Object.entries(board.heard));
      seen = Math.max(0, board.seq - HISTORY);
      changed({
        phase: "ready",
        error: null,
        world: worldOf(board),
        content,
        mail: board.mail.map((mail) => ({ id: mail.id, from: mail.from_agent_id, to: mail.to_agent_id, subject: mail.subject, body: mail.body, at: Date.parse(mail.created_at), deliveredAt: mail.delivered_at === null ? null : Date.parse(mail.delivered_at) })),
        heard,
        skew_ms: board.now - Date.now(),
      });
      feed = follow({ rigId, after: () => seen, onEntry: take, onLine: (line) => changed({ line, lostAt: line === "live" ? null : (state.lostAt ?? Date.now()) }), onTrouble });
    } catch (error) {
      if (isClosed || signal.aborted) return;
      const status = error instanceof ApiError ? error.status : -1;
      changed({ phase: state.world === null ? "failed" : "ready", error: { status, message: messageOf(error) }, line: "stale", lostAt: state.lostAt ?? Date.now() });
      if (status === 0) setTimeout(() => void load(), 3_000);
    }
  };

  /** A socket does not say why it failed; the API does. A rig that was deleted, or a token that has expired, ends the waiting. */
  const onTrouble = (tries: number): void => {
    if (tries !== 3) return;
    get(rigPath(rigId, "/health")).catch((error: unknown) => {
      if (!(error instanceof ApiError) || error.status === 0) return;
      feed?.close();
      changed({ error: { status: error.status, message: error.message } });
    });
  };

  void load();
  return {
    rigId,
    get: () => state,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onEntry(listener) {
      entryListeners.add(listener);
      return () => entryListeners.delete(listener);
    },
    beforeEntry(listener) {
      beforeListeners.add(listener);
      return () => beforeListeners.delete(listener);
    },
    retry() {
      if (feed !== null && state.world !== null && state.error === null) feed.retryNow();
      else void load();
    },
    close() {
      isClosed = true;
      loading?.abort();
      feed?.close();
    },
  };
}
