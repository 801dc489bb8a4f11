/**
 * How long to wait before the next of many tries: `base_ms * 2^(n-1)`, at most `max_ms`; 0 for n < 1. The one formula of the rig, the
 * container, the board and `npm start`; whoever fears that many come back together takes a part of it by chance.
 * @param n tries that failed, from 1 @returns milliseconds
 */
export const exponential = (n: number, base_ms: number, max_ms: number): number =>
  n < 1 ? 0 : Math.min(max_ms, base_ms * 2 ** Math.min(n - 1, 40));
