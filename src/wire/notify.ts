import * as z from "zod";
import { isZone } from "../events/quiet.ts";
import { NEED_CODES } from "../events/needs.ts";

/** Where, when and of what somebody is told who is needed. */

const Clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "must be a time of day as HH:MM");
const QuietHours = z
  .strictObject({
    from: Clock,
    to: Clock,
    zone: z.string().max(100).refine(isZone, "must be a zone as Europe/Berlin"),
  })
  .refine(({ from, to }) => from !== to, "must end at another time than they begin");

const Rules = {
  format: z.enum(["json", "slack", "ntfy"]).nullable(),
  /** The least urgent needs that are told of. */
  least: z.enum(["now", "soon", "know"]),
  /** Of a kind of need, whatever its level: always, or never. */
  kinds: z.partialRecord(z.enum(NEED_CODES), z.enum(["always", "never"])),
  quiet: QuietHours.nullable(),
};

/** What is not named stays as it is. The address is a secret: it is taken, and never shown; null: nobody is told any more. */
export const NotifyEdit = z.strictObject({ url: z.url().max(2_000).nullable(), ...Rules }).partial();
export type NotifyEdit = z.infer<typeof NotifyEdit>;

export const NotifyShown = z.object({
  /** Of the address, where it is. */
  host: z.string().nullable(),
  ...Rules,
  /** What could not be told last, and why. */
  error: z.object({ at: z.iso.datetime(), text: z.string() }).nullable(),
});
export type NotifyShown = z.infer<typeof NotifyShown>;
