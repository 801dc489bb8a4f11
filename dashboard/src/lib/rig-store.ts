import { contentOf, unpackActors, unpackBoard, type Board, type BoardContent } from "../../../src/wire/board.ts";
import type { Older, PackedBoard, PackedEnded } from "../../../src/wire/packed-board.ts";
import type { JournalEntry } from "../../../src/core/journal.ts";
import type { World } from "../../../src/core/world.ts";
import { factsThat } from "../../../src/events/facts.ts";
import type { Bead } from "../../../src/wire/schemas.ts";
import { ApiError, get, messageOf, rigPath } from "./api.ts";
import { follow, type Line } from "./feed.ts";
import { addTo, advance, worldOf } from "./world.ts";

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
  /** Grows with the world and the texts of its beads, and not with the line or with facts of before: lists are made anew with it. */
  readonly worldVersion: number;
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
  /** Beads that have ended and are not here: they are fetched when a list goes as far. */
  readonly older: Older;
  readonly heard: ReadonlyMap<string, number>;
  /** What each agent's newest permission prompt said, as it was sent. */
  readonly prompts: ReadonlyMap<string, string>;
  /** How full the container's disk was when it was asked last before this board was loaded; null: it was not asked yet. */
  readonly disk: NonNullable<Board["disk"]> | null;
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
  /** Fetches the texts of a bead that had no room on the board. @throws ApiError */
  whole(beadId: string): Promise<void>;
  /** Fetches the next older ones of what has ended. @throws ApiError */
  fetchOlder(): Promise<void>;
  retry(): void;
  close(): void;
}

/** Facts kept for the timeline; older ones are in the journal. */
const ENTRIES_KEPT = 5_000;
/** Facts before the board's seq that are fetched for the timeline. */
const HISTORY = 2_000;
const MAIL_KEPT = 500;
const SIGNS_OF_LIFE = factsThat(({ isSignOfLife }) => isSignOfLife === true);

const EMPTY: RigState = {
  version: 0,
  worldVersion: 0,
  phase: "loading",
  error: null,
  line: "connecting",
  lostAt: null,
  world: null,
  content: new Map(),
  entries: [],
  mail: [],
  older: { before: 0, beads: 0 },
  heard: new Map(),
  prompts: new Map(),
  disk: null,
  skew_ms: 0,
};

/** What is kept of facts that people read and no machine needs. */
interface Kept {
  readonly content: Map<string, BoardContent>;
  readonly heard: Map<string, number>;
  readonly prompts: Map<string, string>;
  readonly mail: RigState["mail"];
}

/** Notes a fact in the maps that are kept, and answers with the mail there is then. */
function noted(fact: JournalEntry["fact"], { content, heard, prompts, mail }: Kept): RigState["mail"] {
  switch (fact.type) {
    case "bead.created": {
      content.set(fact.beadId, contentOf(fact.beadType, fact));
      return mail;
    }
    case "bead.edited": {
      const known = content.get(fact.beadId);
      const { title = known?.title, labels = known?.labels } = fact.changes;
      if (known !== undefined && title !== undefined && labels !== undefined)
        content.set(fact.beadId, { ...known, title, labels });
      return mail;
    }
    case "permission.asked":
      prompts.set(fact.agentId, fact.prompt);
      heard.set(fact.agentId, fact.at);
      return mail;
    case "mail.sent": {
      const { mailId: id, from, to, subject, body, at } = fact;
      return [{ id, from, to, subject, body, at, deliveredAt: null }, ...mail].slice(0, MAIL_KEPT);
    }
    case "mail.delivered": {
      const read = new Set(fact.mailIds);
      return mail.map((letter) =>
        read.has(letter.id) && letter.to === fact.agentId ? { ...letter, deliveredAt: fact.at } : letter,
      );
    }
    default:
      if (SIGNS_OF_LIFE.has(fact.type) && "agentId" in fact && fact.agentId !== null) heard.set(fact.agentId, fact.at);
      return mail;
  }
}

/** A board as the page keeps it. */
const ready = (board: Board): Omit<RigState, "version" | "worldVersion" | "entries" | "line" | "lostAt"> => ({
  phase: "ready",
  error: null,
  world: worldOf(board),
  content: new Map(Object.entries(board.content)),
  mail: board.mail.map((mail) => ({
    id: mail.id,
    from: mail.from_agent_id,
    to: mail.to_agent_id,
    subject: mail.subject,
    body: mail.body,
    at: Date.parse(mail.created_at),
    deliveredAt: mail.delivered_at === null ? null : Date.parse(mail.delivered_at),
  })),
  older: board.older,
  heard: new Map(Object.entries(board.heard)),
  prompts: new Map(Object.entries(board.prompts)),
  disk: board.disk ?? null,
  skew_ms: board.now - Date.now(),
});

/** What the page says when the board could not be had. */
const failed = (error: unknown): { error: NonNullable<RigState["error"]>; line: "stale" } => ({
  error: { status: error instanceof ApiError ? error.status : -1, message: messageOf(error) },
  line: "stale",
});

/** A socket does not say why it failed; the API does. A rig that was deleted, or a token that has expired, ends the waiting. */
const askWhy = (rigId: string): Promise<RigState["error"]> =>
  get(rigPath(rigId, "/health")).then(
    () => null,
    (error: unknown) =>
      error instanceof ApiError && error.status !== 0 ? { status: error.status, message: error.message } : null,
  );

/** Calls at most once per frame, however often it is asked to. */
function perFrame(tell: () => void): () => void {
  let isScheduled = false;
  const run = (): void => {
    if (!isScheduled) return;
    isScheduled = false;
    tell();
  };
  return () => {
    if (isScheduled) return;
    isScheduled = true;
    // A page in the background gets no frames.
    if (document.visibilityState === "visible") requestAnimationFrame(run);
    setTimeout(run, 120);
  };
}

/** Those who want to be told, and how they are. */
function listenersOf<Args extends unknown[]>() {
  const all = new Set<(...args: Args) => void>();
  return {
    tell: (...args: Args): void => {
      for (const listener of all) listener(...args);
    },
    add: (listener: (...args: Args) => void) => {
      all.add(listener);
      return () => all.delete(listener);
    },
  };
}

/** Moves the page's world on by one entry, and says so before and after. Answers with the mail there is then. */
function folded(
  state: RigState,
  entry: JournalEntry,
  before: (entry: JournalEntry, world: World) => void,
  after: (entry: JournalEntry) => void,
): RigState["mail"] {
  const { world, content, heard, prompts, mail } = state as RigState & Kept;
  if (world === null || entry.fact.seq <= world.seq) return mail;
  before(entry, world);
  advance(world, entry.fact);
  const now = noted(entry.fact, { content, heard, prompts, mail });
  after(entry);
  return now;
}

/** Puts the texts of a bead that had no room into the page's content. */
async function wholeOf(rigId: string, beadId: string, now: () => RigState): Promise<Partial<RigState>> {
  const bead = await get<Bead>(rigPath(rigId, `/beads/${encodeURIComponent(beadId)}`));
  const content = now().content as Kept["content"];
  const known = content.get(beadId);
  if (known?.isCut === true)
    content.set(beadId, contentOf(bead.type, { ...bead, createdBy: known.createdBy, metadata: known.metadata }));
  return {};
}

/** Puts the next older ones of what has ended into the page's world. */
async function olderOf(rigId: string, now: () => RigState): Promise<Partial<RigState>> {
  const { world, older } = now();
  const more = await get<PackedEnded>(rigPath(rigId, `/board/ended?before=${older.before}`));
  const state = now();
  // Another page may have come meanwhile, or a new board.
  if (world === null || state.world !== world || state.older !== older) return {};
  const shown = unpackActors(more.actors);
  const content = state.content as Kept["content"];
  for (const [id, one] of Object.entries(shown.content)) if (!content.has(id)) content.set(id, one);
  // What has come by its own facts is newer.
  addTo(
    world,
    shown.actors.filter(({ kind, id }) => (kind === "bead" ? world.beads : world.reviews).get(id) === undefined),
  );
  return { older: more.older };
}

export function openRig(rigId: string): RigStore {
  let state = EMPTY;
  let entries: JournalEntry[] = [];
  let seen = 0;
  let feed: ReturnType<typeof follow> | null = null;
  let isClosed = false;
  let loading: AbortController | null = null;
  const listeners = listenersOf<[]>();
  const entryListeners = listenersOf<[JournalEntry]>();
  const beforeListeners = listenersOf<[JournalEntry, World]>();
  const tellSoon = perFrame(() => {
    state = { ...state, version: state.version + 1, entries: entries.slice() };
    listeners.tell();
  });
  const changed = (patch: Partial<RigState>, isWorld = false): void => {
    state = { ...state, ...patch, worldVersion: state.worldVersion + (isWorld ? 1 : 0) };
    tellSoon();
  };
  const take = (entry: JournalEntry): void => {
    const { seq } = entry.fact;
    if (seq <= seen) return;
    // A gap would make the fold guess. Start from a new board instead.
    if (seen !== 0 && seq !== seen + 1) return void load();
    seen = seq;
    entries.push(entry);
    if (entries.length > ENTRIES_KEPT) entries = entries.slice(-ENTRIES_KEPT + 500);
    const isNew = seq > (state.world?.seq ?? seq);
    changed({ mail: folded(state, entry, beforeListeners.tell, entryListeners.tell) }, isNew);
  };
  const load = async (): Promise<void> => {
    loading?.abort();
    loading = new AbortController();
    const { signal } = loading;
    feed?.close();
    feed = null;
    try {
      const board = unpackBoard(await get<PackedBoard>(rigPath(rigId, "/board"), signal));
      if (isClosed || signal.aborted) return;
      // Nothing was ever written of it: nobody has made it.
      if (board.seq === 0) throw new ApiError(404, `no rig ${rigId}`);
      entries = [];
      seen = Math.max(0, board.seq - HISTORY);
      changed(ready(board), true);
      feed = follow({
        rigId,
        after: () => seen,
        onEntry: take,
        onLine: (line) => changed({ line, lostAt: line === "live" ? null : (state.lostAt ?? Date.now()) }),
        onTrouble: (tries) => {
          if (tries === 3) void askWhy(rigId).then((error) => error !== null && (feed?.close(), changed({ error })));
        },
      });
    } catch (error) {
      if (isClosed || signal.aborted) return;
      const told = failed(error);
      changed({ ...told, phase: state.world === null ? "failed" : "ready", lostAt: state.lostAt ?? Date.now() });
      if (told.error.status === 0) setTimeout(() => void load(), 3_000);
    }
  };
  void load();
  return {
    rigId,
    get: () => state,
    subscribe: listeners.add,
    onEntry: entryListeners.add,
    beforeEntry: beforeListeners.add,
    whole: async (beadId) => changed(await wholeOf(rigId, beadId, () => state), true),
    fetchOlder: async () => changed(await olderOf(rigId, () => state), true),
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
