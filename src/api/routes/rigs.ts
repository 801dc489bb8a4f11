import * as z from "zod";
import { asItIs } from "../../events/json.ts";
import { Place } from "../../events/place.ts";
import { allSettings, Settings } from "../../events/settings.ts";
import { inTheNameOfCaller, streamHolderOf } from "../caller.ts";
import { accepted, count, found, kindOf, page, spanOf, time, ndjson } from "../respond.ts";
import { Report, ReportQuery } from "../../wire/report.ts";
import { Spend, SpendQuery } from "../../wire/spend.ts";
import { route, type Route } from "../route.ts";
import { SettingsEdit } from "../../wire/edits.ts";
import { BeadEvent, EventQuery, JournalQuery, Needs, SecretsUpdate } from "../../wire/schemas.ts";

const access = ["operator"] as const;
const tag = "rigs";

const Health = z.looseObject({
  life: z.string(),
  gate: z.string(),
  cadence: z.string(),
  next_alarm: z.number().nullable(),
  counts: z.record(z.string(), z.record(z.string(), z.number())),
  oldest_ready_ms: z.number().nullable(),
  /** `agent`: the town's container knows no dispatch ids, so reports are told apart by agent and hook alone. */
  fence: z.enum(["dispatch", "agent"]),
  breaker: z.looseObject({}),
  violations: z.array(z.string()),
});
const Why = z.object({
  reason: z.string(),
  sentence: z.string(),
  values: z.record(z.string(), z.unknown()),
  until: z.number().nullable(),
  /** Where each value comes from: the seq of a fact, or a deadline. */
  because: z.array(
    z.object({ name: z.string(), value: z.unknown(), seq: z.int().nullable(), deadline: z.number().nullable() }),
  ),
});

const AllSettings = z.object({ ...Settings.shape, ...Place.shape });

const JOURNAL_PAGE = 1_000;

const command = (name: "pause" | "resume" | "drain", summary: string): Route =>
  route({
    method: "POST",
    path: `/api/rigs/:rigId/${name}`,
    summary,
    tag,
    access,
    answer: Health,
    handle: async ({ execute, rig }) => {
      accepted(await execute({ type: name }));
      return rig().health();
    },
  });

export const rigRoutes: Route[] = [
  route({
    method: "GET",
    path: "/api/rigs/:rigId/events",
    summary: "What happened to beads, oldest first",
    tag,
    access: ["agent", "operator"],
    query: EventQuery,
    answer: z.array(BeadEvent),
    handle: async ({ rig, query }) => {
      const since = time("since", query.since);
      const { limit } = page(query);
      return rig().beadEvents({
        limit,
        ...(since === undefined ? {} : { since }),
        ...(query.bead_id === undefined ? {} : { beadId: query.bead_id }),
      });
    },
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/settings",
    summary: "The rig's settings",
    tag,
    access,
    answer: AllSettings,
    handle: async ({ rig }) => allSettings(await rig().settings()),
  }),
  route({
    method: "PUT",
    path: "/api/rigs/:rigId/settings",
    summary: "Change any of the settings",
    tag,
    access,
    body: SettingsEdit,
    answer: AllSettings,
    handle: async ({ execute, rig, body }) => {
      accepted(await execute({ type: "set_settings", settings: body }));
      return allSettings(await rig().settings());
    },
  }),
  route({
    method: "PUT",
    path: "/api/rigs/:rigId/secrets",
    summary:
      "Set (or, with null, remove) what the rig's next processes get in their environment; answers with the names only",
    tag,
    access,
    scope: "admin",
    body: SecretsUpdate,
    answer: z.object({ names: z.array(z.string()) }),
    handle: async ({ rig, body }) => {
      await rig().setSecrets(body);
      return { names: await rig().secretNames() };
    },
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/health",
    summary: "The rig's state; arms the alarm",
    tag,
    access,
    answer: Health,
    handle: ({ rig }) => rig().health(),
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/tick",
    summary: "Run one TICK now; answers with what it changed",
    tag,
    access,
    once: "registry",
    answer: z.object({ facts: z.array(z.unknown()), effects: z.array(z.unknown()), error: z.string().nullable() }),
    handle: async ({ rig }) => {
      const { entries, error } = await rig().tick();
      return { facts: entries.map((entry) => entry.fact), effects: entries.flatMap((entry) => entry.effects), error };
    },
  }),
  command("pause", "Dispatch nothing new; what runs goes on"),
  command("resume", "Dispatch again"),
  command("drain", "Dispatch nothing and hand running work back"),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/stop",
    summary: "Stop everything of the rig at once: nothing of it runs within seconds, until it is resumed",
    tag,
    access,
    answer: z.object({ container: z.enum(["stopped", "unreachable", "unknown"]), left: z.int().nullable() }),
    handle: async ({ execute, rig }) => {
      accepted(await execute({ type: "stop" }));
      return rig().halt();
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/actors/:kind/:id/repair",
    summary:
      "Take an actor back that was set aside: in the state that the journal tells, and agreed with those it deals with",
    tag,
    access,
    answer: Health,
    handle: async ({ execute, rig, params }) => {
      accepted(await execute({ type: "repair", kind: kindOf(params.kind), id: params.id }));
      return rig().health();
    },
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/needs",
    summary: "Who needs a person, and why: one entry per cause, most urgent first",
    tag,
    access,
    answer: Needs,
    handle: ({ rig }) => rig().needs(),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/spend",
    summary:
      "What agents have used, by day of UTC, bead, agent, runtime, model or attempt; and what of the day's budget is left",
    tag,
    access,
    query: SpendQuery,
    answer: Spend,
    handle: ({ rig, query }) => rig().spend(query.by, time("from", query.from) ?? null, time("to", query.to) ?? null),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/report",
    summary:
      "What the rig came to between two moments: merged, failed by cause, asked, stuck, spent, and how much in each hour",
    tag,
    access,
    query: ReportQuery,
    answer: Report,
    handle: ({ rig, query }) => {
      const { from, to } = spanOf(query);
      return rig().report(from, to);
    },
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/agents/:id/why",
    summary: "Why an agent does what it does, or does not",
    tag,
    access,
    answer: Why,
    handle: async ({ rig, params }) => found(await rig().whyAgent(params.id), `agent ${params.id} in this rig`),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/beads/:id/why",
    summary: "Why a bead is where it is",
    tag,
    access,
    answer: Why,
    handle: async ({ rig, params }) => found(await rig().whyBead(params.id), `bead ${params.id} in this rig`),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/state",
    summary: "Every actor's state as of a seq, by replay; without seq, as it is now",
    tag,
    access,
    query: z.object({ seq: z.string().optional() }),
    answer: z.object({
      seq: z.int(),
      at: z.int(),
      actors: z.array(
        z.object({
          kind: z.string(),
          id: z.string(),
          v: z.int(),
          value: z.json(),
          context: z.json(),
          error: z.string().nullable(),
        }),
      ),
      broken: z.array(z.tuple([z.string(), z.string()])),
    }),
    handle: async ({ rig, query }) => {
      const cut = found(
        await rig().state(query.seq === undefined ? null : count("seq", query.seq, 0)),
        `fact with seq ${query.seq} in this rig: it is still to come, or in the archive`,
      );
      return {
        ...cut,
        actors: cut.actors.map((actor) => ({ ...actor, value: asItIs(actor.value), context: asItIs(actor.context) })),
      };
    },
  }),
  route({
    method: "POST",
    path: "/api/rigs/:rigId/replay",
    summary: "Fold the whole journal again and name the first difference, if there is any",
    tag,
    access,
    once: "nowhere",
    scope: "read",
    answer: z.object({
      facts: z.int(),
      effects: z.int(),
      divergence: z.object({ seq: z.int(), expected: z.string(), actual: z.string() }).nullable(),
    }),
    handle: ({ rig }) => rig().replay(),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/feed",
    summary: "The rig's facts as they happen, by WebSocket or server-sent events; resume with after",
    tag,
    access,
    query: z.object({
      after: z
        .string()
        .regex(/^\d{1,15}$/, "must be a non-negative integer")
        .optional(),
    }),
    handle: ({ rig, context, principal }) => rig().fetch(inTheNameOfCaller(context.req.raw, streamHolderOf(principal))),
  }),
  route({
    method: "GET",
    path: "/api/rigs/:rigId/journal",
    summary: "Facts and effects in seq order, as NDJSON; resume with after",
    tag,
    access,
    query: JournalQuery,
    handle: async ({ rig, query }) => {
      const stub = rig();
      let after = count("after", query.after, 0);
      let left = count("limit", query.limit, Number.MAX_SAFE_INTEGER);
      return ndjson(async () => {
        const entries = left <= 0 ? [] : await stub.journal(after, Math.min(left, JOURNAL_PAGE));
        left -= entries.length;
        after = entries.at(-1)?.fact.seq ?? after;
        return entries.map((entry) => JSON.stringify(entry));
      });
    },
  }),
];
