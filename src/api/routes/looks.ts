import * as z from "zod";
import type { Recorded } from "../../events/facts.ts";
import { Diff } from "../../wire/diff.ts";
import { ReportQuery } from "../../wire/report.ts";
import { RunAnswer, Story } from "../../wire/run.ts";
import { HttpError } from "../errors.ts";
import { found, time } from "../respond.ts";
import { route, type Route } from "../route.ts";

/** What people look at closely: what a bead's work changes, what happened to it, and a time of the whole rig. */

const access = ["operator"] as const;
const DAY_MS = 86_400_000;

export const lookRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/rigs/:rigId/beads/:beadId/diff",
    summary: "What a bead's work changes: as it lies in its agent's clone, was handed in, or was merged",
    tag: "beads",
    access,
    answer: Diff,
    handle: async ({ rig, params }) => {
      const answer = found(await rig().diff(params.beadId), `bead ${params.beadId} in this rig`);
      if (answer.result === "refused") throw new HttpError(answer.status, answer.error);
      return answer as z.infer<typeof Diff>;
    },
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/beads/:beadId/story",
    summary: "What happened to a bead: its own facts, and what its agents asked, were told and waited for",
    tag: "beads",
    access,
    answer: Story,
    handle: async ({ rig, params }) => {
      const { beadId } = params;
      return found(await rig().story(beadId), `bead ${beadId} in this rig`) as { facts: Recorded[]; is_cut: boolean };
    },
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/run",
    summary: "A time of the rig as spans: who was starting, working, waiting and merging what, from when to when",
    tag: "rigs",
    access,
    query: ReportQuery,
    answer: RunAnswer,
    handle: ({ rig, query }) => {
      const to = time("to", query.to) ?? Date.now();
      const from = time("from", query.from) ?? to - DAY_MS;
      if (from > to) throw new HttpError(400, "from is after to");
      return rig().run(from, to) as unknown as Promise<z.infer<typeof RunAnswer>>;
    },
  }),
];
