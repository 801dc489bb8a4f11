/** The demo with an agent that the reader has: real work for a real model, small enough to be cheap, and looked at in the same way. */
import { setTimeout as sleep } from "node:timers/promises";
import { fault } from "../../verify/print.ts";
import { look } from "../../verify/run.ts";
import type { Bead, RigInfo } from "../api-client.ts";
import { StackError } from "../errors.ts";
import { tellNews } from "../news.ts";
import type { Stack } from "../stack.ts";
import type { Check, Replayed } from "./checks.ts";
import type { DemoRepository } from "./repository.ts";
import type { Screen } from "./screen.ts";

interface Work {
  readonly key: string;
  readonly title: string;
  readonly body: string;
  readonly file: string;
  readonly blockedBy: readonly string[];
}

export const WORKS: readonly Work[] = [
  {
    key: "greeting",
    title: "Greet the reader",
    body: "Write one friendly sentence into the new file GREETING.md, and commit it.",
    file: "GREETING.md",
    blockedBy: [],
  },
  {
    key: "colours",
    title: "List three colours",
    body: "Write three colours, one a line, into the new file COLOURS.md, and commit it.",
    file: "COLOURS.md",
    blockedBy: [],
  },
  {
    key: "index",
    title: "Write the index",
    body: "Write the new file INDEX.md, with a link to every other .md file at the top of this repository, and commit it.",
    file: "INDEX.md",
    blockedBy: ["greeting", "colours"],
  },
];

/** What every merge must pass. */
const CHECK = {
  name: "no empty page",
  command: 'for page in *.md; do test -s "$page" || exit 1; done; echo looked at $(ls *.md | wc -l) pages',
  timeout_ms: 30_000,
  expect: "looked at",
} as const;

const POLL_MS = 500;
/** A model takes minutes, and a limit of its provider may be in the way. */
const LIMIT_MS = 30 * 60_000;

/** Slings the work and waits for it. @returns bead ids by key @throws StackError saying what each waits for */
export async function workWithOwn({ api }: Stack, { id }: RigInfo, screen: Screen): Promise<Map<string, string>> {
  const rig = `/api/rigs/${id}`;
  await api.call("PUT", `${rig}/settings`, { checks: [CHECK] });
  void tellNews(api, id, (line) => screen.tell(line));
  const ids = new Map<string, string>();
  for (const { key, title, body, blockedBy } of WORKS) {
    const blocked_by = blockedBy.map((other) => ids.get(other));
    const { bead } = await api.call<{ bead: Bead }>("POST", `${rig}/sling`, { title, body, blocked_by });
    ids.set(key, bead.id);
  }
  screen.tell(`${WORKS.length} beads slung; "${WORKS.at(-1)?.title}" waits for the others`);
  for (const deadline = Date.now() + LIMIT_MS; ; await sleep(POLL_MS)) {
    const beads = await Promise.all([...ids.values()].map((bead) => api.call<Bead>("GET", `${rig}/beads/${bead}`)));
    const failed = beads.find(({ status }) => status === "failed");
    if (failed !== undefined) throw new StackError(`"${failed.title}" failed; what its agent said last is above`);
    if (beads.every(({ status }) => status === "closed")) return ids;
    if (Date.now() < deadline) continue;
    const open = beads
      .filter(({ status }) => status !== "closed")
      .map(({ title, status }) => `"${title}" is ${status}`);
    throw new StackError(`not everything was merged within ${LIMIT_MS / 60_000} minutes: ${open.join(", ")}`);
  }
}

/** Asked of git and of the rig, not of what was printed. */
export async function checkOwn(
  { api }: Stack,
  { id }: RigInfo,
  repository: DemoRepository,
  ids: ReadonlyMap<string, string>,
): Promise<Check[]> {
  const rig = `/api/rigs/${id}`;
  const replayed = await api.call<Replayed>("POST", `${rig}/replay`);
  const verified = await look(repository.origin, api.lines(`${rig}/export`), null);
  const { violations } = await api.call<{ violations: string[] }>("GET", `${rig}/health`);
  const merged = repository
    .git("log", "--first-parent", "--format=%(trailers:key=Bead,valueonly,separator=%x2C)", "main")
    .split("\n");
  const times = (key: string): number => merged.filter((bead) => bead === ids.get(key)).length;
  const files = repository.git("ls-tree", "--name-only", "main").split("\n");
  const check = (says: string, wrong: readonly string[]): Check => ({
    says,
    wrong: wrong.length === 0 ? null : wrong.join("; "),
  });
  return [
    check(
      "every bead was merged into main exactly once",
      WORKS.filter(({ key }) => times(key) !== 1).map(({ key, title }) => `"${title}" ${times(key)} times`),
    ),
    check(
      "every file that was wanted is on main",
      WORKS.filter(({ file }) => !files.includes(file)).map(({ file }) => file),
    ),
    check(
      "every commit on main is covered by a receipt of a green check",
      [fault(verified, true)].filter((why) => why !== null),
    ),
    check("no invariant is violated", violations),
    check(
      "the journal, folded again, gives the same facts, effects and rows",
      replayed.divergence === null ? [] : [JSON.stringify(replayed.divergence)],
    ),
  ];
}
