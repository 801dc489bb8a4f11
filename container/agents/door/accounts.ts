/**
 * What a provider limits is a credential, whichever dispatch, agent or rig of this container uses it. From the first answer that says
 * until when, nothing is sent with it until then; then exactly one request finds out, and the others wait for what becomes of it.
 */
import { createHash } from "node:crypto";
import { ACCOUNTS_REMEMBERED_MAX } from "../../limits.ts";
import type { Provider } from "./upstreams.ts";

/** What came of a request: an answer, a limit with its end (ms), or nothing that says anything of the account. */
export type Came =
  | { readonly kind: "answered" }
  | { readonly kind: "limited"; readonly until: number }
  | { readonly kind: "unknown" };

export interface Asking {
  /** Until when nothing is sent, ms; null: it may be sent. */
  readonly until: number | null;
  /** Once, when it may be sent: what came of it. */
  readonly came: (came: Came) => void;
}

export interface Accounts {
  readonly ask: (account: string, now_ms: number) => Asking;
}

/** The credential by a digest of it: who reads it knows whether it is the same one, and nothing else. */
export const accountOf = (provider: Provider, key: string): string =>
  `${provider}:${createHash("sha256").update(`${provider} ${key}`).digest("hex").slice(0, 16)}`;

/** While a probe is out, the others are told to come back after this. */
const PROBE_PAUSE_MS = 5_000;

interface Limit {
  readonly until: number;
  probing: boolean;
}

const NOTHING = (): void => {};

export function createAccounts(): Accounts {
  const limits = new Map<string, Limit>();

  const limit = (account: string, until: number): void => {
    const known = limits.get(account);
    limits.delete(account);
    limits.set(account, { until: Math.max(until, known?.until ?? 0), probing: false });
    if (limits.size > ACCOUNTS_REMEMBERED_MAX) limits.delete(limits.keys().next().value as string);
  };
  /** Of one that was not limited when it was asked: what it says later counts, if it says a limit. */
  const came = (account: string, what: Came): void => {
    if (what.kind === "limited") limit(account, what.until);
  };

  return {
    ask: (account, now_ms) => {
      const known = limits.get(account);
      if (known === undefined) return { until: null, came: (what) => came(account, what) };
      if (now_ms < known.until) return { until: known.until, came: NOTHING };
      if (known.probing) return { until: now_ms + PROBE_PAUSE_MS, came: NOTHING };
      known.probing = true;
      return {
        until: null,
        came: (what) => {
          if (limits.get(account) !== known) return came(account, what);
          known.probing = false;
          if (what.kind === "answered") limits.delete(account);
          came(account, what);
        },
      };
    },
  };
}
