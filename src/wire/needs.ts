import * as z from "zod";
import { NEED_CODES } from "../events/needs.ts";
import { AskOption } from "./agent-reports.ts";

/** Who needs a person, as the board and others are told. */

const Time = z.iso.datetime({ offset: true });
const Titled = z.object({ id: z.string(), title: z.string() });
/** One cause for which somebody is needed. Lists are cut (docs/limits.md); the counts are of all. */
export const WireNeed = z.object({
  key: z.string(),
  code: z.enum(NEED_CODES),
  level: z.enum(["now", "soon", "know"]),
  title: z.string(),
  text: z.string(),
  since: Time.nullable(),
  until: Time.nullable(),
  count: z.int(),
  agents: z.array(z.object({ id: z.string(), name: z.string() })),
  beads: z.array(Titled),
  reviews: z.array(z.string()),
  actors: z.array(z.string()),
  waiting: z.array(Titled),
  waiting_count: z.int(),
  escalations: z.array(Titled.extend({ body: z.string(), options: z.array(z.string()) })),
  /** What a permission prompt asks. */
  prompt: z.object({ text: z.string(), command: z.string().nullable() }).nullable(),
  /** What is answered by the id of one of its options, or in words. */
  ask: z
    .object({
      id: z.string(),
      kind: z.enum(["question", "permission"]),
      text: z.string(),
      command: z.string().nullable(),
      options: z.array(AskOption),
    })
    .nullable(),
  values: z.record(z.string(), z.union([z.string(), z.number()])),
});
export const Needs = z.object({ total: z.int(), needs: z.array(WireNeed) });
