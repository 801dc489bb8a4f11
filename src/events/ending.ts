import * as z from "zod";

/**
 * How an agent's program came to its end, where its driver knows. `rate_limited`: until a time, if one was named. `over_budget`: money or
 * tokens are used up. `not_authorized`: its key or login was not taken. `context_full`: the conversation is too long to go on.
 * `crashed`: it died. `ended_without_done`: it ended its turn, was asked again, and never said that it is done.
 */
export const Ending = z.enum([
  "rate_limited",
  "over_budget",
  "not_authorized",
  "context_full",
  "crashed",
  "ended_without_done",
]);
export type Ending = z.infer<typeof Ending>;
