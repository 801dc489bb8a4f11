import { useCallback, useEffect, useRef, useState } from "react";
import type { Recorded } from "../../../src/events/facts.ts";
import { ApiError, get, messageOf } from "./api.ts";
import { useStore } from "./use-rig.ts";

/** What is asked of the rig besides its board, and asked again when a fact says that it may be another one. Nothing is polled. */

export interface Looked<T> {
  readonly data: T | null;
  readonly error: { readonly status: number; readonly message: string } | null;
  readonly isLoading: boolean;
  readonly again: () => void;
}

/** Facts that come together are one reason to ask. */
const TOGETHER_MS = 400;

/** @param path null: nothing is asked @param concerns whether a fact may have changed the answer */
export function useLook<T>(path: string | null, concerns: (fact: Recorded) => boolean): Looked<T> {
  const store = useStore();
  const [state, setState] = useState<Omit<Looked<T>, "again">>({ data: null, error: null, isLoading: true });
  const [asked, setAsked] = useState(0);
  const again = useCallback(() => setAsked((n) => n + 1), []);
  const isConcerned = useRef(concerns);
  isConcerned.current = concerns;
  useEffect(() => setState({ data: null, error: null, isLoading: true }), [path]);
  useEffect(() => {
    if (path === null) return;
    const stop = new AbortController();
    get<T>(path, stop.signal).then(
      (data) => setState({ data, error: null, isLoading: false }),
      (error: unknown) => {
        if (stop.signal.aborted) return;
        const status = error instanceof ApiError ? error.status : -1;
        setState(({ data }) => ({ data, error: { status, message: messageOf(error) }, isLoading: false }));
      },
    );
    return () => stop.abort();
  }, [path, asked]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const unsubscribe = store.onEntry(({ fact }) => {
      if (!isConcerned.current(fact)) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        again();
      }, TOGETHER_MS);
    });
    return () => {
      clearTimeout(timer);
      unsubscribe();
    };
  }, [store, again]);
  return { ...state, again };
}
