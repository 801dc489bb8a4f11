/** Virtual time: a binary heap of what happens when. Equal times keep the order in which they were asked for. */
export interface Queue {
  /** ms since epoch; the time of what is happening now. */
  readonly now: number;
  at(time: number, run: () => void): void;
  after(delay_ms: number, run: () => void): void;
  /** Takes the next event whose time is not after `until`, moves the clock, and answers it. */
  take(until: number): (() => void) | null;
  rest(until: number): void;
}

type Event = { time: number; n: number; run: () => void };
const before = (a: Event, b: Event): boolean => a.time < b.time || (a.time === b.time && a.n < b.n);

export function createQueue(start: number): Queue {
  const heap: Event[] = [];
  let now = start;
  let n = 0;
  const push = (event: Event): void => {
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = heap[parent] as Event;
      if (!before(event, above)) break;
      heap[i] = above;
      i = parent;
    }
    heap[i] = event;
  };
  const pop = (): Event => {
    const top = heap[0] as Event;
    const last = heap.pop() as Event;
    if (heap.length > 0) {
      let i = 0;
      for (;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && before(heap[child + 1] as Event, heap[child] as Event)) child++;
        if (!before(heap[child] as Event, last)) break;
        heap[i] = heap[child] as Event;
        i = child;
      }
      heap[i] = last;
    }
    return top;
  };
  return {
    get now() {
      return now;
    },
    at: (time, run) => push({ time: Math.max(time, now), n: n++, run }),
    after: (delay_ms, run) => push({ time: now + Math.max(0, Math.round(delay_ms)), n: n++, run }),
    take(until) {
      if (heap.length === 0 || (heap[0] as Event).time > until) return null;
      const event = pop();
      now = event.time;
      return event.run;
    },
    rest(until) {
      now = Math.max(now, until);
    },
  };
}
