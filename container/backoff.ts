/** How long to wait before the next of many tries: `base_ms * 2^tries`, at most `max_ms`. @param tries that failed, less one */
export const backoff = (tries: number, base_ms: number, max_ms: number): number =>
  Math.min(max_ms, base_ms * 2 ** Math.min(tries, 40));
