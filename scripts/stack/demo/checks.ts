/** Whether what the demo showed is true: asked of git and of the rig, not of what was printed. */
import type { ApiClient, BeadEvent } from "../api-client.ts";
import { fault } from "../../verify/print.ts";
import { look, type Looked } from "../../verify/run.ts";
import type { DemoRepository } from "./repository.ts";
import { wrongWithCap } from "./cap.ts";
import { ACCIDENT, ANSWER, BEADS } from "./script.ts";
import type { Told } from "./story.ts";

export interface Replayed {
  readonly facts: number;
  readonly effects: number;
  readonly divergence: unknown;
}

export interface Check {
  readonly says: string;
  /** What is wrong, or null. */
  readonly wrong: string | null;
}

export interface Evidence {
  readonly replayed: Replayed;
  readonly timelines: ReadonlyMap<string, readonly BeadEvent[]>;
  /** What `npm run verify` says of main. */
  readonly verified: Looked;
  readonly checks: readonly Check[];
}

export async function gatherEvidence(
  api: ApiClient,
  rigId: string,
  repository: DemoRepository,
  told: Told,
): Promise<Evidence> {
  const rig = `/api/rigs/${rigId}`;
  const timelines = new Map<string, BeadEvent[]>();
  for (const [key, id] of told.ids)
    timelines.set(key, await api.call<BeadEvent[]>("GET", `${rig}/events?bead_id=${id}&limit=1000`));
  const replayed = await api.call<Replayed>("POST", `${rig}/replay`);
  const verified = await look(repository.origin, api.lines(`${rig}/export`), null);
  const { violations } = await api.call<{ violations: string[] }>("GET", `${rig}/health`);
  return {
    replayed,
    timelines,
    verified,
    checks: [
      ...checksOfMain(
        repository.git("log", "--format=%s", "main").split("\n"),
        repository
          .git("log", "--first-parent", "--format=%(trailers:key=Bead,valueonly,separator=%x2C)", "main")
          .split("\n"),
        told,
      ),
      ...checksOfDispatches(timelines, told),
      check(
        "the answer reached the agent that had asked",
        BEADS.flatMap(({ help, file }) =>
          help === null || repository.git("show", `main:${file}`).includes(ANSWER.text)
            ? []
            : [`${file} does not contain it`],
        ),
      ),
      check("no invariant is violated", violations),
      check("the agent that went in circles was stopped by its cap", await wrongWithCap(api, rig, told.capped)),
      checkOfReceipts(verified),
      check(
        "the journal, folded again, gives the same facts, effects and rows",
        replayed.divergence === null ? [] : [JSON.stringify(replayed.divergence)],
      ),
    ],
  };
}

const check = (says: string, wrong: readonly string[]): Check => ({
  says,
  wrong: wrong.length === 0 ? null : wrong.join("; "),
});

/** From git, and not from what the rig says of itself. */
function checkOfReceipts(verified: Looked): Check {
  const { counts, judged, covered } = verified.verdict;
  return check("every commit on main is covered by a receipt of a green check", [
    ...[fault(verified, true)].filter((why) => why !== null),
    ...(judged.length === BEADS.length && covered === judged.length && counts.unchecked === 0
      ? []
      : [`${covered} of ${judged.length} are covered, ${counts.unchecked} of them unchecked`]),
  ]);
}

/**
 * @param subjects of all commits on main
 * @param merged the beads that commits of its first-parent line are of
 */
function checksOfMain(subjects: readonly string[], merged: readonly string[], told: Told): Check[] {
  return [
    check(
      "every bead was merged into main exactly once",
      BEADS.flatMap(({ key, title }) => {
        const merges = merged.filter((id) => id === told.ids.get(key)).length;
        return merges === 1 ? [] : [`"${title}" ${merges} times`];
      }),
    ),
    check(
      "every step of every bead is on main exactly once",
      BEADS.flatMap(({ title, steps }) =>
        Array.from({ length: steps }, (_, n) => n + 1).flatMap((step) => {
          const commits = subjects.filter((subject) =>
            subject.startsWith(`${title}: step ${step} of ${steps} `),
          ).length;
          return commits === 1 ? [] : [`"${title}" step ${step} ${commits} times`];
        }),
      ),
    ),
  ];
}

function checksOfDispatches(timelines: ReadonlyMap<string, readonly BeadEvent[]>, told: Told): Check[] {
  const dispatches = (key: string): number =>
    (timelines.get(key) ?? []).filter(({ event_type }) => event_type === "agent_spawned").length;
  const seqOf = (key: string, type: BeadEvent["event_type"]): number =>
    Number((timelines.get(key) ?? []).find(({ event_type }) => event_type === type)?.id ?? Number.NaN);
  const mergedAt = (key: string): number =>
    Number((timelines.get(key) ?? []).findLast(({ event_type }) => event_type === "review_completed")?.id);
  return [
    check(
      "the killed agent was started a second time, and that of the red work; nobody else was",
      BEADS.flatMap(({ key, title, todo }) => {
        const expected = key === ACCIDENT.key || todo ? 2 : 1;
        return dispatches(key) === expected
          ? []
          : [`"${title}" had ${dispatches(key)} dispatches instead of ${expected}`];
      }),
    ),
    check(
      "what was handed in before everything was committed was refused, and mended by its agent",
      BEADS.filter(({ forget }) => forget).flatMap(({ key, title }) => {
        const came = (timelines.get(key) ?? []).flatMap(({ metadata }) =>
          typeof metadata["hand_in"] === "string" ? [metadata["hand_in"]] : [],
        );
        const wanted = ["looked_at", "refused", "looked_at", "accepted"];
        return came.join() === wanted.join() ? [] : [`"${title}" was ${came.join(", ") || "not looked at"}`];
      }),
    ),
    check(
      "what was red in the check went back with the check's words, was mended by rework, and merged",
      BEADS.filter(({ todo }) => todo).flatMap(({ key, title }) => {
        const said = (timelines.get(key) ?? []).flatMap(({ event_type, metadata }) =>
          event_type === "review_completed" && metadata["status"] === "red" ? [String(metadata["message"])] : [],
        );
        return said.length === 1 && said[0]?.includes("TODO: think of the edges")
          ? []
          : [`"${title}": ${said.join(", ") || "was not sent back"}`];
      }),
    ),
    check(
      "it went on from its checkpoint",
      told.resumedAt > told.killed.step
        ? []
        : [`killed after step ${told.killed.step}, resumed at step ${told.resumedAt}`],
    ),
    check(
      "no blocked bead was started before its blockers were merged",
      BEADS.flatMap(({ key, title, blockedBy }) =>
        blockedBy
          .filter((blocker) => !(seqOf(key, "agent_spawned") > mergedAt(blocker)))
          .map((blocker) => `"${title}" before ${blocker}`),
      ),
    ),
  ];
}
