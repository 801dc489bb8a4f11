/** Accounts: what a provider limits is a credential, whoever uses it. */
import * as z from "zod";

/** A credential by a digest of it, with whose it is: `anthropic:9f86d081884c7d65`. The credential itself is told to nobody. */
export const AccountId = z
  .string()
  .regex(/^[a-z]{1,32}:[0-9a-f]{16}$/, "must be a provider and 16 hex digits, as anthropic:9f86d081884c7d65");
export type AccountId = z.infer<typeof AccountId>;

/** Accounts that are limited at the same time, as far as a rig remembers; and programs that one of them is known to serve. */
export const ACCOUNTS_MAX = 50;
export const PROGRAMS_OF_ACCOUNT_MAX = 50;
