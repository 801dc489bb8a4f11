/** What a rig's journal says that a commit of the target can be held against: receipts, hand-ins, pushes that may have happened. */
import { isHeaderLine, isSealLine, readHeader } from "./journal-file.ts";

/** The receipt of one push (`review.checked`): what got onto the target, and what was run on exactly this tree before. */
export interface Receipt {
  readonly seq: number;
  readonly train: number;
  readonly from: string;
  readonly to: string;
  readonly tree: string;
  readonly checks: readonly { readonly name: string; readonly exit: number | null }[];
  readonly members: readonly ReceiptMember[];
}

export interface ReceiptMember {
  readonly reviewId: string;
  readonly beadId: string;
  readonly handedIn: string;
  readonly commit: string;
  readonly flaky: boolean;
}

/** A push that may have happened, of whose end nothing is known. Times are ms. */
export interface OpenAttempt {
  readonly what: string;
  readonly since: number;
  readonly until: number;
}

export interface Identity {
  readonly name: string;
  readonly email: string;
}

export interface Known {
  readonly rigId: string;
  readonly gitUrl: string;
  readonly branch: string;
  readonly facts: number;
  /** ms since epoch. */
  readonly began: number;
  /** ms since epoch: of the last fact. */
  readonly lastAt: number;
  readonly receipts: readonly Receipt[];
  /** Commit that was handed in -> its bead. */
  readonly handIns: ReadonlyMap<string, string>;
  /** Commit that was pushed for somebody else to merge -> its bead. */
  readonly handedOver: ReadonlyMap<string, string>;
  /** Where the target was when it had what was handed over -> the bead. */
  readonly handOversSeen: ReadonlyMap<string, string>;
  /** Reviews that take a commit back -> that commit. */
  readonly reverts: ReadonlyMap<string, string>;
  /** Commit that was merged without a train -> its bead: from before receipts, or by a container that writes none. */
  readonly merged: ReadonlyMap<string, string>;
  /** Whom the settings let commit in Ticktown's place. */
  readonly committers: readonly Identity[];
  readonly attempts: readonly OpenAttempt[];
  /** Where the target was seen. */
  readonly targets: ReadonlySet<string>;
  /** What agents began from. */
  readonly bases: ReadonlySet<string>;
  /** What is missing from the journal, in words. */
  readonly gaps: readonly string[];
}

type Body = Readonly<Record<string, unknown>>;
type Line = { seq: number; at: number; type: string; v: number; body: Body };

/** The newest version of each fact that is read here. */
const VERSIONS: Readonly<Record<string, number>> = {
  "rig.configured": 2,
  "rig.settings_changed": 1,
  "hand_in.accepted": 1,
  "review.opened": 1,
  "review.granted": 1,
  "review.boarded": 1,
  "review.completed": 1,
  "review.handed_over": 1,
  "review.checked": 1,
  "bead.merged": 1,
  "train.departed": 1,
  "train.reported": 1,
};

/** What a train says that cannot tell whether its push arrived. */
const UNKNOWN_ENDS: ReadonlySet<unknown> = new Set(["remote_unreachable", "internal"]);
const GAPS_MAX = 20;

export interface JournalReader {
  /** @throws Error that says what is wrong with the file */
  readonly push: (line: string) => void;
  /** @throws Error when there is no rig in it */
  readonly end: () => Known;
}

/** Reads a journal file line by line, and keeps of it no more than it needs. */
export function journalReader(): JournalReader {
  const state = emptyState();
  let header = false;
  let cut: number | null = null;
  let seq = 0;
  let n = 0;
  return {
    push(line) {
      n++;
      if (line.trim() === "") return;
      if (!header || isHeaderLine(line)) {
        readHeader(line);
        header = true;
        return;
      }
      if (isSealLine(line)) return;
      if (cut !== null) throw new Error(`line ${cut} of the journal is not JSON`);
      const json = parsed(line);
      if (json === null) {
        cut = n;
        return;
      }
      if ("actor" in json) {
        state.isWhole = true;
        return;
      }
      if (!isLine(json)) throw new Error(`line ${n} of the journal is no fact: it has no seq, at, type, v and body`);
      if (json.seq !== seq + 1) gap(state, seq + 1, json.seq);
      seq = json.seq;
      state.facts++;
      state.lastAt = Math.max(state.lastAt, json.at);
      state.isWhole = false;
      take(state, json);
    },
    end() {
      if (!header) throw new Error("this is no journal file: it is empty");
      if (cut !== null || !state.isWhole)
        state.gaps.push(`the journal was cut: it ends after seq ${seq}, without the rig's state`);
      return known(state);
    },
  };
}

function parsed(line: string): Body | null {
  try {
    const json = JSON.parse(line) as unknown;
    return typeof json === "object" && json !== null ? (json as Body) : null;
  } catch {
    return null;
  }
}

const isLine = (json: Body): json is Line & Body =>
  Number.isInteger(json["seq"]) &&
  Number.isInteger(json["at"]) &&
  Number.isInteger(json["v"]) &&
  typeof json["type"] === "string" &&
  typeof json["body"] === "object" &&
  json["body"] !== null;

function gap(state: State, from: number, next: number): void {
  if (state.gaps.length >= GAPS_MAX) return;
  state.gaps.push(
    next > from
      ? `the journal lacks ${next - from === 1 ? `seq ${from}` : `seq ${from} to ${next - 1}`}`
      : `the journal goes on with seq ${next} where ${from} is due`,
  );
}

interface State {
  facts: number;
  isWhole: boolean;
  config: { rigId: string; gitUrl: string; branch: string } | null;
  began: number;
  lastAt: number;
  receipts: Receipt[];
  handIns: Map<string, string>;
  handedOver: Map<string, string>;
  handOversSeen: Map<string, string>;
  reverts: Map<string, string>;
  merged: Map<string, string>;
  committers: Identity[];
  attempts: OpenAttempt[];
  targets: Set<string>;
  bases: Set<string>;
  gaps: string[];
  /** The bead of each review. */
  beads: Map<string, string>;
  /** How each review was claimed last, and since when without an answer. */
  claims: Map<string, { by: "train" | "merge"; since: number | null }>;
  handedOverReviews: Set<string>;
  /** Trains that have not reported: since when. */
  trains: Map<number, number>;
}

const emptyState = (): State => ({
  facts: 0,
  isWhole: false,
  config: null,
  began: 0,
  lastAt: 0,
  receipts: [],
  handIns: new Map(),
  handedOver: new Map(),
  handOversSeen: new Map(),
  reverts: new Map(),
  merged: new Map(),
  committers: [],
  attempts: [],
  targets: new Set(),
  bases: new Set(),
  gaps: [],
  beads: new Map(),
  claims: new Map(),
  handedOverReviews: new Set(),
  trains: new Map(),
});

function known(state: State): Known {
  const { config, lastAt } = state;
  if (config === null)
    throw new Error(
      "the journal does not say how its rig began: of an archived rig put the files of the archive before the export",
    );
  const open = [
    ...Array.from(state.trains, ([train, since]) => ({ what: `train ${train}`, since, until: lastAt })),
    ...Array.from(state.claims, ([id, { since }]) => ({ what: `the merge of review ${id}`, since, until: lastAt })),
  ];
  for (const { what, since, until } of open) if (since !== null) state.attempts.push({ what, since, until });
  return { ...state, ...config };
}

/** Takes one fact. */
function take(state: State, { seq, at, type, v, body }: Line): void {
  const newest = VERSIONS[type];
  if (newest === undefined) return;
  if (v > newest)
    throw new Error(`journal seq ${seq}: ${type} has version ${v}, and only ${newest} is known: use a newer Ticktown`);
  const of = fieldsOf(body, `journal seq ${seq}: ${type}`);
  switch (type) {
    case "rig.configured":
      state.began = state.config === null ? at : state.began;
      state.config = { rigId: of.text("rigId"), gitUrl: of.text("gitUrl"), branch: of.text("defaultBranch") };
      break;
    case "rig.settings_changed":
      takeCommitter(state, of.object("changes")["committer"]);
      break;
    case "hand_in.accepted":
      state.handIns.set(of.text("commit"), of.text("beadId"));
      if (body["base"] !== null) state.bases.add(of.text("base"));
      break;
    case "review.checked":
      takeReceipt(state, seq, of);
      break;
    case "train.departed":
      state.trains.set(of.count("train"), at);
      break;
    case "train.reported":
      takeReport(state, at, of);
      break;
    default:
      takeReview(state, at, type, of);
  }
}

function takeCommitter(state: State, committer: unknown): void {
  if (typeof committer !== "object" || committer === null) return;
  const { name, email } = committer as Body;
  if (typeof name === "string" && typeof email === "string") state.committers.push({ name, email });
}

function takeReview(state: State, at: number, type: string, of: Fields): void {
  const reviewId = of.text("reviewId");
  const claim = state.claims.get(reviewId);
  switch (type) {
    case "review.opened":
      state.beads.set(reviewId, of.text("beadId"));
      if (of.body["reverts"] !== undefined) state.reverts.set(reviewId, of.text("reverts"));
      break;
    case "review.granted":
      if (claim?.since) state.attempts.push({ what: `the merge of review ${reviewId}`, since: claim.since, until: at });
      state.claims.set(reviewId, { by: "merge", since: at });
      break;
    case "review.boarded":
      state.claims.set(reviewId, { by: "train", since: null });
      break;
    case "review.handed_over":
      state.handedOverReviews.add(reviewId);
      if (of.body["commit"] !== null) state.handedOver.set(of.text("commit"), state.beads.get(reviewId) ?? "");
      break;
    case "review.completed":
      if (claim !== undefined) state.claims.set(reviewId, { ...claim, since: null });
      break;
    case "bead.merged":
      takeMerged(state, reviewId, of);
      break;
  }
}

function takeMerged(state: State, reviewId: string, of: Fields): void {
  if (of.body["commitSha"] === null) return;
  const [commit, beadId] = [of.text("commitSha"), of.text("beadId")];
  if (state.handedOverReviews.has(reviewId)) state.handOversSeen.set(commit, beadId);
  // What went by train has a receipt, or is not covered.
  else if (state.claims.get(reviewId)?.by === "merge") state.merged.set(commit, beadId);
}

function takeReport(state: State, at: number, of: Fields): void {
  const train = of.count("train");
  const { target, pushed, stopped } = of.body;
  if (typeof target === "string") state.targets.add(target);
  const since = state.trains.get(train);
  const code = typeof stopped === "object" && stopped !== null ? (stopped as Body)["code"] : null;
  state.trains.delete(train);
  if (since !== undefined && pushed === null && UNKNOWN_ENDS.has(code))
    state.attempts.push({ what: `train ${train}`, since, until: at });
  // Of those before it nobody will hear any more.
  for (const [n, departed] of state.trains) {
    state.attempts.push({ what: `train ${n}`, since: departed, until: at });
    state.trains.delete(n);
  }
}

function takeReceipt(state: State, seq: number, of: Fields): void {
  const checks = of.list("checks").map((check) => {
    const { exit } = check.body;
    return { name: check.text("name"), exit: exit === null ? null : check.count("exit") };
  });
  const members = of.list("members").map((member) => ({
    reviewId: member.text("reviewId"),
    beadId: member.text("beadId"),
    handedIn: member.text("handedIn"),
    commit: member.text("commit"),
    flaky: member.body["flaky"] === true,
  }));
  const { text } = of;
  const [from, to, tree] = [text("from"), text("to"), text("tree")];
  state.receipts.push({ seq, train: of.count("train"), from, to, tree, checks, members });
}

interface Fields {
  readonly body: Body;
  readonly text: (name: string) => string;
  readonly count: (name: string) => number;
  readonly object: (name: string) => Body;
  readonly list: (name: string) => Fields[];
}

/** Reads fields, and says which one is not what it must be. */
function fieldsOf(body: Body, where: string): Fields {
  const bad = (name: string): Error => new Error(`${where} cannot be read: its ${name} is missing or of another kind`);
  const object = (value: unknown, name: string): Body => {
    if (typeof value !== "object" || value === null) throw bad(name);
    return value as Body;
  };
  return {
    body,
    text: (name) => {
      const value = body[name];
      if (typeof value !== "string" || value === "") throw bad(name);
      return value;
    },
    count: (name) => {
      const value = body[name];
      if (!Number.isInteger(value)) throw bad(name);
      return value as number;
    },
    object: (name) => object(body[name], name),
    list: (name) => {
      const value = body[name];
      if (!Array.isArray(value)) throw bad(name);
      return value.map((one: unknown) => fieldsOf(object(one, name), `${where}, ${name}`));
    },
  };
}
