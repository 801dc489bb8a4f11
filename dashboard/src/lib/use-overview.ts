import { useEffect, useState } from "react";
import type { Overview } from "../../../src/wire/overview.ts";
import { exponential } from "../../../src/events/backoff.ts";
import { ApiError, get, messageOf } from "./api.ts";
import { whoseRigs } from "./towns.ts";

/**
 * All rigs, as each last said of itself. One request is held open until there is something newer, so nothing is asked again and again,
 * and no rig is woken to be looked at.
 */

export interface Overseen {
  readonly overview: Overview | null;
  readonly error: string | null;
  /** Since when nobody answers, ms of this page's clock; null: it is live. */
  readonly lostAt: number | null;
  retry(): void;
}

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 15_000;

export function useOverview(): Overseen {
  const [overview, setOverview] = useState<Overview | null>(null);
  const [lost, setLost] = useState<{ at: number; error: string } | null>(null);
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    void follow(stop.signal, setOverview, (error) =>
      setLost((known) => (error === null ? null : { at: known?.at ?? Date.now(), error })),
    );
    const again = () => document.visibilityState === "visible" && lost !== null && setRound((n) => n + 1);
    addEventListener("online", again);
    return () => {
      stop.abort();
      removeEventListener("online", again);
    };
  }, [round]);
  return {
    overview,
    error: lost?.error ?? null,
    lostAt: lost?.at ?? null,
    retry: () => setRound((n) => n + 1),
  };
}

async function follow(
  signal: AbortSignal,
  onAnswer: (overview: Overview) => void,
  onTrouble: (error: string | null) => void,
): Promise<void> {
  let version: number | null = null;
  let tries = 0;
  while (!signal.aborted) {
    try {
      const after: string = version === null ? "" : `?after=${version}`;
      const answer: Overview = await get<Overview>(
        `/api/users/${encodeURIComponent(whoseRigs())}/needs${after}`,
        signal,
      );
      if (signal.aborted) return;
      tries = 0;
      onTrouble(null);
      if (answer.version !== version) onAnswer(answer);
      version = answer.version;
    } catch (error) {
      if (signal.aborted) return;
      onTrouble(messageOf(error));
      if (error instanceof ApiError && error.status === 401) return;
      tries++;
      await new Promise((resolve) => setTimeout(resolve, exponential(tries, FIRST_RETRY_MS, LONGEST_RETRY_MS)));
    }
  }
}
